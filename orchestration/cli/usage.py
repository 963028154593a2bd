"""What use cost: `tidewaiter usage`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from casework.metering.report import BudgetStanding, UsageReport


class By(StrEnum):
    """What a line is about."""

    KIND = "kind"
    CASE = "case"
    CUSTOMER = "customer"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(usage)


def usage(
    tenant: Annotated[str, typer.Option(help="Whose use.")],
    by: Annotated[By, typer.Option(help="What a line is about.")] = By.KIND,
    since: Annotated[
        datetime | None, typer.Option(help="Only from this instant (UTC) on, for example 2026-09-01.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Print what model calls, messages and calls of programs cost, and how far each budget is used."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    start = None if since is None else since.replace(tzinfo=since.tzinfo or UTC).astimezone(UTC)
    found = casework.usage(casework.operator(), tenant, by.value, start)
    if as_json:
        print_json(found)
        return
    _print(found)


def _print(found: UsageReport) -> None:
    kinds = sorted({kind for line in found.lines for kind in line.quantities})
    print_table(
        f"{found.tenant_id}: {found.currency_code} {found.cost} in all",
        [found.by, *(kind.replace("_", " ") for kind in kinds), "cost"],
        [
            [line.name or "(none)", *(line.quantities.get(kind, 0) for kind in kinds), line.cost]
            for line in found.lines
        ],
    )
    print_table(
        "budgets",
        ["kind", "hours", "used", "of", "spent", "of", ""],
        [_budget(budget) for budget in found.budgets],
    )
    say(found.assumption)


def _budget(budget: BudgetStanding) -> list[Any]:
    limits = [budget.used.quantity, budget.quantity, budget.used.amount, budget.amount]
    shown = ["" if value is None else value for value in limits]
    return [budget.kind, budget.hours, *shown, "used up" if budget.is_used_up else ""]
