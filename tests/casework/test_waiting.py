"""A case that waits goes on at its time or with the event it waits for, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from casework.deadlines.waiting import WORDS, WaitEvent
from casework.effects import settlement
from casework.errors import DetailsRefused
from casework.escalations import escalation
from casework.evidence import chain
from casework.model import Action, CaseView, Publication, State
from casework.store.tables import effects
from tests.casework.office import CARRIER, CUSTOMER, PLANNER, TENANT, Office, exception, with_fact

STORM = exception(9, exception_key="disruption:CNYTN", exception_type="disruption")
CHILDREN = [exception(number, parent_exception_key=STORM.exception_key) for number in (1, 2)]


def waits(office: Office, event: WaitEvent | None, key: str = "predicted_late:SH-1") -> CaseView:
    case_id = office.case_id(key)
    office.perform(case_id, Action.START)
    until = office.clock() + timedelta(hours=9)
    return office.perform(case_id, Action.WAIT, until=until, reason="they said so", until_event=event)


def facts_change(office: Office) -> None:
    office.sync(STORM, *[with_fact(record, "carrier_name", "Another line") for record in CHILDREN])


def it_vanishes(office: Office) -> None:
    office.sync()


def the_customer_writes(office: Office) -> None:
    office.perform(office.case_id(), Action.COMMENT, CUSTOMER, text="it is here")


def the_carrier_writes(office: Office) -> None:
    office.perform(office.case_id(), Action.COMMENT, CARRIER, text="tomorrow")


def a_colleague_writes(office: Office) -> None:
    office.perform(office.case_id(), Action.COMMENT, PLANNER, text="still nothing")


def a_message_arrives(office: Office) -> None:
    office.approve(office.draft())
    with office.casework.desk.writing(TENANT, "service:worker") as work:
        row = work.connection.execute(effects.select().limit(1)).mappings().one()
        settlement.delivered(work, office.casework.config, dict(row), {}, "taken")


def the_incident_ends(office: Office) -> None:
    office.perform(office.case_id(STORM.exception_key), Action.DISMISS, reason="it passed by")


HAPPENS: list[tuple[WaitEvent, Callable[[Office], None]]] = [
    (WaitEvent.FACTS_CHANGED, facts_change),
    (WaitEvent.REPLY_RECEIVED, the_customer_writes),
    (WaitEvent.REPLY_RECEIVED, the_carrier_writes),
    (WaitEvent.MESSAGE_DELIVERED, a_message_arrives),
    (WaitEvent.INCIDENT_ENDED, the_incident_ends),
]


@pytest.mark.parametrize(("event", "happens"), HAPPENS)
def test_the_event_lets_the_case_go_on_before_its_time(
    office: Office, event: WaitEvent, happens: Callable[[Office], None]
) -> None:
    office.sync(STORM, *CHILDREN)
    due = office.case()["resolution_due_at"]
    assert waits(office, event).waiting_for == event
    office.clock.forward(hours=2)
    happens(office)
    case = office.case()
    assert (case["state"], case["waiting_for"], case["waiting_until"]) == (State.IN_PROGRESS, None, None)
    assert case["resolution_due_at"] == due + timedelta(hours=2)
    detail = office.detail()
    (resumed,) = [entry for entry in detail.history if entry.fact == "case:resumed"]
    assert resumed.details["event"] == event
    assert any(WORDS[event] in message.body for message in detail.messages)
    office.clock.forward(hours=9)
    assert [step for step in detail.escalations if (step.rule, step.state) == ("wait_over", "due")] == []
    assert chain.verify(office.casework, TENANT).ok


@pytest.mark.parametrize("event", [None, *WaitEvent])
def test_what_a_case_does_not_wait_for_leaves_it_waiting(
    sqlite_office: Office, event: WaitEvent | None
) -> None:
    office = sqlite_office
    office.sync(STORM, *CHILDREN)
    waits(office, event)
    a_colleague_writes(office)
    for other, happens in HAPPENS:
        if other != event:
            happens(office)
    assert office.case()["state"] == State.WAITING


def test_the_time_comes_first_where_the_event_does_not_come(office: Office) -> None:
    office.sync(exception())
    waits(office, WaitEvent.REPLY_RECEIVED)
    office.clock.forward(hours=9)
    assert escalation.fire_due(office.casework.desk, office.clock()) >= 1
    case = office.case()
    assert (case["state"], case["waiting_for"]) == (State.IN_PROGRESS, None)
    the_customer_writes(office)
    assert office.facts_of().count("case:resumed") == 1


def test_an_incident_goes_on_when_the_last_of_its_cases_has_ended_and_not_before(office: Office) -> None:
    office.sync(STORM, *CHILDREN)
    waits(office, WaitEvent.CHILDREN_ENDED, STORM.exception_key)
    office.perform(office.case_id("predicted_late:SH-1"), Action.DISMISS, reason="rerouted")
    assert office.case(STORM.exception_key)["state"] == State.WAITING
    office.sync(STORM)  # the other one recovers by itself
    assert office.case(STORM.exception_key)["state"] == State.IN_PROGRESS
    assert chain.verify(office.casework, TENANT).ok


def test_an_exception_that_goes_away_from_a_case_that_stays_open_is_a_change_of_facts(office: Office) -> None:
    dwell = exception(3, exception_type="facility_dwell", exception_key="facility_dwell:SH-3")
    office.sync(dwell)
    waits(office, WaitEvent.FACTS_CHANGED, dwell.exception_key)
    it_vanishes(office)
    assert office.case(dwell.exception_key)["state"] == State.IN_PROGRESS


def test_a_partner_who_replies_sees_the_case_as_its_reply_left_it_and_not_what_it_waited_for(
    office: Office,
) -> None:
    office.sync(exception())
    waits(office, WaitEvent.REPLY_RECEIVED)
    assert office.detail(who=CUSTOMER).case.waiting_for is None
    seen = office.perform(office.case_id(), Action.COMMENT, CUSTOMER, text="it is here")
    assert (seen.state, seen.version) == (State.IN_PROGRESS, office.case()["version"])


def test_events_of_another_tenant_move_nothing_here(office: Office) -> None:
    office.sync(exception())
    waits(office, WaitEvent.FACTS_CHANGED)
    theirs = replace(exception(), tenant_id="health")
    office.casework.sync("health", Publication("pub-1"), [theirs])
    office.casework.sync("health", Publication("pub-2"), [with_fact(theirs, "carrier_name", "Other")])
    (ours,) = office.casework.search(office.who(PLANNER), TENANT).cases
    assert ours.state == State.WAITING


@pytest.mark.parametrize("event", ["full_moon", "", 7, ["facts_changed"]])
def test_a_case_waits_for_nothing_that_is_not_on_the_list(sqlite_office: Office, event: Any) -> None:
    sqlite_office.sync(exception())
    with pytest.raises(DetailsRefused, match="cannot wait for .* it can for facts_changed"):
        waits(sqlite_office, event)
    with pytest.raises(DetailsRefused, match="needs until"):
        sqlite_office.perform(
            sqlite_office.case_id(), Action.WAIT, reason="x", until_event=WaitEvent.REPLY_RECEIVED
        )
