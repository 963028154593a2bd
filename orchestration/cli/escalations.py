"""Commands over escalations: a dry run of who would be woken, and the auditor's word on what was missed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.caller import reader
from orchestration.cli.output import FAILED, print_json, print_table, say

if TYPE_CHECKING:
    from casework.escalations.rehearsal import PlannedStep

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    escalations = typer.Typer(help="Who hears of a case when nobody acts.", no_args_is_help=True)
    escalations.command("plan")(plan)
    escalations.command("audit")(audit)
    app.add_typer(escalations, name="escalations")


def plan(
    tenant: Annotated[str, typer.Option(help="Whose cases.")],
    case: Annotated[str | None, typer.Option(help="Only this case.")] = None,
    at: Annotated[
        datetime | None, typer.Option(help="Plan from this instant (UTC) instead of from now.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print who would be woken, when, by which rule and which way, if nobody acts; nothing is sent."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    casework = Platform(Settings.from_environment()).casework
    moment = None if at is None else at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    steps = casework.escalation_plan(reader(casework), tenant, case, moment)
    if as_json:
        print_json(steps)
        return
    print_table(
        f"{tenant}: {len(steps)} steps, if nobody acts",
        ["when", "case", "rule", "step", "what", "to", "note"],
        [_row(step) for step in steps],
    )


def _row(step: PlannedStep) -> list[Any]:
    when = f"{step.fires_at:%Y-%m-%d %H:%M}Z" + (" (overdue)" if step.is_overdue else "")
    what = f"{step.action} by {step.channel}" if step.channel else step.action
    to = " ".join(part for part in (step.team, step.whom, step.address) if part)
    return [when, step.case_id, step.rule, step.step, what, to, step.note]


def audit(
    tenant: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant.")] = None,
    as_json: JSON = False,
) -> None:
    """Look for steps that did not fire, notices that did not arrive and cases nothing would ever wake."""
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    casework = platform.casework
    principal = reader(casework)
    names = tenant or sorted(platform.config.tenants)
    missed = [found for name in names for found in casework.audit_escalations(principal, name)]
    if as_json:
        print_json(missed)
    else:
        for found in missed:
            due = f" (due {found.due_at:%Y-%m-%d %H:%M}Z)" if found.due_at else ""
            say(f"{found.case_id} {found.rule}{due}: {found.problem}")
        say(f"{len(missed)} escalations missed." if missed else "No escalation was missed.")
    if missed:
        raise typer.Exit(FAILED)
