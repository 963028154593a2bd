"""Working time is right in every zone there is, also on the days the clocks jump."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casework.config import Calendar, load_config
from casework.config.calendar import WEEKDAYS
from casework.deadlines import calendars
from casework.errors import ConfigError

ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})
HOUR, SECOND, TICK = timedelta(hours=1), timedelta(seconds=1), timedelta(microseconds=1)
WORKDAYS = WEEKDAYS[:5]


@cache
def transitions(name: str, first: int = 2025, last: int = 2028) -> tuple[datetime, ...]:
    """The seconds at which a zone's clocks jump between two years."""
    zone, found = ZoneInfo(name), []
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC)
    while at < end:
        later = at + timedelta(days=6)
        if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            low, high = int(at.timestamp()), int(later.timestamp())
            while high - low > 1:
                middle = (low + high) // 2
                same = datetime.fromtimestamp(middle, zone).utcoffset() == at.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(datetime.fromtimestamp(high, UTC))
        at = later
    return tuple(found)


def around(name: str) -> Iterator[datetime]:
    for jump in transitions(name) or (datetime(2026, 3, 29, 1, tzinfo=UTC),):
        for offset in (-2 * HOUR, -SECOND, timedelta(0), HOUR / 2, 2 * HOUR):
            yield jump + offset


def wall(at: datetime, name: str) -> datetime:
    return at.astimezone(ZoneInfo(name)).replace(tzinfo=None, fold=0)


def calendar(zone: str, *spans: str, days: tuple[str, ...] = WEEKDAYS, **more: object) -> Calendar:
    return Calendar.model_validate({"zone": zone, "hours": {day: spans for day in days}, **more})


def test_every_wall_time_is_the_first_instant_that_reads_it_or_later_in_every_zone() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        for jump in transitions(name):
            for minutes in (-121, -60, -30, -1, 0, 1, 30, 59, 60, 121):
                told = wall(jump, name) + timedelta(minutes=minutes)
                found = calendars.instant_of(told, zone)
                assert wall(found, name) >= told > wall(found - SECOND, name), (name, told)


def test_around_the_clock_is_plain_elapsed_time_in_every_zone() -> None:
    """Whole days one after another leave no gap and count no hour twice where the clocks jump."""
    for name in ZONES:
        days = calendar(name, "00:00-24:00")
        assert not days.is_always_open
        for at in around(name):
            assert calendars.add_working_time(days, at, 5 * HOUR) == at + 5 * HOUR, (name, at)
            assert calendars.is_open(days, at)


