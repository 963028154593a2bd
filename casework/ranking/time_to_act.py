"""What waiting until the next shift costs: the money that hangs on what becomes due until then. Pure.

For a case, a time to wait until, and what is known now:

    hangs   = expected loss x the greatest share of the clocks that run out within the wait
    accrues = penalty per day x the days of the wait, if the promise is broken already; at most the penalty part
    cost    = the greater of the two

The clocks are the promised time (feed time: feed time is taken to pass as fast as desk time), the time to
resolve (unless the case waits, which stops it) and the first response (unless somebody answered). One that had
run out before costs nothing more. The shares are the tenant's (`priority.waiting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Float, and_, case, cast, literal

from casework.config import ALWAYS, Calendar, Config
from casework.config.priority import ClockShares
from casework.deadlines import clocks
from casework.deadlines.calendars import instant_of, openings
from casework.ranking.priority import money
from casework.store.tables import Values, cases

DAY = timedelta(days=1)
PROMISE, RESOLUTION, FIRST_RESPONSE = "promise", "resolution", "first_response"


@dataclass(frozen=True, slots=True)
class WaitingCost:
    """What waiting until the next shift costs, and what becomes due until then."""

    amount: Decimal
    until: datetime  # when the next shift begins, desk time
    due: tuple[tuple[str, datetime], ...]  # clock, instant: the promise in feed time, the others in desk time
    accrues: Decimal  # by the penalty of a promise that is broken already


def next_shift(calendar: Calendar, now: datetime, shift_hours: int) -> datetime:
    """Return when the next span of opening hours begins; where there are none, the next shift from midnight on."""
    if calendar.is_always_open:
        return _next_of_the_day(calendar.zone, now, shift_hours)
    return next(opens for opens, _closes in openings(calendar, now) if opens > now)


def _next_of_the_day(name: str, now: datetime, shift_hours: int) -> datetime:
    zone = ZoneInfo(name)
    midnight = datetime.combine(now.astimezone(zone).date(), time())
    starts = (
        instant_of(midnight + timedelta(days=day, hours=hours), zone)
        for day in range(3)
        for hours in range(0, 24, shift_hours)
    )
    return next(start for start in starts if start > now)


def calendar_of(config: Config, row: Values) -> Calendar:
    """Return the calendar of whoever works a case: its team's, or the one its deadlines were counted in."""
    team = config.tenants[row["tenant_id"]].teams.get(str(row["team"]))
    if team is not None and team.calendar is not None:
        return config.calendars[team.calendar]
    return clocks.calendar_of(config, row)


def waiting_cost(config: Config, row: Values, now: datetime, as_of: datetime) -> WaitingCost | None:
    """Return what waiting until the next shift costs; None for a case that is not open."""
    if not row["is_open"]:
        return None
    rules = config.tenants[row["tenant_id"]].priority
    until = next_shift(calendar_of(config, row), now, rules.shift_hours)
    return cost_until(rules.waiting, row, now, as_of, until)


def cost_until(
    shares: ClockShares, row: Values, now: datetime, as_of: datetime, until: datetime
) -> WaitingCost:
    """Return what waiting until an instant costs."""
    due = tuple(_due(row, now, as_of, until))
    share = max((getattr(shares, clock) for clock, _at in due), default=Decimal(0))
    accrues = _accrued(row, as_of, until - now)
    return WaitingCost(max(money(row["expected_loss"] * share), accrues), until, due, accrues)


def _due(row: Values, now: datetime, as_of: datetime, until: datetime) -> Iterator[tuple[str, datetime]]:
    if row["due_at"] is not None and as_of < row["due_at"] <= as_of + (until - now):
        yield PROMISE, row["due_at"]
    resolution, response = row["resolution_due_at"], row["first_response_due_at"]
    if resolution is not None and row["waiting_since"] is None and now < resolution <= until:
        yield RESOLUTION, resolution
    if response is not None and row["first_response_at"] is None and now < response <= until:
        yield FIRST_RESPONSE, response


def _accrued(row: Values, as_of: datetime, wait: timedelta) -> Decimal:
    if not row["penalty_per_day"] or row["due_at"] is None or row["due_at"] > as_of:
        return Decimal("0.00")
    return min(
        money(row["penalty_per_day"] * Decimal(wait.total_seconds()) / 86_400), row["sla_penalty_amount"]
    )


# --- the same, as the store sorts by it -----------------------------------------------------------------------


def ordering(config: Config, tenant_id: str, now: datetime, as_of: datetime) -> ColumnElement[float]:
    """Return the cost of waiting as an expression over `cases` to sort by: `waiting_cost`, not rounded."""
    rules = config.tenants[tenant_id].priority
    by_team = [
        (cases.c.team == name, config.calendars[team.calendar])
        for name, team in config.tenants[tenant_id].teams.items()
        if team.calendar is not None
    ]
    by_calendar = [(cases.c.calendar == name, calendar) for name, calendar in config.calendars.items()]
    whens = [
        (condition, _cost(rules.waiting, now, as_of, next_shift(calendar, now, rules.shift_hours)))
        for condition, calendar in [*by_team, *by_calendar]
    ]
    always = next_shift(config.calendars[ALWAYS], now, rules.shift_hours)
    return case((~cases.c.is_open, 0.0), *whens, else_=_cost(rules.waiting, now, as_of, always))


def _cost(shares: ClockShares, now: datetime, as_of: datetime, until: datetime) -> ColumnElement[float]:
    falls_due = {
        PROMISE: and_(cases.c.due_at > as_of, cases.c.due_at <= as_of + (until - now)),
        RESOLUTION: and_(
            cases.c.waiting_since.is_(None),
            cases.c.resolution_due_at > now,
            cases.c.resolution_due_at <= until,
        ),
        FIRST_RESPONSE: and_(
            cases.c.first_response_at.is_(None),
            cases.c.first_response_due_at > now,
            cases.c.first_response_due_at <= until,
        ),
    }
    greatest_first = sorted(falls_due, key=lambda clock: -getattr(shares, clock))
    whens = [(falls_due[clock], literal(float(getattr(shares, clock)), Float)) for clock in greatest_first]
    hangs = cast(cases.c.expected_loss, Float) * case(*whens, else_=literal(0.0, Float))
    days = literal((until - now) / DAY, Float)
    rate, most = cast(cases.c.penalty_per_day, Float), cast(cases.c.sla_penalty_amount, Float)
    is_broken = and_(cases.c.due_at <= as_of, cases.c.penalty_per_day.is_not(None))
    accrued = case((rate * days < most, rate * days), else_=most)
    accrues = case((is_broken, accrued), else_=literal(0.0, Float))
    return case((hangs >= accrues, hangs), else_=accrues)
