"""One case as one reader may see it, and everything that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from casework.model.drafts import DraftView
from casework.model.found import Fact
from casework.model.states import Action, EffectState, State

if TYPE_CHECKING:
    from casework.deadlines.clocks import ClockReading
    from casework.ranking.priority import RankedPart
    from casework.ranking.time_to_act import WaitingCost


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
