"""When nobody answers: steps that are due at an instant, fired exactly once, whatever else is down.

Steps are rows made when a case opens, with the instant they are due at; nothing is computed at firing time.
Desk time. What a step says goes into the case's history, its thread and the event stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from casework import changes, clocks, rows
from casework.config import EscalationPolicy, EscalationRule, EscalationStep
from casework.crashpoints import crashpoint
from casework.desk import Desk
from casework.model import OPEN_STATES, Role, State
from casework.store.tables import Values, cases, escalations, grants, principals
from casework.store.work import Work, insert_new, new_id

WAIT_OVER = "wait_over"  # the system's own rule: a wait that has run out
ACKNOWLEDGED = "unanswered"  # the rule whose steps stand still while an acknowledgement lasts
BATCH = 200


@dataclass(frozen=True, slots=True)
class Missed:
    """A step that should have fired, or an open case that nothing would ever wake."""

    tenant_id: str
    case_id: str
    rule: str
    due_at: datetime | None
    problem: str


# --- planning --------------------------------------------------------------------------------------------


def plan(policy: EscalationPolicy, case: Values) -> list[dict[str, Any]]:
    """Return the steps of a case by the policy, from its opening and its deadlines. Pure."""
    return [
        {
            "tenant_id": case["tenant_id"],
            "escalation_id": new_id(),
            "case_id": case["case_id"],
            "rule": name,
            "step": number,
            "due_at": due_at(rule, step, case),
            "state": "due",
            "details": step.model_dump(exclude_none=True),
        }
        for name, rule in policy.rules.items()
        if _applies(rule, case)
        for number, step in enumerate(rule.steps, start=1)
    ]


def _applies(rule: EscalationRule, case: Values) -> bool:
    if rule.cancelled_by == "answered" and case["first_response_at"]:
        return False
    return float(case["expected_loss"]) >= rule.minimum_expected_loss


def due_at(rule: EscalationRule, step: EscalationStep, case: Values) -> datetime:
    """Return the instant a step is due: at a share of the clock, or minutes after its deadline."""
    opened, deadline = case["opened_at"], case[f"{rule.clock}_due_at"]
    if step.share is not None:
        due: datetime = opened + (deadline - opened) * step.share
        return due
    return deadline + timedelta(minutes=step.after_minutes or 0)


def schedule(work: Work, policy: EscalationPolicy, opened: Iterable[Values]) -> None:
    """Make the steps of cases; steps that exist already stay as they are."""
    planned = [step for case in opened for step in plan(policy, case)]
    if planned:
        work.connection.execute(insert_new(work.connection, escalations), planned)


def restart(work: Work, policy: EscalationPolicy, case: Values) -> None:
    """Make the steps of a case that is open again, numbered after those it had, counted from now."""
    query = select(escalations.c.rule, func.max(escalations.c.step)).where(_of(case))
    found = work.connection.execute(query.group_by(escalations.c.rule))
    last: dict[str, int] = {row[0]: row[1] for row in found}
    steps = plan(policy, dict(case) | {"opened_at": work.now})
    for step in steps:
        step["step"] += last.get(step["rule"], 0)
    if steps:
        work.connection.execute(escalations.insert(), steps)


def cancel(work: Work, case: Values, policy: EscalationPolicy) -> None:
    """Cancel the steps that a case's standing makes superfluous: answered, or ended."""
    if State(case["state"]) not in OPEN_STATES:
        rules = None
    elif case["first_response_at"]:
        rules = [name for name, rule in policy.rules.items() if rule.cancelled_by == "answered"]
    else:
        return
    clause = [_of(case), escalations.c.state == "due"]
    if rules is not None:
        clause.append(escalations.c.rule.in_(rules))
    work.connection.execute(update(escalations).where(*clause).values(state="cancelled"))


def cancel_all(work: Work, case_ids: Sequence[str]) -> None:
    """Cancel every step still due of cases that have ended."""
    work.connection.execute(
        update(escalations)
        .where(
            escalations.c.tenant_id == work.tenant_id,
            escalations.c.case_id.in_(case_ids),
            escalations.c.state == "due",
        )
        .values(state="cancelled")
    )


def await_end(work: Work, case: Values) -> None:
    """Make the step that ends a wait at its instant."""
    query = select(func.max(escalations.c.step)).where(_of(case), escalations.c.rule == WAIT_OVER)
    last: int = work.connection.scalar(query) or 0
    step = {
        "tenant_id": case["tenant_id"],
        "escalation_id": new_id(),
        "case_id": case["case_id"],
        "rule": WAIT_OVER,
        "step": last + 1,
        "due_at": case["waiting_until"],
        "state": "due",
        "details": {"action": "resume", "note": "The wait is over. The case is in progress again."},
    }
    work.connection.execute(escalations.insert(), [step])


def end_wait(work: Work, case: Values, waited: timedelta) -> None:
    """Cancel the end of a wait that ended by hand, and move what the pause stopped by the time waited."""
    due = and_(_of(case), escalations.c.state == "due")
    work.connection.execute(
        update(escalations).where(due, escalations.c.rule == WAIT_OVER).values(state="cancelled")
    )
    stopped = select(escalations.c.escalation_id, escalations.c.due_at).where(
        due, escalations.c.rule != WAIT_OVER
    )
    for row in work.connection.execute(stopped).all():
        work.connection.execute(
            update(escalations)
            .where(
                escalations.c.tenant_id == case["tenant_id"],
                escalations.c.escalation_id == row.escalation_id,
            )
            .values(due_at=row.due_at + waited)
        )


