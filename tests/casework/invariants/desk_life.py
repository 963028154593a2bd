"""A desk that lives: opened empty, fed, worked on by machines, and asked after every step whether all holds.

The door, the outbox, the worker and the store are the real ones; only what lies beyond a target is played
(`far_side`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from casework.effects.adapter import Leased
from casework.effects.worker import Worker
from casework.errors import CaseworkError
from casework.evidence import chain
from casework.model import ExceptionRecord
from casework.queue import tally
from casework.store import work
from tests.casework.invariants import checks
from tests.casework.invariants.desk_choices import (
    ANSWERS,
    APPROVAL,
    JUMPS,
    SHIPMENTS,
    SMALLER,
    TYPES,
    WITHIN_A_ROUND,
    WITHIN_A_SYNC,
)
from tests.casework.invariants.far_side import (
    Answer,
    PowerCut,
    Receiver,
    ScriptedAdapter,
    power_cut,
)
from tests.casework.invariants.snapshot import Pulse, Reader, Row, Snapshot
from tests.casework.office import (
    TENANT,
    Office,
    exception,
    with_fact,
)


class DeskLife(RuleBasedStateMachine):
    """One desk's life: what is asked after every step, the feed, the machines. Subclasses add what people do."""

    open_office: Callable[[], Office]
    close_office: Callable[[Office], None]
    noted: Callable[[str, int], None] = staticmethod(lambda what, times: None)
    most: Mapping[str, int] = {}  # messages of a kind that may leave in a day

    def __init__(self) -> None:
        super().__init__()
        identifiers = count(1)
        work.ULID = lambda: f"{next(identifiers):026d}"  # the same life has the same names
        self.office = self.open_office()
        self.office.configure(approval=APPROVAL)
        self.answers: deque[Answer] = deque()
        self.depth = 0
        self.mail = Receiver("mail", is_idempotent=False)
        self.portal = Receiver("portal_webhook", is_idempotent=True)
        self.team = Receiver("team_mail", is_idempotent=True)
        self.receivers = (self.mail, self.portal, self.team)
        self.violations: list[str] = []
        self.edits: dict[tuple[str, int], str] = {}
        self.stated: dict[int, ExceptionRecord] = {}
        self.tokens: dict[str, str] = {}  # of the links that were made, by link
        self.publications = count(1)
        self.workers = [self._worker("a"), self._worker("b")]
        self.after_a_round = False
        self.pulse = Pulse(self.office.engine)
        self.beat = self.pulse()
        self.read = Reader()
        self.before = self.seen()
        self.steps, self.verified = 0, 0

    def teardown(self) -> None:
        try:
            self._everything_ends()
        finally:
            self.noted("operations", self.steps)
            self.noted("histories", 1)
            self.noted("effects taken by targets", sum(far.taken.total() for far in self.receivers))
            self.pulse.stop()
            self.close_office(self.office)

    # --- how it is looked at ------------------------------------------------------------------------------

    def seen(self) -> Snapshot:
        with self.office.casework.desk.reading_across() as connection:
            return self.read(connection, TENANT, self.office.clock())

    def problems(self, after: Snapshot) -> Iterator[str]:
        yield from self.violations
        yield from checks.half_decided(after)
        yield from checks.doubled_or_lost(after, self.receivers)
        yield from checks.misfired(after)
        yield from checks.moved_earlier(self.before, after)
        yield from checks.contradictory(self.before, after)
        yield from checks.lost_edits(after, self.edits)
        yield from checks.unrecorded(after)
        yield from checks.unmetered(after, self.receivers, self.most)
        if self.after_a_round:
            yield from checks.overdue(after)
        if len(after.audit) > self.verified + 12:  # the log only grows; its end is verified with the life's
            yield from self._unverified()
            self.verified = len(after.audit)

    def _unverified(self) -> list[str]:
        report = chain.verify(self.office.casework, TENANT)
        return [] if report.ok else [report.sentence]

    def _miscounted(self, after: Snapshot) -> list[str]:
        with self.office.casework.desk.reading(TENANT) as connection:
            kept = tally.read(connection, TENANT)
        counted = checks.queue_counted(after)
        told = kept.count, kept.facets, kept.at_stake, kept.ever
        return [] if told == counted else [f"The queue is kept as {told}, but is {counted}."]

    @invariant()
    def everything_holds(self) -> None:
        beat = self.pulse()
        is_as_it_was, self.beat = beat == self.beat, beat
        after = replace(self.before, now=self.office.clock()) if is_as_it_was else self.seen()
        found = [*self.problems(after), *([] if is_as_it_was else self._miscounted(after))]
        assert not found, "; ".join(found[:5])
        self.before, self.after_a_round = after, False

    # --- how it acts --------------------------------------------------------------------------------------

    def _do(self, call: Callable[[], Any], cut: str | None = None) -> Any:
        """Do something at the door; a refusal comes back as a value, a power cut as None."""
        self.steps += 1
        try:
            with power_cut(cut):
                return call()
        except CaseworkError as refusal:
            return refusal
        except PowerCut:
            self._restart()
            return None

    def _restart(self) -> None:
        self.office.casework = self.office.door()
        self.workers = [self._worker("c"), self._worker("d")]

    def _worker(self, name: str) -> Worker:
        adapters = {
            far.target: ScriptedAdapter(
                far,
                answers=self._answer,
                witness=self._witness,
                another_worker=self._another_worker,
                time_passes=self._pass,
                team=self.team,
            )
            for far in (self.mail, self.portal)
        }
        return Worker(self.office.casework, adapters, clock=self.office.clock, name=f"worker:{name}")

    def _answer(self) -> Answer:
        if self.depth or not self.answers:
            return Answer.TAKEN
        return self.answers.popleft()

    def _witness(self, change: Leased) -> None:
        """What a transport is given, judged as the store stands when the lease was taken."""
        seen = self.seen()
        found = [*checks.unauthorised(seen, change), *checks.uncounted(seen, change)]
        self.violations += [f"{change.target} {change.effect_id} left although {what}" for what in found]

    def _another_worker(self) -> None:
        if self.depth:
            return
        self.depth += 1
        try:
            self.workers[1].send()
        finally:
            self.depth -= 1

    def _pass(self, by: timedelta) -> None:
        self.office.clock.at += by

    def _pick(self, rows: dict[Any, Row], number: int) -> Row:
        return list(rows.values())[number % len(rows)]

    # --- the feed ------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self._state_all()
        self._sync(None)

    def _state_all(self) -> None:
        self.stated = {number: self._exception(number, 0) for number in range(SHIPMENTS)}

    @staticmethod
    def _exception(number: int, variant: int) -> ExceptionRecord:
        kind = TYPES[number % len(TYPES)]
        large = number == 0 and variant % 2 == 1  # above what one person alone may decide on
        loss = Decimal("150000.00") if large else SMALLER[number]
        record = exception(
            number,
            exception_type=kind,
            exception_key=f"{kind}:SH-{number}",
            expected_loss=loss,
            sla_penalty_amount=loss,
            revenue_amount=Decimal("0.00"),
            inventory_amount=Decimal("0.00"),
        )
        return with_fact(record, "late_probability", round(0.5 + 0.1 * variant, 1))

    def _sync(self, cut: str | None) -> None:
        name = f"pub-{next(self.publications)}"
        self._do(lambda: self.office.sync(*self.stated.values(), publication=name), cut)

    @rule(
        number=st.integers(0, SHIPMENTS - 1),
        variant=st.sampled_from((None, 0, 1, 2, 3)),
        cut=st.sampled_from(WITHIN_A_SYNC),
    )
    def the_feed_changes(self, number: int, variant: int | None, cut: str | None) -> None:
        """An exception appears, changes, comes back, or vanishes."""
        self.stated.pop(number, None)
        if variant is not None:
            self.stated[number] = self._exception(number, variant)
        self._sync(cut)

    # --- machines ------------------------------------------------------------------------------------------

    @rule(worker=st.integers(0, 1), answers=ANSWERS, cut=st.sampled_from(WITHIN_A_ROUND))
    def a_worker_does_a_round(self, worker: int, answers: list[Answer], cut: str | None) -> None:
        self.answers = deque(answers)
        before = self.office.clock()
        found = self._do(lambda: self.workers[worker].tick(), cut)
        self.answers.clear()
        self.after_a_round = found is not None and self.office.clock() == before

    @rule(jump=st.sampled_from(JUMPS))
    def time_passes(self, jump: timedelta) -> None:
        self._pass(jump)

    @rule()
    def the_door_is_opened_anew(self) -> None:
        self._restart()

    def _everything_ends(self) -> None:
        """The far side is well again: whatever is queued is done, superseded, or in front of a person."""
        self.answers.clear()
        for _ in range(14):
            seen = self.seen()
            ahead = [
                row["claimed_until"] or row["available_at"]
                for row in seen.effects.values()
                if row["state"] in ("pending", "claimed")
            ]
            if not ahead:
                break
            self.office.clock.at = max(self.office.clock.at, min(ahead)) + timedelta(seconds=1)
            self.workers[0].tick()
        after = self.seen()
        found = [*self.violations, *checks.unsettled(after, self.receivers)]
        found += [
            *self._unverified(),
            *checks.half_decided(after),
            *checks.doubled_or_lost(after, self.receivers),
        ]
        assert not found, "; ".join(found[:5])
