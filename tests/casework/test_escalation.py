"""When nobody answers, somebody hears of it: each step once, never early, whatever runs beside it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update

from casework.config import load_config
from casework.effects.worker import Worker
from casework.escalations import auditor, escalation
from casework.model import Action, State
from casework.store.engine import writing_across
from casework.store.tables import cases, escalations
from tests.casework.office import LEAD, PLANNER, TENANT, Office, exception


def fire(office: Office) -> int:
    return escalation.fire_due(office.casework.desk, office.clock())


def fired(office: Office) -> list[tuple[str, int]]:
    return [(step.rule, step.step) for step in office.detail().escalations if step.state == "fired"]


def test_steps_fire_at_their_instants_in_order_and_not_before(office: Office) -> None:
    office.sync(exception())
    opened = office.clock()
    office.clock.at = opened + timedelta(minutes=45) - timedelta(microseconds=1)
    assert fire(office) == 0
    office.clock.at = opened + timedelta(minutes=45)
    assert fire(office) == 1
    assert fire(office) == 0
    office.clock.at = opened + timedelta(hours=2)
    assert fire(office) == 2
    assert fired(office) == [("unanswered", 1), ("unanswered", 2), ("unanswered", 3)]
    detail = office.detail()
    assert detail.case.owner == LEAD  # the last step hands it to the lead
    assert [message.direction for message in detail.messages] == ["note"] * 3
    assert office.facts_of().count("case:escalated") == 3


def test_what_was_due_while_everything_was_down_fires_once_when_it_is_up_again(office: Office) -> None:
    office.sync(exception())
    office.clock.forward(days=7)
    assert fire(office) == 6  # of the reminders one, however many have passed
    assert fire(office) == 0
    assert auditor.audit_missed(office.casework.desk, office.clock()) == []


@pytest.mark.parametrize("action", [Action.TRIAGE, Action.START, Action.ASSIGN])
def test_an_answer_cancels_what_asks_for_one(office: Office, action: Action) -> None:
    office.sync(exception())
    office.perform(office.case_id(), action, **({"owner": PLANNER} if action == Action.ASSIGN else {}))
    office.clock.forward(hours=5)
    assert fire(office) == 0
    office.clock.forward(days=1)
    assert fire(office) == 2
    assert fired(office) == [("unresolved", 1), ("unresolved", 2)]


def test_a_comment_is_no_answer(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.COMMENT, text="looking at it")
    office.clock.forward(hours=1)
    assert fire(office) == 2


def test_an_approved_message_is_an_answer(office: Office) -> None:
    office.sync(exception())
    office.approve(office.draft())
    office.clock.forward(hours=5)
    assert fire(office) == 0


def test_an_ended_case_escalates_no_more(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.DISMISS, reason="x")
    office.clock.forward(days=30)
    assert fire(office) == 0
    assert auditor.audit_missed(office.casework.desk, office.clock()) == []


def test_a_large_loss_wakes_the_lead_earlier_also_when_it_grew_later(office: Office) -> None:
    big = {"sla_penalty_amount": Decimal("30000.00")}
    office.sync(exception(1, **big), exception(2))
    rules = {step.rule for step in office.detail().escalations}
    assert "high_exposure" in rules
    small = office.case_id("predicted_late:SH-2")
    assert "high_exposure" not in {step.rule for step in office.detail(small).escalations}
    office.sync(exception(1, **big), exception(2, **big))
    assert "high_exposure" in {step.rule for step in office.detail(small).escalations}


def test_a_waiting_case_stands_still_and_goes_on_by_itself_when_the_wait_is_over(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    due = office.case()["resolution_due_at"]
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(days=3), reason="customs")
    office.clock.forward(days=2)
    assert fire(office) == 0
    office.clock.forward(days=1)
    assert fire(office) == 1
    case = office.case()
    assert (case["state"], case["waiting_until"]) == (State.IN_PROGRESS, None)
    assert case["resolution_due_at"] == due + timedelta(days=3)
    resolution = [step for step in office.detail().escalations if step.rule == "unresolved"]
    assert resolution[1].due_at == case["resolution_due_at"]
    assert auditor.audit_missed(office.casework.desk, office.clock()) == []


def test_a_wait_ended_by_hand_does_not_end_again(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(hours=2), reason="x")
    office.perform(case_id, Action.RESUME)
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(hours=9), reason="y")
    office.clock.forward(hours=3)
    assert fire(office) == 0
    assert office.case()["state"] == State.WAITING


def test_a_reopened_case_has_deadlines_again(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    office.perform(case_id, Action.RESOLVE, resolution_code="accepted", root_cause_code="weather")
    office.clock.forward(days=9)
    assert fire(office) == 0
    office.perform(case_id, Action.REOPEN, reason="it is not over")
    office.clock.forward(hours=25)
    assert fire(office) == 2


def test_two_workers_on_two_doors_fire_each_step_once(office: Office) -> None:
    count = 12
    office.sync(*(exception(number) for number in range(count)))
    office.clock.forward(days=5)
    done: list[int] = []
    start = threading.Barrier(3)

    def work() -> None:
        door = office.door()
        start.wait()
        done.append(escalation.fire_due(door.desk, office.clock()))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done) == count * 6
    with office.casework.desk.reading_across() as connection:
        states = Counter(connection.scalars(select(escalations.c.state)))
    assert states == {"fired": count * 6, "due": count}  # each reminder is followed by one more
    notes = [office.detail(office.case_id(f"predicted_late:SH-{n}")).messages for n in range(count)]
    assert [len(found) for found in notes] == [6] * count


def test_an_open_case_is_never_left_with_nothing_ahead(office: Office) -> None:
    office.sync(exception())
    office.perform(office.case_id(), Action.START)
    office.clock.forward(days=1)
    assert fire(office) == 2
    for _ in range(3):
        office.clock.forward(days=1)
        assert fire(office) == 1
    assert fired(office)[2:] == [("still_open", 1), ("still_open", 2), ("still_open", 3)]
    office.perform(office.case_id(), Action.DISMISS, reason="x")
    office.clock.forward(days=30)
    assert fire(office) == 0


def test_a_wait_moves_the_reminder_and_a_reopened_case_has_another(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(days=10), reason="customs")
    office.clock.forward(days=10)
    assert fire(office) == 1
    ahead = [step for step in office.detail().escalations if step.rule == "still_open"]
    assert [step.due_at for step in ahead] == [office.clock() + timedelta(days=2)]
    office.perform(case_id, Action.DISMISS, reason="x")
    office.perform(case_id, Action.REOPEN, reason="y")
    again = [step for step in office.detail().escalations if step.state == "due"]
    assert "still_open" in {step.rule for step in again}


def test_a_case_that_nothing_would_wake_is_reported_and_woken_by_the_worker(office: Office) -> None:
    office.sync(exception(1), exception(2))
    merged = [office.case_id(f"predicted_late:SH-{number}") for number in (1, 2)]
    office.casework.merge(office.who(LEAD), TENANT, merged, reason="one truck")
    with writing_across(office.engine) as connection:
        connection.execute(delete(escalations).where(escalations.c.rule == "still_open"))
        connection.execute(update(escalations).values(state="cancelled"))
    (missed,) = auditor.audit_missed(office.casework.desk, office.clock())
    assert missed.problem == escalation.FORGOTTEN
    worker = Worker(office.casework, {}, clock=office.clock)
    worker.tick()
    assert auditor.audit_missed(office.casework.desk, office.clock()) == []
    office.clock.forward(days=1)
    assert worker.tick()["escalated"] == 1


def test_the_auditor_reports_a_step_that_did_not_fire_and_a_case_nothing_would_wake(office: Office) -> None:
    office.sync(exception(1), exception(2))
    with writing_across(office.engine) as connection:
        sleeper = cases.c.exception_key == "predicted_late:SH-2"
        connection.execute(update(cases).where(sleeper).values(resolution_due_at=None))
    office.clock.forward(minutes=45, seconds=61)
    missed = auditor.audit_missed(office.casework.desk, office.clock())
    assert [(m.rule, m.due_at is None) for m in missed] == [
        ("unanswered", False),
        ("unanswered", False),
        ("", True),
    ]
    fire(office)
    assert len(auditor.audit_missed(office.casework.desk, office.clock())) == 1


def test_every_type_of_the_catalogue_has_steps_and_all_of_them_lie_ahead(sqlite_office: Office) -> None:
    types = load_config().detected_types
    sqlite_office.sync(
        *(exception(n, exception_type=kind, exception_key=f"{kind}:SH") for n, kind in enumerate(types))
    )
    for kind in types:
        steps = sqlite_office.detail(sqlite_office.case_id(f"{kind}:SH")).escalations
        assert steps
        assert all(step.due_at > sqlite_office.clock() for step in steps)


def test_escalations_of_one_tenant_are_told_in_its_own_log(office: Office) -> None:
    from casework.evidence.chain import verify

    office.sync(exception())
    office.clock.forward(days=2)
    fire(office)
    assert verify(office.casework, TENANT).ok
    assert verify(office.casework, "health").ok
