"""The event log as its readers use it: in order, at least once, from where each of them stands."""

from __future__ import annotations

import pytest

from casework.errors import DetailsRefused, NotFound, NotPermitted
from casework.evidence import chain
from casework.model import Action
from tests.casework.office import AUDITOR, CUSTOMER, ENGINEER, PLANNER, TENANT, Office, exception

ERP = "erp-bridge"


@pytest.fixture
def told(office: Office) -> Office:
    office.sync(exception(1))
    office.perform(office.case_id(), Action.TRIAGE)
    office.perform(office.case_id(), Action.START)
    return office


def test_a_consumer_gets_every_event_in_order_however_often_it_stops(told: Office) -> None:
    door, reader = told.casework, told.who(AUDITOR)
    door.follow_events(reader, TENANT, ERP)
    handled: list[int] = []
    while found := door.pending_events(reader, TENANT, ERP, limit=2):
        again = door.pending_events(reader, TENANT, ERP, limit=2)
        assert again == found, "it stopped before it had advanced: the same events come again"
        handled += [event["sequence"] for event in found]
        door.advance_events(reader, TENANT, ERP, found[-1]["sequence"])
        assert door.follow_events(reader, TENANT, ERP).position == handled[-1]
    assert handled == list(range(1, handled[-1] + 1))
    kinds = [event["type"] for event in door.events(reader, TENANT)]
    assert kinds[-2:] == ["tidewaiter.case.triaged", "tidewaiter.case.started"]
    told.perform(told.case_id(), Action.COMMENT, text="later")
    assert [e["type"] for e in door.pending_events(reader, TENANT, ERP)] == ["tidewaiter.case.commented"]
    assert [(c.consumer, c.behind) for c in door.event_consumers(reader, TENANT)] == [(ERP, 1)]


def test_advancing_never_goes_back_and_never_past_what_there_is(told: Office) -> None:
    door, reader = told.casework, told.who(AUDITOR)
    door.follow_events(reader, TENANT, ERP)
    assert door.advance_events(reader, TENANT, ERP, 3).position == 3
    for through in (3, 1, -4):
        assert door.advance_events(reader, TENANT, ERP, through).position == 3
    with pytest.raises(DetailsRefused, match="no event 999 yet"):
        door.advance_events(reader, TENANT, ERP, 999)


def test_a_replay_is_told_and_lets_a_consumer_read_again(told: Office) -> None:
    door, reader = told.casework, told.who(AUDITOR)
    door.follow_events(reader, TENANT, ERP)
    newest = door.events(reader, TENANT)[-1]["sequence"]
    door.advance_events(reader, TENANT, ERP, newest)
    assert door.replay_events(reader, TENANT, ERP, 1).behind == newest - 1
    assert [e["sequence"] for e in door.pending_events(reader, TENANT, ERP)] == list(range(2, newest + 1))
    assert door.events(reader, TENANT)[-1]["sequence"] == newest, "a replay is no event of its own"
    with door.desk.reading_across() as connection:
        last = list(chain.entries_of(connection, TENANT))[-1]
    assert (last["action"], last["object_id"]) == ("event:replayed", ERP)


def test_only_readers_of_events_see_them_and_tenants_do_not_share_consumers(told: Office) -> None:
    door, reader = told.casework, told.who(AUDITOR)
    door.follow_events(reader, TENANT, ERP)
    with pytest.raises(NotFound):
        door.pending_events(reader, "health", ERP)
    assert {event["tenant"] for event in door.events(reader, TENANT)} == {TENANT}
    for who in (CUSTOMER, PLANNER, ENGINEER):
        with pytest.raises(NotPermitted):
            door.events(told.who(who), TENANT)
        with pytest.raises(NotPermitted):
            door.follow_events(told.who(who), TENANT, "other")
    with pytest.raises(DetailsRefused, match="lower-case"):
        door.follow_events(reader, TENANT, "ERP Bridge")
