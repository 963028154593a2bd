"""Whose a case is: claimed, released, transferred to a team; and how the work is spread."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from casework.errors import CaseworkError, DetailsRefused, NotPermitted, TransitionRefused
from casework.evidence import chain
from casework.model import Action, CaseView, QueueFilter, State
from casework.teamwork.workload import Load
from tests.casework.office import CARRIER, CUSTOMER, ENGINEER, LEAD, PLANNER, TENANT, Office, exception


def test_what_nobody_has_can_be_claimed_and_that_answers_it(office: Office) -> None:
    office.sync(exception())
    seen = office.perform(office.case_id(), Action.CLAIM, PLANNER)
    assert (seen.owner, seen.state, seen.first_response_at) == (PLANNER, State.NEW, office.clock())
    assert office.facts_of()[-1] == "case:claimed"
    assert chain.verify(office.casework, TENANT).ok


def test_what_somebody_has_cannot_be_claimed_and_the_refusal_names_them(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.CLAIM, PLANNER)
    before = office.case()
    with pytest.raises(TransitionRefused, match=r"This case is with Planner\. Ask them to release it"):
        office.perform(office.case_id(), Action.CLAIM, LEAD)
    with pytest.raises(TransitionRefused, match="yours already"):
        office.perform(office.case_id(), Action.CLAIM, PLANNER)
    assert office.case() == before
    assert office.perform(office.case_id(), Action.ASSIGN, LEAD, owner=LEAD).owner == LEAD


def test_of_two_people_who_claim_at_once_one_has_it_and_the_other_is_told(office: Office) -> None:
    office.sync(exception())
    case_id, came_to = office.case_id(), []
    ready = threading.Barrier(2)

    def claim(who: str) -> None:
        door, person = office.door(), office.who(who)
        ready.wait()
        try:
            came_to.append(door.perform(person, TENANT, case_id, Action.CLAIM))
        except CaseworkError as refused:
            came_to.append(refused)

    both = [threading.Thread(target=claim, args=(who,)) for who in (LEAD, PLANNER)]
    [thread.start() for thread in both]
    [thread.join() for thread in both]
    assert sorted(type(result).__name__ for result in came_to) == ["CaseView", "TransitionRefused"]
    (had,) = [result for result in came_to if isinstance(result, CaseView)]
    assert office.case()["owner"] == had.owner
    assert office.facts_of().count("case:claimed") == 1


def test_only_who_has_a_case_releases_it_and_says_why(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.CLAIM, PLANNER)
    with pytest.raises(NotPermitted, match="a case of your own"):
        office.perform(office.case_id(), Action.RELEASE, LEAD, reason="give it to me")
    with pytest.raises(DetailsRefused, match="say its reason"):
        office.perform(office.case_id(), Action.RELEASE, PLANNER, reason=" ")
    assert office.perform(office.case_id(), Action.RELEASE, PLANNER, reason="off sick").owner is None
    (told,) = [entry for entry in office.detail().history if entry.fact == "case:released"]
    assert told.details == {"reason": "off sick", "was_owner": PLANNER}


def test_a_case_handed_to_a_team_waits_in_its_queue_until_somebody_takes_it(office: Office) -> None:
    office.sync(exception(1), exception(2))
    office.perform(office.case_id(), Action.CLAIM, PLANNER)
    seen = office.perform(office.case_id(), Action.TRANSFER, PLANNER, team="logistics", reason="rebook")
    assert (seen.team, seen.owner) == ("logistics", None)

    def queue(team: str) -> set[str]:
        found = office.casework.search(office.who(LEAD), TENANT, QueueFilter(team=team))
        assert found.total == len(found.cases)
        return {case.subject for case in found.cases}

    assert (queue("logistics"), queue("-"), queue("warehouse")) == ({"SH-1"}, {"SH-2"}, set())
    assert office.casework.search(office.who(LEAD), TENANT).facets["team"] == {"-": 1, "logistics": 1}
    office.perform(office.case_id(), Action.CLAIM, LEAD)
    assert queue("logistics") == {"SH-1"}
    with pytest.raises(DetailsRefused, match="no team 'fishing'; use one of planning, lead, logistics"):
        office.perform(office.case_id(), Action.TRANSFER, team="fishing", reason="x")


def test_a_publication_takes_no_case_out_of_its_teams_queue(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.TRANSFER, team="account", reason="their contract")
    office.sync(exception(sla_penalty_amount=Decimal("700.00")), publication="pub-2")
    assert office.case()["team"] == "account"


def test_the_workload_tells_who_has_how_much_and_counts_a_shipment_once(office: Office) -> None:
    second = exception(1, exception_key="late_now:SH-1", exception_type="late_now")
    office.sync(exception(1), second, exception(2), exception(3), exception(4))
    for key in ("predicted_late:SH-1", "late_now:SH-1", "predicted_late:SH-2"):
        office.perform(office.case_id(key), Action.CLAIM, PLANNER)
    office.perform(office.case_id("predicted_late:SH-3"), Action.TRANSFER, team="logistics", reason="x")
    office.perform(office.case_id("predicted_late:SH-2"), Action.START, PLANNER)
    until = office.clock() + timedelta(days=9)
    office.perform(office.case_id("predicted_late:SH-2"), Action.WAIT, PLANNER, until=until, reason="x")
    found = office.casework.workload(office.who(LEAD), TENANT)
    thousand = Decimal("1000.00")
    assert found.by_owner == (
        Load(PLANNER, "Planner", 3, 0, 1, 2 * thousand),
        Load(None, None, 2, 2, 0, 2 * thousand),
    )
    assert found.by_team == (
        Load(None, None, 4, 1, 1, 3 * thousand),
        Load("logistics", "logistics", 1, 1, 0, thousand),
    )
    assert found.currency_code == "USD"
    office.clock.forward(hours=23, minutes=30)
    assert office.casework.workload(office.who(LEAD), TENANT).by_owner[0].breaching == 2


def test_the_workload_of_another_tenant_or_for_outsiders_is_not_shown(office: Office) -> None:
    office.sync(exception())
    assert office.casework.workload(office.who(LEAD), "health").by_owner == ()
    for who, tenant in ((CUSTOMER, TENANT), (CARRIER, TENANT), (ENGINEER, TENANT), (LEAD, "nowhere")):
        with pytest.raises(NotPermitted):
            office.casework.workload(office.who(who), tenant)
