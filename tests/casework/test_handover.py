"""One shift hands its cases to the next: nothing is dropped, nothing moves before it is accepted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from casework.effects.worker import Worker
from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.evidence import chain
from casework.model import Action, Grant, Role, State
from casework.teamwork import handover
from casework.teamwork.handover import Given, Handover, Left
from tests.casework.office import AUDITOR, CARRIER, CUSTOMER, LEAD, PLANNER, TENANT, Office, exception

KEYS = [f"predicted_late:SH-{number}" for number in (1, 2, 3)]


@pytest.fixture
def desk(office: Office) -> Office:
    """A planner who owns two of three cases."""
    office.sync(*[exception(number) for number in (1, 2, 3)])
    for key in KEYS[:2]:
        office.perform(office.case_id(key), Action.CLAIM, PLANNER)
    return office


def given(office: Office, *keys: str) -> list[Given]:
    at = office.clock() + timedelta(hours=3)
    return [Given(office.case_id(key), "Call the carrier.", at) for key in keys]


def offered(office: Office, *, who: str = PLANNER, to: str = LEAD, **changed: Any) -> Handover:
    parts: dict[str, Any] = {"left": (), "note": "A quiet night."} | changed
    if "given" not in parts:
        parts["given"] = given(office, *KEYS[:2])
    return office.casework.hand_over(office.who(who), TENANT, to, **parts)


def accept(office: Office, packet: Handover, who: str = LEAD) -> Handover:
    return office.casework.accept_hand_over(office.who(who), TENANT, packet.handover_id)


def owners(office: Office) -> list[str | None]:
    return [office.case(key)["owner"] for key in KEYS]


def test_nothing_changes_hands_before_the_incoming_person_accepts_and_then_all_of_it_does(
    desk: Office,
) -> None:
    packet = offered(desk)
    assert (packet.state, packet.from_name, packet.to_name) == ("offered", "Planner", "Operations lead")
    assert packet.accept_by == desk.clock() + timedelta(minutes=30)
    assert owners(desk) == [PLANNER, PLANNER, None]
    desk.clock.forward(minutes=5)
    taken = accept(desk, packet)
    assert (taken.state, taken.decided_at) == ("accepted", desk.clock())
    assert owners(desk) == [LEAD, LEAD, None]
    for key in KEYS[:2]:
        detail = desk.detail(desk.case_id(key))
        (told,) = [entry for entry in detail.history if entry.fact == "case:owner:assigned"]
        assert (told.actor, told.details["owner"], told.details["was_owner"]) == (LEAD, LEAD, PLANNER)
        assert told.details["next_action"] == "Call the carrier."
        assert told.details["handover_id"] == packet.handover_id
        assert any("Next: Call the carrier." in message.body for message in detail.messages)
    assert chain.verify(desk.casework, TENANT).ok


def test_a_case_that_is_neither_handed_over_nor_left_with_a_reason_stops_the_hand_over(desk: Office) -> None:
    second = desk.case_id(KEYS[1])
    with pytest.raises(DetailsRefused, match=f"neither handed over nor left with a reason: {second}"):
        offered(desk, given=given(desk, KEYS[0]))
    with pytest.raises(DetailsRefused, match=f"why case {second} stays with you"):
        offered(desk, given=given(desk, KEYS[0]), left=[Left(second, "  ")])
    packet = offered(desk, given=given(desk, KEYS[0]), left=[Left(second, "I finish it at home")])
    assert [(item.subject, item.is_left, item.reason) for item in packet.items] == [
        ("SH-1", False, None),
        ("SH-2", True, "I finish it at home"),
    ]
    accept(desk, packet)
    assert owners(desk) == [LEAD, PLANNER, None]


@pytest.mark.parametrize("decide", ["decline", "withdraw"])
def test_a_packet_declined_or_taken_back_moves_nothing_and_says_why(desk: Office, decide: str) -> None:
    packet = offered(desk)
    who, verb = {
        "decline": (LEAD, desk.casework.decline_hand_over),
        "withdraw": (PLANNER, desk.casework.withdraw_hand_over),
    }[decide]
    with pytest.raises(DetailsRefused, match="Say the reason"):
        verb(desk.who(who), TENANT, packet.handover_id, " ")
    ended = verb(desk.who(who), TENANT, packet.handover_id, "too many at once")
    assert (ended.state, ended.reason) == (
        {"decline": "declined"}.get(decide, "withdrawn"),
        "too many at once",
    )
    assert owners(desk) == [PLANNER, PLANNER, None]
    with pytest.raises(TransitionRefused, match=f"is {ended.state} already"):
        accept(desk, packet)
    assert offered(desk).state == "offered"
    assert chain.verify(desk.casework, TENANT).ok


def test_what_ended_or_moved_on_since_the_offer_is_not_taken_over_and_is_named(desk: Office) -> None:
    packet = offered(desk)
    desk.perform(desk.case_id(KEYS[0]), Action.DISMISS, PLANNER, reason="delivered after all")
    desk.perform(desk.case_id(KEYS[1]), Action.RELEASE, PLANNER, reason="wrong desk")
    desk.perform(desk.case_id(KEYS[1]), Action.TRANSFER, PLANNER, team="account", reason="theirs")
    accept(desk, packet)
    assert owners(desk) == [PLANNER, None, None]
    with desk.casework.desk.reading_across() as connection:
        told = [
            entry for entry in chain.entries_of(connection, TENANT) if entry["action"] == "handover:accepted"
        ]
    assert told[0]["payload"]["details"]["moved"] == []
    assert told[0]["payload"]["details"]["stayed"] == {
        desk.case_id(KEYS[0]): "it has ended",
        desk.case_id(KEYS[1]): "it has another owner by now",
    }


def test_only_whom_it_is_offered_to_decides_on_it_and_only_the_giver_takes_it_back(desk: Office) -> None:
    packet = offered(desk)
    verbs: list[tuple[Callable[[], Any], str]] = [
        (lambda: accept(desk, packet, PLANNER), "Only Operations lead"),
        (lambda: accept(desk, packet, AUDITOR), "Only Operations lead"),
        (lambda: accept(desk, packet, CUSTOMER), "who works here"),
        (
            lambda: desk.casework.withdraw_hand_over(desk.who(LEAD), TENANT, packet.handover_id, "x"),
            "Only Planner",
        ),
    ]
    for verb, says in verbs:
        with pytest.raises(NotPermitted, match=says):
            verb()
    with pytest.raises(NotFound):
        desk.casework.accept_hand_over(desk.who(LEAD), "health", packet.handover_id)
    assert owners(desk) == [PLANNER, PLANNER, None]


def test_a_packet_nobody_accepts_is_told_to_the_lead_once_and_can_still_be_accepted(desk: Office) -> None:
    packet = offered(desk)
    worker = Worker(desk.casework, {}, clock=desk.clock)
    desk.clock.at = packet.accept_by - timedelta(microseconds=1)
    assert worker.fire() == {"escalated": 0}
    desk.clock.forward(minutes=2)
    assert [(m.rule, m.due_at) for m in handover.missed(desk.casework.desk, desk.clock())] == [
        ("handover_unaccepted", packet.accept_by)
    ]
    assert worker.fire() == {"escalated": 1}
    assert worker.fire() == {"escalated": 0}
    assert handover.missed(desk.casework.desk, desk.clock()) == []
    (seen,) = desk.casework.hand_overs(desk.who(LEAD), TENANT)
    assert seen.escalated_at == desk.clock()
    for key in KEYS[:2]:
        detail = desk.detail(desk.case_id(key))
        (told,) = [entry for entry in detail.history if entry.fact == "case:escalated"]
        assert told.details["address"] == "lead@demo-desk.example"
        assert any("has not accepted the hand-over of Planner" in m.body for m in detail.messages)
    assert accept(desk, packet).state == "accepted"
    assert chain.verify(desk.casework, TENANT).ok


def test_a_packet_accepted_in_time_is_told_to_nobody(desk: Office) -> None:
    accept(desk, offered(desk))
    desk.clock.forward(minutes=40)
    assert handover.fire_due(desk.casework.desk, desk.clock()) == 0


def test_taking_a_case_over_answers_it_like_an_assignment(office: Office) -> None:
    office.sync(exception())
    office.clock.forward(hours=2)
    Worker(office.casework, {}, clock=office.clock).fire()  # its last step made the lead its owner
    assert office.case()["owner"] == LEAD
    packet = offered(office, who=LEAD, to=PLANNER, given=given(office, KEYS[0]))
    accept(office, packet, PLANNER)
    assert office.case()["first_response_at"] == office.clock()


def test_whoever_cannot_work_a_case_is_not_offered_it_and_does_not_get_it_later(desk: Office) -> None:
    with pytest.raises(DetailsRefused, match="'person:auditor' cannot work case"):
        offered(desk, to=AUDITOR)
    with pytest.raises(DetailsRefused, match="Say whom"):
        offered(desk, to="")
    with pytest.raises(DetailsRefused, match="goes to somebody else"):
        offered(desk, to=PLANNER)
    packet = offered(desk)
    desk.casework.revoke(LEAD, TENANT, "person:admin")
    desk.casework.give(LEAD, Grant(TENANT, Role.OPS_LEAD, customer_id="C-OTHER"), "person:admin")
    accept(desk, packet)
    assert owners(desk) == [PLANNER, PLANNER, None]


def test_what_is_said_in_a_hand_over_is_checked(desk: Office) -> None:
    first, second = given(desk, *KEYS[:2])
    late = desk.clock() - timedelta(minutes=1)
    stranger = desk.case_id(KEYS[2])
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"given": [Given(first.case_id, " ", first.next_check_at), second]}, "next action of case"),
        ({"given": [Given(first.case_id, "x", late), second]}, "an instant in the future"),
        ({"given": [first, second, first]}, "Named more than once"),
        ({"given": [first, second, Given(stranger, "x", first.next_check_at)]}, "no open case of yours"),
        ({"given": [first], "left": [Left("H-000001", "x")]}, "no open case of yours"),
        ({"given": [], "left": [Left(g.case_id, "x") for g in (first, second)]}, "nothing in this hand-over"),
    ]
    for changed, says in wrong:
        with pytest.raises(DetailsRefused, match=says):
            offered(desk, **changed)
    assert desk.casework.hand_overs(desk.who(LEAD), TENANT, include_ended=True) == ()


def test_there_is_one_offer_at_a_time_from_one_person(desk: Office) -> None:
    offered(desk)
    with pytest.raises(TransitionRefused, match="offered a hand-over already; withdraw it"):
        offered(desk)


def test_a_waiting_case_is_handed_over_as_it_waits(desk: Office) -> None:
    case_id = desk.case_id(KEYS[0])
    desk.perform(case_id, Action.START, PLANNER)
    until = desk.clock() + timedelta(days=1)
    desk.perform(case_id, Action.WAIT, PLANNER, until=until, reason="customs")
    accept(desk, offered(desk))
    case = desk.case(KEYS[0])
    assert (case["owner"], case["state"], case["waiting_until"]) == (LEAD, State.WAITING, until)


def test_hand_overs_are_seen_by_the_tenants_own_people_within_their_scope(desk: Office) -> None:
    offered(desk)
    (seen,) = desk.casework.hand_overs(desk.who(AUDITOR), TENANT)
    assert [item.subject for item in seen.items] == ["SH-1", "SH-2"]
    desk.casework.revoke(AUDITOR, TENANT, "person:admin")
    desk.casework.give(AUDITOR, Grant(TENANT, Role.AUDITOR, customer_id="C-OTHER"), "person:admin")
    (narrow,) = desk.casework.hand_overs(desk.who(AUDITOR), TENANT)
    assert narrow.items == ()
    for who in (CUSTOMER, CARRIER):
        with pytest.raises(NotPermitted):
            desk.casework.hand_overs(desk.who(who), TENANT)
    assert desk.casework.hand_overs(desk.who(LEAD), "health") == ()
