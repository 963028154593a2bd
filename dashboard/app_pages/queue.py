"""The queue: what costs most first, who has it, how long is left, and the case under the cursor beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import streamlit as st

from casework.errors import CaseworkError
from casework.model import Action, CaseView, QueueFilter, QueuePage, State
from dashboard import context, queries, session
from dashboard.components.actions import taking
from dashboard.components.bulk import show_bulk
from dashboard.components.manual_case import manual_case_button
from dashboard.components.notices import attempt
from dashboard.components.preview import show_preview
from dashboard.components.queue_table import choose_several, queue_frame, show_queue_table
from dashboard.components.text import count_words, literal, money, visible
from dashboard.components.wording import STATE_WORDS, team_name, type_label
from dashboard.session import Viewer

PAGE_SIZE = 50
VIEWS: dict[str, str] = {
    "all": "All open",
    "mine": "Mine",
    "unassigned": "Unassigned",
    "breaching": "Breaching < 60 min",
    "waiting": "Waiting",
    "approval": "Waiting on approval",
}
COUNTED_ONCE = "Each shipment and each incident counts once."
AT_LEAST = f"{COUNTED_ONCE} There is more than is counted at once: every number is the least it can be."


@dataclass(frozen=True)
class Shown:
    """One page of the queue as it is on the screen."""

    page: QueuePage
    viewer: Viewer
    now: datetime
    as_of: datetime


def page() -> None:
    """Show the queue of the chosen tenant; a deep link to a case moves on to it."""
    viewer = session.viewer()
    if st.query_params.get("case"):
        open_case(viewer.tenant_id, st.query_params["case"])
    now = context.now()
    base = QueueFilter(limit=PAGE_SIZE)
    try:
        _views(viewer, base, now)
        wanted = _wanted(viewer, base, now)
        found = context.casework().search(viewer.principal, viewer.tenant_id, wanted)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    shown = Shown(found, viewer, now, context.casework().clock_of(viewer.tenant_id).as_of)
    facets, table, preview = st.columns([0.95, 4.1, 2.7], gap="medium")
    with facets:
        _facets(shown)
    with table:
        _table(shown, wanted)
    with preview:
        _preview(shown)


def open_case(tenant_id: str, case_id: str) -> None:
    """Move to a case; its address can be sent to a colleague."""
    st.switch_page(st.session_state["pages"]["case"], query_params={"tenant": tenant_id, "case": case_id})


def view_filter(name: str, principal_id: str, base: QueueFilter, now: datetime) -> QueueFilter:
    """Return the filter behind one of the named views."""
    changes: dict[str, dict[str, object]] = {
        "mine": {"owner": principal_id},
        "unassigned": {"owner": "-"},
        "breaching": {"response_due_before": now + timedelta(minutes=60)},
        "waiting": {"states": (State.WAITING,)},
        "approval": {"is_awaiting_approval": True},
    }
    return replace(base, **changes.get(name, {}))  # type: ignore[arg-type]


def _views(viewer: Viewer, base: QueueFilter, now: datetime) -> None:
    """Show the views with how many cases each holds."""
    counts = _counts(viewer, base, now)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "View",
            list(VIEWS),
            default="all",
            required=True,
            key="queue_view",
            format_func=lambda name: f"{VIEWS[name]} {counts[name]}",
            label_visibility="collapsed",
            on_change=_first_page,
        )
        st.text_input(
            "Search",
            key="queue_search",
            type="search",
            placeholder="Shipment, order, customer …",
            label_visibility="collapsed",
            max_chars=120,
            width=240,
            on_change=_first_page,
        )
        manual_case_button(viewer)
        if not viewer.is_partner and st.button("Shift", key="open_shift", icon=":material/groups:"):
            st.switch_page(st.session_state["pages"]["shift"], query_params={"tenant": viewer.tenant_id})
        st.button("", icon=":material/refresh:", key="queue_refresh", type="tertiary", help="Look again")


def _counts(viewer: Viewer, base: QueueFilter, now: datetime) -> dict[str, str]:
    """Return, in words, how many cases each view holds, as far as one answer's facets can tell, else by asking."""
    who = viewer.principal.principal_id
    whole = context.casework().search(viewer.principal, viewer.tenant_id, replace(base, limit=0))
    owners, states = whole.facets.get("owner", {}), whole.facets.get("state", {})
    numbers = {"all": whole.total, "mine": owners.get(who, 0), "unassigned": owners.get("-", 0)}
    numbers["waiting"] = states.get(State.WAITING, 0)
    counts = {name: count_words(number, is_exact=whole.is_exact) for name, number in numbers.items()}
    for name in ("breaching", "approval"):
        wanted = replace(view_filter(name, who, base, now), limit=0)
        found = context.casework().search(viewer.principal, viewer.tenant_id, wanted)
        counts[name] = count_words(found.total, is_exact=found.is_exact)
    return counts


