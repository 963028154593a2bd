"""I14: every call of a model and every message is on record before it leaves and settled after; budgets stop both.

Over budget the template writes, and a message waits for a person while the lead is told. The model's client is
the real one; only the line to its server is played.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from casework.drafting import model as model_module
from casework.drafting.drafter import Drafter
from casework.drafting.model import PAUSE_AFTER_FAILURES, DraftingModel, ModelSettings
from casework.errors import OverBudget
from casework.metering.meter import MODEL_CALL, Meter, Use
from casework.model import CaseDetail, DraftKind
from casework.store.tables import usage
from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.desk_choices import CUTS_OF_A_ROUND, JUMPS
from tests.casework.invariants.far_side import Answer
from tests.casework.invariants.lives import life, lives_of
from tests.casework.office import AUDITOR, TENANT, Clock, Office, exception
from tests.faults import figures, sizes

PROSE = "We are following up the shipment and will write again as soon as we know more about it."
# What the line does, and what is then on record; the first four are worth another attempt.
OUTCOMES = {
    "429": "rate limited",
    "500": "server error",
    "503": "server error",
    "reset": "unreachable",
    "timeout": "timed out",
    "400": "refused with 400",
    "nonsense": "malformed answer",
    "empty": "malformed answer",
    "good": "answered",
}
RETRIED = {"rate limited", "server error", "unreachable"}
ATTEMPTS = 2


class Line:
    """The line to the model's server: answers as told, and looks at the meter while a call is under way."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.answers: deque[str] = deque()
        self.calls = 0
        self.violations: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls += 1
        open_rows = [row for row in rows(self.office) if row["settled_at"] is None]
        if len(open_rows) != 1:
            self.violations.append(f"{len(open_rows)} attempts are on record while one is under way")
        answer = self.answers.popleft() if self.answers else "good"
        if answer == "timeout":
            raise httpx2.ReadTimeout("slow", request=request)
        if answer == "reset":
            raise httpx2.ConnectError("gone", request=request)
        if answer.isdigit():
            return httpx2.Response(int(answer), json={"error": {"message": "no"}})
        text = json.dumps({"paragraphs": [{"text": PROSE, "fact_ids": ["shipment_id"]}]})
        content = {"good": text, "nonsense": "<html>", "empty": ""}[answer]
        said = {
            "choices": [{"message": {"content": content}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
        return httpx2.Response(200, json=said)


def rows(office: Office) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        return [dict(row) for row in connection.execute(select(usage)).mappings()]


def limited(office: Office, quota: int) -> None:
    """Let the tenant make so many calls a day, at a price a token."""
    prices = {"model_call": {"per_million_input_tokens": 1_000, "per_million_output_tokens": 2_000}}
    office.configure(metering={"budgets": {"model_call": {"quantity": quota}}, "prices": prices})


def drafting(office: Office, quota: int) -> tuple[Drafter, Line, CaseDetail]:
    """A drafter with a meter in the office's store, its line, and a case to write about."""
    limited(office, quota)
    office.sync(exception())
    model = DraftingModel(
        ModelSettings("m", base_url="http://model.example/v1", attempts=ATTEMPTS),
        Meter(office.engine, office.config, clock=office.clock),
    )
    return Drafter(model), Line(office), office.detail(who=AUDITOR)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    """The one line that the client's connections lead to now."""
    current: list[Line] = []
    real = openai.DefaultHttpxClient

    def connected(**options: Any) -> Any:
        return real(**options, transport=httpx2.MockTransport(lambda request: current[0](request)))

    monkeypatch.setattr(openai, "DefaultHttpxClient", connected)
    yield current


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The model's pauses pass on a clock of our own."""
    clock = Clock()
    stub = SimpleNamespace(sleep=lambda seconds: None, monotonic=lambda: clock.at.timestamp())
    monkeypatch.setattr(model_module, "time", stub)
    yield clock


def test_every_call_is_metered_before_and_after_and_over_quota_the_template_writes(
    stores: Stores, looks_for_less: bool, no_waiting: Clock, lines: list[Line]
) -> None:
    class Metered(RuleBasedStateMachine):
        """A day of drafting after another, with a line that fails as it likes."""

        def __init__(self) -> None:
            super().__init__()
            self.office = stores.fresh()
            self.quota = 5
            self.drafter, self.line, self.detail = drafting(self.office, self.quota)
            no_waiting.at = self.office.clock.at
            lines[:] = [self.line]
            self.expected: list[str] = []  # outcomes of all attempts so far
            self.failures, self.paused_until = 0, self.office.clock.at

        def teardown(self) -> None:
            figures.count("I14", stores.name, "histories of model calls")
            figures.count("I14", stores.name, "attempts to call a model", self.line.calls)
            stores.done(self.office)

        @rule(
            kind=st.sampled_from(list(DraftKind)),
            answers=st.lists(st.sampled_from(list(OUTCOMES)), max_size=2),
        )
        def somebody_wants_a_draft(self, kind: DraftKind, answers: list[str]) -> None:
            expected, is_over = self._foresee(answers)
            self.line.answers = deque(answers)
            content = self.drafter.draft(kind, self.detail)
            self.expected += expected
            is_answered = bool(expected) and expected[-1] == "answered" and not is_over
            assert content["paragraphs"], "nobody wrote anything"
            assert content["generator"].startswith("model:" if is_answered else "template:")
            assert ("over budget" in content.get("generator_reason", "")) == is_over

        def _foresee(self, answers: list[str]) -> tuple[list[str], bool]:
            """The attempts that will be made, and whether the quota stops one."""
            now, made = self.office.clock.at, []
            if now < self.paused_until:
                return [], False
            for answer in [*answers, "good", "good"][:ATTEMPTS]:
                if self._recent() + len(made) >= self.quota:
                    return made, True
                made.append(OUTCOMES[answer])
                if made[-1] not in RETRIED:
                    break
            self._note(made[-1])
            return made, False

        def _note(self, last: str) -> None:
            if last == "answered":
                self.failures = 0
            elif last in RETRIED | {"timed out"}:
                self.failures += 1
            if self.failures >= PAUSE_AFTER_FAILURES:
                self.failures, self.paused_until = 0, self.office.clock.at + timedelta(seconds=300)

        def _recent(self) -> int:
            since = self.office.clock.at - timedelta(hours=24)
            return sum(row["started_at"] > since for row in rows(self.office))

        @rule(hours=st.sampled_from((0.1, 1, 12, 23.9, 24, 30)))
        def time_passes(self, hours: float) -> None:
            self.office.clock.forward(hours=hours)
            no_waiting.at = self.office.clock.at

        @invariant()
        def the_meter_is_right(self) -> None:
            found = rows(self.office)
            assert not self.line.violations, self.line.violations
            assert len(found) == self.line.calls == len(self.expected)
            assert sorted(row["outcome"] or "" for row in found) == sorted(self.expected)
            assert all(row["settled_at"] and row["settled_at"] >= row["started_at"] for row in found)
            answered = [row for row in found if row["outcome"] == "answered"]
            assert all((row["input_tokens"], row["output_tokens"]) == (7, 3) for row in answered)
            assert {row["cost"] for row in answered} <= {Decimal("0.013")}
            assert {(row["case_id"], row["customer_id"]) for row in found} <= {
                (self.detail.case.case_id, self.detail.case.customer_id)
            }
            assert self._recent() <= self.quota

    phases = [Phase.generate, Phase.shrink] if looks_for_less else [Phase.generate]
    run_state_machine_as_test(
        seed(sizes.SEED)(Metered),
        settings=settings(
            max_examples=sizes.figure("metered"),
            stateful_step_count=15,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=looks_for_less,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_many_who_call_at_once_stay_within_the_quota(stores: Stores) -> None:
    quota, callers = 5, 12
    for _ in range(max(2, sizes.figure("metered") // 10)):
        office = stores.fresh()
        limited(office, quota)
        meter = Meter(office.engine, office.config, clock=office.clock)
        start, allowed = threading.Barrier(callers), []

        def call(
            start: threading.Barrier = start, allowed: list[str] = allowed, meter: Meter = meter
        ) -> None:
            start.wait()
            try:
                allowed.append(meter.started(TENANT, Use(MODEL_CALL, "customer_update", model="m")))
            except OverBudget:
                return

        threads = [threading.Thread(target=call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(rows(office)) == len(allowed) == quota
        figures.count("I14", stores.name, "rushes of 12 on a quota of 5")
        stores.done(office)


# --- messages ------------------------------------------------------------------------------------------------

CUSTOMERS = 2  # the third draft for somebody outside leaves by mail and to the portal
BUDGETS = {"mail": 2, "portal_message": 1}


def test_every_message_is_counted_before_and_after_whatever_happens_to_it(stores: Stores) -> None:
    with life(stores) as step:
        for answer in (Answer.BUSY, Answer.LOST_AFTER, Answer.KILLED_EARLY, Answer.KILLED_SENDING):
            step("a_message_meets_the_world", CUSTOMERS, answer, None)
        for point in CUTS_OF_A_ROUND[:3]:
            step("a_message_meets_the_world", CUSTOMERS, Answer.TAKEN, point)


def test_a_message_over_budget_waits_for_a_person_and_the_lead_is_told(stores: Stores) -> None:
    with life(stores, BUDGETS) as step:
        for _ in range(3):
            step("a_message_meets_the_world", CUSTOMERS, Answer.TAKEN, None)
        for again in (False, True):
            step("a_person_decides_what_became_of_it", 0, "person:lead", again)
        step("a_worker_does_a_round", 0, [], None)
        step("time_passes", JUMPS[-1])
        step("a_person_decides_what_became_of_it", 0, "person:lead", True)
        step("a_worker_does_a_round", 0, [], None)


def test_whatever_happens_messages_are_counted_and_stay_within_their_budgets(
    stores: Stores, looks_for_less: bool
) -> None:
    phases = [Phase.generate, Phase.shrink] if looks_for_less else [Phase.generate]
    run_state_machine_as_test(
        seed(sizes.SEED)(lives_of(stores, BUDGETS)),
        settings=settings(
            max_examples=max(3, sizes.figure("metered") // 4),
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=looks_for_less,
            suppress_health_check=list(HealthCheck),
        ),
    )
