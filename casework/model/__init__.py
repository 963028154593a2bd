"""The nouns of casework: what passes through its doors. Frozen values, no behaviour, no storage.

Instants are aware UTC. Money is `Decimal` with two places beside a `currency_code`; `None` in a money
field means that the reader may not see it.
"""

from casework.model.case import (
    AuditEntry,
    CaseDetail,
    CaseView,
    EffectView,
    EscalationView,
    HistoryEntry,
    Lineage,
    MessageView,
)
from casework.model.drafts import (
    AUDIENCES,
    Approval,
    DraftContent,
    Drafting,
    DraftView,
    Option,
    Paragraph,
    RenderedMessage,
)
from casework.model.feeds import CheckView, Clock, FeedHealth, QuarantinedRow, QuarantinePage
from casework.model.found import ExceptionRecord, Fact, Publication, SyncResult
from casework.model.pages import QueueFilter, QueuePage
from casework.model.states import (
    OPEN_STATES,
    PARTNER_ROLES,
    Action,
    DraftKind,
    DraftState,
    EffectState,
    Role,
    State,
)
from casework.model.who import Contact, Grant, NewAccount, Principal

__all__ = [
    "AUDIENCES",
    "Action",
    "Approval",
    "AuditEntry",
    "CaseDetail",
    "CaseView",
    "CheckView",
    "Clock",
    "Contact",
    "DraftContent",
    "DraftKind",
    "DraftState",
    "DraftView",
    "Drafting",
    "EffectState",
    "EffectView",
    "EscalationView",
    "ExceptionRecord",
    "Fact",
    "FeedHealth",
    "Grant",
    "HistoryEntry",
    "Lineage",
    "MessageView",
    "NewAccount",
    "OPEN_STATES",
    "Option",
    "PARTNER_ROLES",
    "Paragraph",
    "Principal",
    "Publication",
    "QuarantinePage",
    "QuarantinedRow",
    "QueueFilter",
    "QueuePage",
    "RenderedMessage",
    "Role",
    "State",
    "SyncResult",
]
