"""Exceptions that a publication no longer states: remembered as gone, and resolved where nobody took them.

A latched type, and a case somebody is working on, stays open: what it cost or still needs is for a person
to say. An exception that came back several times within hours is flapping: its case stays open until it has
been away for as long as its type says, so that nobody is called once for each return.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, select

from casework import changes, lifecycle
from casework.config import Flapping
from casework.deadlines import clocks
from casework.desk import Desk
from casework.escalations import escalation
from casework.incidents import merging
from casework.model import Action, DraftState, State
from casework.store.tables import Values, case_facts, cases
from casework.store.work import Work

CHUNK = 250


def recover(desk: Desk, tenant_id: str, actor: str, present: set[str]) -> Counter[str]:
    """Record that exceptions vanished, and resolve the cases that this ends; return how many."""
    with desk.reading(tenant_id) as connection:
        gone = sorted(case_id for case_id, key in _standing(connection, tenant_id) if key not in present)
        held = sorted(connection.scalars(_held(tenant_id, desk.clock())))
    counts: Counter[str] = Counter()
    for start in range(0, len(gone), CHUNK):
        with desk.writing(tenant_id, actor) as work:
            query = select(cases).where(
                cases.c.tenant_id == tenant_id,
                cases.c.is_present,
                cases.c.case_id.in_(gone[start : start + CHUNK]),
            )
            rows = work.connection.execute(query.order_by(cases.c.case_id)).mappings().all()
            counts["recovered"] += _vanish(desk, work, rows)
    for start in range(0, len(held), CHUNK):
        with desk.writing(tenant_id, actor) as work:
            query = _held(tenant_id, work.now, held[start : start + CHUNK]).with_only_columns(cases)
            rows = work.connection.execute(query.order_by(cases.c.case_id)).mappings().all()
            counts["recovered"] += _vanish(desk, work, rows)
    return counts


def _held(tenant_id: str, now: datetime, case_ids: Sequence[str] | None = None) -> Select[Any]:
    """Select the cases whose exception is gone, and has now been gone long enough to be believed."""
    query = select(cases.c.case_id).where(
        cases.c.tenant_id == tenant_id, cases.c.is_open, ~cases.c.is_present, cases.c.flapping_until <= now
    )
    return query if case_ids is None else query.where(cases.c.case_id.in_(case_ids))


def _standing(connection: Connection, tenant_id: str) -> list[tuple[str, str]]:
    query = select(cases.c.case_id, cases.c.exception_key).where(
        cases.c.tenant_id == tenant_id, cases.c.is_present
    )
    return [(row.case_id, row.exception_key) for row in connection.execute(query)]


def _vanish(desk: Desk, work: Work, gone: Sequence[Values]) -> int:
    """Record that exceptions are gone; resolve the cases whose type and state allow it, and return how many."""
    returns, joined = _returns(work, gone), merging.joined(work, [case["case_id"] for case in gone])
    saved = [
        # people made several cases this one: it is theirs to end, whatever became of its own exception
        changes.moved(work, case, is_present=False)
        if case["case_id"] in joined
        else _without_exception(desk, work, case, returns.get(case["case_id"], []))
        for case in gone
    ]
    changes.save_all(work, list(zip(gone, saved, strict=True)))
    ended = [
        after["case_id"]
        for before, after in zip(gone, saved, strict=True)
        if before["state"] != after["state"]
    ]
    if ended:
        escalation.cancel_all(work, ended)
        changes.withdraw_all(work, ended, "The exception went away before it was sent.")
        # What still waits for a decision has lost its reason.
        changes.set_drafts(work, ended, DraftState.WAITING, DraftState.SUPERSEDED)
    for before, after in zip(gone, saved, strict=True):
        details: dict[str, Any] = {"from": before["state"], "to": after["state"]}
        if after["flapping_until"]:
            details["flapping_until"] = after["flapping_until"]
        work.say("exception:recovered", case=after, details=details)
    return len(ended)


def _returns(work: Work, gone: Sequence[Values]) -> dict[str, list[datetime]]:
    """Return when each exception came back before, from the cases' histories."""
    query = select(case_facts.c.case_id, case_facts.c.occurred_at).where(
        case_facts.c.tenant_id == work.tenant_id,
        case_facts.c.case_id.in_([case["case_id"] for case in gone]),
        case_facts.c.fact == "exception:reappeared",
    )
    found: dict[str, list[datetime]] = {}
    for row in work.connection.execute(query):
        found.setdefault(row.case_id, []).append(row.occurred_at)
    return found


def flaps_until(rule: Flapping | None, returns: Sequence[datetime], now: datetime) -> datetime | None:
    """Return until when a vanished exception is not believed to be gone; None when it is. Pure."""
    if rule is None:
        return None
    recent = [at for at in returns if at > now - timedelta(hours=rule.within_hours)]
    return now + timedelta(hours=rule.hold_hours) if len(recent) >= rule.returns else None


def _without_exception(desk: Desk, work: Work, case: Values, returns: Sequence[datetime]) -> dict[str, Any]:
    before = State(case["state"])
    catalogue = desk.catalogue(case["exception_type"])
    # what was held is let go when it is looked at again: it has been away long enough
    until = None if case["flapping_until"] else flaps_until(catalogue.flapping, returns, work.now)
    changed: dict[str, Any] = {"is_present": False, "flapping_until": until}
    if until is None and catalogue.recovers and (before, Action.RECOVER) in lifecycle.TRANSITIONS:
        after = lifecycle.advance(before, Action.RECOVER)
        changed |= {"state": after.value, "is_open": False, "resolution_code": "self_recovered"}
        changed |= clocks.resume(desk.config, case, work.now) if before == State.WAITING else {}
    return changes.moved(work, case, **changed)