def _first_page() -> None:
    """Start at the top when what is wanted changes."""
    st.session_state["queue_pages"] = []


def _wanted(viewer: Viewer, base: QueueFilter, now: datetime) -> QueueFilter:
    """Return the filter that view, facets and search make together."""
    state = st.session_state
    wanted = view_filter(state.get("queue_view") or "all", viewer.principal.principal_id, base, now)
    chosen_states = tuple(State(name) for name in state.get("facet_state") or ())
    return replace(
        wanted,
        states=chosen_states or wanted.states,
        exception_types=tuple(state.get("facet_type") or ()),
        severities=tuple(state.get("facet_severity") or ()),
        customer_id=state.get("facet_customer"),
        carrier_id=state.get("facet_carrier"),
        team=state.get("facet_team"),
        search=(state.get("queue_search") or "").strip(),
        include_closed=bool(state.get("queue_closed")),
        sort="waiting" if state.get("queue_by_waiting") else "ranked",
        after=next(iter((state.get("queue_pages") or [])[-1:]), None),
    )


def _facets(shown: Shown) -> None:
    """Show how the whole answer divides, counted over all its rows; a click narrows it."""
    config, facets = context.config(), shown.page.facets
    if not shown.page.is_exact:
        st.caption("Counted over the first of them; there are more.", help=AT_LEAST)
    _pills("Type", "facet_type", facets.get("exception_type", {}), lambda name: type_label(config, name))
    _pills("Severity", "facet_severity", facets.get("severity", {}), str.capitalize)
    _pills("State", "facet_state", facets.get("state", {}), lambda name: STATE_WORDS.get(name, name))
    teams = facets.get("team", {})
    _choice("Team", "facet_team", teams, {name: team_name(name) for name in teams})
    names = _party_names(
        shown.viewer, tuple(facets.get("customer_id", {})) + tuple(facets.get("carrier_id", {}))
    )
    _choice("Customer", "facet_customer", facets.get("customer_id", {}), names)
    _choice("Carrier", "facet_carrier", facets.get("carrier_id", {}), names)
    st.checkbox("Ended ones too", key="queue_closed", on_change=_first_page)


def _pills(label: str, key: str, counts: dict[str, int], words: Callable[[str], str]) -> None:
    """Show one facet as pills with counts; what is chosen stays shown when its count falls to nothing."""
    options = sorted({*counts, *(st.session_state.get(key) or ())}, key=lambda name: -counts.get(name, 0))
    if options:
        st.pills(
            label,
            options,
            selection_mode="multi",
            key=key,
            wrap=True,
            format_func=lambda name: f"{literal(words(name))} {counts.get(name, 0)}",
            on_change=_first_page,
        )


def _choice(label: str, key: str, counts: dict[str, int], names: dict[str, str]) -> None:
    """Show one facet as a list to choose from, the most frequent first."""
    chosen = st.session_state.get(key)
    known = {name for name in (*counts, chosen) if name and name != "-"}
    options = sorted(known, key=lambda name: (-counts.get(name, 0), name))
    if options:
        st.selectbox(
            label,
            options,
            index=None,
            placeholder="Any",
            key=key,
            format_func=lambda name: f"{visible(names.get(name, name))} ({counts.get(name, 0)})",
            on_change=_first_page,
        )


def _party_names(viewer: Viewer, party_ids: tuple[str, ...]) -> dict[str, str]:
    """Return names of parties from what is published; empty before the first publication."""
    publication = queries.current(context.published_folder())
    wanted = tuple(sorted({name for name in party_ids if name}))[:500]
    return queries.party_names(publication, viewer.tenant_id, wanted) if publication else {}


def _table(shown: Shown, wanted: QueueFilter) -> None:
    """Show the rows, the way through them, and what they add up to."""
    cases = shown.page.cases
    st.session_state["queue_ids"] = [case.case_id for case in cases]
    if not cases:
        _nothing(wanted)
        return
    _keep_selection(cases)
    frame = queue_frame(
        cases,
        context.config(),
        places=_places(shown),
        now=shown.now,
        waiting=shown.page.waiting,
    )
    if st.session_state.get("queue_several"):
        chosen = choose_several(frame, cases, shown.now)
        _footer(shown, wanted)
        show_bulk(shown.viewer, chosen)
        return
    show_queue_table(frame, cases, shown.now, on_select=_selected)
    _footer(shown, wanted)


def _nothing(wanted: QueueFilter) -> None:
    """Say why the table is empty and what to do next."""
    narrowed = (wanted.search, wanted.exception_types, wanted.states, wanted.customer_id, wanted.carrier_id)
    if any(narrowed) or wanted.team:
        st.info("No case fits this search. Take a facet away, or look at all open ones.")
    else:
        st.info(
            "Nothing here: no open case in this view. Cases appear with the next publication of the data."
        )


