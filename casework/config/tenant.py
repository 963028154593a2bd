"""What is configured for one tenant: its clock, tariff, rule overrides, contacts and teams."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tariff(_Strict):
    """What lateness costs where no commitment says it; the assumption is shown beside every figure."""

    penalty_basis: Literal["per_shipment", "share_of_value"]
    penalty_per_day: float = Field(ge=0)
    penalty_cap: float = Field(ge=0)
    penalty_share_per_day: float = Field(ge=0, le=1)
    penalty_cap_share: float = Field(ge=0, le=1)
    revenue_share: float = Field(ge=0, le=1)
    tier_weight_gold: float = Field(ge=0)
    tier_weight_silver: float = Field(ge=0)
    tier_weight_bronze: float = Field(ge=0)
    default_tier: Literal["gold", "silver", "bronze"]
    shipment_value_default: float = Field(ge=0)
    assumption: str


class RuleOverride(_Strict):
    """A tenant's own thresholds for one exception type."""

    is_enabled: bool = True
    thresholds: dict[str, float] = {}


class ContactPattern(_Strict):
    """How a party of one role is reached when master data names no address; `{party_id}` is filled in."""

    mail: str | None = None
    webhook: str | None = None


class Team(_Strict):
    """An internal team that escalations notify."""

    mail: str


class TenantConfig(_Strict):
    """One tenant."""

    tenant_id: str
    tenant_name: str
    currency_code: str = Field(pattern="^[A-Z]{3}$")
    as_of: AwareDatetime
    mode: Literal["replay", "live"]
    case_prefix: str = Field(pattern="^[A-Z]{1,6}$")  # a case's number tells its tenant: H-000123
    tariff: Tariff
    rules: dict[str, RuleOverride] = {}
    contacts: dict[str, ContactPattern] = {}
    teams: dict[str, Team] = {}
    four_eyes_above: Decimal  # from this expected loss on, nobody approves an own edit
    handover_minutes: int = Field(default=30, gt=0)  # then the lead hears that nobody accepted it
    approval_hours: int = Field(default=24, gt=0)
