"""What a tenant agreed: with customers, what lateness costs and when is on time; with terminals and carriers, for how
long a container may stand or stay out, and what it costs after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from casework.config.strict import Strict


class Agreement(Strict):
    """Whatever is agreed under a name, in force on whole days, the last one not included.

    Days are those of UTC; of free time those of the place where the clock starts.
    """

    SCOPE: ClassVar[tuple[str, ...]]

    name: str = Field(min_length=1, max_length=120)
    in_force_from: date
    in_force_until: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Agreement:
        if self.in_force_until is not None and self.in_force_until <= self.in_force_from:
            raise ValueError(f"agreement {self.name} ends before it begins")
        return self

    @property
    def scope(self) -> tuple[str | None, ...]:
        """What it is for."""
        return tuple(getattr(self, name) for name in self.SCOPE)

    def is_in_force_with(self, other: Agreement) -> bool:
        """Say whether there is a day on which both are in force."""
        return self.in_force_from < (other.in_force_until or date.max) and other.in_force_from < (
            self.in_force_until or date.max
        )

    def in_force(self) -> dict[str, datetime | None]:
        """Return the first moments of the days from which and until which it is in force."""
        until = self.in_force_until
        return {
            "in_force_from": _first_moment(self.in_force_from),
            "in_force_until": _first_moment(until) if until else None,
        }


class ServiceAgreement(Agreement):
    """One agreement with a customer, on a lane or for a service; for whatever its scope names together.

    A customer's goes before a lane's, a lane's before a service's. What it does not say, the tenant's tariff and
    thresholds do.
    """

    SCOPE = ("customer_id", "origin_facility_id", "destination_facility_id", "service_level")

    customer_id: str | None = None
    origin_facility_id: str | None = None
    destination_facility_id: str | None = None
    service_level: str | None = None
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
        return self

    def told(self, tenant_id: str) -> dict[str, Any]:
        """Return its row of raw.service_agreements."""
        row = self.model_dump(exclude={"name", "in_force_from", "in_force_until"})
        return {"tenant_id": tenant_id, "agreement_name": self.name, **row, **self.in_force()}


class Rate(Strict):
    """What each day costs from one day after the free ones on; the first of them is day 1."""

    from_day: int = Field(ge=1)
    per_day: float = Field(ge=0)


class FreeTime(Agreement):
    """How long a container may stand at a terminal or a rail ramp, or stay out with us, before each day costs.

    The clock starts on the day after its event (or on its day), at the place's own midnight, and the day on which it
    stops still counts. Free days and charged days are days of the calendar, or Monday to Friday without the days in
    `closed_on`.
    """

    SCOPE = ("clock", "facility_id", "carrier_id")

    clock: Literal["demurrage", "rail", "detention"]
    facility_id: str | None = None
    carrier_id: str | None = None
    free_days: int = Field(ge=0, le=365)
    starts: Literal["next_day", "same_day"] = "next_day"
    free_days_are: Literal["calendar", "working"] = "calendar"
    charged_days_are: Literal["calendar", "working"] = "calendar"
    closed_on: tuple[date, ...] = Field(default=(), max_length=400)
    rates: tuple[Rate, ...] = Field(min_length=1, max_length=20)

    @field_validator("rates")
    @classmethod
    def _rise_from_day_one(cls, value: tuple[Rate, ...]) -> tuple[Rate, ...]:
        days = [rate.from_day for rate in value]
        if days[0] != 1 or days != sorted(set(days)):
            raise ValueError("rates begin with from_day 1 and go up from there")
        return value

    def told(self, tenant_id: str) -> dict[str, Any]:
        """Return its row of raw.free_time_terms."""
        row = self.model_dump(exclude={"name", "in_force_from", "in_force_until", "rates", "closed_on"})
        return {
            "tenant_id": tenant_id,
            "terms_name": self.name,
            **row,
            "closed_on": json.dumps([day.isoformat() for day in sorted(self.closed_on)]),
            "rates": json.dumps([rate.model_dump() for rate in self.rates]),
            **self.in_force(),
        }


def check_distinct(agreements: Sequence[Agreement]) -> None:
    """Raise ValueError where two have one name, or say different things of the same scope on the same day."""
    seen: list[Agreement] = []
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
