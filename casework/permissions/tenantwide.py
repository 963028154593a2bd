"""Permissions that act on all of a tenant's records, so a role within a narrower scope does not carry them."""

from __future__ import annotations

from sqlalchemy import Connection

from casework.errors import NotPermitted
from casework.model import Principal
from casework.permissions import grants, policy

# Whoever runs commands on this machine holds the store's files and keys; nobody can sign in as it.
CONSOLE = "service:operator"


def require(connection: Connection, principal: Principal, tenant_id: str, permission: str) -> None:
    """Refuse whoever does not hold a permission for the whole tenant; the console of this machine does."""
    if principal.principal_id == CONSOLE:
        return
    reader = grants.current(connection, principal.principal_id)
    if policy.decide(reader, permission, policy.tenant(tenant_id)):
        return
    raise NotPermitted(
        "You hold no role that allows this here. Ask an operations lead.", permission=permission
    )
