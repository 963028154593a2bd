"""What is configured for one tenant: its clock, tariff, rule overrides, contacts, teams and calendars."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from casework.config.agreements import FreeTime, ServiceAgreement, check_distinct
from casework.config.approval import ApprovalRules
from casework.config.calendar import CalendarChoice, Zone
from casework.config.escalation import EscalationRule
from casework.config.metering import Metering
from casework.config.priority import PriorityRules
from casework.config.strict import Strict as _Strict


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


class OnCallPerson(_Strict):
    """Somebody in a rotation, and the address that wakes them."""

    login: str
    mail: str


class OnCall(_Strict):
    """Who is on call: the rotation in order, in shifts counted from an anchor on the zone's own clocks."""

    zone: Zone
    anchor: AwareDatetime
    shift_hours: int = Field(gt=0, le=24 * 28)
    rotation: tuple[OnCallPerson, ...] = Field(min_length=1)


class Team(_Strict):
    """An internal team that escalations reach: its mailbox, its endpoint, its quiet hours, who is on call."""

    mail: str
    webhook: str | None = None
    calendar: str | None = None  # whose quiet hours hold for the team
    on_call: OnCall | None = None

    @field_validator("webhook")
    @classmethod
    def _is_https(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("https://"):
            raise ValueError("a team's endpoint is an https address")
        return value


class LinkRules(_Strict):
    """Who of the tenant may let a partner in by a link, and for how long at most."""

    made_by: tuple[Literal["ops_lead", "planner"], ...] = ("ops_lead",)
    longest_days: int = Field(default=30, gt=0, le=365)


class TenantConfig(_Strict):
    """One tenant."""

    tenant_id: str
    tenant_name: str
    currency_code: str = Field(pattern="^[A-Z]{3}$")
    as_of: AwareDatetime
    mode: Literal["replay", "live"]
    case_prefix: str = Field(pattern="^[A-Z]{1,6}$")  # a case's number tells its tenant: H-000123
    tariff: Tariff
    agreements: tuple[ServiceAgreement, ...] = ()
    free_time: tuple[FreeTime, ...] = ()
    rules: dict[str, RuleOverride] = {}
    contacts: dict[str, ContactPattern] = {}
    teams: dict[str, Team] = {}
    calendars: CalendarChoice = CalendarChoice()
    escalation: dict[str, EscalationRule | None] = {}  # rules of its own; null switches one off
    next_update_minutes: dict[str, int] = {}  # by customer tier; before the catalogue's
    handover_minutes: int = Field(default=30, gt=0)  # then the lead hears that nobody accepted it
    links: LinkRules = LinkRules()
    approval: ApprovalRules = ApprovalRules()
    priority: PriorityRules = PriorityRules()
    metering: Metering = Metering()

    @model_validator(mode="after")
    def _agreements_say_one_thing(self) -> TenantConfig:
        check_distinct(self.agreements)
        check_distinct(self.free_time)
        return self

    @model_validator(mode="after")
    def _somebody_hears_of_budgets(self) -> TenantConfig:
        if self.metering.tells not in self.teams:
            raise ValueError(f"metering.tells names the unknown team {self.metering.tells}")
        return self