def test_a_deadline_is_never_early_and_never_late_in_any_zone() -> None:
    """So much working time, and not a tick less, lies between a start and its deadline."""
    for name in ZONES:
        shifts = calendar(name, "01:30-02:30", "03:15-09:00", "23:00-24:00")
        for at in around(name):
            work = timedelta(hours=3, minutes=17)
            due = calendars.add_working_time(shifts, at, work)
            assert calendars.working_time_between(shifts, at, due) == work, (name, at)
            assert calendars.working_time_between(shifts, at, due - TICK) < work, (name, at)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant within two hours of one of its jumps since 1970."""
    name = draw(st.sampled_from(ZONES))
    jumps = transitions(name, 1970, 2037) or (datetime(2000, 1, 1, tzinfo=UTC),)
    offset = draw(st.integers(-7200, 7200)) * SECOND
    return name, draw(st.sampled_from(jumps)) + offset


SPANS = st.sampled_from(
    [
        ("09:00-17:00",),
        ("08:00-12:00", "13:00-17:00"),
        ("00:30-01:30", "01:45-02:15", "02:45-03:30"),
        ("22:00-06:00",),
        ("00:00-24:00",),
        ("02:00-03:00",),
    ]
)
WORK = st.timedeltas(timedelta(0), timedelta(days=4))


@settings(max_examples=150, deadline=None)
@given(
    moment=moments(), spans=SPANS, days=st.sampled_from([WEEKDAYS, WORKDAYS, ("sun",)]), one=WORK, two=WORK
)
@example(
    moment=("Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC)),  # the day that was left out
    spans=("09:00-17:00",),
    days=WEEKDAYS,
    one=timedelta(hours=9),
    two=timedelta(hours=8),
)
def test_working_time_adds_up_wherever_the_clocks_jump(
    moment: tuple[str, datetime],
    spans: tuple[str, ...],
    days: tuple[str, ...],
    one: timedelta,
    two: timedelta,
) -> None:
    name, at = moment
    hours = calendar(name, *spans, days=days)
    first = calendars.add_working_time(hours, at, one)
    second = calendars.add_working_time(hours, first, two)
    assert at <= first <= second == calendars.add_working_time(hours, at, one + two)
    assert calendars.working_time_between(hours, at, second) == one + two
    assert calendars.working_time_left(hours, second, at) == -(one + two)
    if one:
        assert calendars.working_time_between(hours, at, first - TICK) < one
    opening = calendars.next_opening(hours, at)
    assert opening >= at and calendars.is_open(hours, opening)
    assert calendars.working_time_between(hours, at, opening) == timedelta(0)
    opened = wall(opening, name)
    if opening > at:
        edges = {time.fromisoformat(span[:5]) for span in spans}
        jumped = any(abs(opening - jump) < SECOND for jump in transitions(name, 1970, 2037))
        assert opened.time() in edges or jumped


def test_opening_hours_are_local_while_time_passes_in_utc() -> None:
    office = calendar("America/New_York", "00:00-08:00")
    spring, autumn = date(2026, 3, 8), date(2026, 11, 1)
    for day, hours in ((spring, 7), (autumn, 9), (date(2026, 6, 1), 8)):
        midnight = datetime.combine(day, time(), ZoneInfo("America/New_York"))
        until = midnight.astimezone(UTC) + timedelta(hours=20)
        assert calendars.working_time_between(office, midnight, until) == hours * HOUR


def test_work_that_ends_with_the_day_is_due_when_the_day_closes() -> None:
    office = calendar("Europe/Berlin", "09:00-17:00", days=WORKDAYS)
    friday = datetime(2026, 7, 3, 13, 0, tzinfo=UTC)  # 15:00 in Berlin
    assert calendars.add_working_time(office, friday, 2 * HOUR) == datetime(2026, 7, 3, 15, tzinfo=UTC)
    assert calendars.add_working_time(office, friday, 3 * HOUR) == datetime(2026, 7, 6, 8, tzinfo=UTC)


def test_public_holidays_and_days_that_differ_are_kept() -> None:
    office = load_config().calendars["us_office"]
    thanksgiving = datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert not calendars.is_open(office, thanksgiving)
    assert calendars.next_opening(office, thanksgiving) == datetime(2026, 11, 27, 14, tzinfo=UTC)
    differing = office.model_copy(
        update={"closed": frozenset({date(2026, 11, 27)}), "open": {date(2026, 11, 28): ((600, 720),)}}
    )
    assert calendars.next_opening(differing, thanksgiving) == datetime(2026, 11, 28, 15, tzinfo=UTC)


def test_a_night_shift_that_ends_after_midnight_belongs_to_the_day_it_began() -> None:
    night = calendar("Europe/Berlin", "22:00-06:00", days=("fri",))
    saturday = datetime(2026, 7, 4, 3, 59, tzinfo=UTC)
    assert calendars.is_open(night, saturday)
    assert not calendars.is_open(night, saturday + timedelta(minutes=1))


def test_quiet_hours_end_by_the_local_clock() -> None:
    quiet = calendar("Europe/Berlin", "09:00-17:00", quiet={"hours": "22:00-07:00"})
    night = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the clocks jump at 01:00 UTC
    assert calendars.end_of_quiet(quiet, night) == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert calendars.end_of_quiet(quiet, datetime(2026, 3, 29, 5, tzinfo=UTC)) is None


def test_a_calendar_that_hardly_opens_is_refused_and_does_not_loop() -> None:
    hardly = calendar("UTC", "00:00-00:01", days=("mon",))
    with pytest.raises(ConfigError, match="give it more hours"):
        calendars.add_working_time(hardly, datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=30))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"zone": "Europe/Atlantis"}, "no IANA time zone"),
        ({"hours": {"mon": ["9-17"]}}, "no span of hours"),
        ({"hours": {"mon": ["09:00-09:00"]}}, "no length"),
        ({"hours": {"mon": ["09:00-12:00", "11:00-13:00"]}}, "do not overlap"),
        ({"hours": {"mon": []}}, "opens on at least one day"),
        ({"holidays": {"country": "XX"}}, "no holidays are known"),
        ({"holidays": {"country": "US", "subdivision": "ZZ"}}, "no holidays are known for US-ZZ"),
    ],
)
def test_a_mistake_in_a_calendar_is_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Calendar.model_validate(values)
