"""Configuration as code: the catalogue, tenants, codes, calendars, escalation policies and first accounts.

Read once, at the edge, from the YAML files beside this module (or from another folder of the same shape).
A mistake is a `ConfigError` that names the file and the field.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from casework.canonical import canonical_sha256
from casework.config.calendar import ALWAYS, Calendar
from casework.config.escalation import EscalationPolicy, EscalationRule, EscalationStep, Reminder
from casework.config.retention import Retention
from casework.config.strict import Strict as _Strict
from casework.config.tenant import TenantConfig
from casework.errors import ConfigError
from casework.model import Role

HERE = Path(__file__).parent

__all__ = [
    "Account",
    "AccountGrant",
    "Accounts",
    "Calendar",
    "Codes",
    "Config",
    "EscalationPolicy",
    "EscalationRule",
    "EscalationStep",
    "ExceptionType",
    "RootCause",
    "SessionRules",
    "SignInRules",
    "TenantConfig",
    "load_config",
]


class Flapping(_Strict):
    """When an exception that comes and goes is not believed to be gone: after so many returns within some hours."""

    returns: int = Field(gt=0)
    within_hours: float = Field(gt=0)
    hold_hours: float = Field(gt=0)


class ExceptionType(_Strict):
    """One type of the catalogue: what it means, how fast it must be answered, what to do about it."""

    label: str
    group: str
    is_detected: bool = True  # found by the warehouse; otherwise people open it by hand
    latched: bool
    recovers: bool
    severity_floor: Literal["low", "medium", "high", "critical"]
    owner_role: Role
    first_response_minutes: int = Field(gt=0)
    resolution_minutes: int = Field(gt=0)
    next_update_minutes: int = Field(default=1440, gt=0)  # after one update to the customer, the next
    shared_with: tuple[Literal["customer", "carrier", "warehouse"], ...] = ()
    drafts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    resolution_codes: tuple[str, ...]
    thresholds: dict[str, float] = {}
    flapping: Flapping | None = None
    playbook: str

    @model_validator(mode="after")
    def _latched_types_do_not_recover(self) -> ExceptionType:
        if self.latched and self.recovers:
            raise ValueError(
                "a latched type stays open until a person ends it, so it cannot recover by itself"
            )
        return self


class RootCause(_Strict):
    """Why it happened, and who answers for it."""

    label: str
    responsible_party: str


class Codes(_Strict):
    """Why cases end and why exceptions happen."""

    resolution_codes: dict[str, str]
    root_cause_codes: dict[str, RootCause]


class AccountGrant(_Strict):
    """A role in some tenants, within a scope."""

    tenants: Literal["all"] | tuple[str, ...]
    role: Role
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    exception_types: tuple[str, ...] | None = None
    approve_up_to: Decimal | None = Field(default=None, ge=0)  # where the role approves: up to how much


class Account(_Strict):
    """One of the first accounts."""

    login: str
    display_name: str
    kind: Literal["person", "service", "partner"] = "person"
    grants: tuple[AccountGrant, ...]


class SessionRules(_Strict):
    """How long a session lives."""

    idle_minutes: int = 30
    absolute_hours: int = 12


class SignInRules(_Strict):
    """How many failures a login may have within a window before it must wait."""

    failures_allowed: int = 5
    within_minutes: int = 15


class GuessRules(_Strict):
    """How many unknown links one network address may try within a window before it must wait."""

    unknown_allowed: int = 20
    within_minutes: int = 15


class Accounts(_Strict):
    """The first accounts, and the rules of signing in."""

    accounts: tuple[Account, ...]
    sessions: SessionRules = SessionRules()
    sign_in: SignInRules = SignInRules()
    links: GuessRules = GuessRules()


class Config(_Strict):
    """Everything a tenant's desk is configured with."""

    types: dict[str, ExceptionType]
    codes: Codes
    escalation: EscalationPolicy
    accounts: Accounts
    calendars: dict[str, Calendar]
    tenants: dict[str, TenantConfig]
    retention: Retention
    # The files it was read from, name to text: not part of what it says.
    sources: dict[str, str] = Field(default={}, exclude=True, repr=False)

    _sha256: str | None = PrivateAttr(default=None)

    @property
    def sha256(self) -> str:
        """The hash of everything it says: names a configuration wherever one is recorded."""
        if self._sha256 is None:
            self._sha256 = canonical_sha256(self.model_dump(mode="json"))
        return self._sha256

    @model_validator(mode="after")
    def _names_are_known(self) -> Config:
        for name, kind in self.types.items():
            unknown = set(kind.resolution_codes) - set(self.codes.resolution_codes)
            if unknown:
                raise ValueError(f"type {name} names unknown resolution codes: {', '.join(sorted(unknown))}")
        prefixes = [tenant.case_prefix for tenant in self.tenants.values()]
        if len(prefixes) != len(set(prefixes)):
            raise ValueError("two tenants have the same case_prefix")
        for tenant in self.tenants.values():
            unknown = set(tenant.rules) - set(self.detected_types)
            if unknown:
                raise ValueError(f"tenant {tenant.tenant_id} has rules for unknown types: {unknown}")
        return self

    @property
    def detected_types(self) -> dict[str, ExceptionType]:
        """The types that rules and the model find; the others are opened by people."""
        return {name: kind for name, kind in self.types.items() if kind.is_detected}

    @model_validator(mode="after")
    def _calendars_and_teams_are_known(self) -> Config:
        if ALWAYS not in self.calendars or not self.calendars[ALWAYS].is_always_open:
            raise ValueError(f"the calendar {ALWAYS} must be there and always open")
        for tenant in self.tenants.values():
            named = tenant.calendars.names() | {team.calendar or ALWAYS for team in tenant.teams.values()}
            unknown = ", ".join(sorted(named - set(self.calendars)))
            if unknown:
                raise ValueError(f"tenant {tenant.tenant_id} names unknown calendars: {unknown}")
            for name, rule in self.policy(tenant.tenant_id).rules.items():
                for step in rule.steps:
                    _reaches_somebody(tenant, name, step)
            _reaches_somebody(tenant, "reminder", self.escalation.reminder)
        return self

    def policy(self, tenant_id: str) -> EscalationPolicy:
        """Return a tenant's escalation policy: the common rules with its own in their place."""
        own = self.tenants[tenant_id].escalation
        rules = {name: rule for name, rule in (self.escalation.rules | own).items() if rule is not None}
        return self.escalation.model_copy(update={"rules": rules})

    def exception_rules(self, tenant_id: str) -> list[dict[str, Any]]:
        """Return the rows of raw.exception_rules for one tenant: catalogue thresholds with its overrides.

        What people open by hand has no rule, so the warehouse never hears of it.
        """
        rows = []
        for name, kind in self.detected_types.items():
            override = self.tenants[tenant_id].rules.get(name)
            thresholds = kind.thresholds | (override.thresholds if override else {})
            enabled = override.is_enabled if override else True
            for parameter, value in thresholds.items():
                rows.append(
                    {
                        "tenant_id": tenant_id,
                        "exception_type": name,
                        "parameter": parameter,
                        "value": float(value),
                        "is_enabled": enabled,
                    }
                )
        return rows

    def tariff(self, tenant_id: str) -> dict[str, Any]:
        """Return the row of raw.tenant_tariffs for one tenant."""
        tenant = self.tenants[tenant_id]
        return {
            "tenant_id": tenant_id,
            "currency_code": tenant.currency_code,
            **tenant.tariff.model_dump(),
        }

    def service_agreements(self, tenant_id: str) -> list[dict[str, Any]]:
        """Return the rows of raw.service_agreements for one tenant."""
        return [agreement.told(tenant_id) for agreement in self.tenants[tenant_id].agreements]

    def free_time_terms(self, tenant_id: str) -> list[dict[str, Any]]:
        """Return the rows of raw.free_time_terms for one tenant."""
        return [terms.told(tenant_id) for terms in self.tenants[tenant_id].free_time]

    def shared_types(self, role: str) -> tuple[str, ...]:
        """Return the exception types a partner role may see for its own shipments."""
        return tuple(sorted(name for name, kind in self.types.items() if role in kind.shared_with))


