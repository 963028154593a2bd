"""What an escalation policy makes of a case: which steps, when, and who hears of them. Pure.

Everything that has an instant gets it here, when the steps are made; nothing is left to work out when a step
fires but who is on call at that hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from casework.canonical import instant
from casework.config import Config, EscalationRule, EscalationStep
from casework.config.calendar import SEVERITIES
from casework.config.escalation import When
from casework.config.tenant import OnCall, OnCallPerson
from casework.deadlines import clocks
from casework.deadlines.calendars import add_working_time, end_of_quiet, instant_of, working_time_between
from casework.store.tables.types import Values

NEXT_UPDATE = "next_update"
STILL_OPEN = (
    "still_open"  # the system's own rule: a reminder follows the last step, and every reminder another
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case: the row it becomes, without its key."""

    rule: str
    step: int
    clock: str
    zone: str
    due_at: datetime
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who hears of a step, by which way and at which address; all of them the tenant's own people."""

    channel: str  # mail | webhook
    team: str
    address: str
    login: str | None = None  # whoever is on call


# --- which steps, and when --------------------------------------------------------------------------------


def plan(config: Config, case: Values, updated_customer_at: datetime | None = None) -> list[Step]:
    """Return the steps of a case from its opening and its deadlines, and the reminder after the last of them.

    With the instant of an update to the customer: the steps of the promise made by it, and no others.
    """
    wanted = updated_customer_at is not None
    steps = [
        step
        for name, rule in config.policy(case["tenant_id"]).rules.items()
        if (rule.clock == NEXT_UPDATE) == wanted and applies(rule, case)
        for step in _steps(config, case, name, rule, updated_customer_at)
    ]
    if wanted:
        return steps
    last = max([case["resolution_due_at"], *(step.due_at for step in steps)])
    return [*steps, reminder(config, case, last)]


def reminder(config: Config, case: Values, after: datetime) -> Step:
    """Return the step that says of a case that it is still open, counted from an instant on."""
    told, calendar = config.policy(case["tenant_id"]).reminder, clocks.calendar_of(config, case)
    due_at = add_working_time(calendar, after, timedelta(minutes=told.every_minutes))
    said = told.model_dump(exclude_none=True) | {"action": "notify"}
    at, details = quieted(config, case, due_at, said)
    return Step(STILL_OPEN, 1, "resolution", calendar.zone, at, details)


def applies(rule: EscalationRule, case: Values) -> bool:
    """Whether a rule is for a case as it stands."""
    if case["first_response_at"] and (rule.cancelled_by == "answered" or rule.clock == "first_response"):
        return False
    return matches(rule.when, case)


def matches(when: When, case: Values) -> bool:
    """Whether a case meets all conditions."""
    return (
        case["expected_loss"] >= when.minimum_expected_loss
        and case["inventory_amount"] >= when.minimum_inventory_amount
        and case["revenue_amount"] >= when.minimum_revenue_amount
        and (not when.customer_tiers or case["customer_tier"] in when.customer_tiers)
        and (not when.exception_types or case["exception_type"] in when.exception_types)
        and weight(case["severity"]) >= weight(when.severity_from)
    )


def weight(severity: str) -> int:
    """Return how grave a severity is; an unknown one is the gravest, so that nobody sleeps through it."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _steps(
    config: Config, case: Values, name: str, rule: EscalationRule, updated_at: datetime | None
) -> Iterator[Step]:
    zone = clocks.calendar_of(config, case).zone
    for number, (due_at, details) in enumerate(_unrolled(config, case, rule, updated_at), start=1):
        at, details = quieted(config, case, due_at, details)
        yield Step(name, number, rule.clock, zone, at, details)


def _unrolled(
    config: Config, case: Values, rule: EscalationRule, updated_at: datetime | None
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Yield every instant and what is done at it: waits put on, repetitions written out."""
    calendar = clocks.calendar_of(config, case)
    start, deadline = _span(config, case, rule, updated_at)
    at, said = start, dict[str, Any]()
    for step in rule.steps:
        if step.action == "wait":
            at = add_working_time(calendar, at, timedelta(minutes=step.minutes or 0))
        elif step.action == "repeat":
            for repetition in range(1, (step.times or 0) + 1):
                at = add_working_time(calendar, at, timedelta(minutes=step.every_minutes or 0))
                yield at, said | {"repetition": repetition}
        else:
            at = _due_at(config, case, step, start, deadline) if step.anchors else at
            said = step.model_dump(exclude_none=True)
            yield at, said


