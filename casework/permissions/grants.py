"""Who somebody is and what they hold, read in every call, so a revocation acts on the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from casework.errors import NotPermitted
from casework.model import Grant, Principal, Role
from casework.permissions import visitors
from casework.store.tables import grants, principals

# Read in every call, so built once, and no wider than what a `Grant` says.
SAID = (
    *("grant_id", "tenant_id", "role", "customer_id", "carrier_id", "facility_id", "exception_types"),
    "approve_up_to",
)
HELD = select(
    principals.c.principal_id,
    principals.c.kind,
    principals.c.login,
    principals.c.display_name,
    *[grants.c[name].label(f"grant_{name}") for name in SAID],
).select_from(
    principals.outerjoin(
        grants, (grants.c.principal_id == principals.c.principal_id) & grants.c.revoked_at.is_(None)
    )
)
OF_ONE = HELD.where(principals.c.principal_id == bindparam("who"), principals.c.is_active).order_by(
    grants.c.grant_id
)
NAMES = select(principals.c.principal_id, principals.c.display_name)
NAME = select(principals.c.display_name).where(principals.c.principal_id == bindparam("who"))


def current(connection: Connection, principal_id: str) -> Principal:
    """Return a principal with the grants that stand now; raise `NotPermitted` when it may not act at all."""
    kind, _, number = principal_id.partition(":")
    if kind in visitors.READERS:
        return visitors.READERS[kind](connection, number)
    rows = connection.execute(OF_ONE, {"who": principal_id}).mappings().all()
    if not rows:
        raise NotPermitted("This account is not active. Ask your administrator.", principal_id=principal_id)
    return _principal(rows)


def of_tenant(connection: Connection, tenant_id: str) -> dict[str, Principal]:
    """Return principal_id -> everybody active who holds a role in a tenant, with the grants there."""
    query = HELD.where(grants.c.tenant_id == tenant_id, principals.c.is_active)
    ordered = query.order_by(principals.c.display_name, principals.c.principal_id, grants.c.grant_id)
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(ordered).mappings():
        found.setdefault(row["principal_id"], []).append(row)
    return {principal_id: _principal(rows) for principal_id, rows in found.items()}


def _principal(rows: Sequence[RowMapping]) -> Principal:
    held = tuple(grant_of(row) for row in rows if row["grant_grant_id"] is not None)
    first = rows[0]
    return Principal(first["principal_id"], first["kind"], first["login"], first["display_name"], held)


def grant_of(row: Any) -> Grant:
    """Return the grant in a row whose columns of `grants` are named `grant_...`."""
    types = row["grant_exception_types"]
    return Grant(
        tenant_id=row["grant_tenant_id"],
        role=Role(row["grant_role"]),
        customer_id=row["grant_customer_id"],
        carrier_id=row["grant_carrier_id"],
        facility_id=row["grant_facility_id"],
        exception_types=None if types is None else tuple(types),
        approve_up_to=row["grant_approve_up_to"],
    )


def names(connection: Connection, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name, of every account and of a tenant's links."""
    accounts = {row.principal_id: row.display_name for row in connection.execute(NAMES)}
    return accounts | visitors.names(connection, tenant_id)


def name_of(connection: Connection, principal_id: str | None) -> dict[str, str]:
    """Return principal_id -> name of one principal, which is all that the view of one case needs."""
    if principal_id is None:
        return {}
    name = connection.scalar(NAME, {"who": principal_id})
    return {} if name is None else {principal_id: name}
