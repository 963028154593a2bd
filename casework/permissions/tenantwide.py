"""Permissions that act on all of a tenant's records, so a role within a narrower scope does not carry them."""

from __future__ import annotations

from sqlalchemy import Connection

from casework.errors import NotPermitted
from casework.model import Principal
from casework.permissions import grants
from casework.permissions.policy import carries

# Whoever runs commands on this machine holds the store's files and keys; nobody can sign in as it.
CONSOLE = "service:operator"


def require(connection: Connection, principal: Principal, tenant_id: str, permission: str) -> None:
    """Refuse whoever does not hold a permission for the whole tenant; the console of this machine does."""
    if principal.principal_id == CONSOLE:
        return
    reader = grants.current(connection, principal.principal_id)
    for grant in reader.grants:
        scoped = (
            grant.customer_id,
            grant.carrier_id,
            grant.facility_id,
            grant.exception_types,
            grant.case_id,
        )
        is_whole = all(part is None for part in scoped)
        if grant.tenant_id == tenant_id and is_whole and carries(grant, permission):
            return
    raise NotPermitted(
        "You hold no role that allows this here. Ask an operations lead.", permission=permission
    )
