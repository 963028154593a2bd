"""Seen, not answered: calls for an answer stand still for a while, and come as they were due."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from casework.deadlines.acknowledgement import holds
from casework.errors import DetailsRefused, TransitionRefused
from casework.escalations import auditor, escalation
from casework.evidence import chain
from casework.model import Action, State
from tests.casework.office import LEAD, PLANNER, START, TENANT, Office, exception


def fired(office: Office) -> list[tuple[str, int]]:
    escalation.fire_due(office.casework.desk, office.clock())
    return [(step.rule, step.step) for step in office.detail().escalations if step.state == "fired"]


def test_an_acknowledgement_holds_calls_back_and_moves_nothing_else(office: Office) -> None:
    office.sync(exception())
    before = office.case()
    seen = office.perform(office.case_id(), Action.ACKNOWLEDGE, PLANNER, minutes=90, note="on the phone")
    until = office.clock() + timedelta(minutes=90)
    assert (seen.acknowledged_until, seen.acknowledged_by) == (until, PLANNER)
    assert (seen.state, seen.owner, seen.first_response_at) == (State.NEW, None, None)
    assert seen.first_response_due_at == before["first_response_due_at"]
    office.clock.at = until - timedelta(microseconds=1)
    assert fired(office) == []
    assert auditor.audit_missed(office.casework.desk, office.clock()) == []
    office.clock.at = until
    assert fired(office) == [("unanswered", 1), ("unanswered", 2)]
    office.clock.at = START + timedelta(hours=2)
    assert fired(office) == [("unanswered", 1), ("unanswered", 2), ("unanswered", 3)]
    (told,) = [entry for entry in office.detail().history if entry.fact == "case:acknowledged"]
    assert told.details["note"] == "on the phone" and told.details["until"]
    assert chain.verify(office.casework, TENANT).ok


def test_only_calls_for_an_answer_are_held_back(office: Office) -> None:
    office.sync(exception(sla_penalty_amount=Decimal("30000.00")))
    office.perform(office.case_id(), Action.ACKNOWLEDGE, until=office.clock() + timedelta(hours=24))
    office.clock.forward(hours=23)
    assert fired(office) == [("high_exposure", 1), ("unresolved", 1)]


def test_whoever_answers_ends_the_acknowledgement_and_the_calls_with_it(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.ACKNOWLEDGE, minutes=60)
    assert holds(office.detail().case, office.clock())
    seen = office.perform(office.case_id(), Action.TRIAGE)
    assert (seen.acknowledged_until, seen.acknowledged_by) == (None, None)
    assert not holds(seen, office.clock())
    office.clock.forward(hours=4)
    assert fired(office) == []
    with pytest.raises(TransitionRefused, match="triaged cannot acknowledge"):
        office.perform(office.case_id(), Action.ACKNOWLEDGE, minutes=60)


def test_a_case_answered_by_a_message_has_nothing_to_acknowledge(office: Office) -> None:
    office.sync(exception())
    office.approve(office.draft())
    with pytest.raises(TransitionRefused, match="has been answered"):
        office.perform(office.case_id(), Action.ACKNOWLEDGE, minutes=60)


def test_a_later_acknowledgement_takes_the_place_of_an_earlier_one(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.ACKNOWLEDGE, minutes=10)
    office.perform(office.case_id(), Action.ACKNOWLEDGE, LEAD, minutes=120)
    office.clock.forward(minutes=119)
    assert fired(office) == []


def test_an_exception_that_comes_back_is_called_for_again(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.ACKNOWLEDGE, minutes=1440)
    office.sync()
    office.clock.forward(minutes=1)
    office.sync(exception())
    office.clock.forward(hours=1)
    assert ("unanswered", 4) in fired(office)


@pytest.mark.parametrize(
    ("details", "says"),
    [
        ({}, "until when, or for how many minutes"),
        ({"minutes": 5, "until": START + timedelta(hours=1)}, "until when, or for how many"),
        ({"minutes": 0}, "1 to 1440 minutes"),
        ({"minutes": 1441}, "1 to 1440 minutes"),
        ({"minutes": "soon"}, "1 to 1440 minutes"),
        ({"minutes": True}, "1 to 1440 minutes"),
        ({"until": START}, "within the next 24 hours"),
        ({"until": START + timedelta(days=2)}, "To put a case off for longer, let it wait"),
        ({"until": (START + timedelta(hours=1)).replace(tzinfo=None)}, "with a time zone"),
        ({"until": "tomorrow"}, "with a time zone"),
    ],
)
def test_an_acknowledgement_always_expires(sqlite_office: Office, details: dict[str, Any], says: str) -> None:
    sqlite_office.sync(exception())
    before = sqlite_office.case()
    with pytest.raises(DetailsRefused, match=says):
        sqlite_office.perform(before["case_id"], Action.ACKNOWLEDGE, **details)
    assert sqlite_office.case() == before
