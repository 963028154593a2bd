"""The clocks of a case: which calendar they run on, how they stand, and that a pause takes no time from anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, inspect

from casework.config import load_config
from casework.deadlines import calendars, clocks
from casework.deadlines.clocks import ClockReading
from casework.escalations.escalation import fire_due
from casework.model import Action
from casework.store.engine import writing_across
from casework.store.tables import messages
from tests.casework.office import CUSTOMER, OWN_CUSTOMER, START, TENANT, Office, exception
from tests.casework.test_calendars import SPANS, calendar, moments

HOUR = timedelta(hours=1)
AROUND = {"default": "24x7"}


def reading(office: Office, clock: str) -> ClockReading:
    return {found.clock: found for found in office.detail().clocks}[clock]


@settings(max_examples=150, deadline=None)
@given(
    moment=moments(),
    spans=SPANS,
    work=st.timedeltas(timedelta(minutes=1), timedelta(days=2)),
    pauses=st.lists(
        st.tuples(
            st.timedeltas(timedelta(0), timedelta(hours=30)), st.timedeltas(timedelta(0), timedelta(days=3))
        ),
        max_size=3,
    ),
)
def test_pauses_leave_exactly_the_working_time_there_was(
    moment: tuple[str, datetime],
    spans: tuple[str, ...],
    work: timedelta,
    pauses: list[tuple[timedelta, timedelta]],
) -> None:
    """Outside its pauses, a clock runs for its working time: in any zone, over any jump of its clocks."""
    name, start = moment
    hours = calendar(name, *spans)
    due = calendars.add_working_time(hours, start, work)
    at, worked = start, timedelta(0)
    for runs, stops in pauses:
        paused = at + runs
        if paused >= due:
            break
        worked += calendars.working_time_between(hours, at, paused)
        at = paused + stops
        due = clocks.shifted(hours, due, paused, at)
        assert due >= at
    assert worked + calendars.working_time_between(hours, at, due) == work


def test_around_the_clock_a_pause_moves_the_deadline_by_its_length() -> None:
    always = load_config().calendars["24x7"]
    due, paused = START + 8 * HOUR, START + HOUR
    assert clocks.shifted(always, due, paused, paused + 5 * HOUR) == due + 5 * HOUR
    assert clocks.shifted(always, due, due + HOUR, due + 9 * HOUR) == due  # it was over before


def test_without_a_calendar_named_the_clocks_run_around_the_clock(office: Office) -> None:
    office.sync(exception())
    case = office.case()
    assert case["first_response_due_at"] == START + timedelta(minutes=60)
    assert case["resolution_due_at"] == START + timedelta(minutes=1440)
    assert (case["calendar"], case["clock_zone"]) == ("24x7", "UTC")


@pytest.mark.parametrize(
    ("named", "calendar_named", "by"),
    [
        ({}, "24x7", "tenant"),
        ({"default": "us_office"}, "us_office", "tenant"),
        ({"default": "us_office", "types": {"predicted_late": "europe_office"}}, "europe_office", "type"),
        ({"types": {"predicted_late": "us_office"}, "facilities": {"DC-1": "24x7"}}, "24x7", "facility"),
        ({"facilities": {"DC-1": "night_shifts"}, "customers": {OWN_CUSTOMER: "us_office"}}, "us_office", "customer"),
    ],
)  # fmt: skip
def test_the_customers_calendar_goes_before_the_facilitys_the_types_and_the_tenants(
    sqlite_office: Office, named: dict[str, object], calendar_named: str, by: str
) -> None:
    sqlite_office.configure(calendars=named)
    sqlite_office.sync(exception())
    case = sqlite_office.case()
    assert case["calendar"] == calendar_named
    assert case["clock_rule"].startswith(f"{calendar_named} by {by} ")


def test_a_deadline_is_kept_with_the_zone_and_rule_it_was_counted_by(office: Office) -> None:
    office.configure(calendars={"customers": {OWN_CUSTOMER: "us_office"}})
    office.clock.at = datetime(2026, 11, 25, 21, 30, tzinfo=UTC)  # half an hour before a holiday begins
    office.sync(exception())
    case = office.case()
    assert case["first_response_due_at"] == datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    answer = reading(office, "first_response")
    assert (answer.zone, answer.rule) == ("America/New_York", case["clock_rule"])
    assert answer.remaining == HOUR
    office.configure(calendars=AROUND)  # what is configured later moves no deadline that stands
    assert reading(office, "first_response").due_at == case["first_response_due_at"]


def test_a_pause_in_a_calendar_keeps_the_working_time_that_was_left(office: Office) -> None:
    office.configure(calendars={"default": "us_office"})
    office.clock.at = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # Tuesday, 10:00 in New York
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    due = office.case()["resolution_due_at"]
    office.clock.at = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    before = reading(office, "resolution").remaining
    assert before == 19 * HOUR
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(days=2), reason="customs")
    office.clock.forward(hours=30)
    paused = reading(office, "resolution")
    assert (paused.state, paused.remaining) == ("paused", before)
    office.perform(case_id, Action.RESUME)
    after = reading(office, "resolution")
    assert (after.state, after.remaining) == ("running", before) and after.due_at > due
    steps = [step for step in office.detail().escalations if step.rule == "unresolved"]
    assert steps[-1].due_at == after.due_at == office.case()["resolution_due_at"]


def test_a_clock_says_whether_it_runs_was_met_or_was_breached(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.clock.forward(minutes=60)
    assert reading(office, "first_response").state == "running"
    office.clock.forward(microseconds=1)
    late = reading(office, "first_response")
    assert late.state == "breached" and late.remaining < timedelta(0)
    office.perform(case_id, Action.START)
    office.clock.forward(days=9)
    assert reading(office, "first_response") == late  # answered, a microsecond too late
    assert reading(office, "resolution").state == "breached"
    office.clock.at = START + 5 * HOUR
    office.perform(case_id, Action.RESOLVE, resolution_code="accepted", root_cause_code="weather")
    office.clock.forward(days=9)
    ended = reading(office, "resolution")
    assert (ended.state, ended.remaining) == ("met", 19 * HOUR)


def test_a_customer_who_was_told_something_is_told_again_in_time(office: Office) -> None:
    """The promise begins with the update, runs on while the case waits, and ends with the case."""
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    assert "next_update" not in [found.clock for found in office.detail().clocks]
    told = {"tenant_id": TENANT, "message_id": "m1", "case_id": case_id, "direction": "out"}
    told |= {"channel": "mail", "party_id": OWN_CUSTOMER, "body": "x", "occurred_at": office.clock()}
    with writing_across(office.engine) as connection:
        connection.execute(insert(messages).values(told))
    assert reading(office, "next_update").due_at == START + 8 * HOUR  # a gold customer of this tenant
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(days=2), reason="customs")
    office.clock.forward(hours=9)
    assert reading(office, "next_update").state == "breached"
    office.perform(case_id, Action.RESOLVE, resolution_code="accepted", root_cause_code="weather")
    assert "next_update" not in [found.clock for found in office.detail().clocks]


def test_a_partner_sees_no_clock(office: Office) -> None:
    office.sync(exception())
    assert office.detail(who=CUSTOMER).clocks == ()


def test_a_reopened_case_is_counted_anew_and_its_answer_stays_history(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    office.perform(case_id, Action.RESOLVE, resolution_code="accepted", root_cause_code="weather")
    office.clock.forward(days=3)
    answered = reading(office, "first_response")
    office.perform(case_id, Action.REOPEN, reason="not over")
    assert reading(office, "resolution").remaining == 24 * HOUR
    assert reading(office, "first_response") == answered


def test_the_columns_of_the_clocks_come_and_go_with_their_migration(office: Office) -> None:
    office.sync(exception())
    kept = office.case()
    step = import_module("casework.store.migrations.versions.0004_calendars_and_clocks")
    with office.engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        step.downgrade()
        assert "clock_rule" not in {column["name"] for column in inspect(connection).get_columns("cases")}
        step.upgrade()
    assert office.case() == kept | {"calendar": None, "clock_zone": None, "clock_rule": None}
    assert reading(office, "resolution").rule == "24x7"  # what came before calendars ran around the clock
    office.perform(office.case_id(), Action.START)
    office.perform(office.case_id(), Action.WAIT, until=office.clock() + HOUR, reason="x")
    office.clock.forward(hours=25)
    assert fire_due(office.casework.desk, office.clock()) == 1 + 2
