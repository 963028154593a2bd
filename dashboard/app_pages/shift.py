"""The shift: who has how much, what is offered to me, and handing my cases to the next person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from casework.errors import CaseworkError
from casework.model import CaseView, QueueFilter
from casework.teamwork.handover import Given, Handover, Left
from casework.teamwork.workload import Load, Workload
from dashboard import context, session
from dashboard.components.lending import show_lending
from dashboard.components.notices import attempt
from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, money, plain, relative, utc_text, visible
from dashboard.components.usage import show_usage
from dashboard.components.wording import subject_name, team_name, type_label
from dashboard.session import Viewer

CHECK_IN = {1: "in 1 hour", 2: "in 2 hours", 4: "in 4 hours", 8: "in 8 hours", 24: "tomorrow"}
MOST = 500  # cases one person can hand over here


def page() -> None:
    """Show the shift of the chosen tenant to its own people."""
    viewer = session.viewer()
    now = context.now()
    try:
        packets = context.casework().hand_overs(viewer.principal, viewer.tenant_id, include_ended=True)
        load = context.casework().workload(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    mine = viewer.principal.principal_id
    standing = [packet for packet in packets if packet.state == "offered"]
    left, right = st.columns([1.4, 1], gap="large")
    with left:
        _offered_to_me([packet for packet in standing if packet.to_owner == mine], viewer, now)
        own = next((packet for packet in standing if packet.from_owner == mine), None)
        if own:
            _my_offer(own, viewer, now)
        elif viewer.may("case:assign"):
            _make(viewer, now)
    with right:
        _show_load(load)
        show_lending(viewer, now)
        _others([packet for packet in packets if mine not in (packet.to_owner, packet.from_owner)
                 or packet.state != "offered"], now)  # fmt: skip
        if viewer.may("usage:read"):
            show_usage(viewer)


def _offered_to_me(packets: Sequence[Handover], viewer: Viewer, now: datetime) -> None:
    """Show what waits for my acceptance."""
    for packet in packets:
        with st.container(border=True, key=f"handover_{packet.handover_id}"):
            st.subheader(literal(f"{packet.from_name} hands over to you"), anchor=False)
            _about(packet, now)
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.button(
                    "Accept", key=f"handover_accept_{packet.handover_id}", type="primary",
                    icon=":material/check:", on_click=_accept, args=(viewer, packet),
                )  # fmt: skip
                key = f"handover_reason_{packet.handover_id}"
                st.text_input("Why not?", key=key, max_chars=500, width=260)
                st.button(
                    "Decline", key=f"handover_decline_{packet.handover_id}",
                    on_click=_end, args=(viewer, packet, "decline", key),
                )  # fmt: skip


def _my_offer(packet: Handover, viewer: Viewer, now: datetime) -> None:
    """Show what I have offered and nobody has accepted yet."""
    with st.container(border=True, key="handover_mine"):
        st.subheader(literal(f"Your hand-over to {packet.to_name} is not accepted yet"), anchor=False)
        _about(packet, now)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Why take it back?", key="handover_withdraw_reason", max_chars=500, width=260)
            st.button(
                "Take it back", key="handover_withdraw",
                on_click=_end, args=(viewer, packet, "withdraw", "handover_withdraw_reason"),
            )  # fmt: skip


def _about(packet: Handover, now: datetime) -> None:
    """Show the note, the deadline and the cases of a packet."""
    if packet.note:
        plain(packet.note)
    told = " · the lead has been told" if packet.escalated_at else ""
    st.caption(
        literal(f"To be accepted {relative(packet.accept_by, now)}{told}"), help=utc_text(packet.accept_by)
    )
    rows = [
        {
            "Case": visible(item.case_id),
            "About": visible(item.subject),
            "Next": visible(f"Stays: {item.reason}" if item.is_left else item.next_action),
            "Look again": moment(item.next_check_at) if item.next_check_at else "",
        }
        for item in packet.items
    ]
    show_table(rows, f"handover_items_{packet.handover_id}")


def _accept(viewer: Viewer, packet: Handover) -> None:
    attempt(
        lambda: context.casework().accept_hand_over(viewer.principal, viewer.tenant_id, packet.handover_id),
        "The cases are yours.",
    )


def _end(viewer: Viewer, packet: Handover, verb: str, reason_key: str) -> None:
    """Decline or take back, with the reason typed beside the button."""
    door = context.casework()
    ending = door.decline_hand_over if verb == "decline" else door.withdraw_hand_over
    reason = st.session_state.get(reason_key) or ""
    attempt(lambda: ending(viewer.principal, viewer.tenant_id, packet.handover_id, reason), "Done.")


# --- making one ------------------------------------------------------------------------------------------


def _make(viewer: Viewer, now: datetime) -> None:
    """Ask, for every open case of mine, what comes next or why it stays with me."""
    st.subheader("Hand your cases over", anchor=False)
    wanted = QueueFilter(owner=viewer.principal.principal_id, limit=MOST)
    cases = context.casework().search(viewer.principal, viewer.tenant_id, wanted).cases
    if not cases:
        st.info("You own no open case, so there is nothing to hand over.")
        return
    people = context.casework().people(viewer.principal, viewer.tenant_id)
    others = [who for who in people if who != viewer.principal.principal_id]
    with st.form("handover_form", border=True):
        to = st.selectbox(
            "To", others, key="handover_to", index=None, placeholder="Choose a person",
            format_func=lambda who: visible(people[who]),
        )  # fmt: skip
        note = st.text_area("What the next shift should know", key="handover_note", max_chars=2000, height=80)
        for case in cases:
            _ask(case)
        if st.form_submit_button("Offer", type="primary", key="handover_offer"):
            _offer(viewer, to or "", cases, note, now)
            st.rerun()


def _ask(case: CaseView) -> None:
    """Ask about one case."""
    label = f"{case.case_id} · {type_label(context.config(), case.exception_type)} · {subject_name(case)}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(literal(label), key=f"handover_next_{case.case_id}", max_chars=500,
                      placeholder="Next step, or why it stays with you")  # fmt: skip
        st.selectbox(
            "Look again", list(CHECK_IN), index=1, key=f"handover_check_{case.case_id}", width=130,
            format_func=CHECK_IN.__getitem__,
        )  # fmt: skip
        st.checkbox("Stays with me", key=f"handover_left_{case.case_id}")


def _offer(viewer: Viewer, to: str, cases: Sequence[CaseView], note: str, now: datetime) -> None:
    """Offer what the form says; the door names what is missing."""
    state = st.session_state
    given, left = [], []
    for case in cases:
        text = state.get(f"handover_next_{case.case_id}") or ""
        if state.get(f"handover_left_{case.case_id}"):
            left.append(Left(case.case_id, text))
            continue
        hours = int(state.get(f"handover_check_{case.case_id}") or 2)
        given.append(Given(case.case_id, text, now + timedelta(hours=hours)))
    attempt(
        lambda: context.casework().hand_over(viewer.principal, viewer.tenant_id, to, given, left, note),
        "Offered. The cases stay yours until they are accepted.",
    )


# --- how the work is spread ------------------------------------------------------------------------------


def _show_load(spread: Workload) -> None:
    """Show open work by owner and by team."""
    st.subheader("Who has how much", anchor=False)
    owners = [(load.name or "nobody", load) for load in spread.by_owner]
    show_table(_rows("Owner", owners, spread.currency_code), "workload_owners")
    teams = [(team_name(load.key) if load.key else "no team", load) for load in spread.by_team]
    show_table(_rows("Team", teams, spread.currency_code), "workload_teams")


def _rows(title: str, loads: Sequence[tuple[str, Load]], currency_code: str) -> list[dict[str, Any]]:
    return [
        {
            title: visible(name),
            "Open": load.open,
            "Breaching": load.breaching,
            "Waiting": load.waiting,
            "At stake": money(load.at_stake, currency_code),
        }
        for name, load in loads
    ]


def _others(packets: Sequence[Handover], now: datetime) -> None:
    """Show the latest hand-overs of the desk and what became of them."""
    if not packets:
        return
    st.subheader("Hand-overs", anchor=False)
    rows = [
        {
            "From": visible(packet.from_name),
            "To": visible(packet.to_name),
            "Cases": sum(not item.is_left for item in packet.items),
            "State": visible(packet.state),
            "When": relative(packet.decided_at or packet.made_at, now),
            "Why": visible(packet.reason),
        }
        for packet in packets
    ]
    show_table(rows, "handover_list")
