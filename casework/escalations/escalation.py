"""When nobody answers: steps that are due at an instant, fired exactly once, whatever else is down.

Steps are rows made when a case opens, with the instant they are due at (`policies` next door says which and
when); nothing is computed at firing time but who is on call. A case that is open, and worked by itself, always
has one ahead: the last is a reminder, which is followed by another. Desk time. What a step says goes into the
case's history, its thread, the event stream, and through `notices` to a team.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from casework import changes, rows, telemetry
from casework.config import Config
from casework.crashpoints import crashpoint
from casework.deadlines import clocks
from casework.desk import Desk
from casework.errors import StoreUnavailable
from casework.escalations import notices, policies
from casework.model import OPEN_STATES, Role, State
from casework.store.tables import Values, cases, escalations, grants, principals
from casework.store.work import Work, insert_new, new_id

log = logging.getLogger("tidewaiter.escalations")
RUN_ON = ("wait", policies.NEXT_UPDATE)  # clocks that a wait does not stop
WAIT_OVER = "wait_over"  # the system's own rule: a wait that has run out
ACKNOWLEDGED = "unanswered"  # the rule whose steps stand still while an acknowledgement lasts
FORGOTTEN = "It is open, and no step is due for it."  # the auditor's word for what `remind` mends
BATCH = 200
ROUNDS = 5  # what fired may have made others due (the end of a wait does); beyond, the next tick goes on


@dataclass(frozen=True, slots=True)
class Missed:
    """A step that should have fired, or an open case that nothing would ever wake."""

    tenant_id: str
    case_id: str
    rule: str
    due_at: datetime | None
    problem: str


# --- planning --------------------------------------------------------------------------------------------


def schedule(work: Work, config: Config, opened: Iterable[Values]) -> None:
    """Make the steps of cases; steps that exist already stay as they are."""
    planned = [_row(case, step) for case in opened for step in policies.plan(config, case)]
    if planned:
        work.connection.execute(insert_new(work.connection, escalations), planned)


def _row(case: Values, step: policies.Step, after: int = 0) -> dict[str, Any]:
    return {
        "tenant_id": case["tenant_id"],
        "escalation_id": new_id(),
        "case_id": case["case_id"],
        "rule": step.rule,
        "step": step.step + after,
        "clock": step.clock,
        "zone": step.zone,
        "due_at": step.due_at,
        "state": "due",
        "details": step.details,
    }


def restart(work: Work, config: Config, case: Values) -> None:
    """Make the steps of a case that is open again, numbered after those it had, counted from now."""
    _add(work, case, policies.plan(config, dict(case) | {"opened_at": work.now}))


def promise_update(work: Work, config: Config, case: Values) -> None:
    """Begin the promise to a customer who was told something now; it takes the place of the last one."""
    if not case["is_open"]:
        return
    promised = and_(_of(case), escalations.c.state == "due", escalations.c.clock == policies.NEXT_UPDATE)
    work.connection.execute(update(escalations).where(promised).values(state="cancelled"))
    _add(work, case, policies.plan(config, case, work.now))


def _add(work: Work, case: Values, steps: Sequence[policies.Step], **standing: Any) -> list[dict[str, Any]]:
    if not steps:
        return []
    query = select(escalations.c.rule, func.max(escalations.c.step)).where(_of(case))
    found = work.connection.execute(query.group_by(escalations.c.rule))
    last: dict[str, int] = {row[0]: row[1] for row in found}
    added = [_row(case, step, last.get(step.rule, 0)) | standing for step in steps]
    work.connection.execute(escalations.insert(), added)
    return added


def cancel(work: Work, case: Values, config: Config) -> None:
    """Cancel the steps that a case's standing makes superfluous: answered, or ended."""
    if State(case["state"]) not in OPEN_STATES:
        rules = None
    elif case["first_response_at"]:
        policy = config.policy(case["tenant_id"])
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


def raise_now(work: Work, desk: Desk, case: Values, rule: str, details: dict[str, Any]) -> None:
    """Make a step that is due this instant and carry it out with what raised it: nobody waits for a worker."""
    step = policies.Step(rule, 1, "now", "UTC", work.now, details)
    row = _add(work, case, [step], state="fired", fired_at=work.now)[0]
    _tell(work, desk, case, row)


