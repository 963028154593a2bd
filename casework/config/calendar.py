"""Business calendars as configured: a zone, opening hours, days that differ, and the hours of quiet.

What is open when is worked out next door in `casework.deadlines.calendars`; here it is only read and checked.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from casework.config.strict import Strict

DAY_MINUTES = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = "24x7"
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ValueError(f"{name!r} is no IANA time zone; write one such as Europe/Berlin") from problem
    return name


def _span(value: Any) -> Any:
    """Read "09:00-17:30" as minutes of the day; a span that ends before it begins ends on the next day."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value)
    if found is None:
        raise ValueError(f'{value!r} is no span of hours; write one such as "09:00-17:30"')
    opens = int(found[1]) * 60 + int(found[2])
    closes = DAY_MINUTES if found[3] is None else int(found[3]) * 60 + int(found[4])
    if closes == opens:
        raise ValueError(f"{value!r} has no length")
    return (opens, closes if closes > opens else closes + DAY_MINUTES)


Zone = Annotated[str, AfterValidator(_zone)]
Span = Annotated[
    tuple[int, int],
    BeforeValidator(_span),
    WithJsonSchema({"type": "string", "pattern": f"^{_SPAN.pattern}$", "examples": ["09:00-17:30"]}),
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
WHOLE_DAY: tuple[Span, ...] = ((0, DAY_MINUTES),)


class HolidayRule(Strict):
    """Whose public holidays are closed days."""

    country: str
    subdivision: str | None = None

    @model_validator(mode="after")
    def _is_known(self) -> HolidayRule:
        import holidays  # many modules; read only where a calendar keeps holidays

        known = holidays.list_supported_countries()
        if self.country not in known:
            raise ValueError(f"no holidays are known for the country {self.country!r}")
        if self.subdivision is not None and self.subdivision not in known[self.country]:
            raise ValueError(f"no holidays are known for {self.country}-{self.subdivision}")
        return self

    def are_on(self, day: date) -> bool:
        """Whether this day is a public holiday there."""
        return day in _holidays(self.country, self.subdivision, day.year)


@lru_cache(maxsize=1024)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


class Quiet(Strict):
    """Hours in which what can wait does wait; from a severity on, nothing waits."""

    hours: Span
    wakes_from: Severity = "high"


class Calendar(Strict):
    """When work is done somewhere. Without hours: around the clock."""

    zone: Zone = "UTC"
    hours: dict[Weekday, tuple[Span, ...]] | None = None
    holidays: HolidayRule | None = None
    closed: frozenset[date] = frozenset()
    open: dict[date, tuple[Span, ...]] = {}  # these days have these hours, whatever else is said of them
    quiet: Quiet | None = None

    @model_validator(mode="after")
    def _opens_at_all_and_in_order(self) -> Calendar:
        if self.hours is not None and not any(self.hours.values()):
            raise ValueError("a calendar opens on at least one day of the week")
        for spans in [*(self.hours or {}).values(), *self.open.values()]:
            if any(later[0] < earlier[1] for earlier, later in zip(spans, spans[1:], strict=False)):
                raise ValueError("the spans of a day come in order and do not overlap")
        return self

    @property
    def is_always_open(self) -> bool:
        """Whether no instant lies outside its hours."""
        return self.hours is None and self.holidays is None and not self.closed and not self.open

    def spans_of(self, day: date) -> tuple[Span, ...]:
        """Return the opening hours of one local day, in minutes from its midnight."""
        if day in self.open:
            return self.open[day]
        if day in self.closed or (self.holidays is not None and self.holidays.are_on(day)):
            return ()
        return WHOLE_DAY if self.hours is None else self.hours.get(WEEKDAYS[day.weekday()], ())  # type: ignore[call-overload]


class CalendarChoice(Strict):
    """Which calendar a tenant's cases run on: the customer's before the facility's before the type's."""

    default: str = ALWAYS
    customers: dict[str, str] = {}
    facilities: dict[str, str] = {}
    types: dict[str, str] = {}

    def names(self) -> set[str]:
        """Return every calendar that is named."""
        return {
            self.default,
            *self.customers.values(),
            *self.facilities.values(),
            *self.types.values(),
        }

    def of(self, customer_id: str | None, facility_id: str | None, exception_type: str) -> tuple[str, str]:
        """Return the calendar's name and what named it: customer, facility, type or tenant."""
        if customer_id in self.customers:
            return self.customers[customer_id or ""], "customer"
        if facility_id in self.facilities:
            return self.facilities[facility_id or ""], "facility"
        if exception_type in self.types:
            return self.types[exception_type], "type"
        return self.default, "tenant"
