"""Several cases that are one problem, and exceptions that come and go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.config import Flapping
from casework.errors import ApprovalRefused, CaseNotFound, DetailsRefused, NotPermitted, TransitionRefused
from casework.escalations import escalation
from casework.evidence import chain
from casework.incidents.vanishing import flaps_until
from casework.model import Action, QueueFilter, State
from tests.casework.office import (
    APPROVER,
    AUDITOR,
    CUSTOMER,
    LEAD,
    PLANNER,
    START,
    TENANT,
    Office,
    exception,
)

CODES = {"resolution_code": "mitigated", "root_cause_code": "carrier_delay"}


def opened(office: Office, *numbers: int, **changed: Any) -> list[str]:
    """Open a case for each number, a minute apart, and return their ids."""
    known = []
    for number in numbers:
        known.append(exception(number, **changed))
        office.sync(*known)
        office.clock.forward(minutes=1)
    return [office.case_id(f"predicted_late:SH-{number}") for number in numbers]


def merge(office: Office, case_ids: list[str], who: str = LEAD) -> Any:
    return office.casework.merge(office.who(who), TENANT, case_ids, "One truck, three shipments.")


def queue(office: Office, **wanted: Any) -> list[str]:
    found = office.casework.search(office.who(LEAD), TENANT, QueueFilter(**wanted))
    return [case.case_id for case in found.cases]


def due_of(office: Office, case_id: str) -> list[str]:
    return [step.rule for step in office.detail(case_id).escalations if step.state == "due"]


def test_the_oldest_case_stays_with_its_clock_and_the_others_are_worked_in_it(office: Office) -> None:
    first, second, third = opened(office, 1, 2, 3)
    office.perform(second, Action.ASSIGN, owner=PLANNER)
    clocks = office.detail(first).case.resolution_due_at

    stays = merge(office, [third, second, first])
    assert (stays.case_id, stays.owner, stays.resolution_due_at) == (first, PLANNER, clocks)
    assert queue(office) == [first]
    assert sorted(queue(office, include_merged=True)) == [first, second, third]
    assert {case.case_id for case in office.detail(first).merged} == {second, third}
    assert due_of(office, second) == due_of(office, third) == []
    assert due_of(office, first)
    assert office.facts_of(second)[-1] == "case:merged"
    assert chain.verify(office.casework, TENANT).ok


def test_a_merged_case_is_worked_nowhere_else_and_keeps_what_people_say(office: Office) -> None:
    first, second = opened(office, 1, 2)
    merge(office, [first, second])
    assert office.detail(second).possible_actions == (Action.COMMENT,)
    with pytest.raises(TransitionRefused, match=first):
        office.perform(second, Action.RESOLVE, **CODES)
    office.perform(second, Action.COMMENT, text="The driver called about this one.")
    with pytest.raises(ApprovalRefused, match=f"merged into {first}"):
        office.approve(office.draft(case_id=second))


def test_what_was_approved_before_the_merge_does_not_leave_after_it(office: Office) -> None:
    first, second = opened(office, 1, 2)
    office.approve(office.draft(case_id=second), who=APPROVER)
    assert [effect["state"] for effect in office.effects()] == ["pending"] * len(office.effects())
    merge(office, [first, second])
    assert {effect["state"] for effect in office.effects()} == {"superseded"}


def test_the_merged_ones_end_and_open_again_with_the_one_they_are_worked_in(office: Office) -> None:
    first, second, third = opened(office, 1, 2, 3)
    merge(office, [first, second, third])
    office.perform(first, Action.START)
    office.perform(first, Action.RESOLVE, **CODES)
    for case_id in (second, third):
        case = office.detail(case_id).case
        assert (case.state, case.resolution_code) == (State.RESOLVED, "mitigated")
    office.perform(first, Action.CLOSE)
    assert office.detail(second).case.state == State.CLOSED
    office.perform(first, Action.REOPEN, reason="It is not over.")
    assert office.detail(second).case.is_open
    assert queue(office) == [first]
    assert chain.verify(office.casework, TENANT).ok


def test_a_case_taken_out_again_has_its_own_clocks_and_drafts(office: Office) -> None:
    first, second = opened(office, 1, 2)
    merge(office, [first, second])
    office.clock.forward(hours=3)
    alone = office.casework.unmerge(office.who(PLANNER), TENANT, second, "Another truck after all.")
    assert (alone.merged_into, alone.is_open) == (None, True)
    assert sorted(queue(office)) == sorted([first, second])
    assert due_of(office, second)
    assert office.approve(office.draft(case_id=second), who=APPROVER).decision == "approved"


def test_a_case_that_waited_when_it_was_merged_wakes_after_it_is_taken_out(office: Office) -> None:
    first, second = opened(office, 1, 2)
    office.perform(second, Action.TRIAGE)
    office.perform(
        second, Action.WAIT, until=office.clock() + timedelta(hours=2), reason="The carrier calls."
    )
    merge(office, [first, second])
    office.clock.forward(hours=5)
    escalation.fire_due(office.casework.desk, office.clock())
    assert office.detail(second).case.state == State.WAITING
    office.casework.unmerge(office.who(LEAD), TENANT, second, "Another truck.")
    escalation.fire_due(office.casework.desk, office.clock())
    assert office.detail(second).case.state == State.IN_PROGRESS


def test_a_split_takes_several_out_together(office: Office) -> None:
    first, second, third, fourth = opened(office, 1, 2, 3, 4)
    merge(office, [first, second, third, fourth])
    stays = office.casework.split(office.who(LEAD), TENANT, first, [third, fourth], "The second truck.")
    assert stays.case_id == third
    assert sorted(queue(office)) == sorted([first, third])
    assert [case.case_id for case in office.detail(third).merged] == [fourth]
    assert [case.case_id for case in office.detail(first).merged] == [second]
    with pytest.raises(DetailsRefused, match=fourth):
        office.casework.split(office.who(LEAD), TENANT, first, [fourth], "Not of this one.")


def test_merging_into_a_merged_case_keeps_every_case_one_step_away(office: Office) -> None:
    first, second, third = opened(office, 1, 2, 3)
    merge(office, [second, third])
    merge(office, [first, second])
    assert {case.case_id for case in office.detail(first).merged} == {second, third}
    with pytest.raises(TransitionRefused, match=first):
        merge(office, [third, second])


def test_what_must_not_become_one_does_not(office: Office) -> None:
    first, second = opened(office, 1, 2)
    before = office.detail(first).case
    for chosen, refusal in (
        ([first], DetailsRefused),
        ([first, first], DetailsRefused),
        ([first, "D-999999"], CaseNotFound),
    ):
        with pytest.raises(refusal):
            merge(office, chosen)
    for who, refused in ((AUDITOR, NotPermitted), (APPROVER, NotPermitted), (CUSTOMER, NotPermitted)):
        with pytest.raises(refused):
            merge(office, [first, second], who=who)
    with pytest.raises(DetailsRefused, match="Say why"):
        office.casework.merge(office.who(LEAD), TENANT, [first, second], "  ")
    assert office.detail(first).case == before


def test_cases_of_different_customers_never_become_one(office: Office) -> None:
    office.sync(exception(1), exception(2, customer_id="0011ZEPS1BB45XX"))
    ids = queue(office)
    with pytest.raises(DetailsRefused, match="different customers"):
        merge(office, ids)
    assert sorted(queue(office)) == sorted(ids)


def test_a_partner_sees_its_own_cases_however_they_are_grouped_inside(office: Office) -> None:
    first, second = opened(office, 1, 2)
    partner = office.who(CUSTOMER)
    before = office.casework.search(partner, TENANT, QueueFilter())
    merge(office, [first, second])
    after = office.casework.search(partner, TENANT, QueueFilter())
    assert [case.case_id for case in after.cases] == [case.case_id for case in before.cases]
    assert {case.merged_into for case in after.cases} == {None}
    assert office.casework.get(partner, TENANT, first).merged == ()


def test_nothing_open_is_left_in_a_case_that_went_away_by_itself(office: Office) -> None:
    first, second = opened(office, 1, 2)
    merge(office, [first, second])
    office.sync(exception(2))  # the first one's exception is gone
    assert office.detail(first).case.is_open
    assert queue(office) == [first]
    office.sync()
    assert office.detail(second).case.state == State.RESOLVED
    assert office.detail(first).case.is_open


def test_news_of_a_merged_case_is_kept_and_wakes_nobody(office: Office) -> None:
    first, second = opened(office, 1, 2)
    merge(office, [first, second])
    office.sync(exception(1), exception(2, late_probability=0.95))
    assert office.detail(second).case.facts_version == 2
    assert due_of(office, second) == []
    office.clock.forward(days=2)
    escalation.fire_due(office.casework.desk, office.clock())
    assert "case:escalated" not in office.facts_of(second)


# --- coming and going -----------------------------------------------------------------------------------


def test_an_exception_that_comes_and_goes_keeps_its_case_until_it_stays_away(office: Office) -> None:
    states = []
    for _round in range(5):
        office.sync(exception())
        office.clock.forward(hours=1)
        office.sync()
        states.append(office.detail().case.state)
        office.clock.forward(hours=1)
    assert states == [State.RESOLVED] * 3 + [State.NEW] * 2
    assert office.detail().case.flapping_until is not None

    office.clock.forward(hours=12)
    office.sync()
    case = office.detail().case
    assert (case.state, case.resolution_code, case.flapping_until) == (State.RESOLVED, "self_recovered", None)
    assert chain.verify(office.casework, TENANT).ok


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.lists(st.floats(0, 200), max_size=8),
    rule=st.builds(
        Flapping, returns=st.integers(1, 4), within_hours=st.floats(1, 96), hold_hours=st.floats(1, 48)
    ),
)
def test_only_returns_within_the_window_count(hours: list[float], rule: Flapping) -> None:
    returns = [START - timedelta(hours=back) for back in hours]
    recent = sum(at > START - timedelta(hours=rule.within_hours) for at in returns)
    until = flaps_until(rule, returns, START)
    assert (until is not None) == (recent >= rule.returns)
    assert until is None or until == START + timedelta(hours=rule.hold_hours)


def test_a_type_that_does_not_flap_recovers_at_once() -> None:
    assert flaps_until(None, [START] * 9, START) is None


# --- many at once -----------------------------------------------------------------------------------------


def test_one_action_on_many_cases_is_foreseen_without_a_trace_and_answered_case_by_case(
    office: Office,
) -> None:
    first, second, third = opened(office, 1, 2, 3)
    office.perform(third, Action.DISMISS, reason="A test.")
    before = [office.detail(case_id).case for case_id in (first, second, third)]
    asked = [first, second, third, "D-999999", first]
    lead = office.who(LEAD)

    seen = office.casework.perform_many(lead, TENANT, asked, "assign", is_dry_run=True, owner=PLANNER)
    assert [office.detail(case_id).case for case_id in (first, second, third)] == before
    done = office.casework.perform_many(lead, TENANT, asked, "assign", owner=PLANNER)
    assert [result.is_done for result in done] == [True, True, False, False]
    assert done == seen
    assert "can reopen" in done[2].sentence or "dismissed" in done[2].sentence
    assert office.detail(first).case.owner == office.detail(second).case.owner == PLANNER


def test_many_cases_can_be_snoozed_at_once(office: Office) -> None:
    ids = opened(office, 1, 2)
    for case_id in ids:
        office.perform(case_id, Action.TRIAGE)
    until = office.clock() + timedelta(hours=4)
    done = office.casework.perform_many(
        office.who(PLANNER), TENANT, ids, Action.WAIT, until=until, reason="The carrier answers at noon."
    )
    assert all(result.is_done for result in done)
    assert {office.detail(case_id).case.state for case_id in ids} == {State.WAITING}
    with pytest.raises(DetailsRefused):
        office.casework.perform_many(office.who(PLANNER), TENANT, ids, Action.WAIT, until=until)