def remind(desk: Desk, tenant_id: str, case_id: str, now: datetime, actor: str = "service:worker") -> None:
    """Give a case that is open, and for which nothing is due, a reminder: none came with it, or one was lost."""
    with desk.writing(tenant_id, actor, now) as work:
        case = rows.case_row(work.connection, tenant_id, case_id)
        if case is None or not case["is_open"] or case["merged_into"]:
            return
        ahead = select(escalations.c.escalation_id).where(_of(case), escalations.c.state == "due").limit(1)
        if work.connection.scalar(ahead) is None:
            _add(work, case, [policies.reminder(desk.config, case, now)])


def await_end(work: Work, case: Values) -> None:
    """Make the step that ends a wait at its instant."""
    details = {"action": "resume", "note": "The wait is over. The case is in progress again."}
    _add(work, case, [policies.Step(WAIT_OVER, 1, "wait", "UTC", case["waiting_until"], details)])


def end_wait(work: Work, config: Config, case: Values, ended_at: datetime) -> None:
    """Cancel the end of a wait, and move what the pause stopped; `case` is the case as it waited.

    A step keeps the working time it had ahead; one that was already due is due when the wait has ended.
    """
    due = and_(_of(case), escalations.c.state == "due")
    work.connection.execute(
        update(escalations).where(due, escalations.c.rule == WAIT_OVER).values(state="cancelled")
    )
    for row in work.connection.execute(select(escalations).where(due, ~not_stopped())).mappings().all():
        at, details = after_wait(config, case, row, ended_at)
        work.connection.execute(
            update(escalations)
            .where(
                escalations.c.tenant_id == case["tenant_id"],
                escalations.c.escalation_id == row["escalation_id"],
            )
            .values(due_at=at, details=details)
        )


def after_wait(
    config: Config, case: Values, step: Values, ended_at: datetime
) -> tuple[datetime, dict[str, Any]]:
    """Return when a step that a wait stopped fires, once the wait has ended. Pure."""
    asked = step["details"].get("asked_at")
    due_at = step["due_at"] if asked is None else datetime.fromisoformat(asked)
    moved = clocks.shifted(clocks.calendar_of(config, case), due_at, case["waiting_since"], ended_at)
    return policies.quieted(config, case, max(moved, ended_at), step["details"])


def _of(case: Values) -> ColumnElement[bool]:
    return and_(escalations.c.tenant_id == case["tenant_id"], escalations.c.case_id == case["case_id"])


def not_stopped() -> ColumnElement[bool]:
    """The steps that a wait does not stop: its own end, and what the customer was promised."""
    named = escalations.c.clock.in_(RUN_ON)
    return or_(escalations.c.rule == WAIT_OVER, and_(escalations.c.clock.is_not(None), named))


def runs_on(step: Values) -> bool:
    """Whether a wait does not stop a step; the same answer as `not_stopped` gives."""
    return step["rule"] == WAIT_OVER or step["clock"] in RUN_ON


# --- firing ----------------------------------------------------------------------------------------------


def fire_due(desk: Desk, now: datetime, actor: str = "service:worker", limit: int = BATCH) -> int:
    """Fire the steps due by now, each in one transaction and exactly once; return how many fired here.

    What becomes due by their firing follows, for a bounded number of rounds; the rest with the next call.

    Steps of a waiting case stand still with its clock, except those `not_stopped` names. A step that cannot be
    fired is logged and keeps nobody else waiting; the auditor reports it.
    """
    fired = 0
    for _ in range(ROUNDS):
        found = _fire_all(desk, now, actor, limit)
        fired += found
        if not found:
            break
    return fired


def _fire_all(desk: Desk, now: datetime, actor: str, limit: int) -> int:
    fired, last = 0, None
    while True:
        with desk.reading_across() as connection:
            found = connection.execute(_after(due(now), last).limit(limit)).all()
        for row in found:
            fired += _fire_safely(desk, row, now, actor)
            last = (row.due_at, row.escalation_id)
        if len(found) < limit:
            return fired


