"""Lending one's right to approve while away: to whom, how long, why; what stands, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import streamlit as st

from casework.approvals.delegation import Delegation, Lent
from casework.errors import CaseworkError
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.components.text import literal, moment, money, plain, visible
from dashboard.session import Viewer

DAYS = {1: "until tomorrow", 3: "for 3 days", 7: "for a week", 14: "for two weeks"}


def show_lending(viewer: Viewer, now: datetime) -> None:
    """Show the rights that are lent, and the form to lend one's own."""
    try:
        lent = context.casework().delegations(viewer.principal, viewer.tenant_id)
    except CaseworkError:
        return
    people = context.casework().people(viewer.principal, viewer.tenant_id)
    st.subheader("Approving for one another", anchor=False)
    _show([one for one in lent if one.revoked_at is None and one.ends_at > now], viewer, people)
    if viewer.may("draft:approve") or viewer.may("draft:approve_within"):
        _form(viewer, people, now)


def _show(standing: Sequence[Delegation], viewer: Viewer, people: Mapping[str, str]) -> None:
    if not standing:
        st.caption("Nobody approves for somebody else at the moment.")
    for one in standing:
        lender, to = (
            people.get(name) or name.split(":", 1)[-1] for name in (one.from_principal, one.to_principal)
        )
        currency = context.config().tenants[viewer.tenant_id].currency_code
        up_to = f", up to {money(one.up_to, currency)}" if one.up_to is not None else ""
        plain(
            f"{to} may approve for {lender} from {moment(one.starts_at)} until {moment(one.ends_at)}{up_to}"
        )
        st.caption(literal(one.reason))
        if viewer.principal.principal_id in (one.from_principal, one.to_principal):
            key = f"lending_why_{one.delegation_id}"
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.text_input("Why end it?", key=key, max_chars=500, width=200)
                st.button(
                    "End it", key=f"lending_end_{one.delegation_id}", on_click=_end, args=(viewer, one, key)
                )


def _form(viewer: Viewer, people: Mapping[str, str], now: datetime) -> None:
    with st.form("lending_form", border=True):
        others = [who for who in people if who != viewer.principal.principal_id]
        to = st.selectbox(
            "Let somebody approve for me", others, key="lending_to", index=None,
            placeholder="Choose a person", format_func=lambda who: visible(people[who]),
        )  # fmt: skip
        days = st.selectbox("How long", list(DAYS), key="lending_days", format_func=DAYS.__getitem__)
        most = st.number_input("At most so much at stake (empty: as much as I may)", key="lending_up_to",
                               min_value=0.0, value=None)  # fmt: skip
        reason = st.text_input("Why", key="lending_reason", max_chars=500)
        if st.form_submit_button("Lend", key="lending_lend"):
            scope = Lent(up_to=None if most is None else Decimal(str(most)))
            attempt(
                lambda: context.casework().delegate_approval(
                    viewer.principal, viewer.tenant_id, to or "", until=now + timedelta(days=days or 1),
                    reason=reason or "", scope=scope,
                ),
                "Lent. They approve under their own name, for you; it never counts as a second pair of eyes.",
            )  # fmt: skip
            st.rerun()


def _end(viewer: Viewer, one: Delegation, key: str) -> None:
    reason = st.session_state.get(key) or ""
    attempt(
        lambda: context.casework().end_delegation(
            viewer.principal, viewer.tenant_id, one.delegation_id, reason
        ),
        "Ended. What was approved with it and has not left does not leave.",
    )
