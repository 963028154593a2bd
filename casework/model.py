"""The nouns of casework: what passes through its doors. Frozen values, no behaviour, no storage.

Instants are aware UTC. Money is `Decimal` with two places beside a `currency_code`; `None` in a money
field means that the reader may not see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict

from casework.canonical import canonical_bytes, canonical_sha256

if TYPE_CHECKING:
    from casework.clocks import ClockReading
    from casework.priority import RankedPart
    from casework.standing import Standing
    from casework.time_to_act import WaitingCost


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


# --- who ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within a scope; `None` in a scope field means any within the tenant."""

    tenant_id: str
    role: Role
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    exception_types: tuple[str, ...] | None = None
    case_id: str | None = None
    permissions: frozenset[str] | None = None  # only these of the role's; None means all of them
    approve_up_to: Decimal | None = None  # what may be at stake where this role approves


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, a service, a partner, a link or a key. Its grants are read again from the store in every call."""

    principal_id: str
    kind: str
    login: str
    display_name: str
    grants: tuple[Grant, ...] = ()
    visit_id: str | None = None  # which opening of a link this is

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants this principal holds any role in, in name order."""
        return tuple(sorted({grant.tenant_id for grant in self.grants}))


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account made at bootstrap; the password is shown once and stored nowhere."""

    login: str
    display_name: str
    password: str
    roles: str


@dataclass(frozen=True, slots=True)
class Contact:
    """An address a tenant may write to."""

    party_id: str
    channel: Literal["mail", "webhook"]
    party_role: str  # customer | carrier | vendor | team
    party_name: str
    address: str
    is_verified: bool


# --- what was found -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a case, with the mart it came from and the source row behind it."""

    fact_id: str
    label: str
    value: Any
    type: str  # instant | money | text | number | probability | date
    source: str  # mart:key
    file_sha256: str | None = None
    row_number: int | None = None


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """One row of fct_exceptions: what a rule or the model found, and what it may cost."""

    tenant_id: str
    exception_key: str
    exception_type: str
    subject_type: str
    subject: str
    detected_at: datetime
    severity: str
    expected_loss: Decimal
    sla_penalty_amount: Decimal
    revenue_amount: Decimal
    inventory_amount: Decimal
    customer_tier_amount: Decimal
    currency_code: str
    shipment_id: str | None = None
    parent_exception_key: str | None = None
    due_at: datetime | None = None
    predicted_at: datetime | None = None
    late_probability: float | None = None
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    customer_tier: str | None = None
    assumption: str | None = None
    facts: tuple[Fact, ...] = ()
    documents: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """The build of the warehouse that stated the exceptions."""

    publication_id: str
    dagster_run_id: str | None = None
    dbt_invocation_id: str | None = None
    model_versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did: counts of cases, and of drafts written for them."""

    opened: int
    updated: int
    recovered: int
    unchanged: int
    reappeared: int = 0
    drafted: int = 0


# --- what a person sees -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case as one reader may see it: the columns of `cases` and the owner's name."""

    tenant_id: str
    case_id: str
    exception_key: str
    exception_type: str
    subject_type: str
    subject: str
    shipment_id: str | None
    parent_case_id: str | None
    state: State
    is_open: bool
    is_present: bool  # the exception stands in the latest publication
    severity: str | None
    owner: str | None
    owner_name: str | None
    team: str | None
    customer_id: str | None
    carrier_id: str | None
    facility_id: str | None
    customer_tier: str | None
    late_probability: float | None
    predicted_at: datetime | None
    due_at: datetime | None
    expected_loss: Decimal | None
    sla_penalty_amount: Decimal | None
    revenue_amount: Decimal | None
    inventory_amount: Decimal | None
    customer_tier_amount: Decimal | None
    currency_code: str
    assumption: str | None
    detected_at: datetime
    opened_at: datetime
    first_response_due_at: datetime | None
    first_response_at: datetime | None
    resolution_due_at: datetime | None
    waiting_since: datetime | None
    waiting_until: datetime | None
    waiting_for: str | None  # the event that ends the wait before its time
    acknowledged_until: datetime | None
    acknowledged_by: str | None
    resolution_code: str | None
    root_cause_code: str | None
    closed_at: datetime | None
    version: int
    facts_version: int
    facts_sha256: str
    publication_id: str
    updated_at: datetime
    merged_into: str | None = None
    flapping_until: datetime | None = None
    ranked_amount: Decimal | None = (
        None  # the parts of the loss, each times its weight: what the queue goes by
    )
    weights_version: int | None = None
    penalty_per_day: Decimal | None = None


