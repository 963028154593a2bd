"""The words for where something stands, what can be done to it, and as whom."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a case stands."""

    NEW = "new"
    TRIAGED = "triaged"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DISMISSED = "dismissed"


OPEN_STATES = frozenset({State.NEW, State.TRIAGED, State.IN_PROGRESS, State.WAITING})


class Action(StrEnum):
    """What can be done to a case. From assign to escalate they do not move the state."""

    TRIAGE = "triage"
    START = "start"
    WAIT = "wait"
    RESUME = "resume"
    RESOLVE = "resolve"
    CLOSE = "close"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    ASSIGN = "assign"
    CLAIM = "claim"
    RELEASE = "release"
    TRANSFER = "transfer"
    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    ESCALATE = "escalate"
    RECOVER = "recover"  # the system's own: the exception vanished
    REAPPEAR = "reappear"  # the system's own: it came back


class Role(StrEnum):
    """What a grant makes of a principal within its scope."""

    OPS_LEAD = "ops_lead"
    PLANNER = "planner"
    APPROVER = "approver"
    AUDITOR = "auditor"
    DATA_ENGINEER = "data_engineer"
    CARRIER = "carrier"
    WAREHOUSE = "warehouse"
    CUSTOMER = "customer"
    SERVICE = "service"
    PLATFORM_ADMIN = "platform_admin"


PARTNER_ROLES = frozenset({Role.CARRIER, Role.WAREHOUSE, Role.CUSTOMER})


class DraftKind(StrEnum):
    """What a draft is for."""

    CUSTOMER_UPDATE = "customer_update"
    CARRIER_REQUEST = "carrier_request"
    RECOVERY_RECOMMENDATION = "recovery_recommendation"


class DraftState(StrEnum):
    """Where a draft stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    VOID = "void"


class EffectState(StrEnum):
    """Where an outgoing effect stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    APPLIED = "applied"
    VERIFIED = "verified"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    NEEDS_HUMAN = "needs_human"
    DEAD = "dead"