def _of(case: Values) -> ColumnElement[bool]:
    return and_(escalations.c.tenant_id == case["tenant_id"], escalations.c.case_id == case["case_id"])


# --- firing ----------------------------------------------------------------------------------------------


def fire_due(desk: Desk, now: datetime, actor: str = "service:worker", limit: int = BATCH) -> int:
    """Fire every step due by now, each in one transaction and exactly once; return how many fired here.

    Steps of a waiting case other than the end of its wait stand still with its clock.
    """
    with desk.reading() as connection:
        found = connection.execute(_due(now).limit(limit)).all()
    return sum(_fire(desk, row.tenant_id, row.escalation_id, now, actor) for row in found)


def _due(now: datetime) -> Any:
    case = and_(cases.c.tenant_id == escalations.c.tenant_id, cases.c.case_id == escalations.c.case_id)
    return (
        select(
            escalations.c.tenant_id,
            escalations.c.escalation_id,
            escalations.c.case_id,
            escalations.c.rule,
            escalations.c.due_at,
        )
        .join(cases, case)
        .where(
            escalations.c.state == "due",
            escalations.c.due_at <= now,
            or_(cases.c.state != State.WAITING.value, escalations.c.rule == WAIT_OVER),
            or_(
                escalations.c.rule != ACKNOWLEDGED,
                cases.c.acknowledged_until.is_(None),
                cases.c.acknowledged_until <= now,
            ),
        )
        .order_by(escalations.c.due_at, escalations.c.escalation_id)
    )


def _fire(desk: Desk, tenant_id: str, escalation_id: str, now: datetime, actor: str) -> int:
    with desk.writing(tenant_id, actor, now) as work:
        # Under the tenant's lock: whoever comes second finds the step fired, or the case answered.
        row = work.connection.execute(
            _due(now)
            .add_columns(escalations.c.step, escalations.c.details)
            .where(escalations.c.tenant_id == tenant_id, escalations.c.escalation_id == escalation_id)
        ).first()
        if row is None:
            return 0
        work.connection.execute(
            update(escalations)
            .where(escalations.c.tenant_id == tenant_id, escalations.c.escalation_id == escalation_id)
            .values(state="fired", fired_at=now)
        )
        crashpoint("escalation:after-fired-before-told")
        case = rows.case_row(work.connection, tenant_id, row.case_id)
        assert case is not None
        _tell(work, desk, case, row)
    return 1


def _tell(work: Work, desk: Desk, case: Values, step: Any) -> None:
    """Carry a step out: change the case where it asks for it, note it in the thread, say it."""
    details = dict(step.details)
    told = {"rule": step.rule, "step": step.step, "due_at": step.due_at, **details}
    if step.rule == WAIT_OVER:
        resumed = clocks.resume(case, work.now)
        end_wait(work, case, work.now - case["waiting_since"])
        saved = changes.touch(work, case, state=State.IN_PROGRESS.value, **resumed)
        work.say("case:resumed", case=saved, object_id=step.escalation_id, details=told)
    elif details["action"] == "reassign":
        owner = lead_of(work.connection, case["tenant_id"], Role(details["role"]))
        told["owner"] = owner
        saved = changes.touch(work, case, owner=owner or case["owner"])
        work.say("case:escalated", case=saved, object_id=step.escalation_id, details=told)
    else:
        team = desk.config.tenants[case["tenant_id"]].teams.get(details.get("team", ""))
        told["address"] = team.mail if team else None
        work.say("case:escalated", case=case, object_id=step.escalation_id, details=told)
    changes.add_message(
        work, case, direction="note", channel="desk", address=told.get("address"), body=details["note"]
    )


def lead_of(connection: Connection, tenant_id: str, role: Role) -> str | None:
    """Return whom a reassignment goes to: the first active holder of a role across the whole tenant."""
    query = (
        select(principals.c.principal_id)
        .join(grants, grants.c.principal_id == principals.c.principal_id)
        .where(
            grants.c.tenant_id == tenant_id,
            grants.c.role == role.value,
            grants.c.revoked_at.is_(None),
            grants.c.customer_id.is_(None),
            grants.c.carrier_id.is_(None),
            grants.c.facility_id.is_(None),
            principals.c.is_active,
        )
        .order_by(principals.c.principal_id)
        .limit(1)
    )
    return connection.scalar(query)


# --- auditing --------------------------------------------------------------------------------------------


def audit_missed(desk: Desk, now: datetime) -> list[Missed]:
    """Return every step overdue by more than the policy allows, and open cases without any deadline ahead."""
    late = now - timedelta(seconds=desk.config.escalation.missed_after_seconds)
    with desk.reading() as connection:
        found = [
            Missed(row.tenant_id, row.case_id, row.rule, row.due_at, "It should have fired and did not.")
            for row in connection.execute(_due(late))
        ]
        for row in connection.execute(_sleepers()):
            found.append(
                Missed(row.tenant_id, row.case_id, "", None, "It is open and has no deadline at all.")
            )
    return found


def _sleepers() -> Any:
    return select(cases.c.tenant_id, cases.c.case_id).where(
        cases.c.is_open, cases.c.resolution_due_at.is_(None)
    )
