"""Who may approve what is said of a case: from grants, value bands and rights that were lent, read afresh.

A right is a role over a case up to an amount. One that was lent is the lender's own, as it stands now, within
what was lent; it cannot be lent on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from casework.config import Config
from casework.errors import NotPermitted
from casework.model import Grant, Principal, Role
from casework.permissions import grants
from casework.permissions.policy import carries
from casework.permissions.scope import PARTY_COLUMNS, Scope, reach_of
from casework.store.tables import Values, delegations


@dataclass(frozen=True, slots=True)
class Right:
    """One way in which a person may approve for a case."""

    role: Role
    up_to: Decimal | None = None  # None: whatever is at stake
    on_behalf_of: str | None = None  # whose right it is, where it was lent
    delegation_id: str | None = None

    def reaches(self, exposure: Decimal) -> bool:
        """Whether so much at stake lies within the value band."""
        return self.up_to is None or exposure <= self.up_to


def own_rights(principal: Principal, case: Values, config: Config) -> tuple[Right, ...]:
    """Return what a person's own grants give them over a case."""
    found = (_right(grant, case, config) for grant in principal.grants)
    return tuple(right for right in found if right is not None)


def _right(grant: Grant, case: Values, config: Config) -> Right | None:
    if grant.tenant_id != case["tenant_id"]:
        return None
    limit = config.tenants[grant.tenant_id].approval.limits.get(grant.role)
    bands = [band for band in (grant.approve_up_to, limit) if band is not None]
    is_limited = carries(grant, "draft:approve_within") and bool(bands)
    if not carries(grant, "draft:approve") and not is_limited:
        return None
    reach = reach_of(grant, config)
    if reach is None or not Scope(grant.tenant_id, ((grant.role, reach),)).covers(case):
        return None
    return Right(grant.role, min(bands, default=None))


def rights(
    connection: Connection, principal: Principal, case: Values, config: Config, now: datetime
) -> tuple[Right, ...]:
    """Return every right of a person over a case, their own before those lent to them."""
    query = lent_now(case["tenant_id"], now).where(delegations.c.to_principal == principal.principal_id)
    found = own_rights(principal, case, config)
    for lent in connection.execute(query).mappings():
        try:
            lender = grants.current(connection, lent["from_principal"])
        except NotPermitted:
            continue
        found += lent_rights(lent, lender, case, config)
    return found


def lent_now(tenant_id: str, now: datetime) -> Select[Any]:
    """Return the query of the delegations of a tenant that stand now."""
    return (
        select(delegations)
        .where(
            delegations.c.tenant_id == tenant_id,
            delegations.c.revoked_at.is_(None),
            delegations.c.starts_at <= now,
            delegations.c.ends_at > now,
        )
        .order_by(delegations.c.delegation_id)
    )


def lent_rights(lent: Values, lender: Principal, case: Values, config: Config) -> tuple[Right, ...]:
    """Return what a delegation makes of the lender's own rights over a case."""
    if any(lent[column] not in (None, case[column]) for column in PARTY_COLUMNS):
        return ()
    if lent["exception_types"] is not None and case["exception_type"] not in lent["exception_types"]:
        return ()
    return tuple(
        Right(right.role, lower(right.up_to, lent["up_to"]), lender.principal_id, lent["delegation_id"])
        for right in own_rights(lender, case, config)
    )


def lower(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the lower of two bands, where None is no limit."""
    return min((band for band in (one, other) if band is not None), default=None)


def everybody(
    connection: Connection, case: Values, config: Config, now: datetime
) -> dict[str, tuple[Right, ...]]:
    """Return principal_id -> rights over a case, of everybody who has any, in order of their names."""
    people = grants.of_tenant(connection, case["tenant_id"])
    lent = connection.execute(lent_now(case["tenant_id"], now)).mappings().all()
    found = {name: own_rights(person, case, config) for name, person in people.items()}
    for name in people:
        found[name] += _lent_to(name, lent, people, case, config)
    return {name: held for name, held in found.items() if held}


def _lent_to(
    name: str, lent: Sequence[RowMapping], people: Mapping[str, Principal], case: Values, config: Config
) -> tuple[Right, ...]:
    return tuple(
        right
        for row in lent
        if row["to_principal"] == name and row["from_principal"] in people
        for right in lent_rights(row, people[row["from_principal"]], case, config)
    )
