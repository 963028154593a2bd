"""The form behind `Open a case`: somebody called, and no detector knows it yet."""

from __future__ import annotations

import secrets
from decimal import Decimal

import streamlit as st

from casework.manual import SEVERITIES, ManualCase
from dashboard import context
from dashboard.components.notices import attempt, show_notice
from dashboard.components.wording import team_name
from dashboard.session import Viewer

REFERENCE = "manual_reference"


def manual_case_button(viewer: Viewer) -> None:
    """Offer the form to whoever may open a case; the door decides again."""
    if viewer.may("case:open") and st.button("Open a case", key="manual_open", icon=":material/add:"):
        # One reference a form: a click sent twice opens one case.
        st.session_state[REFERENCE] = secrets.token_hex(8)
        manual_case_dialog(viewer)


@st.dialog("Open a case", width="medium")
def manual_case_dialog(viewer: Viewer) -> None:
    """Ask what happened, to what, and what it may cost."""
    teams = context.config().tenants[viewer.tenant_id].teams
    title = st.text_input("What happened", key="manual_title", max_chars=200)
    reason = st.text_area("What was said, and by whom", key="manual_reason", max_chars=4000, height=100)
    left, right = st.columns(2)
    with left:
        shipment = st.text_input("Shipment", key="manual_shipment", max_chars=120)
        customer = st.text_input("Customer id", key="manual_customer", max_chars=120)
        carrier = st.text_input("Carrier id", key="manual_carrier", max_chars=120)
    with right:
        facility = st.text_input("Facility id", key="manual_facility", max_chars=120)
        severity = st.selectbox("Severity", SEVERITIES, index=1, key="manual_severity")
        team = st.selectbox(
            "Team", list(teams), index=None, placeholder="None", key="manual_team", format_func=team_name
        )
    currency = context.config().tenants[viewer.tenant_id].currency_code
    cost = st.number_input(
        f"Penalty that may fall due, {currency}", min_value=0.0, value=0.0, step=100.0, key="manual_penalty"
    )
    if st.button("Open the case", key="manual_confirm", type="primary"):
        asked = ManualCase(
            title=title,
            reason=reason,
            severity=severity,
            shipment_id=shipment,
            customer_id=customer,
            carrier_id=carrier,
            facility_id=facility,
            team=team,
            sla_penalty_amount=Decimal(str(cost)),
            reference=st.session_state.get(REFERENCE),
        )
        if _opened(viewer, asked):
            st.rerun()
        show_notice()  # here, so that what was typed stays


def _opened(viewer: Viewer, asked: ManualCase) -> bool:
    return attempt(
        lambda: context.casework().open_manual(viewer.principal, viewer.tenant_id, asked),
        "The case is open and in the queue.",
    )
