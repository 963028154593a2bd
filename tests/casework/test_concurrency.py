"""Two people at once: one wins, the other is told, nothing is lost; the same on both stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from casework.errors import ApprovalRefused, CaseChanged, CaseworkError, TransitionRefused
from casework.evidence import chain
from casework.model import Action, Publication
from casework.store.tables import approvals, cases
from tests.casework.office import APPROVER, LEAD, PLANNER, TENANT, Office, exception


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start together; return each one's result or error."""
    start = threading.Barrier(len(calls))
    found: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            found[index] = call()
        except CaseworkError as error:
            found[index] = error

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_whoever_decides_on_a_version_that_is_no_more_is_refused(office: Office) -> None:
    office.sync(exception())
    seen = office.detail().case
    office.perform(seen, Action.TRIAGE, expected_version=seen.version)
    with pytest.raises(CaseChanged, match="Someone else changed case") as refused:
        office.perform(seen, Action.DISMISS, reason="x", expected_version=seen.version)
    assert refused.value.fields["actual"] == seen.version + 1
    assert office.case()["state"] == "triaged"


def test_of_two_decisions_on_the_same_version_exactly_one_holds(office: Office) -> None:
    for number in range(6):
        office.sync(*(exception(n) for n in range(number + 1)))
        case_id = office.case_id(f"predicted_late:SH-{number}")
        version = office.case(f"predicted_late:SH-{number}")["version"]
        people = [(LEAD, Action.TRIAGE), (PLANNER, Action.START), (LEAD, Action.START)]
        found = at_once(
            *(
                lambda who=who, action=action, case_id=case_id, version=version: office.door().perform(
                    office.who(who), TENANT, case_id, action, expected_version=version
                )
                for who, action in people
            )
        )
        assert sum(isinstance(item, CaseChanged) for item in found) == 2
        assert office.case(f"predicted_late:SH-{number}")["version"] == version + 1
    assert chain.verify(office.casework, TENANT).ok


def test_without_a_version_decisions_come_one_after_another_and_none_is_lost(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    comments = [f"note {number}" for number in range(12)]
    found = at_once(
        *(lambda text=text: office.perform(case_id, Action.COMMENT, text=text) for text in comments),
        lambda: office.perform(case_id, Action.START),
        lambda: office.perform(case_id, Action.START),
    )
    assert sum(isinstance(item, TransitionRefused) for item in found) == 1
    detail = office.detail()
    assert sorted(message.body for message in detail.messages) == sorted(comments)
    assert sorted(case.version for case in found if not isinstance(case, Exception)) == list(range(2, 15))
    assert [entry.sequence for entry in detail.history] == sorted(e.sequence for e in detail.history)
    assert chain.verify(office.casework, TENANT).ok


def test_a_draft_version_is_decided_once(office: Office) -> None:
    office.sync(exception())
    draft = office.draft()

    def reject() -> Any:
        return office.casework.reject(
            office.who(LEAD), TENANT, draft.draft_id, version=draft.version, reason="no"
        )

    found = at_once(
        lambda: office.approve(draft),
        lambda: office.approve(draft, LEAD),
        reject,
        lambda: office.approve(draft),
    )
    assert sum(isinstance(item, ApprovalRefused) for item in found) == 3
    with office.casework.desk.reading_across() as connection:
        assert connection.scalar(select(func.count()).select_from(approvals)) == 1
    (decided,) = [item for item in found if not isinstance(item, Exception)]
    assert bool(office.effects()) == (decided.decision == "approved")


def test_an_approval_and_new_facts_at_once_never_leave_an_old_message_to_be_sent(office: Office) -> None:
    for number in range(4):
        record = exception(number)
        office.sync(record)
        draft = office.draft(case_id=office.case_id(record.exception_key))
        at_once(
            lambda draft=draft: office.approve(draft, APPROVER),
            lambda record=record, number=number: office.door().sync(
                TENANT, Publication(f"p{number}"), [exception(number, severity="critical")]
            ),
        )
        current = office.case(record.exception_key)["facts_version"]
        pending = [e for e in office.effects() if e["state"] == "pending" and e["case_id"] == draft.case_id]
        assert all(effect["facts_version"] == current for effect in pending)


def test_two_syncs_at_once_open_each_case_once(office: Office) -> None:
    records = [exception(number) for number in range(30)]
    found = at_once(*(lambda: office.door().sync(TENANT, Publication("pub-1"), records) for _ in range(3)))
    assert sum(result.opened for result in found) == 30
    assert sum(result.drafted for result in found) == 90
    with office.casework.desk.reading_across() as connection:
        assert connection.scalar(select(func.count()).select_from(cases)) == 30
    assert chain.verify(office.casework, TENANT).ok
