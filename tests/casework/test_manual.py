"""A case that no detector found: opened on a person's word, and left alone by every publication."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from casework.errors import DetailsRefused, NotPermitted, SyncRefused
from casework.escalations import escalation
from casework.evidence import chain
from casework.manual import ManualCase
from casework.model import Action, CaseView, Grant, QueueFilter, Role, State
from casework.service import Casework
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    FEED_TIME,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
)

CALL = ManualCase(
    title="Driver stands at a closed gate",
    reason="The driver called: gate 4 is shut, nobody answers the bell.",
    severity="high",
    shipment_id="SH-1",
    customer_id=OWN_CUSTOMER,
    sla_penalty_amount=Decimal("250.00"),
)


def opened(office: Office, who: str = PLANNER, **changed: Any) -> CaseView:
    return office.casework.open_manual(office.who(who), TENANT, replace(CALL, **changed))


@pytest.mark.parametrize("who", [LEAD, PLANNER])
def test_a_call_becomes_a_case_with_the_clocks_and_steps_of_a_detected_one(office: Office, who: str) -> None:
    case = opened(office, who)
    assert (case.case_id, case.state, case.exception_type) == ("D-000001", State.NEW, "manual")
    assert (case.expected_loss, case.currency_code) == (Decimal("250.00"), "USD")
    assert case.detected_at == FEED_TIME
    assert case.first_response_due_at == office.clock() + timedelta(hours=1)
    detail = office.detail(case.case_id)
    assert {fact.source for fact in detail.facts} == {who}
    assert {fact.fact_id for fact in detail.facts} >= {"title", "reason", "shipment_id"}
    assert [step.rule for step in detail.escalations].count("unanswered") == 3
    assert [(entry.fact, entry.actor) for entry in detail.history] == [("case:opened", who)]
    assert chain.verify(office.casework, TENANT).ok


def test_nobody_answers_a_case_opened_by_hand_either(office: Office) -> None:
    case = opened(office)
    office.clock.forward(hours=2)
    assert escalation.fire_due(office.casework.desk, office.clock()) == 3
    assert office.detail(case.case_id).case.owner == LEAD


def test_what_costs_nothing_known_is_worth_nothing_yet_and_needs_no_shipment(office: Office) -> None:
    case = opened(office, shipment_id=None, sla_penalty_amount=Decimal(0))
    assert case.expected_loss == Decimal("0.00")
    assert (case.subject_type, case.subject) == ("other", CALL.title)


def test_a_publication_neither_rewrites_a_case_opened_by_hand_nor_finds_it_gone(office: Office) -> None:
    key = opened(office).exception_key
    before = office.case(key)
    assert office.sync(exception()).opened == 1
    assert office.sync(publication="pub-2").recovered == 1
    assert office.case(key) == before
    assert office.case()["state"] == State.RESOLVED
    for stated in (
        exception(exception_type="manual", exception_key="manual:SH-9"),
        exception(exception_key=key),
    ):
        with pytest.raises(SyncRefused, match="only people open"):
            office.sync(stated)
    assert office.case(key) == before


def test_a_case_opened_by_hand_is_worked_to_its_end_and_can_come_back(office: Office) -> None:
    case = opened(office)
    office.perform(case, Action.START)
    office.perform(case, Action.RESOLVE, resolution_code="mitigated", root_cause_code="consignee")
    office.perform(case, Action.CLOSE)
    office.sync()
    office.perform(case, Action.REOPEN, reason="the gate is shut again")
    assert office.case(case.exception_key)["state"] == State.IN_PROGRESS


def test_numbers_of_cases_go_on_whoever_opened_them(office: Office) -> None:
    office.sync(exception(1))
    opened(office)
    office.sync(exception(1), exception(2))
    found = office.casework.search(office.who(LEAD), TENANT).cases
    assert sorted(case.case_id for case in found) == ["D-000001", "D-000002", "D-000003"]


def test_the_same_call_sent_twice_opens_one_case(office: Office) -> None:
    first = opened(office, reference="call-17")
    with pytest.raises(DetailsRefused, match=f"case {first.case_id} was opened already"):
        opened(office, reference="call-17")
    assert office.casework.search(office.who(LEAD), TENANT, QueueFilter(include_closed=True)).total == 1


@pytest.mark.parametrize("who", [APPROVER, AUDITOR, ENGINEER, ADMIN, CUSTOMER, CARRIER])
def test_only_a_lead_or_a_planner_opens_a_case(sqlite_office: Office, who: str) -> None:
    with pytest.raises(NotPermitted, match="does not let you open a case"):
        opened(sqlite_office, who)
    with pytest.raises(NotPermitted):
        sqlite_office.casework.open_manual(sqlite_office.who(who), "nowhere", CALL)


def test_a_planner_of_one_customer_opens_no_case_about_another(office: Office) -> None:
    office.casework.revoke(PLANNER, TENANT, "person:admin")
    office.casework.give(PLANNER, Grant(TENANT, Role.PLANNER, customer_id="C-7"), "person:admin")
    with pytest.raises(NotPermitted):
        opened(office)
    with pytest.raises(NotPermitted):
        opened(office, customer_id=None)
    assert opened(office, customer_id="C-7").customer_id == "C-7"


def test_partners_do_not_see_what_was_opened_by_hand(office: Office) -> None:
    opened(office)
    assert office.casework.search(office.who(CUSTOMER), TENANT).total == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"title": "  "}, "say what happened"),
        ({"reason": "\x00"}, "say what was said"),
        ({"title": "x" * 201}, "longer than 200 characters"),
        ({"shipment_id": "x" * 121}, "shipment id is longer"),
        ({"severity": "huge"}, "one of low, medium"),
        ({"revenue_amount": Decimal(-1)}, "nothing or more"),
        ({"revenue_amount": Decimal("NaN")}, "nothing or more"),
        ({"revenue_amount": Decimal("1e15")}, "nothing or more"),
        ({"due_at": FEED_TIME.replace(tzinfo=None)}, "needs a time zone"),
        ({"team": "fishing"}, "no team 'fishing'; use one of planning"),
    ],
)
def test_what_a_person_says_is_checked(sqlite_office: Office, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(DetailsRefused, match=says):
        opened(sqlite_office, **changed)
    assert sqlite_office.casework.search(sqlite_office.who(LEAD), TENANT).total == 0


def test_a_door_opened_later_sees_the_same_case(office: Office) -> None:
    case = opened(office)
    door: Casework = office.door()
    assert door.get(office.who(LEAD), TENANT, case.case_id).case == office.detail(case.case_id).case