def _reaches_somebody(tenant: TenantConfig, rule: str, step: EscalationStep | Reminder) -> None:
    """Refuse a step that would reach nobody on the day it is needed."""
    team = tenant.teams.get(step.team) if step.team else None
    where = f"the escalation rule {rule} of tenant {tenant.tenant_id}"
    if step.team and team is None:
        raise ValueError(f"{where} names the unknown team {step.team}")
    if step.on_call and (team is None or team.on_call is None):
        raise ValueError(f"{where} wakes whoever is on call in {step.team}, which has no rotation")
    if (
        isinstance(step, EscalationStep)
        and step.action == "webhook"
        and (team is None or team.webhook is None)
    ):
        raise ValueError(f"{where} posts to the endpoint of {step.team}, which has none")


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as problem:
        raise ConfigError(f"The configuration file {path} is missing.", file=str(path)) from problem
    except yaml.YAMLError as problem:
        raise ConfigError(f"{path} is not valid YAML: {problem}", file=str(path)) from problem


def load_config(folder: Path = HERE) -> Config:
    """Read and check every configuration file of a folder; raise `ConfigError` with file and field."""
    tenants = {}
    for path in sorted((folder / "tenants").glob("*.yml")):
        tenants[path.stem] = _checked(TenantConfig, _read(path), path)
        if tenants[path.stem].tenant_id != path.stem:
            raise ConfigError(f"{path}: tenant_id must equal the file's name.", file=str(path))
    parts = {
        "types": (_read(folder / "exceptions.yml") or {}).get("types", {}),
        "codes": _read(folder / "codes.yml"),
        "escalation": _read(folder / "escalation.yml"),
        "accounts": _read(folder / "accounts.yml"),
        "calendars": (_read(folder / "calendars.yml") or {}).get("calendars", {}),
        "tenants": tenants,
        "retention": _read(folder / "retention.yml"),
        "sources": sources(folder),
    }
    return _checked(Config, parts, folder)


def sources(folder: Path) -> dict[str, str]:
    """Return every configuration file of a folder, name to text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.yml"))
    }


def _checked(model: type[Any], values: Any, path: Path) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path}: {field}: {first['msg']}", file=str(path), field=field) from problem
