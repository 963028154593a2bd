"""The money of one case: the waterfall and the sentence that says what was assumed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import streamlit as st

from casework.model import CaseView
from dashboard.components.text import literal, money
from dashboard.components.waterfall import PARTS, draw_waterfall


def amounts_of(case: CaseView) -> dict[str, Decimal]:
    """Return the parts of the expected loss this reader may see."""
    found = {name: getattr(case, name) for name, _ in PARTS}
    return {name: amount for name, amount in found.items() if amount is not None}


def show_money(case: CaseView, as_of: datetime, *, key: str) -> None:
    """Show what is at stake and from what; nothing when the reader may not see money."""
    if case.expected_loss is None:
        return
    lost = case.exception_type == "late_now" and case.due_at is not None and case.due_at < as_of
    word = "Loss" if lost else "Expected loss"
    st.markdown(f"**{literal(money(case.expected_loss, case.currency_code, cents=True))}** · {word.lower()}")
    draw_waterfall(amounts_of(case), case.expected_loss, case.currency_code, is_lost=lost, key=key)
    if case.assumption:
        st.caption(literal(f"Assumed: {case.assumption}"))
