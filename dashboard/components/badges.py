"""Small marks with a word in them, so that colour is never alone."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from casework.manual import MANUAL
from casework.model import CaseView
from dashboard.components.text import literal
from dashboard.components.wording import STATE_WORDS

_SEVERITY_ICONS = {
    "low": ":material/keyboard_arrow_down:",
    "medium": ":material/remove:",
    "high": ":material/keyboard_arrow_up:",
    "critical": ":material/keyboard_double_arrow_up:",
}
_Colour = Literal["primary", "green", "orange", "gray"]
_DRAFT: dict[str, tuple[str, str, _Colour]] = {
    "waiting": ("Waiting for approval", ":material/hourglass_empty:", "primary"),
    "approved": ("Approved", ":material/check:", "green"),
    "rejected": ("Rejected", ":material/close:", "gray"),
    "superseded": ("Superseded", ":material/history:", "gray"),
    "void": ("Void: the facts changed", ":material/block:", "orange"),
}
_EFFECT: dict[str, tuple[str, _Colour]] = {
    "pending": (":material/schedule_send:", "gray"),
    "claimed": (":material/outbox:", "gray"),
    "applied": (":material/check:", "green"),
    "verified": (":material/done_all:", "green"),
    "conflict": (":material/call_split:", "orange"),
    "unknown": (":material/help:", "orange"),
    "refused": (":material/block:", "orange"),
    "superseded": (":material/history:", "gray"),
    "needs_human": (":material/person_alert:", "orange"),
    "dead": (":material/cancel:", "orange"),
}


def case_badges(case: CaseView, label: str, *, internal: bool = True) -> None:
    """Show type, state and, inside the company, severity and tier of a case in one line."""
    with st.container(horizontal=True, gap="small"):
        st.badge(literal(label), color="primary")
        if internal and case.severity:
            st.badge(literal(case.severity), icon=_SEVERITY_ICONS.get(case.severity), color="gray")
        st.badge(STATE_WORDS.get(case.state, literal(case.state)), color="gray")
        if case.customer_tier:
            st.badge(literal(f"{case.customer_tier} customer"), color="gray")
        if internal and case.is_open and not case.is_present and case.exception_type != MANUAL:
            st.badge("no longer found in the data", icon=":material/visibility_off:", color="gray")


def draft_badge(state: str) -> None:
    """Show where a draft stands."""
    words, icon, colour = _DRAFT.get(state, (state, ":material/help:", "gray"))
    st.badge(literal(words), icon=icon, color=colour)


def effect_badge(state: str) -> None:
    """Show how far something that must leave has come."""
    icon, colour = _EFFECT.get(state, (":material/help:", "gray"))
    st.badge(literal(state.replace("_", " ")), icon=icon, color=colour)
