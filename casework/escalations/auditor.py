"""The auditor of escalations: what should have fired and did not, did not arrive, or would never wake anybody.

It asks the tables, not the code that fires, so that a mistake there does not hide itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select

from casework.desk import Desk
from casework.errors import NotPermitted
from casework.escalations import escalation, notices
from casework.escalations.escalation import Missed
from casework.model import Principal, State
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.store.tables import cases, escalations
from casework.teamwork import handover

CHUNK = 500


def audit(desk: Desk, principal: Principal, tenant_id: str) -> list[Missed]:
    """Return what the auditor finds in a tenant now, for whoever reads all of its cases."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope = Scope.of(reader, tenant_id, "case:read", desk.config)
        if scope.is_empty or scope.has_partners:
            raise NotPermitted("You cannot audit escalations here.", tenant_id=tenant_id)
    found = [m for m in audit_missed(desk, desk.clock(), tenant_id) if m.tenant_id == tenant_id]
    seen = {""} | _seen(desk, scope, sorted({missed.case_id for missed in found}))
    mine = [missed for missed in found if missed.case_id in seen]
    return sorted(mine, key=lambda missed: (missed.case_id, missed.rule, str(missed.due_at), missed.problem))


def _seen(desk: Desk, scope: Scope, case_ids: Sequence[str]) -> set[str]:
    """Return which of these cases are within a scope."""
    found: set[str] = set()
    with desk.reading(scope.tenant_id) as connection:
        for start in range(0, len(case_ids), CHUNK):
            part = cases.c.case_id.in_(case_ids[start : start + CHUNK])
            found |= set(connection.scalars(select(cases.c.case_id).where(scope.where(), part)))
    return found


def audit_missed(desk: Desk, now: datetime, tenant_id: str | None = None) -> list[Missed]:
    """Return what went wrong or would: late steps, notices that did not arrive, cases nothing would wake.

    In every tenant, or with a tenant in at least that one: what is due is found by its instant, and a tenant
    named in the query would have the stores read all of that tenant's history instead.
    """
    policy = desk.config.escalation
    late = now - timedelta(seconds=policy.missed_after_seconds)
    undelivered = now - timedelta(seconds=policy.undelivered_after_seconds)
    with desk.reading_across() if tenant_id is None else desk.reading(tenant_id) as connection:
        found = [
            Missed(row.tenant_id, row.case_id, row.rule, row.due_at, "It should have fired and did not.")
            for row in connection.execute(escalation.due(late))
        ]
        for row in connection.execute(_sleepers()):
            found.append(
                Missed(row.tenant_id, row.case_id, "", None, "It is open and has no deadline at all.")
            )
        for row in connection.execute(_never_woken()):
            problem = "It waits until an instant, and nothing would wake it then."
            found.append(Missed(row.tenant_id, row.case_id, escalation.WAIT_OVER, row.waiting_until, problem))
        for row in connection.execute(_forgotten()):
            found.append(Missed(row.tenant_id, row.case_id, "", None, escalation.FORGOTTEN))
        for row in connection.execute(notices.undelivered(undelivered)):
            problem = f"Its notice to {row.payload['party_id']} has not arrived ({row.state})."
            rule = str(row.payload["payload"].get("rule", ""))
            found.append(Missed(row.tenant_id, row.case_id, rule, row.created_at, problem))
    return found + handover.missed(desk, now)


def _sleepers() -> Select[Any]:
    return select(cases.c.tenant_id, cases.c.case_id).where(
        cases.c.is_open, cases.c.resolution_due_at.is_(None)
    )


def _without(*clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """The cases that have no such step; asked of each case, for a join would read the steps of all history."""
    mine = (escalations.c.tenant_id == cases.c.tenant_id, escalations.c.case_id == cases.c.case_id)
    one = select(literal(1)).where(*mine, *clause).limit(1).correlate(cases).scalar_subquery()
    return one.is_(None)


def _never_woken() -> Select[Any]:
    wakes = _without(escalations.c.rule == escalation.WAIT_OVER, escalations.c.state == "due")
    return select(cases.c.tenant_id, cases.c.case_id, cases.c.waiting_until).where(
        cases.c.state == State.WAITING.value, cases.c.waiting_until.is_not(None), wakes
    )


def _forgotten() -> Select[Any]:
    return select(cases.c.tenant_id, cases.c.case_id).where(
        cases.c.is_open, cases.c.merged_into.is_(None), _without(escalations.c.state == "due")
    )