def _places(shown: Shown) -> dict[str, str]:
    """Return `origin → destination` for the shipments on this page of the queue."""
    publication = queries.current(context.published_folder())
    ids = tuple(sorted({case.shipment_id for case in shown.page.cases if case.shipment_id}))
    if publication is None or not ids:
        return {}
    found = queries.shipments(publication, queries.Scope(shown.viewer.tenant_id), ids, limit=PAGE_SIZE * 2)
    return {
        row["shipment_id"]: f"{row['origin_name'] or row['origin_facility_id'] or '?'} → "
        f"{row['destination_name'] or row['destination_facility_id'] or '?'}"
        for row in found
    }


def _keep_selection(cases: tuple[CaseView, ...]) -> None:
    """Hold the cursor on the same case when rows move; on the first case when it is gone."""
    ids = [case.case_id for case in cases]
    chosen = st.session_state.get("queue_selected")
    if chosen not in ids:
        chosen = ids[0]
        st.session_state["queue_selected"] = chosen
    st.session_state["queue_table"] = {"selection": {"rows": [ids.index(chosen)], "columns": [], "cells": []}}


def _selected() -> None:
    """Move the cursor to the row that was clicked."""
    rows = st.session_state["queue_table"]["selection"]["rows"]
    ids = st.session_state.get("queue_ids", [])
    if rows and rows[0] < len(ids):
        st.session_state["queue_selected"] = ids[rows[0]]


def _move(step: int) -> None:
    """Move the cursor by keyboard; it stops at both ends."""
    ids = st.session_state.get("queue_ids", [])
    chosen = st.session_state.get("queue_selected")
    if ids:
        here = ids.index(chosen) if chosen in ids else 0
        st.session_state["queue_selected"] = ids[min(max(here + step, 0), len(ids) - 1)]


def _page_on(after: str | None) -> None:
    """Move on to the rows after this page; without its end, back to the rows before."""
    pages: list[str] = st.session_state.get("queue_pages") or []
    st.session_state["queue_pages"] = [*pages, after] if after else pages[:-1]


def _footer(shown: Shown, wanted: QueueFilter) -> None:
    """Show where we are in the list, its sum, and the keys."""
    found = shown.page
    before = PAGE_SIZE * len(st.session_state.get("queue_pages") or [])
    least = "" if found.is_exact else "+"
    total = (
        money(found.total_expected_loss, found.currency_code or "")
        if found.total_expected_loss is not None
        else ""
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Next", key="queue_next", shortcut="j", type="tertiary", on_click=_move, args=(1,))
        st.button("Previous", key="queue_previous", shortcut="k", type="tertiary", on_click=_move, args=(-1,))
        if st.button("Open the first", key="open_top_case", type="tertiary"):
            open_case(shown.viewer.tenant_id, found.cases[0].case_id)
        if shown.viewer.may("case:assign"):
            st.toggle("Choose several", key="queue_several")
        st.toggle(
            "By what waiting costs", key="queue_by_waiting", on_change=_first_page,
            help="What is at stake if nobody looks again before the next shift begins comes first",
        )  # fmt: skip
        st.space("stretch")
        words = f"{before + 1}–{before + len(found.cases)} of {found.total:,}{least}"
        words += f" · {total}{least} at stake" if total else ""
        st.caption(literal(words), help=COUNTED_ONCE if found.is_exact else AT_LEAST, width="content")
        st.button(
            "", icon=":material/chevron_left:", key="queue_earlier", disabled=not before,
            on_click=_page_on, args=(None,), help="The rows before",
        )  # fmt: skip
        st.button(
            "", icon=":material/chevron_right:", key="queue_later", disabled=found.next is None,
            on_click=_page_on, args=(found.next,), help="The rows after",
        )  # fmt: skip


def _preview(shown: Shown) -> None:
    """Show the case under the cursor, ready to open or take."""
    chosen = st.session_state.get("queue_selected")
    case = next((case for case in shown.page.cases if case.case_id == chosen), None)
    if case is None:
        return
    viewer = shown.viewer
    with st.container(border=True, key="queue_preview"):
        detail = context.casework().get(viewer.principal, viewer.tenant_id, case.case_id)
        with st.container(horizontal=True):
            if st.button("Open case", key="open_case", type="primary", shortcut="Enter"):
                open_case(viewer.tenant_id, case.case_id)
            if Action.ASSIGN in detail.possible_actions and case.owner != viewer.principal.principal_id:
                st.button(
                    "Assign to me",
                    key="queue_assign_me",
                    shortcut="a",
                    on_click=_take,
                    args=(viewer, detail.case),
                )
        show_preview(detail, viewer, shown.as_of, shown.now)


def _take(viewer: Viewer, case: CaseView) -> None:
    """Make the viewer the owner of the case under the cursor."""
    action, details = taking(viewer, case)
    attempt(
        lambda: context.casework().perform(
            viewer.principal,
            viewer.tenant_id,
            case.case_id,
            action,
            expected_version=case.version,
            **details,
        ),
        f"{case.shipment_id or case.subject} is yours.",
    )
