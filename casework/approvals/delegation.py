"""Lending a right to approve: to a named person, for a while, with a reason; told, and taken back at any time.

What is lent is never more than the lender's own right at the moment it is used (`approvers`), so a lender who
loses a role takes it from the delegate too. What was lent cannot be lent on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted
from casework.model import PARTNER_ROLES, Grant, Principal
from casework.permissions import grants
from casework.permissions.policy import carries
from casework.permissions.scope import PARTY_COLUMNS
from casework.store.tables import Values, delegations
from casework.store.work import Work, new_id

APPROVES = ("draft:approve", "draft:approve_within")


@dataclass(frozen=True, slots=True)
class Delegation:
    """A right to approve that one person lent to another; `None` in a scope field is as far as the lender's own."""

    delegation_id: str
    from_principal: str
    to_principal: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    customer_id: str | None
    carrier_id: str | None
    facility_id: str | None
    exception_types: tuple[str, ...] | None
    up_to: Decimal | None
    made_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it can be used at an instant."""
        return self.revoked_at is None and self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Lent:
    """How far a right is lent; what is not said is as far as the lender's own."""

    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    exception_types: tuple[str, ...] | None = None
    up_to: Decimal | None = None


def lend(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    to: str,
    *,
    until: datetime,
    reason: str,
    starts: datetime | None = None,
    scope: Lent | None = None,
) -> Delegation:
    """Lend the caller's right to approve, or a part of it, to another person of the tenant."""
    wanted = scope or Lent()
    with desk.writing(tenant_id, principal.principal_id) as work:
        lender = grants.current(work.connection, principal.principal_id)
        begins = starts or work.now
        _check_span(desk, tenant_id, begins, until, work.now)
        _check_lender(desk, lender, tenant_id, wanted)
        _check_delegate(work.connection, lender, tenant_id, to)
        row = _row(work, lender, to, _said(reason), begins, until, wanted)
        work.connection.execute(delegations.insert(), [row])
        work.say("approval:delegated", object_id=row["delegation_id"], details={"delegation": row})
        return _delegation(row)


def _row(
    work: Work, lender: Principal, to: str, reason: str, begins: datetime, until: datetime, wanted: Lent
) -> dict[str, Any]:
    types = wanted.exception_types
    return {
        "tenant_id": work.tenant_id,
        "delegation_id": new_id(),
        "from_principal": lender.principal_id,
        "to_principal": to,
        "reason": reason,
        "starts_at": begins,
        "ends_at": until,
        **{column: getattr(wanted, column) for column in PARTY_COLUMNS},
        "exception_types": None if types is None else sorted(types),
        "up_to": None if wanted.up_to is None else wanted.up_to.quantize(Decimal("0.01")),
        "made_at": work.now,
        "revoked_at": None,
        "revoked_by": None,
        "revoke_reason": None,
    }


def _said(reason: str) -> str:
    said = clean_text(reason, limit=1_000).strip()
    if not said:
        raise DetailsRefused("Say why; it stays in the log.", field="reason")
    return said


def _check_span(desk: Desk, tenant_id: str, begins: datetime, until: datetime, now: datetime) -> None:
    days = desk.config.tenants[tenant_id].approval.longest_delegation_days
    if begins.tzinfo is None or until.tzinfo is None:
        raise DetailsRefused("Name the instants with their time zone.", starts=begins, until=until)
    if not max(begins, now) < until <= max(begins, now) + timedelta(days=days):
        raise DetailsRefused(
            f"A right to approve is lent until an instant in the future, for up to {days} days.", until=until
        )


def _check_lender(desk: Desk, lender: Principal, tenant_id: str, wanted: Lent) -> None:
    """Refuse what the lender does not hold: nobody lends more than their own."""
    mine = [grant for grant in lender.grants if grant.tenant_id == tenant_id and _approves(desk, grant)]
    if not mine:
        raise NotPermitted("You approve nothing here yourself, so there is nothing to lend.")
    if not any(_holds(desk, grant, wanted) for grant in mine):
        raise DetailsRefused(
            "That is more than you may approve yourself. Lend a part of your own right: your customers, "
            "carriers, places and types, and at most your own amount.",
            **{field.name: getattr(wanted, field.name) for field in fields(wanted)},
        )


