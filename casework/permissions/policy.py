"""Roles to permissions: `resource:action`. What is not in the table is denied."""

from __future__ import annotations

from casework.model import PARTNER_ROLES, Action, Role

CASE_ACTIONS = frozenset(
    f"case:{action}" for action in Action if action not in (Action.RECOVER, Action.REAPPEAR)
)
EVERY_DRAFT = frozenset({"draft:edit", "draft:approve", "draft:reject"})
# A case with no detector behind it; several cases that are one.
OPENING = frozenset({"case:open", "case:merge"})
READ_ALL = frozenset({"case:read", "feed:read", "quarantine:read", "evidence:export"})

PERMITTED: dict[Role, frozenset[str]] = {
    Role.OPS_LEAD: CASE_ACTIONS
    | OPENING
    | EVERY_DRAFT
    | READ_ALL
    | {"audit:read", "quarantine:correct", "record:hold", "record:erase", "event:read", "usage:read"},
    Role.PLANNER: CASE_ACTIONS | OPENING | READ_ALL | {"draft:edit", "draft:reject"},
    Role.APPROVER: READ_ALL | EVERY_DRAFT | {"case:comment", "case:escalate"},
    Role.AUDITOR: READ_ALL | {"audit:read", "record:hold", "event:read", "usage:read"},
    Role.DATA_ENGINEER: frozenset({"feed:read", "quarantine:read", "quarantine:correct"}),
    Role.CARRIER: frozenset({"case:read", "case:comment"}),
    Role.WAREHOUSE: frozenset({"case:read", "case:comment"}),
    Role.CUSTOMER: frozenset({"case:read", "case:comment"}),
    Role.SERVICE: READ_ALL | {"event:read", "usage:read"},
    Role.PLATFORM_ADMIN: frozenset({"account:manage", "clock:set", "feed:read"}),
}


def allows(role: Role, permission: str) -> bool:
    """Tell whether a role carries a permission; an unknown role or permission carries nothing."""
    return permission in PERMITTED.get(role, frozenset())


def is_partner(role: Role) -> bool:
    """Tell whether a role belongs to somebody outside the tenant."""
    return role in PARTNER_ROLES
