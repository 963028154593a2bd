"""What a partner sees: its own shipments and the exceptions shared with it; other fields are absent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from casework.errors import CaseworkError
from casework.model import QueueFilter
from dashboard import context, queries, session
from dashboard.components.tables import frame_of, show_table
from dashboard.components.text import count_words, literal, moment, relative, visible
from dashboard.components.wording import STATE_WORDS, type_label
from dashboard.session import Viewer

ROWS = 50
_STATUS = {
    "planned": "○ planned",
    "in_transit": "◐ in transit",
    "delivered": "● delivered",
    "cancelled": "✗ cancelled",
}


def page() -> None:
    """Show the partner's open exceptions above its shipments."""
    viewer = session.viewer()
    if st.query_params.get("case"):
        _open(viewer, st.query_params["case"])
    as_of = context.casework().clock_of(viewer.tenant_id).as_of
    st.title("My shipments", anchor=False)
    _cases(viewer, as_of)
    if viewer.sees_shipments:
        _shipments(viewer, as_of)


def _open(viewer: Viewer, case_id: str) -> None:
    st.switch_page(
        st.session_state["pages"]["case"], query_params={"tenant": viewer.tenant_id, "case": case_id}
    )


def _cases(viewer: Viewer, as_of: datetime) -> None:
    """Show the exceptions shared with this partner."""
    try:
        found = context.casework().search(viewer.principal, viewer.tenant_id, QueueFilter(limit=ROWS))
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    st.subheader(f"Exceptions ({count_words(found.total, is_exact=found.is_exact)})", anchor=False)
    if not found.cases:
        st.info("No open exception on your shipments.")
        return
    config = context.config()
    rows = [
        {
            "Shipment": visible(case.shipment_id or case.subject),
            "What": type_label(config, case.exception_type),
            "Promise": f"{moment(case.due_at)}, {relative(case.due_at, as_of)}" if case.due_at else "",
            "Since": relative(case.detected_at, as_of),
            "State": STATE_WORDS.get(case.state, str(case.state)),
        }
        for case in found.cases
    ]
    event = st.dataframe(
        frame_of(rows),
        hide_index=True,
        key="partner_cases_table",
        row_height=31,
        height="content" if len(rows) <= 10 else 36 + 31 * 10,
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event.selection.rows
    case = found.cases[chosen[0]] if chosen and chosen[0] < len(found.cases) else found.cases[0]
    label = f"Open {case.shipment_id or case.subject}"
    if st.button(literal(label), key="partner_open_case", type="primary"):
        _open(viewer, case.case_id)


def _shipments(viewer: Viewer, as_of: datetime) -> None:
    """Show the shipments of every scope granted, open ones on request only."""
    publication = queries.current(context.published_folder())
    st.subheader("Shipments", anchor=False)
    if publication is None:
        st.info("Nothing is published yet.")
        return
    only_open = st.toggle("On the way only", value=True, key="shipments_open")
    rows: dict[str, queries.Row] = {}
    for scope in viewer.scopes:
        for row in queries.shipments(publication, scope, only_open=only_open, limit=500):
            rows.setdefault(row["shipment_id"], row)
    if not rows:
        st.info("No shipment to show.")
        return
    shown = list(rows.values())[:500]
    show_table([_row(row, as_of) for row in shown], "shipments_table", most=16)


def _row(row: queries.Row, as_of: datetime) -> dict[str, Any]:
    arrival = row["delivered_at"] or row["estimated_arrival_at"] or row["planned_arrival_at"]
    basis = "actual" if row["delivered_at"] else "estimated" if row["estimated_arrival_at"] else "planned"
    return {
        "Shipment": visible(row["shipment_id"]),
        "Status": _STATUS.get(str(row["status"]), visible(row["status"])),
        "From": visible(row["origin_name"] or row["origin_facility_id"] or ""),
        "To": visible(row["destination_name"] or row["destination_facility_id"] or ""),
        "Mode": visible(row["mode"] or ""),
        "Planned arrival": moment(row["planned_arrival_at"]) if row["planned_arrival_at"] else "",
        "Arrival": f"{relative(arrival, as_of)} ({basis})" if arrival else "",
        "Last seen": f"{visible(row['last_milestone_code'])} {relative(row['last_milestone_at'], as_of)}"
        if row["last_milestone_code"]
        else "",
    }
