"""What carriers and partners said of a shipment, in their own codes, and what of it cannot be true."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, plain
from dashboard.components.timeline import MILESTONE_WORDS
from dashboard.queries import Row

#: Why a message moved nothing.
NOT_UNDERSTOOD = {
    "withdrawn": "taken back by its sender",
    "unknown_code": "its code is in no list of ours",
    "unknown_clock": "a local time of a place we do not know",
    "ambiguous_time": "a local time that the place's clock skipped or showed twice",
}
IMPOSSIBLE = {
    "future_stamp": "lay {extent:.1f} hours ahead when it was told",
    "before_pickup": "is {extent:.1f} hours before the departure it needs",
    "too_fast": "would need {extent:,.0f} km/h from the milestone before it",
}


def show_told(messages: list[Row], impossible: list[Row]) -> None:
    """Show the messages of a shipment as they were sent, and name what contradicts itself; nothing where none is."""
    for finding in impossible:
        words = IMPOSSIBLE[finding["impossibility"]].format(extent=finding["extent"])
        name = MILESTONE_WORDS.get(finding["milestone_code"], finding["milestone_code"])
        told = f"“{name}” of {moment(finding['occurred_at'])} {words}."
        with st.container(key=f"impossible_{finding['finding_id']}"):
            st.warning(literal(told), icon=":material/report:")
    if messages:
        with st.expander(f"What partners told ({len(messages)})", icon=":material/forum:"):
            show_table([_line(row) for row in messages], "case_told")
            plain(
                "Codes stand as they were sent; a message that is not understood moved nothing.", muted=True
            )


def _line(row: Row) -> dict[str, Any]:
    return {
        "When": moment(row["occurred_at"]),
        "Who": row["carrier_id"] or row["sender_id"] or row["feed"],
        "Code": row["event_code"],
        "Meaning": row["event_name"] or "",
        "Why": " · ".join(filter(None, (row["reason_name"] or row["reason_code"], row["responsible_party"]))),
        "Certainty": row["classifier"],
        "Understood": NOT_UNDERSTOOD.get(row["event_status"], "yes"),
        "Remark": row["remark"] or "",
        "Feed": row["feed"],
        "Known since": moment(row["recorded_at"]),
    }
