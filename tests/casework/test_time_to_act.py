"""What waiting until the next shift costs: nothing when nothing becomes due, and never less the longer one waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.config.priority import ClockShares
from casework.model import Action, QueueFilter
from casework.ranking.time_to_act import cost_until, next_shift
from tests.casework.office import CONFIG, FEED_TIME, PLANNER, START, TENANT, Office, exception, fact

OFFICE = CONFIG.calendars["us_office"]
ALWAYS = CONFIG.calendars["24x7"]
NIGHTS = CONFIG.calendars["night_shifts"]


def at(day: int, hour: float) -> datetime:
    return datetime(2026, 9, day, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("calendar", "now", "begins"),
    [
        (OFFICE, at(1, 20), at(1, 37)),  # 16:00 in New York: tomorrow at nine there
        (OFFICE, at(1, 13), at(2, 13)),  # the shift that has just begun is not the next one
        (OFFICE, at(1, 12.9), at(1, 13)),
        (OFFICE, at(4, 22), at(8, 13)),  # over the weekend and Labour Day
        (CONFIG.calendars["europe_office"], at(1, 9), at(1, 11)),  # over lunch
        (NIGHTS, at(5, 12), at(7, 3)),  # from Saturday to Sunday night in Chicago
        (ALWAYS, at(1, 8), at(1, 16)),  # shifts of eight hours from midnight on
        (ALWAYS, at(1, 23.5), at(2, 0)),
    ],
)
def test_the_next_shift_begins_with_the_next_span_of_opening_hours(
    calendar: Any, now: datetime, begins: datetime
) -> None:
    assert next_shift(calendar, now, 8) == begins


def row(**changed: Any) -> dict[str, Any]:
    columns = ("due_at", "resolution_due_at", "first_response_due_at", "waiting_since", "first_response_at")
    money = {"expected_loss": Decimal(1000), "sla_penalty_amount": Decimal(600), "penalty_per_day": None}
    return dict.fromkeys(columns) | money | changed


def cost(hours: float, shares: ClockShares | None = None, **changed: Any) -> Decimal:
    return cost_until(
        shares or ClockShares(), row(**changed), START, FEED_TIME, START + timedelta(hours=hours)
    ).amount


def test_what_becomes_due_puts_its_share_at_stake() -> None:
    soon, before = START + timedelta(hours=1), START - timedelta(hours=1)
    promised, broken = FEED_TIME + timedelta(hours=1), FEED_TIME - timedelta(hours=1)
    assert cost(8) == 0
    assert cost(8, first_response_due_at=soon) == 250
    assert cost(8, first_response_due_at=soon, first_response_at=before) == 0, "it was answered"
    assert cost(8, first_response_due_at=before) == 0, "it is late already; waiting makes it no later"
    assert cost(8, resolution_due_at=soon) == 500
    assert cost(8, resolution_due_at=soon, waiting_since=before) == 0, "the clock stands still"
    assert cost(8, due_at=promised, first_response_due_at=soon) == 1000, "the greatest, not the sum"
    assert cost(0.5, due_at=promised, resolution_due_at=soon) == 0
    assert cost(12, due_at=broken, penalty_per_day=Decimal(100)) == 50
    assert cost(24 * 9, due_at=broken, penalty_per_day=Decimal(100)) == 600, "no more than the penalty"
    assert cost(12, due_at=broken) == 0
    assert cost(8, ClockShares(resolution=Decimal("0.1")), resolution_due_at=soon) == 100


instants = st.none() | st.integers(-72, 72).map(lambda hours: START + timedelta(hours=hours))
amounts = st.decimals(0, 10**6, places=2)
shares = st.builds(ClockShares, **dict.fromkeys(ClockShares.model_fields, st.decimals(0, 1, places=2)))
rows = st.builds(
    lambda part, rest, **changed: row(expected_loss=part + rest, sla_penalty_amount=part, **changed),
    part=amounts,
    rest=amounts,
    due_at=instants,
    resolution_due_at=instants,
    first_response_due_at=instants,
    waiting_since=instants,
    first_response_at=instants,
    penalty_per_day=st.none() | amounts,
)


@given(case=rows, by=shares, waits=st.tuples(st.integers(0, 200), st.integers(0, 200)).map(sorted))
def test_waiting_longer_never_costs_less_and_never_more_than_everything(
    case: dict[str, Any], by: ClockShares, waits: list[int]
) -> None:
    shorter, longer = (
        cost_until(by, case, START, FEED_TIME, START + timedelta(hours=hours)) for hours in waits
    )
    assert 0 <= shorter.amount <= longer.amount <= case["expected_loss"]
    assert set(shorter.due) <= set(longer.due)
    if not longer.due and not longer.accrues:
        assert longer.amount == 0
    assert cost_until(by, case, START, FEED_TIME, START).amount == 0


def test_the_queue_sorts_by_it_as_it_is_shown_on_both_stores(office: Office) -> None:
    due = [FEED_TIME + timedelta(hours=hours) for hours in (-30, -30, 2, 60, 60, 5)]
    losses = (900, 400, 700, 5000, 1200, 300)
    records = [
        exception(
            number,
            due_at=due[number],
            sla_penalty_amount=Decimal(losses[number]),
            revenue_amount=Decimal(0),
            inventory_amount=Decimal(0),
            exception_type=("predicted_late", "tracking_silent")[number % 2],
            exception_key=f"{('predicted_late', 'tracking_silent')[number % 2]}:SH-{number}",
            facts=(fact("penalty_per_day", "800.00" if number else "120.00", "money"),),
        )
        for number in range(6)
    ]
    calendars = {"default": "us_office", "types": {"tracking_silent": "24x7"}}
    office.configure(calendars=calendars)
    office.sync(*records)
    office.perform(office.case_id("predicted_late:SH-4"), Action.START)
    for hours in (0, 1, 5, 13, 40):
        office.clock.at = START + timedelta(hours=hours)
        page = office.casework.search(office.who(PLANNER), TENANT, QueueFilter(sort="waiting"))
        found = [page.waiting[case.case_id] for case in page.cases]
        assert all(found) and len(found) == 6
        assert [c.amount for c in found if c] == sorted((c.amount for c in found if c), reverse=True), hours
        detail = office.detail(page.cases[0].case_id)
        assert detail.waiting == found[0]
    assert office.casework.search(office.who(PLANNER), TENANT).cases[0].subject == "SH-3"


def test_a_case_that_ended_costs_nothing_more(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.DISMISS, reason="arrived")
    assert office.detail().waiting is None
