"""I1, I2, I3, I7, I10, I11 and I14 over lives of a desk, on both stores: first each danger once, then random lives."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from casework.model import Action
from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.desk_machine import CUTS_OF_A_ROUND, DISTURBANCES, JUMPS
from tests.casework.invariants.far_side import Answer
from tests.casework.invariants.lives import life, lives_of
from tests.casework.office import APPROVER, LEAD
from tests.faults import sizes

CUSTOMERS = 2  # the third draft for somebody outside leaves by mail and to the portal


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
        with life(stores) as step:
            step("something_happens_while_a_dead_worker_holds_the_message", CUSTOMERS, disturbance)


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


def test_whatever_people_feeds_and_workers_do_every_invariant_holds(
    stores: Stores, looks_for_less: bool
) -> None:
    phases = [Phase.generate, Phase.shrink] if looks_for_less else [Phase.generate]
    run_state_machine_as_test(
        seed(sizes.SEED)(lives_of(stores)),
        settings=settings(
            max_examples=sizes.figure("histories"),
            stateful_step_count=sizes.figure("steps"),
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=looks_for_less,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