def _band(desk: Desk, grant: Grant) -> Decimal | None:
    limit = desk.config.tenants[grant.tenant_id].approval.limits.get(grant.role)
    return min((band for band in (grant.approve_up_to, limit) if band is not None), default=None)


def _approves(desk: Desk, grant: Grant) -> bool:
    if carries(grant, "draft:approve"):
        return True
    return carries(grant, "draft:approve_within") and _band(desk, grant) is not None


def _holds(desk: Desk, grant: Grant, wanted: Lent) -> bool:
    band = _band(desk, grant)
    if band is not None and wanted.up_to is not None and wanted.up_to > band:
        return False
    types, asked = grant.exception_types, wanted.exception_types
    if types is not None and asked is not None and not set(asked) <= set(types):
        return False
    pairs = ((getattr(grant, column), getattr(wanted, column)) for column in PARTY_COLUMNS)
    return all(own is None or asked in (None, own) for own, asked in pairs)


def _check_delegate(connection: Connection, lender: Principal, tenant_id: str, to: str) -> None:
    person = grants.of_tenant(connection, tenant_id).get(to)
    inside = person is not None and any(
        grant.role not in PARTNER_ROLES and carries(grant, "case:read") for grant in person.grants
    )
    if person is None or not inside or person.kind != "person":
        raise DetailsRefused(f"{to!r} is nobody who works cases here; pick somebody who does.", to=to)
    if to == lender.principal_id:
        raise DetailsRefused("You have that right yourself; lend it to somebody else.", to=to)


def take_back(
    desk: Desk, principal: Principal, tenant_id: str, delegation_id: str, reason: str
) -> Delegation:
    """End a delegation, from the next request on: whoever lent it, has it, or may approve for the whole tenant."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        caller = grants.current(work.connection, principal.principal_id)
        found = _found(work.connection, tenant_id, delegation_id)
        if found is None or not _may_end(caller, tenant_id, found):
            raise NotFound("There is no such delegation that you can end.", delegation_id=delegation_id)
        if found["revoked_at"] is not None:
            raise DetailsRefused("It has been taken back already.", delegation_id=delegation_id)
        ended = {"revoked_at": work.now, "revoked_by": caller.principal_id, "revoke_reason": _said(reason)}
        mine = (delegations.c.tenant_id == tenant_id, delegations.c.delegation_id == delegation_id)
        work.connection.execute(update(delegations).where(*mine).values(ended))
        row = {**found, **ended}
        work.say("approval:delegation:revoked", object_id=delegation_id, details={"delegation": row})
        return _delegation(row)


def _may_end(caller: Principal, tenant_id: str, found: Values) -> bool:
    leads = any(
        grant.tenant_id == tenant_id and carries(grant, "case:assign") and carries(grant, "draft:approve")
        for grant in caller.grants
    )
    return leads or caller.principal_id in (found["from_principal"], found["to_principal"])


def _found(connection: Connection, tenant_id: str, delegation_id: str) -> RowMapping | None:
    mine = (delegations.c.tenant_id == tenant_id, delegations.c.delegation_id == delegation_id)
    return connection.execute(select(delegations).where(*mine)).mappings().first()


def listed(desk: Desk, principal: Principal, tenant_id: str) -> tuple[Delegation, ...]:
    """Return every delegation of a tenant, newest first; for its own people only."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        inside = any(
            grant.tenant_id == tenant_id and grant.role not in PARTNER_ROLES and carries(grant, "case:read")
            for grant in reader.grants
        )
        if not inside:
            raise NotPermitted("You cannot see who approves here.", tenant_id=tenant_id)
        query = select(delegations).where(delegations.c.tenant_id == tenant_id)
        found = connection.execute(query.order_by(delegations.c.delegation_id.desc())).mappings()
        return tuple(_delegation(row) for row in found)


def _delegation(row: Values) -> Delegation:
    types = row["exception_types"]
    values = {field.name: row[field.name] for field in fields(Delegation)}
    return Delegation(**values | {"exception_types": None if types is None else tuple(types)})
