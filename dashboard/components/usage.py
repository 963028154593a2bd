"""What use cost: of one case, and of a tenant by kind, customer or case, with how far each budget is used."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from casework.metering.report import BudgetStanding, By, UsageReport
from dashboard import context
from dashboard.components.tables import show_table
from dashboard.components.text import literal, visible
from dashboard.session import Viewer

KIND_WORDS = {
    "model_call": "Model calls",
    "mail": "Mails",
    "portal_message": "Portal messages",
    "team_notice": "Notices to teams",
    "write_back": "Write-backs",
    "api_call": "Calls of programs",
}
BY_WORDS = {"kind": "Kind", "customer": "Customer", "case": "Case"}


def show_cost_of_case(viewer: Viewer, tenant_id: str, case_id: str) -> None:
    """Show what a case cost so far, by kind, and what the prices assume."""
    found = context.casework().usage_of_case(viewer.principal, tenant_id, case_id)
    if found is None:
        return
    if not found.lines:
        st.caption("Nothing was bought for this case yet: no model was asked and no message was sent.")
        return
    rows = [
        {"What": _kind(line.name), "Number": sum(line.quantities.values()), "Cost": _cost(line.cost, found)}
        for line in found.lines
    ]
    show_table([*rows, {"What": "In all", "Number": None, "Cost": _cost(found.cost, found)}], "case_cost")
    st.caption(literal(found.assumption))


def show_usage(viewer: Viewer) -> None:
    """Show what the tenant's use cost and how its budgets stand; the door refuses whoever may not see it."""
    st.subheader("What it costs", anchor=False)
    chosen = st.segmented_control(
        "By", list(BY_WORDS), default="kind", key="usage_by", format_func=BY_WORDS.__getitem__,
        label_visibility="collapsed",
    )  # fmt: skip
    by = cast(By, chosen or "kind")
    found = context.casework().usage(viewer.principal, viewer.tenant_id, by)
    if found.lines:
        show_table([_row(found, line) for line in found.lines], "usage_lines")
    else:
        st.caption("Nothing was used yet.")
    if found.budgets:
        show_table([_standing(found, budget) for budget in found.budgets], "usage_budgets")
    st.caption(literal(f"{_cost(found.cost, found)} in all. {found.assumption}"))


def _row(found: UsageReport, line: Any) -> dict[str, Any]:
    name = _kind(line.name) if found.by == "kind" else visible(line.name or "none")
    counts = ", ".join(f"{_kind(kind)} {number}" for kind, number in line.quantities.items())
    return {BY_WORDS[found.by]: name, "Number": counts, "Cost": _cost(line.cost, found)}


def _standing(found: UsageReport, budget: BudgetStanding) -> dict[str, Any]:
    used = [] if budget.quantity is None else [f"{budget.used.quantity} of {budget.quantity}"]
    if budget.amount is not None:
        used.append(f"{_cost(budget.used.amount, found)} of {_cost(budget.amount, found)}")
    state = "used up: what is over it waits for you" if budget.is_used_up else "has room"
    return {
        "Budget": _kind(budget.kind),
        "Window": f"{budget.hours} h",
        "Used": ", ".join(used),
        "State": state,
    }


def _kind(name: str | None) -> str:
    return KIND_WORDS.get(str(name), visible(name))


def _cost(amount: Any, found: UsageReport) -> str:
    return f"{found.currency_code} {amount:,.4f}"
