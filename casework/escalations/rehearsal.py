"""A dry run of escalation: who would be woken, when, by which rule and which way, if nobody acts.

It reads the steps that are due and asks the same functions that fire them; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select

from casework.config import Config
from casework.desk import Desk
from casework.errors import CaseNotFound, NotPermitted
from casework.escalations import escalation, policies
from casework.model import Principal, Role, State
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.store.tables import Values, cases, escalations


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step that will fire unless somebody acts, with whom it reaches."""

    case_id: str
    rule: str
    step: int
    clock: str | None
    fires_at: datetime
    action: str  # notify | webhook | reassign | resume
    channel: str | None  # mail | webhook
    team: str | None
    address: str | None
    whom: str | None  # the login on call, or the principal a case is handed to
    note: str
    is_overdue: bool  # it was due before the instant the plan is made for
    waits: bool  # the case waits: this counts on the wait ending when it says


def plan(
    desk: Desk, principal: Principal, tenant_id: str, case_id: str | None = None, at: datetime | None = None
) -> tuple[PlannedStep, ...]:
    """Return what would happen from an instant (now, if none) on, to one case or to all, in order of time."""
    now = at or desk.clock()
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope = Scope.of(reader, tenant_id, "case:read", desk.config)
        if scope.is_empty or scope.has_partners:
            raise NotPermitted("You cannot see who is woken here.", tenant_id=tenant_id)
        found = [
            step
            for case in _cases(connection, scope, case_id)
            for step in _of_case(connection, desk.config, case, now)
        ]
    return tuple(sorted(found, key=lambda step: (step.fires_at, step.case_id, step.rule, step.step)))


def _cases(connection: Connection, scope: Scope, case_id: str | None) -> Sequence[Values]:
    query = select(cases).where(scope.where())
    query = query.where(cases.c.is_open if case_id is None else cases.c.case_id == case_id)
    rows = connection.execute(query).mappings().all()
    if case_id is not None and not rows:
        raise CaseNotFound(case_id)
    return rows


def _of_case(connection: Connection, config: Config, case: Values, now: datetime) -> Iterator[PlannedStep]:
    mine = and_(escalations.c.tenant_id == case["tenant_id"], escalations.c.case_id == case["case_id"])
    query = select(escalations).where(mine, escalations.c.state == "due")
    for row in connection.execute(query).mappings():
        due_at, details = _when(config, case, row)
        if due_at is None:
            continue
        fires_at = max(due_at, now)
        yield PlannedStep(
            case_id=case["case_id"],
            rule=row["rule"],
            step=row["step"],
            clock=row["clock"],
            fires_at=fires_at,
            action=details["action"],
            note=details["note"],
            is_overdue=due_at < now,
            waits=case["state"] == State.WAITING,
            **_whom(connection, config, case, details, fires_at),
        )


def _when(config: Config, case: Values, row: Values) -> tuple[datetime | None, dict[str, Any]]:
    """Return when a step fires; of a case that waits for no instant, what stands still never does."""
    is_stopped = case["state"] == State.WAITING and not escalation.runs_on(row)
    if not is_stopped:
        return row["due_at"], row["details"]
    if case["waiting_until"] is None:
        return None, row["details"]
    return escalation.after_wait(config, case, row, case["waiting_until"])


def _whom(
    connection: Connection, config: Config, case: Values, details: dict[str, Any], at: datetime
) -> dict[str, str | None]:
    nobody: dict[str, str | None] = dict.fromkeys(("channel", "team", "address", "whom"))
    if details["action"] == "reassign":
        return nobody | {"whom": escalation.lead_of(connection, case["tenant_id"], Role(details["role"]))}
    receiver = policies.receiver(config, case["tenant_id"], details, at)
    if receiver is None:
        return nobody
    return {
        "channel": receiver.channel,
        "team": receiver.team,
        "address": receiver.address,
        "whom": receiver.login,
    }
