"""I11 with real threads: what people do to one case at once equals some order of doing it one after another.

Every call is noted with the moments it began and ended, and what it said. Successes are ordered by the
version each one made; a refusal must be right at some moment between its begin and its end.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sqlalchemy import select

from casework.errors import ApprovalRefused, CaseChanged, CaseworkError, DraftRefused, TransitionRefused
from casework.evidence import chain
from casework.model import Action
from casework.store.tables import approvals, cases, draft_versions, drafts, effects
from tests.casework.invariants.conftest import Stores
from tests.casework.office import APPROVER, AUDITOR, LEAD, PLANNER, TENANT, Office, exception
from tests.faults import figures, sizes

THREADS, CALLS = 4, 4
# What a person can do to a case, told once more: the code's own table is not asked.
MOVES = {
    ("new", Action.TRIAGE): "triaged",
    ("new", Action.START): "in_progress",
    ("triaged", Action.START): "in_progress",
    ("in_progress", Action.RESOLVE): "resolved",
    ("resolved", Action.REOPEN): "in_progress",
}
DETAILS: dict[Action, dict[str, Any]] = {
    Action.RESOLVE: {"resolution_code": "accepted", "root_cause_code": "carrier_delay"},
    Action.REOPEN: {"reason": "again"},
    Action.COMMENT: {"text": "seen"},
}
DECIDED = {"approve": "approved", "reject": "rejected"}


@dataclass(frozen=True)
class Standing:
    """How the case and its draft stand, as far as these calls are concerned."""

    state: str = "new"
    version: int = 1
    draft: str = "waiting"
    text: int = 1
    author: str = "template"


@dataclass
class Call:
    """One call by one thread, and what became of it."""

    verb: str
    who: str
    action: Action | None = None
    expected: int | None = None
    began: int = 0
    ended: int = 0
    said: Any = None

    @property
    def held(self) -> bool:
        return not isinstance(self.said, CaseworkError)

    @property
    def made_version(self) -> int:
        """The version of the case that this call made."""
        assert self.said is not None
        version: int = self.said if isinstance(self.said, int) else self.said.version
        return version


def after(at: Standing, call: Call) -> Standing | type[CaseworkError]:
    """What a call does to a case that stands so, or how it is refused: the whole law, on one page."""
    if call.verb == "perform":
        assert call.action is not None
        if call.expected is not None and call.expected != at.version:
            return CaseChanged
        if call.action == Action.COMMENT:
            return replace(at, version=at.version + 1)
        to = MOVES.get((at.state, call.action))
        return TransitionRefused if to is None else replace(at, state=to, version=at.version + 1)
    is_seen = call.expected == at.text
    if call.verb == "edit":
        if not is_seen or at.draft not in ("waiting", "rejected"):
            return DraftRefused
        return replace(at, draft="waiting", text=at.text + 1, author=call.who, version=at.version + 1)
    if not is_seen or at.draft != "waiting" or (call.verb == "approve" and at.author == call.who != LEAD):
        return ApprovalRefused
    return replace(at, draft=DECIDED[call.verb], version=at.version + 1)


class Race:
    """One case, one of its drafts, and threads that do what a seed says."""

    def __init__(self, office: Office, draw: random.Random, number: int) -> None:
        self.office, self.draw = office, draw
        self.key = f"predicted_late:SH-{number}"
        office.sync(*(exception(n) for n in range(1, number + 1)))
        self.case_id = office.case_id(self.key)
        self.draft = office.draft(case_id=self.case_id)
        self.ticks = count(1)
        self.texts = count(1)
        self.saved: dict[int, str] = {}  # version of the draft -> the text somebody was told is in it

    def plan(self) -> list[list[Call]]:
        """Draw what each thread will do."""

        def one() -> Call:
            verb = self.draw.choice(("perform", "perform", "perform", "edit", "approve", "reject"))
            if verb == "perform":
                action = self.draw.choice([*{action for _state, action in MOVES}, Action.COMMENT])
                return Call(
                    verb,
                    self.draw.choice((LEAD, PLANNER)),
                    action,
                    self.draw.choice((None, None, 1, 2, 3, 4)),
                )
            who = LEAD if verb == "edit" else self.draw.choice((LEAD, APPROVER))
            return Call(verb, who, expected=self.draw.choice((1, 1, 2, 3)))

        return [[one() for _ in range(CALLS)] for _ in range(THREADS)]

    def run(self) -> list[Call]:
        """Let the threads go at once, each through a door of its own; return every call."""
        start = threading.Barrier(THREADS)
        planned = self.plan()
        broken: list[BaseException] = []

        def go(calls: list[Call]) -> None:
            door = self.office.door()
            start.wait()
            for call in calls:
                call.began = next(self.ticks)
                try:
                    call.said = self._make(door, call)
                except CaseworkError as refusal:
                    call.said = refusal
                except BaseException as error:
                    broken.append(error)
                    return
                finally:
                    call.ended = next(self.ticks)

        threads = [threading.Thread(target=go, args=(calls,)) for calls in planned]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not broken, broken
        return [call for calls in planned for call in calls]

    def _make(self, door: Any, call: Call) -> Any:
        person = self.office.who(call.who)
        if call.verb == "perform":
            assert call.action is not None
            told = DETAILS.get(call.action, {})
            return door.perform(
                person, TENANT, self.case_id, call.action, expected_version=call.expected, **told
            )
        assert call.expected is not None
        if call.verb == "edit":
            text = {"text": f"We are looking into it, note {next(self.texts)}.", "fact_ids": []}
            content = {**self.draft.content, "paragraphs": [*self.draft.content["paragraphs"], text]}
            view = door.edit_draft(person, TENANT, self.draft.draft_id, content, call.expected)
            self.saved[view.version] = str(text["text"])
            return view
        if call.verb == "approve":
            shown = self.office.detail(self.case_id, AUDITOR).drafts
            sha = next(d.content_sha256 for d in shown if d.draft_id == self.draft.draft_id)
            return door.approve(
                person, TENANT, self.draft.draft_id, version=call.expected, content_sha256=sha
            )
        return door.reject(person, TENANT, self.draft.draft_id, version=call.expected, reason="no")

    # --- judging -------------------------------------------------------------------------------------------

    def order(self, calls: list[Call]) -> list[Call]:
        """The calls that held, in the order of the versions they made, as the log has them."""
        with self.office.casework.desk.reading_across() as connection:
            entries = [e for e in chain.entries_of(connection, TENANT) if e["case_id"] == self.case_id]
            decided = {
                row.approval_id: row.draft_version
                for row in connection.execute(select(approvals).where(approvals.c.case_id == self.case_id))
            }
        by_version: dict[int, Call] = {}
        for call in (c for c in calls if c.held):
            version = self._version_made(call, entries)
            assert version not in by_version, f"two calls made version {version}"
            by_version[version] = call
        assert sorted(by_version) == list(range(2, len(by_version) + 2))
        assert len(decided) == sum(c.held and c.verb in ("approve", "reject") for c in calls)
        return [by_version[version] for version in sorted(by_version)]

    def _version_made(self, call: Call, entries: list[dict[str, Any]]) -> int:
        if call.verb == "perform":
            return call.made_version
        for entry in entries:
            details = entry["payload"]["details"]
            if call.verb == "edit" and entry["action"] == "draft:edited":
                found = entry["object_id"] == self.draft.draft_id and details["version"] == call.said.version
            elif entry["action"] in ("draft:approved", "draft:rejected"):
                found = call.verb != "edit" and details["approval_id"] == call.said.approval_id
            else:
                found = False
            if found:
                version: int = entry["payload"]["case"]["version"]
                return version
        raise AssertionError(f"{call} held, and the log does not know it")

    def judge(self, calls: list[Call]) -> Standing:
        """Assert that the calls that held make a legal life, and that every refusal was right some time."""
        held = self.order(calls)
        standings = [Standing()]
        for call in held:
            then = after(standings[-1], call)
            assert isinstance(then, Standing), f"{call} held where it is {then}: {standings[-1]}"
            standings.append(then)
        for first, one in enumerate(held):
            assert all(other.ended > one.began for other in held[first + 1 :]), (
                "the order is not that of time"
            )
        for call in (c for c in calls if not c.held):
            low = sum(other.ended < call.began for other in held)
            high = sum(other.began < call.ended for other in held)
            window = [after(at, call) for at in standings[low : high + 1]]
            assert type(call.said) in window, f"{call} was refused, and was legal throughout: {window}"
        return standings[-1]


def test_what_people_do_at_once_equals_doing_it_one_after_another(stores: Stores) -> None:
    draw = random.Random(sizes.SEED)
    office, rounds = stores.fresh(), 0
    for _ in range(sizes.figure("races")):
        rounds += 1
        if rounds > 5:  # a store with few cases keeps the reading of it short
            stores.done(office)
            office, rounds = stores.fresh(), 1
        race = Race(office, draw, rounds)
        calls = race.run()
        last = race.judge(calls)
        _compare(race, last, calls)
        figures.count("I11", stores.name, "histories of 4 threads x 4 calls")
    assert chain.verify(office.casework, TENANT).ok
    stores.done(office)


def _compare(race: Race, last: Standing, calls: list[Call]) -> None:
    """The tables stand as the serial order leaves them: no edit lost, no version decided twice."""
    with race.office.casework.desk.reading_across() as connection:
        case = connection.execute(select(cases).where(cases.c.case_id == race.case_id)).one()
        draft = connection.execute(select(drafts).where(drafts.c.draft_id == race.draft.draft_id)).one()
        mine = draft_versions.c.draft_id == race.draft.draft_id
        kept = {
            row.version: str(row.content) for row in connection.execute(select(draft_versions).where(mine))
        }
        queued = list(connection.execute(select(effects).where(effects.c.case_id == race.case_id)))
    assert (case.state, case.version) == (last.state, last.version)
    assert (draft.state, draft.current_version) == (last.draft, last.text)
    assert sorted(kept) == list(range(1, last.text + 1))
    for version, text in race.saved.items():
        assert text in kept[version], f"the edit saved as version {version} is lost"
    approved = [call for call in calls if call.held and call.verb == "approve"]
    assert len({effect.approval_id for effect in queued}) == len(approved)
