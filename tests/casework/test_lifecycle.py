"""What can be done to a case in which state, and what every action leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework import lifecycle
from casework.errors import DetailsRefused, NotPermitted, TransitionRefused
from casework.evidence import chain
from casework.model import OPEN_STATES, Action, QueueFilter, State
from tests.casework.office import LEAD, PLANNER, START, TENANT, Office, exception

BY_PEOPLE = [action for action in Action if action not in lifecycle.SYSTEM_ACTIONS]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_every_state_and_action_either_moves_stays_or_says_what_is_possible(
    state: State, action: Action
) -> None:
    if (state, action) in lifecycle.TRANSITIONS:
        assert lifecycle.advance(state, action) == lifecycle.TRANSITIONS[state, action]
    elif state in lifecycle.STAYING.get(action, ()):
        assert lifecycle.advance(state, action) == state
    else:
        with pytest.raises(TransitionRefused) as refused:
            lifecycle.advance(state, action)
        for option in lifecycle.possible(state):
            assert option.value in refused.value.message


def test_from_every_state_a_case_can_end_and_every_end_can_be_reopened() -> None:
    for state in State:
        reached, frontier = {state}, [state]
        while frontier:
            at = frontier.pop()
            after = {to for (frm, _action), to in lifecycle.TRANSITIONS.items() if frm == at}
            frontier += sorted(after - reached)
            reached |= after
        assert State.CLOSED in reached or State.DISMISSED in reached
        assert reached & OPEN_STATES


def test_every_action_has_a_fact_in_the_past_tense_and_no_two_share_one() -> None:
    assert set(lifecycle.FACTS) == set(Action)
    assert len(set(lifecycle.FACTS.values())) == len(Action)
    assert all(fact.rsplit(":", 1)[1].endswith("ed") for fact in lifecycle.FACTS.values())


def told(action: Action, now: Any) -> dict[str, Any]:
    return {
        Action.WAIT: {"until": now + timedelta(hours=1), "reason": "the carrier answers tomorrow"},
        Action.RESOLVE: {"resolution_code": "mitigated", "root_cause_code": "weather"},
        Action.DISMISS: {"reason": "a test shipment"},
        Action.REOPEN: {"reason": "it came back"},
        Action.ASSIGN: {"owner": PLANNER},
        Action.RELEASE: {"reason": "my shift ends"},
        Action.TRANSFER: {"team": "logistics", "reason": "the carrier must be changed"},
        Action.ACKNOWLEDGE: {"minutes": 30},
        Action.COMMENT: {"text": "called them"},
        Action.ESCALATE: {"reason": "too big for me"},
    }.get(action, {})


def test_a_case_goes_from_new_to_closed_and_its_history_tells_it(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    for action in (Action.TRIAGE, Action.START, Action.WAIT, Action.RESUME, Action.RESOLVE, Action.CLOSE):
        office.clock.forward(minutes=1)
        seen = office.perform(case_id, action, **told(action, office.clock()))
    assert (seen.state, seen.is_open, seen.owner) == (State.CLOSED, False, LEAD)
    assert seen.resolution_code == "mitigated"
    moved = [fact for fact in office.facts_of() if fact in lifecycle.FACTS.values()]
    assert moved == [
        "case:triaged",
        "case:started",
        "case:waited",
        "case:resumed",
        "case:resolved",
        "case:closed",
    ]
    assert chain.verify(office.casework, TENANT).ok


def test_a_refused_action_changes_nothing_and_names_the_way_on(office: Office) -> None:
    office.sync(exception())
    before = office.case()
    with pytest.raises(TransitionRefused, match="A case that is new cannot close; it can triage, start"):
        office.perform(before["case_id"], Action.CLOSE)
    assert office.case() == before


@pytest.mark.parametrize(
    ("action", "details", "says"),
    [
        (Action.RESOLVE, {"resolution_code": "mitigated"}, "needs root_cause_code"),
        (Action.RESOLVE, {"resolution_code": "gone", "root_cause_code": "weather"}, "no way this type"),
        (Action.RESOLVE, {"resolution_code": "mitigated", "root_cause_code": "x"}, "no known root cause"),
        (Action.WAIT, {"until": START - timedelta(days=1), "reason": "x"}, "in the future"),
        (Action.WAIT, {"until": "tomorrow", "reason": "x"}, "in the future"),
        (Action.TRIAGE, {"reason": "x"}, "does not take reason"),
        (Action.COMMENT, {"text": "  "}, "say its text"),
        (Action.ASSIGN, {"owner": "person:auditor"}, "cannot work this case"),
        (Action.ASSIGN, {"owner": "nobody"}, "cannot work this case"),
    ],
)
def test_what_an_action_must_be_told_is_checked(
    sqlite_office: Office, action: Action, details: dict[str, Any], says: str
) -> None:
    sqlite_office.sync(exception())
    case_id = sqlite_office.case_id()
    sqlite_office.perform(case_id, Action.START)
    version = sqlite_office.case()["version"]
    with pytest.raises(DetailsRefused, match=says):
        sqlite_office.perform(case_id, action, **details)
    assert sqlite_office.case()["version"] == version


def test_waiting_stops_the_resolution_clock(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    due = office.case()["resolution_due_at"]
    until = office.clock() + timedelta(hours=9)
    office.perform(case_id, Action.WAIT, until=until, reason="customs")
    office.clock.forward(hours=5)
    seen = office.perform(case_id, Action.RESUME)
    assert seen.resolution_due_at == due + timedelta(hours=5)
    assert seen.waiting_until is None


def test_a_case_is_not_reopened_beside_a_newer_one_of_the_same_exception(office: Office) -> None:
    office.sync(exception())
    first = office.case_id()
    office.perform(first, Action.DISMISS, reason="not ours")
    office.sync()
    office.sync(exception())
    assert office.case_id() != first
    with pytest.raises(TransitionRefused, match="already open for the same exception"):
        office.perform(first, Action.REOPEN, reason="again")


def test_text_that_a_store_cannot_hold_is_cleaned_on_the_way_in(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.COMMENT, text="a\x00b \ud800 \U0001f6a2 ‮ end")
    (note,) = office.detail().messages
    assert note.body == "ab ? \U0001f6a2 ‮ end"
    assert chain.verify(office.casework, TENANT).ok


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(st.sampled_from(BY_PEOPLE), max_size=12))
def test_every_accepted_action_leaves_a_fact_an_audit_entry_and_an_event(
    module_office: Office, actions: list[Action]
) -> None:
    office = module_office
    known = office.casework.search(office.who(LEAD), TENANT, QueueFilter(include_closed=True)).total
    office.sync(*(exception(number) for number in range(known + 1)))
    case_id = office.case_id(f"predicted_late:SH-{known}")
    expected, state = [], State.NEW
    for action in actions:
        office.clock.forward(minutes=1)
        try:
            office.perform(case_id, action, **told(action, office.clock()))
        except TransitionRefused:
            assert (state, action) not in lifecycle.TRANSITIONS
            continue
        except NotPermitted:
            assert action == Action.RELEASE  # somebody else's, or nobody's
            continue
        state = lifecycle.advance(state, action)
        expected.append(lifecycle.FACTS[action])
    detail = office.detail(case_id)
    names = set(lifecycle.FACTS.values())
    assert detail.case.state == state
    assert [entry.fact for entry in detail.history if entry.fact in names] == expected
    assert [entry.action for entry in detail.audit if entry.action in names] == expected