class Paragraph(TypedDict):
    """One paragraph of a draft and the facts it rests on."""

    text: str
    fact_ids: list[str]


class Option(TypedDict):
    """One way out, costed, with the facts it rests on."""

    option_id: str
    title: str
    cost: str
    effect: str
    fact_ids: list[str]
    is_recommended: bool


class DraftContent(TypedDict):
    """What a draft says, as it is stored, shown and edited (`casework.drafting.content` reads and writes it).

    `generator` is `template:<id>`, `model:<name>` or `person:<principal_id>`.
    """

    kind: str
    subject: str
    paragraphs: list[Paragraph]
    options: list[Option]
    generator: str
    generator_reason: NotRequired[str]
    warnings: NotRequired[list[str]]  # sentences for the approver, part of what is approved


# Whom a kind of draft is written to; internal drafts leave for nobody.
AUDIENCES: dict[str, Literal["customer", "carrier", "internal"]] = {
    DraftKind.CUSTOMER_UPDATE: "customer",
    DraftKind.CARRIER_REQUEST: "carrier",
    DraftKind.RECOVERY_RECOMMENDATION: "internal",
}


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """Exactly what would leave, for one recipient. `canonical_bytes` is what an approval binds."""

    target: Literal["mail", "portal_webhook"]
    address: str
    party_id: str
    subject: str
    body: str
    payload: dict[str, Any]

    @property
    def canonical_bytes(self) -> bytes:
        """The bytes that are hashed into an approval."""
        return canonical_bytes(self)

    @property
    def sha256(self) -> str:
        """The hash of this one message; equals the effect's `payload_sha256`."""
        return canonical_sha256(self)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft in its current version, as it would leave now."""

    draft_id: str
    case_id: str
    kind: DraftKind
    state: DraftState
    version: int
    content: DraftContent
    content_sha256: str  # of the content and the messages as rendered now: what `approve` must be given
    messages: tuple[RenderedMessage, ...]
    facts_version: int
    is_stale: bool  # the case's facts moved on after this version was written
    author: str
    created_at: datetime
    approval: Approval | None = None
    standing: Standing | None = None  # what its tier asks, who gave it, who still could


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's decision on exact content; `signed` is an approval that others have to join first."""

    approval_id: str
    draft_id: str
    draft_version: int
    case_id: str
    decision: Literal["approved", "rejected", "signed"]
    approver: str
    content_sha256: str
    recipients: tuple[dict[str, Any], ...]  # channel, address, party_id, sha256
    facts_version: int
    decided_at: datetime
    expires_at: datetime
    reason: str | None
    effect_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectView:
    """One thing that must leave, and how far it came."""

    effect_id: str
    case_id: str
    approval_id: str | None
    target: str
    recipient: str
    idempotency_key: str
    payload: dict[str, Any]
    payload_sha256: str
    facts_version: int
    state: EffectState
    attempts: int
    available_at: datetime
    receipt: dict[str, Any] | None
    last_error: str | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message in or out, or a note."""

    message_id: str
    case_id: str
    direction: str  # out | in | note
    channel: str
    party_id: str | None
    address: str | None
    subject: str | None
    body: str
    effect_id: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class EscalationView:
    """One step of an escalation policy for one case."""

    escalation_id: str
    rule: str
    step: int
    due_at: datetime
    state: str  # due | fired | cancelled
    fired_at: datetime | None
    details: dict[str, Any]
    clock: str | None = None  # the clock it counts on
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to a case, in the past tense."""

    sequence: int
    fact: str
    actor: str
    actor_name: str
    occurred_at: datetime
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of a tenant's audit chain."""

    sequence: int
    occurred_at: datetime
    actor: str
    action: str
    case_id: str | None
    object_id: str | None
    payload: dict[str, Any]
    payload_sha256: str
    previous_hash: str
    entry_hash: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the current facts come from."""

    publication_id: str
    dagster_run_id: str | None
    dbt_invocation_id: str | None
    model_versions: dict[str, str]
    files: tuple[dict[str, Any], ...]  # file_sha256, row_numbers


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything about one case that one reader may see."""

    case: CaseView
    facts: tuple[Fact, ...]
    documents: tuple[dict[str, Any], ...]
    lineage: Lineage | None
    drafts: tuple[DraftView, ...] = ()
    messages: tuple[MessageView, ...] = ()
    effects: tuple[EffectView, ...] = ()
    escalations: tuple[EscalationView, ...] = ()
    clocks: tuple[ClockReading, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    siblings: tuple[CaseView, ...] = ()  # other cases of the same shipment
    children: tuple[CaseView, ...] = ()  # cases of this parent incident
    parent: CaseView | None = None
    merged: tuple[CaseView, ...] = ()  # cases that were merged into this one
    ranking: tuple[RankedPart, ...] = ()  # the parts of the loss, each times its weight
    waiting: WaitingCost | None = None  # what waiting until the next shift costs; None for a case that ended
    possible_actions: tuple[Action, ...] = ()  # by life cycle and by the reader's grants

    @property
    def timeline_facts(self) -> tuple[Fact, ...]:
        """The facts that are instants, in time order."""
        dated = [fact for fact in self.facts if fact.type == "instant" and fact.value]
        return tuple(sorted(dated, key=lambda fact: str(fact.value)))


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What to show of the queue. Empty tuples and None mean any."""

    states: tuple[State, ...] = ()
    exception_types: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owner: str | None = None  # principal_id, or "-" for unassigned
    team: str | None = None  # or "-" for none
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    parent_case_id: str | None = None
    search: str = ""
    is_awaiting_approval: bool | None = None
    response_due_before: datetime | None = None  # unanswered and due before this instant
    opened_since: datetime | None = None
    include_closed: bool = False
    include_merged: bool = False  # cases merged into another are worked there, so the queue leaves them out
    sort: Literal["ranked", "waiting"] = "ranked"  # or by what waiting until the next shift costs
    limit: int = 50
    after: str | None = None  # the `next` of the page before; the first page when not given


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the queue, and what the whole answer holds.

    Where `is_exact` is False there is more than could be counted at once: total, facets and loss are the least
    they can be. The 500 most frequent values of a facet are given.
    """

    cases: tuple[CaseView, ...]
    total: int
    facets: dict[str, dict[str, int]]  # exception_type, state, severity, owner, team, customer_id, …
    total_expected_loss: Decimal | None
    currency_code: str | None
    is_exact: bool = True
    next: str | None = None  # to ask for the page after this one; None on the last page
    waiting: Mapping[str, WaitingCost | None] = field(default_factory=dict)  # by case; empty for partners


# --- what arrived -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clock:
    """A tenant's feed time."""

    tenant_id: str
    mode: Literal["replay", "live"]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One row that its feed's contract refused."""

    quarantine_id: str
    feed: str
    file_sha256: str
    file_name: str
    row_number: int
    column_name: str | None
    rule: str
    message: str
    raw: str
    values: dict[str, Any] | None
    state: str  # quarantined | corrected | replayed | ignored
    corrected_values: dict[str, Any] | None
    corrected_by: str | None
    corrected_at: datetime | None
    quarantined_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of quarantined rows, counts by feed and rule over all of them."""

    rows: tuple[QuarantinedRow, ...]
    total: int
    facets: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class CheckView:
    """The latest result of one check of one feed."""

    check_name: str
    passed: bool
    description: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How one feed of one tenant stands."""

    feed: str
    files: int
    files_waiting: int
    files_refused: int
    rows: int
    loaded: int
    quarantined: int
    duplicates: int
    quarantined_open: int  # rows still waiting for a correction or a decision
    duplicate_files: int
    last_landed_at: datetime | None  # desk time
    last_recorded_at: datetime | None  # feed time
    last_error: str | None
    checks: tuple[CheckView, ...]


# --- what others plug in ------------------------------------------------------------------------------------


class Drafting(Protocol):
    """Writes and renders drafts. `draft` may be slow and is never called inside a transaction."""

    def draft(self, kind: DraftKind, detail: CaseDetail) -> DraftContent:
        """Return a draft from the facts of one case; never raises for want of facts."""
        ...

    def edited(self, content: Mapping[str, Any], detail: CaseDetail, principal_id: str) -> DraftContent:
        """Return a person's edit as it may be stored; raise `DraftRefused` when it may not."""
        ...

    def render(self, content: DraftContent, case: CaseView, contact: Contact) -> RenderedMessage:
        """Return exactly what would leave for one contact; the same input gives the same bytes."""
        ...
