"""Exceptions that a publication no longer states: remembered as gone, and resolved where nobody took them.

A latched type, and a case somebody is working on, stays open: what it cost or still needs is for a person
to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from casework import changes, clocks, escalation, lifecycle
from casework.desk import Desk
from casework.model import Action, DraftState, State
from casework.store.tables import Values, cases
from casework.store.work import Work

CHUNK = 250


def recover(desk: Desk, tenant_id: str, actor: str, present: set[str]) -> Counter[str]:
    """Record that exceptions vanished, and resolve the cases that this ends; return how many."""
    with desk.reading() as connection:
        gone = [case_id for case_id, key in _standing(connection, tenant_id) if key not in present]
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
    return counts


def _standing(connection: Connection, tenant_id: str) -> list[tuple[str, str]]:
    query = select(cases.c.case_id, cases.c.exception_key).where(
        cases.c.tenant_id == tenant_id, cases.c.is_present
    )
    return [(row.case_id, row.exception_key) for row in connection.execute(query)]


def _vanish(desk: Desk, work: Work, gone: Sequence[Values]) -> int:
    """Record that exceptions are gone; resolve the cases whose type and state allow it, and return how many."""
    saved = [_without_exception(desk, work, case) for case in gone]
    changes.save_all(work, saved)
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
        details = {"from": before["state"], "to": after["state"]}
        work.say("exception:recovered", case=after, details=details)
    return len(ended)


def _without_exception(desk: Desk, work: Work, case: Values) -> dict[str, Any]:
    before = State(case["state"])
    changed: dict[str, Any] = {"is_present": False}
    recovers = desk.catalogue(case["exception_type"]).recovers
    if recovers and (before, Action.RECOVER) in lifecycle.TRANSITIONS:
        after = lifecycle.advance(before, Action.RECOVER)
        changed |= {"state": after.value, "is_open": False, "resolution_code": "self_recovered"}
        changed |= clocks.resume(desk.config, case, work.now) if before == State.WAITING else {}
    return changes.moved(work, case, **changed)
