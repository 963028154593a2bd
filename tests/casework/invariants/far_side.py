"""The far side of a desk: receivers that keep what they took and answer as told, and a power that can fail.

Everything on our side is real: the door, the worker, the outbox, the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from casework import crashpoints
from casework.effects.adapter import Description, Leased, LeaseLost, Outcome, Result


class PowerCut(BaseException):
    """The process is gone: nothing after this point of it happened."""


@contextmanager
def power_cut(at: str | None) -> Iterator[None]:
    """Let the power fail at a named crash point, as `kill -9` would, but within this process."""

    def cut(_pid: int, _signal: int) -> None:
        raise PowerCut(at)

    stub = SimpleNamespace(environ={"TIDEWAITER_CRASH_AT": at}, kill=cut, getpid=lambda: 0)
    before = crashpoints.os
    crashpoints.os = stub if at else before
    try:
        yield
    finally:
        crashpoints.os = before


class Answer(StrEnum):
    """How an attempt goes."""

    TAKEN = "taken"
    REFUSED = "refused"
    BUSY = "busy"  # certainly not taken
    BUSY_LONG = "busy for two days"  # and the receiver asks to wait longer than we ever do
    LOST_BEFORE = "lost before it was taken"
    LOST_AFTER = "taken, and the answer was lost"
    KILLED_EARLY = "killed before the point of no return"
    KILLED_SENDING = "killed while sending"
    KILLED_AFTER = "killed after it was taken"
    OVERTAKEN = "another worker looks while this one holds the lease"
    SLEPT = "slept past the lease, then goes on"
    SLEPT_AFTER = "taken, then slept past the lease"


LEASE_AND_MORE = timedelta(minutes=4)


class Receiver:
    """One target. It keeps every effect it took; an idempotent one recognises a key it has seen."""

    def __init__(self, target: str, *, is_idempotent: bool) -> None:
        self.target, self.is_idempotent = target, is_idempotent
        self.taken: Counter[str] = Counter()  # key -> how often an effect was made
        self.unknown: set[str] = set()  # keys that were taken, or may have been
        self.resent: Counter[str] = Counter()  # key -> how often a person had it sent again
        self.violations: list[str] = []

    def began(self, key: str) -> None:
        """Bytes that could be acted upon are on their way."""
        if not self.is_idempotent and key in self.unknown:
            self.violations.append(
                f"{self.target}: {key[:8]} was sent again although it may have been taken."
            )
        self.unknown.add(key)

    def takes(self, key: str) -> Result:
        """Make the effect, once per key where keys are recognised."""
        if self.is_idempotent and self.taken[key]:
            return Result.ALREADY_APPLIED
        self.taken[key] += 1
        return Result.APPLIED

    def certainly_not_taken(self, key: str) -> None:
        """The worker heard that the attempt had no effect: it may be made again."""
        self.unknown.discard(key)

    def sent_again_by_a_person(self, key: str) -> None:
        """A person decided to send it once more, knowing that the first may have arrived."""
        self.resent[key] += 1
        self.unknown.discard(key)


class ScriptedAdapter:
    """Carries effects to a receiver; what happens on the way is drawn by the test."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        answers: Callable[[], Answer],
        witness: Callable[[Leased], None],
        another_worker: Callable[[], None],
        time_passes: Callable[[timedelta], None],
        team: Receiver,
    ) -> None:
        self._team = team
        self._receiver, self._answers, self._witness = receiver, answers, witness
        self._another_worker, self._time_passes = another_worker, time_passes

    def describe(self) -> Description:
        return Description(self._receiver.target, self._receiver.is_idempotent, False, "the far side")

    def verify(self, change: Leased) -> bool | None:
        return None

    def apply(self, change: Leased, idempotency_key: str) -> Outcome:
        self._witness(change)
        if change.target == self._team.target:  # our own people: told at least once, under one id
            change.pass_point_of_no_return()
            return Outcome(self._team.takes(idempotency_key), "told")
        answer, far = self._answers(), self._receiver
        if answer == Answer.KILLED_EARLY:
            raise PowerCut(answer)
        if answer == Answer.BUSY:
            return Outcome(Result.RETRY, "busy")
        if answer == Answer.SLEPT:
            self._time_passes(LEASE_AND_MORE)
        if answer in (Answer.SLEPT, Answer.OVERTAKEN):
            self._another_worker()
        change.pass_point_of_no_return()
        if answer == Answer.SLEPT:
            far.violations.append(f"{far.target}: a worker that slept past its lease could still send.")
            raise LeaseLost("It should have been lost.")
        far.began(idempotency_key)
        return self._after_the_point_of_no_return(answer, idempotency_key)

    def _after_the_point_of_no_return(self, answer: Answer, key: str) -> Outcome:
        far = self._receiver
        if answer == Answer.KILLED_SENDING:
            raise PowerCut(answer)
        if answer == Answer.LOST_BEFORE:
            return Outcome(Result.UNKNOWN, "no answer")
        if answer == Answer.REFUSED:
            return Outcome(Result.REFUSED, "not wanted")
        if answer == Answer.BUSY_LONG:
            far.certainly_not_taken(key)
            return Outcome(Result.RETRY, "busy", retry_after=timedelta(hours=48))
        result = far.takes(key)
        if answer == Answer.KILLED_AFTER:
            raise PowerCut(answer)
        if answer == Answer.LOST_AFTER:
            return Outcome(Result.UNKNOWN, "the line went dead")
        if answer == Answer.SLEPT_AFTER:
            self._time_passes(LEASE_AND_MORE)
            self._another_worker()
        return Outcome(result, "thank you")


def quietly(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call, and return None when the power failed meanwhile."""
    try:
        return call(*arguments, **named)
    except PowerCut:
        return None
