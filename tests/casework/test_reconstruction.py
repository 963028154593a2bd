"""A case as it was known at any instant is what the door showed at that instant, whatever came after."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from casework.effects.adapter import Description, Outcome, Result
from casework.effects.worker import Worker
from casework.errors import CaseNotFound, CaseworkError, NotFound
from casework.evidence.chain import entries_of
from casework.evidence.reconstruction import CaseAsKnown
from casework.model import Action, CaseDetail, EffectState
from casework.store.tables import cases, drafts, effects
from tests.casework.office import (
    APPROVER,
    AUDITOR,
    CUSTOMER,
    ENGINEER,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
    with_fact,
)


class Post:
    """A receiver whose next answer a test chooses."""

    def __init__(self) -> None:
        self.answer = Result.APPLIED
        self.taken: list[str] = []

    def describe(self) -> Description:
        return Description("post", False, False, "nowhere")

    def apply(self, leased: Any, idempotency_key: str) -> Outcome:
        leased.pass_point_of_no_return()
        self.taken.append(idempotency_key)
        return Outcome(self.answer, "as the test says")


def shown(detail: CaseDetail) -> dict[str, Any]:
    """What history carries of a detail, in the words of `casework/evidence/reconstruction.py`."""
    return {
        "case": detail.case,
        "facts": detail.facts,
        "documents": detail.documents,
        "lineage": detail.lineage,
        "history": detail.history,
        "drafts": {
            d.draft_id: (d.kind, d.state, d.version, d.content, d.facts_version, d.author, d.created_at)
            for d in detail.drafts
        },
        "decisions": {
            d.approval.approval_id: replace(d.approval, effect_ids=tuple(sorted(d.approval.effect_ids)))
            for d in detail.drafts
            if d.approval
        },
        "effects": {
            e.effect_id: (e.approval_id, e.recipient, e.payload_sha256, e.state) for e in detail.effects
        },
    }


def rebuilt(known: CaseAsKnown) -> dict[str, Any]:
    return {
        **{name: getattr(known, name) for name in ("case", "facts", "documents", "lineage", "history")},
        "drafts": {
            d.draft_id: (d.kind, d.state, d.version, d.content, d.facts_version, d.author, d.created_at)
            for d in known.drafts
        },
        "decisions": {d.approval.approval_id: d.approval for d in known.drafts if d.approval},
        "effects": {
            e.effect_id: (e.approval_id, e.recipient, e.payload_sha256, e.state) for e in known.effects
        },
    }


def _draft(office: Office, case_id: str, pick: int) -> Any:
    found = office.detail(case_id).drafts
    return found[pick % len(found)]


def _edit(office: Office, case_id: str, pick: int) -> None:
    draft = _draft(office, case_id, pick)
    content = {**draft.content, "subject": f"{draft.content['subject']} again"}
    office.casework.edit_draft(office.who(PLANNER), TENANT, draft.draft_id, content, draft.version)


def _regenerate(office: Office, case_id: str, pick: int) -> None:
    draft = _draft(office, case_id, pick)
    office.casework.regenerate_draft(office.who(PLANNER), TENANT, draft.draft_id, draft.version)


def _reject(office: Office, case_id: str, pick: int) -> None:
    draft = _draft(office, case_id, pick)
    lead = office.who(LEAD)
    office.casework.reject(lead, TENANT, draft.draft_id, version=draft.version, reason="not like this")


def _stuck(office: Office, case_id: str, settle: str) -> None:
    for effect in office.detail(case_id).effects:
        if effect.state in (EffectState.NEEDS_HUMAN, EffectState.REFUSED):
            getattr(office.casework, settle)(office.who(APPROVER), TENANT, effect.effect_id, "I asked")


class Life:
    """One case of an office, and what can happen to it."""

    def __init__(self, office: Office, number: int) -> None:
        self.office, self.record, self.post = office, exception(number), Post()
        office.sync(self.record)
        self.case_id = office.case_id(self.record.exception_key)

    def perform(self, action: Action, **told: Any) -> None:
        self.office.perform(self.case_id, action, **told)

    def learn(self, value: float) -> None:
        self.record = with_fact(replace(self.record, late_probability=value), "late_probability", value)
        self.office.sync(self.record, publication=f"pub-{value}")

    def work(self, answer: Result) -> None:
        self.post.answer = answer
        worker = Worker(self.office.casework, {"mail": self.post, "portal_webhook": self.post})
        worker.tick(self.office.clock())

    def steps(self) -> dict[str, Callable[[int], Any]]:
        later = self.office.clock.at + timedelta(hours=3)
        done = {"resolution_code": "mitigated", "root_cause_code": "carrier_capacity"}
        return {
            "triage": lambda _: self.perform(Action.TRIAGE),
            "start": lambda _: self.perform(Action.START),
            "wait": lambda _: self.perform(Action.WAIT, until=later, reason="the carrier answers at noon"),
            "resume": lambda _: self.perform(Action.RESUME),
            "assign": lambda n: self.perform(Action.ASSIGN, owner=(PLANNER, LEAD, None)[n % 3]),
            "comment": lambda n: self.perform(Action.COMMENT, text=f"said {n}"),
            "escalate": lambda _: self.perform(Action.ESCALATE, reason="it gets tight"),
            "resolve": lambda _: self.perform(Action.RESOLVE, **done),
            "dismiss": lambda _: self.perform(Action.DISMISS, reason="known"),
            "close": lambda _: self.perform(Action.CLOSE),
            "reopen": lambda _: self.perform(Action.REOPEN, reason="not so"),
            "learn": lambda n: self.learn((n % 90) / 100),
            "vanish": lambda _: self.office.sync(publication="pub-gone"),
            "return": lambda _: self.office.sync(self.record, publication="pub-back"),
            "edit": lambda n: _edit(self.office, self.case_id, n),
            "regenerate": lambda n: _regenerate(self.office, self.case_id, n),
            "approve": lambda n: self.office.approve(_draft(self.office, self.case_id, n)),
            "reject": lambda n: _reject(self.office, self.case_id, n),
            "deliver": lambda _: self.work(Result.APPLIED),
            "lose": lambda _: self.work(Result.UNKNOWN),
            "refuse": lambda _: self.work(Result.REFUSED),
            "retry": lambda _: self.work(Result.RETRY),
            "confirm": lambda _: _stuck(self.office, self.case_id, "confirm_effect"),
            "resend": lambda _: _stuck(self.office, self.case_id, "resend_effect"),
            "pass": lambda n: self.office.clock.forward(hours=n % 30),
        }


STEPS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=4, max_size=14)


# A step takes real transactions, so a failure is shown as it was found instead of being shrunk for minutes.
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(chosen=STEPS)
def test_every_instant_of_any_history_is_rebuilt_as_it_was_shown(office: Office, chosen: list[Any]) -> None:
    office.clock.forward(minutes=1)
    taken = getattr(office, "number", 100) + 1
    office.number = taken  # type: ignore[attr-defined]
    life = Life(office, taken)
    seen = [(office.clock.at, shown(office.detail(life.case_id)))]
    for which, argument in chosen:
        office.clock.forward(seconds=7)
        steps = life.steps()
        with suppress(CaseworkError):  # refused: nothing happened, and that is what must be rebuilt
            steps[sorted(steps)[which % len(steps)]](argument)
        seen.append((office.clock.at, shown(office.detail(life.case_id))))
    for at, expected in seen:
        known = office.casework.as_known_at(office.who(LEAD), TENANT, life.case_id, at)
        assert rebuilt(known) == expected
        between = office.casework.as_known_at(
            office.who(LEAD), TENANT, life.case_id, at + timedelta(seconds=3)
        )
        assert rebuilt(between) == expected


@pytest.fixture
def worked(office: Office) -> Office:
    """A case that was opened at eight, started at nine, approved at ten, and closed in the evening."""
    office.sync(exception())
    for hours, act in (
        (1, lambda: office.perform(office.case_id(), Action.START, PLANNER)),
        (1, lambda: office.approve(office.draft())),
        (1, lambda: office.sync(with_fact(exception(), "late_probability", 0.95), publication="pub-2")),
        (6, lambda: office.perform(office.case_id(), Action.DISMISS, reason="delivered after all")),
    ):
        office.clock.forward(hours=hours)
        act()
    return office


def at(office: Office, hours: float, who: str = AUDITOR) -> CaseAsKnown:
    instant = office.case()["opened_at"] + timedelta(hours=hours)
    return office.casework.as_known_at(office.who(who), TENANT, office.case_id(), instant)


def test_each_moment_shows_what_was_known_then_and_nothing_of_what_came_later(worked: Office) -> None:
    new, started, approved, changed = (at(worked, hours) for hours in (0.5, 1.5, 2.5, 3.5))
    assert (new.case.state, new.case.owner) == ("new", None)
    assert (started.case.state, started.case.owner) == ("in_progress", PLANNER)
    assert [a.approver for a in approved.approvals] == [APPROVER]
    assert {e.state for e in approved.effects} == {EffectState.PENDING}
    assert {e.recipient for e in approved.effects} == {e["recipient"] for e in worked.effects()}
    assert (approved.case.facts_version, changed.case.facts_version) == (1, 2)
    assert {f.fact_id: f.value for f in approved.facts}["late_probability"] == 0.87
    assert {e.state for e in changed.effects} == {EffectState.SUPERSEDED}
    assert changed.history[-1].fact == "draft:regenerated"


def test_the_rows_of_today_are_not_what_the_past_is_read_from(worked: Office) -> None:
    before = at(worked, 2.5)
    with worked.engine.begin() as connection:
        connection.execute(update(cases).values(state="triaged", owner=LEAD, resolution_code="duplicate"))
        connection.execute(delete(effects))
        connection.execute(delete(drafts))
    assert at(worked, 2.5) == before


def test_before_a_case_was_opened_there_is_nothing_to_show(worked: Office) -> None:
    with pytest.raises(NotFound, match="was not open yet"):
        at(worked, -0.1)


def test_the_past_is_masked_and_scoped_like_the_present(worked: Office) -> None:
    seen = at(worked, 2.5, CUSTOMER)
    assert (seen.case.owner, seen.case.expected_loss, seen.drafts, seen.effects) == (None, None, (), ())
    assert {f.fact_id for f in seen.facts} < {f.fact_id for f in at(worked, 2.5).facts}
    assert [entry.fact for entry in seen.history] == ["case:opened"]
    for stranger in (ENGINEER, "partner:other"):
        with pytest.raises(CaseworkError) as refused:
            at(worked, 2.5, stranger)
        assert not isinstance(refused.value, NotFound)


def test_a_case_that_was_somebody_elses_then_is_not_shown_as_it_was_then(office: Office) -> None:
    office.sync(exception(customer_id="OTHER"))
    opened = office.clock.at
    office.clock.forward(hours=1)
    office.sync(exception(customer_id=OWN_CUSTOMER), publication="pub-2")
    customer = office.who(CUSTOMER)
    assert office.casework.as_known_at(customer, TENANT, office.case_id(), office.clock.at).case.case_id
    with pytest.raises(CaseNotFound):
        office.casework.as_known_at(customer, TENANT, office.case_id(), opened)


# --- who looked is told ----------------------------------------------------------------------------------


def looks(office: Office) -> list[tuple[str, str]]:
    with office.casework.desk.reading_across() as connection:
        found = [e for e in entries_of(connection, TENANT) if e["action"] == "case:read:sensitive"]
    return [(entry["actor"], entry["payload"]["details"]["kind"]) for entry in found]


def test_sensitive_reading_is_told_once_a_while_and_the_desks_own_work_is_not(worked: Office) -> None:
    case_id = worked.case_id()
    for who in (LEAD, PLANNER, APPROVER):
        worked.detail(case_id, who)
        worked.casework.search(worked.who(who), TENANT)
    worked.casework.search(worked.who(CUSTOMER), TENANT)
    assert looks(worked) == []
    for _ in range(3):
        worked.detail(case_id, CUSTOMER)
        worked.detail(case_id, AUDITOR)
    at(worked, 1.5)
    told = [(CUSTOMER, "partner_view"), (AUDITOR, "audit"), (AUDITOR, "as_known_at")]
    assert looks(worked) == told
    worked.clock.forward(minutes=16)
    worked.detail(case_id, CUSTOMER)
    assert looks(worked) == [*told, (CUSTOMER, "partner_view")]
    assert worked.casework.verify_audit(TENANT).ok


def test_what_cannot_be_told_is_not_shown(worked: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from casework.store.work import Work

    def full_disk(_self: Work) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Work, "finish", full_disk)
    with pytest.raises(OSError, match="No space left"):
        worked.detail(worked.case_id(), CUSTOMER)
    assert worked.detail(worked.case_id(), LEAD).case.case_id