def _after(query: Select[Any], last: tuple[datetime, str] | None) -> Select[Any]:
    if last is None:
        return query
    due_at, escalation_id = last
    later = and_(escalations.c.due_at == due_at, escalations.c.escalation_id > escalation_id)
    return query.where(or_(escalations.c.due_at > due_at, later))


def _fire_safely(desk: Desk, row: Any, now: datetime, actor: str) -> int:
    try:
        with telemetry.span("escalation.fire", tenant_id=row.tenant_id, case_id=row.case_id, rule=row.rule):
            fired = _fire(desk, row.tenant_id, row.escalation_id, now, actor)
        if fired:
            telemetry.LATENESS.labels("escalation").observe(max(0.0, (now - row.due_at).total_seconds()))
        return fired
    except StoreUnavailable:
        raise
    except Exception:
        log.exception("Step %s of case %s could not fire.", row.escalation_id, row.case_id)
        return 0


def due(now: datetime) -> Select[Any]:
    """Return the query for the steps to fire by an instant, the longest due first."""
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
            or_(cases.c.state != State.WAITING.value, not_stopped()),
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
        row = (
            work.connection.execute(
                due(now)
                .add_columns(escalations.c.step, escalations.c.details)
                .where(escalations.c.tenant_id == tenant_id, escalations.c.escalation_id == escalation_id)
            )
            .mappings()
            .first()
        )
        if row is None:
            return 0
        work.connection.execute(
            update(escalations)
            .where(escalations.c.tenant_id == tenant_id, escalations.c.escalation_id == escalation_id)
            .values(state="fired", fired_at=now)
        )
        crashpoint("escalation:after-fired-before-told")
        case = rows.case_row(work.connection, tenant_id, row["case_id"])
        assert case is not None
        _tell(work, desk, case, row)
        if row["rule"] == policies.STILL_OPEN:
            _add(work, case, [policies.reminder(desk.config, case, now)])
        crashpoint("escalation:after-told-before-commit")
    return 1


def _tell(work: Work, desk: Desk, case: Values, step: Values) -> None:
    """Carry a step out: change the case or tell somebody as it asks, note it in the thread, say it."""
    details = dict(step["details"])
    told = {"rule": step["rule"], "step": step["step"], "due_at": step["due_at"], **details}
    if step["rule"] == WAIT_OVER:
        _resume(work, desk.config, case, step, told)
    elif details["action"] == "reassign":
        owner = lead_of(work.connection, case["tenant_id"], Role(details["role"]))
        told["owner"] = owner
        saved = changes.touch(work, case, owner=owner or case["owner"])
        work.say("case:escalated", case=saved, object_id=step["escalation_id"], details=told)
    else:
        told |= _notify(work, desk, case, step)
        work.say("case:escalated", case=case, object_id=step["escalation_id"], details=told)
    changes.add_message(
        work, case, direction="note", channel="desk", address=told.get("address"), body=details["note"]
    )


def _resume(work: Work, config: Config, case: Values, step: Values, told: dict[str, Any]) -> None:
    """End a wait as of its instant: a worker that comes late takes no time away from anybody."""
    ended_at = min(work.now, case["waiting_until"] or work.now)
    end_wait(work, config, case, ended_at)
    resumed = clocks.resume(config, case, ended_at)
    saved = changes.touch(work, case, state=State.IN_PROGRESS.value, **resumed)
    work.say("case:resumed", case=saved, object_id=step["escalation_id"], details=told)


def _notify(work: Work, desk: Desk, case: Values, step: Values) -> dict[str, Any]:
    """Queue the notice of a step to whoever is to hear of it now; return what is said about it."""
    receiver = policies.receiver(desk.config, case["tenant_id"], step["details"], work.now)
    if receiver is None:
        return {"address": None}
    label = desk.catalogue(case["exception_type"]).label
    queued = notices.queue(work, label, case, step, receiver)
    reached = {"channel": receiver.channel, "address": receiver.address, "login": receiver.login}
    return reached | queued


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
