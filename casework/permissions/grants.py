"""Who somebody is and what they hold, read in every call, so a revocation acts on the next one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from casework.errors import NotPermitted
from casework.model import Grant, Principal, Role
from casework.store.tables import grants, principals

# Read in every call, so built once.
HELD = (
    select(
        principals.c.principal_id,
        principals.c.kind,
        principals.c.login,
        principals.c.display_name,
        *[column.label(f"grant_{column.name}") for column in grants.c],
    )
    .select_from(
        principals.outerjoin(
            grants, (grants.c.principal_id == principals.c.principal_id) & grants.c.revoked_at.is_(None)
        )
    )
    .where(principals.c.principal_id == bindparam("who"), principals.c.is_active)
    .order_by(grants.c.grant_id)
)
NAMES = select(principals.c.principal_id, principals.c.display_name)
NAME = select(principals.c.display_name).where(principals.c.principal_id == bindparam("who"))


def current(connection: Connection, principal_id: str) -> Principal:
    """Return a principal with the grants that stand now; raise `NotPermitted` when it may not act at all."""
    rows = connection.execute(HELD, {"who": principal_id}).mappings().all()
    if not rows:
        raise NotPermitted("This account is not active. Ask your administrator.", principal_id=principal_id)
    held = tuple(_grant(row) for row in rows if row["grant_grant_id"] is not None)
    first = rows[0]
    return Principal(principal_id, first["kind"], first["login"], first["display_name"], held)


def _grant(row: Any) -> Grant:
    types = row["grant_exception_types"]
    return Grant(
        tenant_id=row["grant_tenant_id"],
        role=Role(row["grant_role"]),
        customer_id=row["grant_customer_id"],
        carrier_id=row["grant_carrier_id"],
        facility_id=row["grant_facility_id"],
        exception_types=None if types is None else tuple(types),
    )


def names(connection: Connection) -> dict[str, str]:
    """Return principal_id -> name, of everybody."""
    return {row.principal_id: row.display_name for row in connection.execute(NAMES)}


def name_of(connection: Connection, principal_id: str | None) -> dict[str, str]:
    """Return principal_id -> name of one principal, which is all that the view of one case needs."""
    if principal_id is None:
        return {}
    name = connection.scalar(NAME, {"who": principal_id})
    return {} if name is None else {principal_id: name}
