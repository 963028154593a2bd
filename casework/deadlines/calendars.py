"""Working time: what instant it is after so much of it, and how much lies between two instants. Pure.

A span of opening hours begins at the first instant at which the local clock reads its beginning or later, and
ends likewise; so a clock that jumps neither loses nor doubles a span, and a span over the jump is shorter or
longer by it. Time that passes is counted in UTC. Every loop ends after `MAX_DAYS` local days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from casework.config.calendar import Calendar, Span
from casework.errors import ConfigError

MAX_DAYS = 3700
NOTHING = timedelta(0)
Opening = tuple[datetime, datetime]


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant, in UTC, at which the clocks of a zone read this naive time or later."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    # The clocks never read it: they jumped over it, at a second between what the two offsets say.
    before, after = int(wall.replace(tzinfo=zone, fold=1).timestamp()), int(instant.timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        is_earlier = _wall(datetime.fromtimestamp(middle, UTC), zone) < wall
        before, after = (middle, after) if is_earlier else (before, middle)
    return datetime.fromtimestamp(after, UTC)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def openings(calendar: Calendar, start: datetime, days: int = MAX_DAYS) -> Iterator[Opening]:
    """Yield the calendar's open time from an instant on, in order and without overlap."""
    zone = ZoneInfo(calendar.zone)
    # A span may reach over midnight, and some clocks have jumped over a whole day.
    first = start.astimezone(zone).date() - timedelta(days=2)
    until = start
    for number in range(days + 2):
        day = first + timedelta(days=number)
        for span in calendar.spans_of(day):
            opens, closes = _instants(datetime.combine(day, time()), span, zone)
            if closes > max(opens, until):  # a span that the clocks jumped over has no length
                yield max(opens, until), closes
                until = closes


def _instants(midnight: datetime, span: Span, zone: ZoneInfo) -> Opening:
    opens, closes = (midnight + timedelta(minutes=minutes) for minutes in span)
    return instant_of(opens, zone), instant_of(closes, zone)


def add_working_time(calendar: Calendar, start: datetime, work: timedelta) -> datetime:
    """Return the first instant by which this much working time has passed since the start."""
    start = start.astimezone(UTC)
    if work <= NOTHING or calendar.is_always_open:
        return start + max(work, NOTHING)
    left = work
    for opens, closes in openings(calendar, start):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    raise ConfigError(
        f"A calendar of {calendar.zone} has not {work} of open time in ten years; give it more hours."
    )


def working_time_between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Return how much of the time between two instants is working time; nothing when they are reversed."""
    if end <= start:
        return NOTHING
    if calendar.is_always_open:
        return end - start
    worked = NOTHING
    for opens, closes in openings(calendar, start.astimezone(UTC), days=(end - start).days + 5):
        if opens >= end:
            break
        worked += min(closes, end) - opens
    return worked


def working_time_left(calendar: Calendar, at: datetime, due_at: datetime) -> timedelta:
    """Return the working time until a deadline; what has passed since it, as less than nothing."""
    if at <= due_at:
        return working_time_between(calendar, at, due_at)
    return -working_time_between(calendar, due_at, at)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether an instant lies in working time."""
    return next_opening(calendar, at) == at


def next_opening(calendar: Calendar, at: datetime) -> datetime:
    """Return the instant itself when it lies in working time, otherwise when the calendar next opens."""
    at = at.astimezone(UTC)
    if calendar.is_always_open:
        return at
    for opens, _closes in openings(calendar, at):
        return opens
    raise ConfigError(f"A calendar of {calendar.zone} does not open within ten years; give it hours.")


def end_of_quiet(calendar: Calendar, at: datetime) -> datetime | None:
    """Return when the quiet hours that hold an instant end, or None when it lies in none."""
    if calendar.quiet is None:
        return None
    zone = ZoneInfo(calendar.zone)
    today = datetime.combine(at.astimezone(zone).date(), time())
    for days in (-2, -1, 0, 1):
        begins, ends = _instants(today + timedelta(days=days), calendar.quiet.hours, zone)
        if begins <= at < ends:
            return ends
    return None
