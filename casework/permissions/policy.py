"""Roles to permissions: `resource:action`. What is not in the table is denied."""

from __future__ import annotations

from casework.model import PARTNER_ROLES, Action, Grant, Role

CASE_ACTIONS = frozenset(
    f"case:{action}" for action in Action if action not in (Action.RECOVER, Action.REAPPEAR)
)
EVERY_DRAFT = frozenset({"draft:edit", "draft:approve", "draft:reject"})
# A case with no detector behind it; several cases that are one.
OPENING = frozenset({"case:open", "case:merge"})
# Letting somebody in without an account. Whether a planner may is for the tenant's configuration to say.
LINKING = frozenset({"link:create", "link:read", "link:revoke"})
READ_ALL = frozenset({"case:read", "feed:read", "quarantine:read", "evidence:export"})

PERMITTED: dict[Role, frozenset[str]] = {
    Role.OPS_LEAD: CASE_ACTIONS
    | OPENING
    | EVERY_DRAFT
    | READ_ALL
    | LINKING
    | {"audit:read", "quarantine:correct", "record:hold", "record:erase", "event:read"},
    Role.PLANNER: CASE_ACTIONS | OPENING | READ_ALL | LINKING | {"draft:edit", "draft:reject"},
    Role.APPROVER: READ_ALL | EVERY_DRAFT | {"case:comment", "case:escalate"},
    Role.AUDITOR: READ_ALL | {"audit:read", "record:hold", "event:read", "link:read"},
    Role.DATA_ENGINEER: frozenset({"feed:read", "quarantine:read", "quarantine:correct"}),
    Role.CARRIER: frozenset({"case:read", "case:comment"}),
    Role.WAREHOUSE: frozenset({"case:read", "case:comment"}),
    Role.CUSTOMER: frozenset({"case:read", "case:comment"}),
    Role.SERVICE: READ_ALL | {"event:read"},
    Role.PLATFORM_ADMIN: frozenset({"account:manage", "clock:set", "feed:read"}),
}


def allows(role: Role, permission: str) -> bool:
    """Tell whether a role carries a permission; an unknown role or permission carries nothing."""
    return permission in PERMITTED.get(role, frozenset())


def carries(grant: Grant, permission: str) -> bool:
    """Tell whether a grant carries a permission: its role does, and it was not narrowed to others."""
    is_kept = grant.permissions is None or permission in grant.permissions
    return is_kept and allows(grant.role, permission)


def is_partner(role: Role) -> bool:
    """Tell whether a role belongs to somebody outside the tenant."""
    return role in PARTNER_ROLES