def _span(
    config: Config, case: Values, rule: EscalationRule, updated_at: datetime | None
) -> tuple[datetime, datetime]:
    if updated_at is not None:
        return updated_at, clocks.next_update_due_at(config, case, updated_at)
    return case["opened_at"], case[f"{rule.clock}_due_at"]


def _due_at(
    config: Config, case: Values, step: EscalationStep, start: datetime, deadline: datetime
) -> datetime:
    """Return the instant of a step that is anchored to its clock, in the working time of the case."""
    calendar = clocks.calendar_of(config, case)
    if step.after_minutes is not None:
        return add_working_time(calendar, deadline, timedelta(minutes=step.after_minutes))
    if step.share == 1.0:
        return deadline
    whole = working_time_between(calendar, start, deadline)
    if step.share is not None:
        return add_working_time(calendar, start, whole * step.share)
    return add_working_time(calendar, start, whole - timedelta(minutes=step.left_minutes or 0))


def quieted(
    config: Config, case: Values, due_at: datetime, details: Mapping[str, Any]
) -> tuple[datetime, dict[str, Any]]:
    """Return when a step fires that is due in a team's quiet hours: what can wait waits until they end."""
    said = {name: value for name, value in details.items() if name != "asked_at"}
    team = config.tenants[case["tenant_id"]].teams.get(str(said.get("team")))
    calendar = config.calendars.get(team.calendar) if team is not None and team.calendar else None
    if (
        calendar is None
        or calendar.quiet is None
        or weight(case["severity"]) >= weight(calendar.quiet.wakes_from)
    ):
        return due_at, said
    ends = end_of_quiet(calendar, due_at)
    return (due_at, said) if ends is None else (ends, said | {"asked_at": instant(due_at)})


# --- who hears of it --------------------------------------------------------------------------------------


def receiver(config: Config, tenant_id: str, details: Mapping[str, Any], at: datetime) -> Receiver | None:
    """Return whom a step reaches at an instant; None when it reaches nobody or the team is gone."""
    name = details.get("team")
    team = config.tenants[tenant_id].teams.get(str(name)) if name else None
    if team is None:
        return None
    if details["action"] == "webhook":
        return Receiver("webhook", str(name), team.webhook) if team.webhook else None
    if details.get("on_call") and team.on_call is not None:
        person = on_call(team.on_call, at)
        return Receiver("mail", str(name), person.mail, person.login)
    return Receiver("mail", str(name), team.mail)


def on_call(rota: OnCall, at: datetime) -> OnCallPerson:
    """Return who is on call; shifts change at the anchor's time of day by the local clock, in every season."""
    zone, shift = ZoneInfo(rota.zone), timedelta(hours=rota.shift_hours)
    anchor = rota.anchor.astimezone(zone).replace(tzinfo=None, fold=0)
    number = (at.astimezone(zone).replace(tzinfo=None, fold=0) - anchor) // shift
    # Where the clocks jump, the local difference may be some shifts off.
    while at < instant_of(anchor + number * shift, zone):
        number -= 1
    while at >= instant_of(anchor + (number + 1) * shift, zone):
        number += 1
    return rota.rotation[number % len(rota.rotation)]


def internal_addresses(config: Config, tenant_id: str, channel: str) -> frozenset[str]:
    """Return every address of the tenant's own teams and people for one channel."""
    teams = config.tenants[tenant_id].teams.values()
    if channel == "webhook":
        return frozenset(team.webhook for team in teams if team.webhook)
    people = {person.mail for team in teams if team.on_call for person in team.on_call.rotation}
    return frozenset({team.mail for team in teams} | people)
