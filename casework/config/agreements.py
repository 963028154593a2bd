"""What a tenant agreed with a customer, on a lane or for a service: what lateness costs, and when is on time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import Field, model_validator

from casework.config.strict import Strict

SCOPE = ("customer_id", "origin_facility_id", "destination_facility_id", "service_level")


class ServiceAgreement(Strict):
    """One agreement; for whatever its scope names together, in force on whole days of UTC, the last one not included.

    A customer's goes before a lane's, a lane's before a service's. What it does not say, the tenant's tariff and
    thresholds do.
    """

    name: str = Field(min_length=1, max_length=120)
    customer_id: str | None = None
    origin_facility_id: str | None = None
    destination_facility_id: str | None = None
    service_level: str | None = None
    in_force_from: date
    in_force_until: date | None = None
    penalty_per_day: float | None = Field(default=None, ge=0)
    penalty_cap: float | None = Field(default=None, ge=0)
    otif_early_hours: float | None = Field(default=None, ge=0)
    otif_late_hours: float | None = Field(default=None, ge=0)
    otif_short_share: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _says_something_of_something(self) -> ServiceAgreement:
        if not any(self.scope):
            raise ValueError(
                f"agreement {self.name} names no customer, lane or service; the tariff is for all"
            )
        if (self.origin_facility_id is None) != (self.destination_facility_id is None):
            raise ValueError(f"agreement {self.name} names one end of a lane; name both")
        if (self.penalty_per_day is None) != (self.penalty_cap is None):
            raise ValueError(f"agreement {self.name} needs penalty_per_day and penalty_cap, or neither")
        if self.in_force_until is not None and self.in_force_until <= self.in_force_from:
            raise ValueError(f"agreement {self.name} ends before it begins")
        return self

    @property
    def scope(self) -> tuple[str | None, ...]:
        """What it is for."""
        return tuple(getattr(self, name) for name in SCOPE)

    def is_in_force_with(self, other: ServiceAgreement) -> bool:
        """Say whether there is a day on which both are in force."""
        return self.in_force_from < (other.in_force_until or date.max) and other.in_force_from < (
            self.in_force_until or date.max
        )

    def told(self, tenant_id: str) -> dict[str, Any]:
        """Return its row of raw.service_agreements."""
        row = self.model_dump(exclude={"name", "in_force_from", "in_force_until"})
        return {
            "tenant_id": tenant_id,
            "agreement_name": self.name,
            **row,
            "in_force_from": _first_moment(self.in_force_from),
            "in_force_until": _first_moment(self.in_force_until) if self.in_force_until else None,
        }


def check_distinct(agreements: tuple[ServiceAgreement, ...]) -> None:
    """Raise ValueError where two have one name, or say different things of the same scope on the same day."""
    seen: list[ServiceAgreement] = []
    for one in agreements:
        for other in seen:
            if one.name == other.name:
                raise ValueError(f"two agreements are named {one.name}")
            if one.scope == other.scope and one.is_in_force_with(other):
                raise ValueError(
                    f"agreements {other.name} and {one.name} are for the same, and in force at once"
                )
        seen.append(one)


def _first_moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
