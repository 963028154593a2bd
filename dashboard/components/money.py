"""The money of one case: the waterfall and the sentence that says what was assumed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import streamlit as st

from casework.model import CaseDetail, CaseView
from casework.ranking.time_to_act import FIRST_RESPONSE, PROMISE, RESOLUTION, WaitingCost
from dashboard.components.text import literal, moment, money
from dashboard.components.waterfall import PARTS, draw_waterfall

CLOCK_WORDS = {
    PROMISE: "the promised time passes",
    RESOLUTION: "the time to resolve runs out",
    FIRST_RESPONSE: "nobody will have answered in time",
}


def amounts_of(case: CaseView) -> dict[str, Decimal]:
    """Return the parts of the expected loss this reader may see."""
    found = {name: getattr(case, name) for name, _ in PARTS}
    return {name: amount for name, amount in found.items() if amount is not None}


def show_money(detail: CaseDetail, as_of: datetime, *, key: str) -> None:
    """Show what is at stake and from what, and what waiting costs; nothing when the reader may not see money."""
    case = detail.case
    if case.expected_loss is None:
        return
    lost = case.exception_type == "late_now" and case.due_at is not None and case.due_at < as_of
    word = "Loss" if lost else "Expected loss"
    st.markdown(f"**{literal(money(case.expected_loss, case.currency_code, cents=True))}** · {word.lower()}")
    draw_waterfall(amounts_of(case), case.expected_loss, case.currency_code, is_lost=lost, key=key)
    _show_ranking(detail)
    if case.assumption:
        st.caption(literal(f"Assumed: {case.assumption}"))


def _show_ranking(detail: CaseDetail) -> None:
    """Show what the case is ranked by, where its tenant weighs the parts, and what waiting costs."""
    case = detail.case
    if case.weights_version:
        parts = " + ".join(
            f"{part.label} {money(part.amount, case.currency_code)} × {part.weight.normalize():f}"
            for part in detail.ranking
            if part.amount
        )
        total = money(case.ranked_amount or Decimal(0), case.currency_code, cents=True)
        st.caption(
            literal(f"Ranked by {total}: {parts or 'nothing'} (weights version {case.weights_version})")
        )
    if detail.waiting is not None:
        st.caption(literal(waiting_words(detail.waiting, case.currency_code)))


def waiting_words(cost: WaitingCost, currency_code: str) -> str:
    """Return what waiting until the next shift costs, and why, as a sentence."""
    begins = moment(cost.until)
    if not cost.amount:
        return f"Waiting until the next shift ({begins}) costs nothing: nothing becomes due before."
    reasons = [CLOCK_WORDS[clock] for clock, _at in cost.due]
    reasons += [f"{money(cost.accrues, currency_code)} of penalty accrue"] if cost.accrues else []
    amount = money(cost.amount, currency_code)
    return f"Waiting until the next shift ({begins}) puts {amount} at stake: {', '.join(reasons)}."
