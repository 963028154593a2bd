"""What the warehouse states: exceptions, their facts, and the build that stated them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


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
