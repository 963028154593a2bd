"""The clocks of a case: to answer, to tell the customer again, to resolve. Pure; desk time.

A deadline is so many minutes of working time after the clock began, in the calendar that the case runs on; it
is kept as an instant in UTC beside the zone and the rule it was counted by, so that later news about the zone
or the calendar moves no deadline that stands. How a clock stands is read from facts and the time, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from casework.canonical import canonical_sha256
from casework.config import ALWAYS, Calendar, Config
from casework.deadlines.calendars import add_working_time, working_time_between, working_time_left
from casework.store.tables.types import Values

ClockState = Literal["running", "paused", "met", "breached"]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the clocks need beside the row of the case."""

    ended_at: datetime | None = None  # resolved, dismissed or recovered, and still so
    updated_customer_at: datetime | None = None  # the last message to the customer that was delivered


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How one clock of a case stands now. `remaining` is working time, and less than nothing once it is late."""

    clock: str
    due_at: datetime
    zone: str
    rule: str
    state: ClockState
    remaining: timedelta


# --- which calendar ---------------------------------------------------------------------------------------


def choose(config: Config, case: Values) -> tuple[str, str]:
    """Return the calendar of a case by the tenant's configuration, and what named it."""
    chosen = config.tenants[case["tenant_id"]].calendars
    return chosen.of(case["customer_id"], case["facility_id"], case["exception_type"])


def calendar_of(config: Config, case: Values) -> Calendar:
    """Return the calendar a case's deadlines were counted in; one that is gone is chosen anew."""
    name = case.get("calendar")
    if name is None:
        return config.calendars[ALWAYS]
    return config.calendars[name if name in config.calendars else choose(config, case)[0]]


def rule_of(config: Config, case: Values, name: str, named_by: str) -> str:
    """Return what a deadline was counted by: calendar, who named it, and a hash of all that went into it."""
    catalogue = config.types[case["exception_type"]]
    parts = [config.calendars[name], catalogue.first_response_minutes, catalogue.resolution_minutes]
    said = [part.model_dump(mode="json") if isinstance(part, Calendar) else part for part in parts]
    return f"{name} by {named_by} {canonical_sha256(said)[:12]}"


# --- deadlines --------------------------------------------------------------------------------------------


def deadlines(config: Config, case: Values, at: datetime) -> dict[str, datetime | str]:
    """Return the columns of the deadlines of a case whose clocks begin now."""
    catalogue = config.types[case["exception_type"]]
    name, named_by = choose(config, case)
    calendar = config.calendars[name]

    def after(minutes: int) -> datetime:
        return add_working_time(calendar, at, timedelta(minutes=minutes))

    return {
        "first_response_due_at": after(catalogue.first_response_minutes),
        "resolution_due_at": after(catalogue.resolution_minutes),
        "calendar": name,
        "clock_zone": calendar.zone,
        "clock_rule": rule_of(config, case, name, named_by),
    }


def next_update_minutes(config: Config, case: Values) -> int:
    """Return within how many working minutes the customer hears again: the tier's, or the catalogue's."""
    by_tier = config.tenants[case["tenant_id"]].next_update_minutes
    return by_tier.get(case["customer_tier"], config.types[case["exception_type"]].next_update_minutes)


def next_update_due_at(config: Config, case: Values, updated_at: datetime) -> datetime:
    """Return by when a customer who was told something is told again."""
    minutes = next_update_minutes(config, case)
    return add_working_time(calendar_of(config, case), updated_at, timedelta(minutes=minutes))


# --- pausing ----------------------------------------------------------------------------------------------


def pause(now: datetime, until: datetime) -> dict[str, datetime]:
    """Return the changes that stop the resolution clock."""
    return {"waiting_since": now, "waiting_until": until}


def resume(config: Config, case: Values, now: datetime) -> dict[str, datetime | None]:
    """Return the changes that let the resolution clock run on, with the working time it had left."""
    changes: dict[str, datetime | None] = {"waiting_since": None, "waiting_until": None, "waiting_for": None}
    if case["waiting_since"] and case["resolution_due_at"]:
        calendar = calendar_of(config, case)
        changes["resolution_due_at"] = shifted(
            calendar, case["resolution_due_at"], case["waiting_since"], now
        )
    return changes


def shifted(calendar: Calendar, due_at: datetime, paused_at: datetime, resumed_at: datetime) -> datetime:
    """Return a deadline after a pause: as much working time ahead as before; one already passed stays."""
    if due_at <= paused_at:
        return due_at
    left = working_time_between(calendar, paused_at, due_at)
    if left == timedelta(0):  # only closed time lay ahead of it
        return max(due_at, resumed_at)
    return add_working_time(calendar, resumed_at, left)


# --- reading ----------------------------------------------------------------------------------------------


def read(config: Config, case: Values, now: datetime, facts: CaseFacts) -> tuple[ClockReading, ...]:
    """Return how the clocks of a case stand: the ones that run, and how the others ended."""
    found = [
        _first_response(config, case, now, facts),
        _next_update(config, case, now, facts),
        _resolution(config, case, now, facts),
    ]
    return tuple(reading for reading in found if reading is not None)


def _first_response(config: Config, case: Values, now: datetime, facts: CaseFacts) -> ClockReading | None:
    due_at, answered_at = case["first_response_due_at"], case["first_response_at"]
    if due_at is None:
        return None
    return _reading(config, case, "first_response", due_at, now, answered_at or facts.ended_at)


def _next_update(config: Config, case: Values, now: datetime, facts: CaseFacts) -> ClockReading | None:
    """The promise runs on while the case waits, and ends with it."""
    if facts.updated_customer_at is None or not case["is_open"]:
        return None
    due_at = next_update_due_at(config, case, facts.updated_customer_at)
    return _reading(config, case, "next_update", due_at, now, None)


def _resolution(config: Config, case: Values, now: datetime, facts: CaseFacts) -> ClockReading | None:
    due_at, since = case["resolution_due_at"], case["waiting_since"]
    if due_at is None:
        return None
    if not case["is_open"]:
        return _reading(config, case, "resolution", due_at, now, facts.ended_at or case["updated_at"])
    if since is None or due_at < since:
        return _reading(config, case, "resolution", due_at, now, None)
    calendar = calendar_of(config, case)
    left = working_time_left(calendar, since, due_at)
    as_if_resumed = shifted(calendar, due_at, since, max(now, since))
    return _value(config, case, "resolution", as_if_resumed, "paused", left)


def _reading(
    config: Config, case: Values, clock: str, due_at: datetime, now: datetime, stopped_at: datetime | None
) -> ClockReading:
    at = now if stopped_at is None else stopped_at
    left = working_time_left(calendar_of(config, case), at, due_at)
    state: ClockState = "breached" if at > due_at else "running" if stopped_at is None else "met"
    return _value(config, case, clock, due_at, state, left)


def _value(
    config: Config, case: Values, clock: str, due_at: datetime, state: ClockState, left: timedelta
) -> ClockReading:
    zone = case.get("clock_zone") or calendar_of(config, case).zone
    return ClockReading(clock, due_at, zone, case.get("clock_rule") or ALWAYS, state, left)
