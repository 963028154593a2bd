"""I1, I2, I3, I7, I10, I11, I14 and I15 over lives of a desk, on both stores: each danger once, then random lives."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from casework.model import Action, Role
from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.desk_choices import CUTS_OF_A_ROUND, DISTURBANCES, JUMPS, WAYS
from tests.casework.invariants.far_side import Answer
from tests.casework.invariants.lives import life, lives_of
from tests.casework.office import APPROVER, AUDITOR, LEAD, PLANNER
from tests.faults import sizes

CUSTOMERS = 2  # the third draft for somebody outside leaves by mail and to the portal
CASES = 3
PARTS = 4  # of the random lives, for as many processes


def test_every_way_an_attempt_can_go(stores: Stores) -> None:
    for answer in Answer:
        with life(stores) as step:
            step("a_message_meets_the_world", CUSTOMERS, answer, None)


def test_the_power_fails_at_every_point_of_a_round(stores: Stores) -> None:
    for point in CUTS_OF_A_ROUND:
        with life(stores) as step:
            step("time_passes", JUMPS[6])  # a first step of the escalations is due
            step("a_message_meets_the_world", CUSTOMERS, Answer.TAKEN, point)


def test_everything_that_can_happen_between_approval_and_sending(stores: Stores) -> None:
    for disturbance in DISTURBANCES:
        with life(stores) as step:
            step("something_happens_between_approval_and_sending", CUSTOMERS, disturbance, [], None)
        for death in (Answer.KILLED_EARLY, Answer.KILLED_AFTER, Answer.LOST_AFTER):
            with life(stores) as step:
                step("something_happens_while_a_dead_worker_holds_the_message", CUSTOMERS, disturbance, death)


def test_what_a_person_may_send_again_does_not_leave_on_an_approval_from_before_an_end(
    stores: Stores,
) -> None:
    for answer in (Answer.KILLED_SENDING, Answer.KILLED_AFTER, Answer.LOST_AFTER):
        with life(stores) as step:
            step("a_message_meets_the_world", CUSTOMERS, answer, None)
            for action in (Action.DISMISS, Action.REOPEN):
                for case in range(CASES):
                    step("somebody_acts", case, LEAD, action, 0, JUMPS[0], None)
            step("a_person_decides_what_became_of_it", 0, LEAD, True)
            step("a_worker_does_a_round", 0, [], None)


def test_every_way_two_approvals_can_come_and_everything_between_and_after_them(stores: Stores) -> None:
    for way in WAYS:
        with life(stores) as step:
            step("a_grave_message_gathers_its_approvals", way, None, None)
    for disturbance in DISTURBANCES:
        for way in ("two people", "a delegate and a lead"):
            with life(stores) as step:
                step("a_grave_message_gathers_its_approvals", way, disturbance, None)
            with life(stores) as step:
                step("a_grave_message_gathers_its_approvals", way, None, disturbance)


def test_people_approve_for_one_another(stores: Stores) -> None:
    with life(stores) as step:
        for number in range(6):  # a planner on their own, up to their value band
            step("somebody_approves", number, PLANNER, 0, False, None)
    with life(stores) as step:
        step("somebody_lends_their_right", LEAD, PLANNER, 30, None)
        step("somebody_approves", 0, PLANNER, 0, False, None, LEAD)
        step("somebody_lends_their_right", APPROVER, AUDITOR, 1, Decimal(2000))
        for number in range(6):
            step("somebody_approves", number, AUDITOR, 0, False, None, APPROVER)
        step("somebody_takes_a_lent_right_back", 0, LEAD)
        step("a_worker_does_a_round", 0, [], None)
        step("somebody_lends_their_right", LEAD, PLANNER, 30, None)
        for number in range(3):
            step("somebody_writes", number, LEAD, 0, False, None)
            step("somebody_approves", number, PLANNER, 0, False, None, LEAD)
        step("a_worker_does_a_round", 0, [], None)
    with life(stores) as step:
        step("somebody_lends_their_right", APPROVER, AUDITOR, 1, None)
        step("time_passes", JUMPS[7])
        for number in range(6):  # what was lent has run out
            step("somebody_approves", number, AUDITOR, 0, False, None, APPROVER)


def test_the_power_fails_within_decisions(stores: Stores) -> None:
    with life(stores) as step:
        for point in ("desk:before-commit", "drafts:after-approval-before-effects"):
            step("somebody_approves", 1, LEAD, 0, False, point)
        step("somebody_acts", 0, LEAD, Action.START, 0, JUMPS[0], "desk:before-commit")
        step("the_feed_changes", 0, 3, "sync:between-chunks")
        step("the_feed_changes", 0, 2, "sync:before-drafts")
        step("the_door_is_opened_anew")


def test_a_case_is_worked_on_and_time_runs_past_every_deadline(stores: Stores) -> None:
    with life(stores) as step:
        for action in (Action.START, Action.WAIT):
            step("the_lead_works", 0, action, JUMPS[7])
        for jump in JUMPS[:8]:
            step("time_passes", jump)
            step("a_worker_does_a_round", 0, [], None)
        step("the_lead_works", 0, Action.WAIT, JUMPS[-1])
        step("time_passes", JUMPS[7])
        step("the_lead_works", 0, Action.RESUME, JUMPS[0])
        for action in (Action.RESOLVE, Action.CLOSE, Action.REOPEN):
            step("somebody_acts", 0, LEAD, action, 0, JUMPS[0], None)
        step("the_feed_changes", 2, None, None)  # a case nobody took recovers
        step("the_feed_changes", 2, 1, None)
        step("the_feed_changes", 0, 1, None)
        for who in (APPROVER, LEAD):
            step("somebody_approves_a_text_of_their_own", 1, who)
        for jump in JUMPS[8:]:
            step("time_passes", jump)
            step("a_worker_does_a_round", 1, [], None)


def test_links_are_made_used_taken_back_and_end_whatever_is_cut(stores: Stores) -> None:
    for cut in (None, "desk:before-commit", "desk:after-commit-before-checkpoint"):
        with life(stores) as step:
            step("a_case_is_shared", 0, Role.CARRIER, True, True, JUMPS[5], None)
            step("a_case_is_shared", 0, Role.CUSTOMER, False, False, JUMPS[-1], cut)
            for link in range(2):
                for case in range(CASES):
                    step("somebody_comes_by_a_link", link, case, cut)
                    step("somebody_comes_by_a_link", link, case, None)
            step("somebody_acts", 0, LEAD, Action.DISMISS, 0, JUMPS[0], None)
            step("somebody_comes_by_a_link", 0, 0, None)
            step("time_passes", JUMPS[5])
            step("somebody_comes_by_a_link", 0, 0, None)
            step("a_link_is_taken_back", 1, LEAD, cut)
            step("a_link_is_taken_back", 1, AUDITOR, None)
            step("somebody_comes_by_a_link", 1, 1, None)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_people_feeds_and_workers_do_every_invariant_holds(
    stores: Stores, part: int, looks_for_less: bool
) -> None:
    phases = [Phase.generate, Phase.shrink] if looks_for_less else [Phase.generate]
    run_state_machine_as_test(
        seed(sizes.SEED + part)(lives_of(stores)),
        settings=settings(
            max_examples=max(1, sizes.figure("histories") // PARTS),
            stateful_step_count=sizes.STEPS,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=looks_for_less,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
