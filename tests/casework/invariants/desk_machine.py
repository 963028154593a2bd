"""Random lives of a desk: every action of every role, feeds that come and go, workers that die, time that jumps.

After every step the invariants are asked of the whole store. The door, the outbox, the worker and the store
are the real ones; only what lies beyond a target is played (`far_side`).
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
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from casework.access.links import NewLink
from casework.approvals.delegation import Lent
from casework.effects.adapter import Leased
from casework.effects.worker import Worker
from casework.errors import CaseNotFound, CaseworkError, NotPermitted
from casework.evidence import chain
from casework.model import Action, Contact, DraftContent, ExceptionRecord, Grant, Role
from casework.queue import tally
from casework.store import work
from tests.casework.invariants import checks
from tests.casework.invariants.far_side import (
    LEASE_AND_MORE,
    Answer,
    PowerCut,
    Receiver,
    ScriptedAdapter,
    power_cut,
)
from tests.casework.invariants.snapshot import Pulse, Row, Snapshot, snapshot
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    LEAD,
    OWN_CARRIER,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
    with_fact,
)

PEOPLE = (LEAD, APPROVER, PLANNER, AUDITOR, ENGINEER, ADMIN, CUSTOMER, CARRIER)
DECIDERS = (LEAD, APPROVER)
SHIPMENTS = 3
TYPES = ("predicted_late", "facility_dwell", "late_now")  # the second is latched: it never ends by itself
WITHIN_A_DECISION = (None,) * 8 + ("desk:before-commit", "desk:after-commit-before-checkpoint")
WITHIN_AN_APPROVAL = (*WITHIN_A_DECISION, "drafts:after-approval-before-effects")
WITHIN_A_SYNC = (*WITHIN_A_DECISION, "sync:between-chunks", "sync:before-drafts")
CUTS_OF_A_ROUND = (
    "worker:after-lease",
    "worker:after-send-before-settle",
    "worker:after-settle",
    "desk:before-commit",
    "desk:after-commit-before-checkpoint",
    "escalation:after-fired-before-told",
)
WITHIN_A_ROUND = ((None,) * 8) + CUTS_OF_A_ROUND
DEATHS = (Answer.KILLED_EARLY, Answer.KILLED_SENDING, Answer.KILLED_AFTER)
DISTURBANCES = ("right", "address", "facts", "text", "new text", "end", "end and anew", "day", "lent right")
# What checks.py says once more, plainly.
APPROVAL = {
    "limits": {"planner": 5000},
    "tiers": [
        {"name": "small", "roles": ["planner", "approver", "ops_lead"], "own_edit_by": ["ops_lead"]},
        {
            "name": "middle",
            "exposure_from": 20000,
            "roles": ["approver", "ops_lead"],
            "own_edit_by": ["ops_lead"],
        },
        {
            "name": "grave",
            "exposure_from": 100000,
            "approvals": 2,
            "roles": ["approver", "ops_lead"],
            "must_include": "ops_lead",
        },
    ],
}
SMALLER = (Decimal("1000.00"), Decimal("8000.00"), Decimal("30000.00"))  # a planner approves the first alone
WAYS = ("two people", "one for the other", "one twice", "without a lead", "a delegate and a lead")
NOT_SEEN = "0" * 64
JUMPS = tuple(timedelta(minutes=m) for m in (1, 2, 4, 6, 16, 46, 61, 121, 7 * 60, 20 * 60, 25 * 60, 80 * 60))
# Most attempts end well, or nothing would ever be seen to arrive.
ANSWERS = st.lists(st.one_of(st.just(Answer.TAKEN), st.sampled_from(list(Answer))), min_size=1, max_size=6)

people = st.sampled_from(PEOPLE)
deciders = st.sampled_from(DECIDERS + DECIDERS + PEOPLE)
numbers = st.integers(0, 7)
versions = st.sampled_from((0, 0, 0, -1, 1))  # how far what somebody saw is from what stands


class DeskHistory(RuleBasedStateMachine):
    """One desk's life. A subclass says how to open an empty desk, and how to close it."""

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
            return snapshot(connection, TENANT, self.office.clock())

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

    # --- people --------------------------------------------------------------------------------------------

    @rule(
        number=numbers,
        who=people,
        action=st.sampled_from([a for a in Action if a not in (Action.RECOVER, Action.REAPPEAR)]),
        seen=st.sampled_from((None, 0, 0, -1, 1)),
        jump=st.sampled_from(JUMPS),
        cut=st.sampled_from(WITHIN_A_DECISION),
    )
    def somebody_acts(
        self, number: int, who: str, action: Action, seen: int | None, jump: timedelta, cut: str | None
    ) -> None:
        self._act(number, who, action, seen, jump, cut)

    @rule(
        number=numbers,
        action=st.sampled_from((Action.START, Action.WAIT, Action.RESUME)),
        jump=st.sampled_from(JUMPS),
    )
    def the_lead_works(self, number: int, action: Action, jump: timedelta) -> None:
        self._act(number, LEAD, action, None, jump, None)

    def _act(
        self, number: int, who: str, action: Action, seen: int | None, jump: timedelta, cut: str | None
    ) -> None:
        case = self._pick(self.before.cases, number)
        told: dict[Action, dict[str, Any]] = {
            Action.WAIT: {"until": self.office.clock() + jump, "reason": "the ferry"},
            Action.RESOLVE: {"resolution_code": "accepted", "root_cause_code": self._cause()},
            Action.DISMISS: {"reason": "not ours"},
            Action.REOPEN: {"reason": "it is ours"},
            Action.ASSIGN: {"owner": (LEAD, PLANNER, None, CUSTOMER)[number % 4]},
            Action.COMMENT: {"text": "seen"},
            Action.ESCALATE: {"reason": "look"},
        }
        expected = None if seen is None else case["version"] + seen
        found = self._do(
            lambda: self.office.perform(
                case["case_id"], action, who, expected_version=expected, **told.get(action, {})
            ),
            cut,
        )
        if found is None or isinstance(found, CaseworkError):
            return
        if expected not in (None, case["version"]):
            self.violations.append(f"a decision on version {expected} held on version {case['version']}")
        if found.version != case["version"] + 1:
            self.violations.append(f"one decision led from {case['version']} to {found.version}")

    def _cause(self) -> str:
        return next(iter(self.office.casework.config.codes.root_cause_codes))

    def _waiting(self, number: int) -> Row:
        """A draft, rather one that waits for a decision."""
        waiting = {name: row for name, row in self.before.drafts.items() if row["state"] == "waiting"}
        return self._pick(waiting if waiting and number < 6 else self.before.drafts, number)

    @precondition(lambda self: self.before.drafts)
    @rule(
        number=numbers,
        who=deciders,
        off=versions,
        stale=st.booleans(),
        cut=st.sampled_from(WITHIN_AN_APPROVAL),
        lender=st.sampled_from((None, None, LEAD, APPROVER)),
    )
    def somebody_approves(
        self, number: int, who: str, off: int, stale: bool, cut: str | None, lender: str | None = None
    ) -> None:
        draft = self._waiting(number)
        version = draft["current_version"] + off
        sha = self._shown(draft)
        if stale and number == 7:
            sha = NOT_SEEN
        self._approve(draft, version, who, sha, cut, lender)

    def _approve(
        self, draft: Row, version: int, who: str, sha: str, cut: str | None, lender: str | None = None
    ) -> None:
        against = checks.why_no_approval(self.before, draft, version, who, lender)
        found = self._do(
            lambda: self.office.casework.approve(
                self.office.who(who),
                TENANT,
                draft["draft_id"],
                version=version,
                content_sha256=sha,
                on_behalf_of=lender,
            ),
            cut,
        )
        if found is None or isinstance(found, CaseworkError):
            return
        if found.decision == "approved":
            row = self.seen().approvals[found.approval_id]
            against += checks.not_enough(self.seen(), draft, version, checks.bound_of(row))
        self.violations += [f"{who} approved although {what}" for what in against]
        if sha == NOT_SEEN:
            self.violations.append("an approval of something nobody saw holds")

    @rule(
        number=numbers,
        disturbance=st.sampled_from((None, *DISTURBANCES)),
        answers=ANSWERS,
        cut=st.sampled_from(WITHIN_A_ROUND),
    )
    def something_happens_between_approval_and_sending(
        self, number: int, disturbance: str | None, answers: list[Answer], cut: str | None
    ) -> None:
        """A message is approved as it should be; then, perhaps, it should not leave any more."""
        draft = self._approved(number)
        if draft is None:
            return
        self._disturb(draft, disturbance)
        self.everything_holds()
        self.a_worker_does_a_round(0, answers, cut)

    @rule(
        number=numbers,
        answer=st.sampled_from(list(Answer)),
        cut=st.sampled_from((None, None, None, *CUTS_OF_A_ROUND)),
    )
    def a_message_meets_the_world(self, number: int, answer: Answer, cut: str | None) -> None:
        """It is approved and sent, and everything of this round goes one way; then the lease runs out."""
        if self._approved(number) is None:
            return
        self.a_worker_does_a_round(0, [answer] * 6, cut)
        self.everything_holds()
        self._pass(LEASE_AND_MORE)
        self.a_worker_does_a_round(1, [], None)

    @rule(
        way=st.sampled_from(WAYS),
        between=st.sampled_from((None, None, *DISTURBANCES)),
        after=st.sampled_from((None, None, *DISTURBANCES)),
    )
    def a_grave_message_gathers_its_approvals(self, way: str, between: str | None, after: str | None) -> None:
        """Much is at stake: approvals come one by one, and in between or afterwards something may happen."""
        self.the_feed_changes(0, 1 + 2 * (self.steps % 2), None)
        self.everything_holds()
        for who, role in ((APPROVER, Role.APPROVER), (LEAD, Role.OPS_LEAD)):
            self._do(lambda who=who, role=role: self.office.casework.give(who, Grant(TENANT, role), ADMIN))
        draft = self._grave()
        if draft is None:
            return
        first, second = self._signers(way)
        for who, lender in (first, second):
            self.everything_holds()
            self._approve(draft, draft["current_version"], who, self._shown(draft), None, lender)
            self.everything_holds()
            self._disturb(draft, between if (who, lender) == first else after)
        self.everything_holds()
        self.a_worker_does_a_round(0, [], None)

    def _grave(self) -> Row | None:
        """The customer's draft of the grave case, written anew."""
        mine = [
            number
            for number, row in enumerate(self._outside().values())
            if self.before.cases[row["case_id"]]["expected_loss"] >= checks.TIERS[-1][0]
        ]
        return self._ready(mine[-1]) if mine else None

    def _signers(self, way: str) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
        """Who approves first and second, and for whom."""
        if way == "one for the other":
            self._lend(LEAD, PLANNER)
            return (LEAD, None), (PLANNER, LEAD)
        if way == "a delegate and a lead":
            self._lend(APPROVER, PLANNER)
            return (PLANNER, APPROVER), (LEAD, None)
        if way == "one twice":
            return (LEAD, None), (LEAD, None)
        if way == "without a lead":
            self._do(lambda: self.office.casework.give(AUDITOR, Grant(TENANT, Role.APPROVER), ADMIN))
            return (APPROVER, None), (AUDITOR, None)
        return (APPROVER, None), (LEAD, None)

    @rule(
        lender=st.sampled_from(PEOPLE),
        to=st.sampled_from((PLANNER, APPROVER, AUDITOR, LEAD, CUSTOMER)),
        hours=st.sampled_from((1, 30, 200)),
        up_to=st.sampled_from((None, Decimal(2000))),
    )
    def somebody_lends_their_right(self, lender: str, to: str, hours: int, up_to: Decimal | None) -> None:
        self._lend(lender, to, hours, up_to)

    def _lend(self, lender: str, to: str, hours: int = 40, up_to: Decimal | None = None) -> None:
        until = self.office.clock() + timedelta(hours=hours)
        self._do(
            lambda: self.office.casework.delegate_approval(
                self.office.who(lender), TENANT, to, until=until, reason="leave", scope=Lent(up_to=up_to)
            )
        )

    @precondition(lambda self: self.before.delegations)
    @rule(number=numbers, who=deciders)
    def somebody_takes_a_lent_right_back(self, number: int, who: str) -> None:
        lent = self._pick(self.before.delegations, number)
        self._do(
            lambda: self.office.casework.end_delegation(
                self.office.who(who), TENANT, lent["delegation_id"], "back again"
            )
        )

    @rule(number=numbers, disturbance=st.sampled_from(DISTURBANCES), death=st.sampled_from(DEATHS))
    def something_happens_while_a_dead_worker_holds_the_message(
        self, number: int, disturbance: str, death: Answer = Answer.KILLED_EARLY
    ) -> None:
        """The same, but a worker had taken it already and died, before it sent or after; its lease runs out."""
        draft = self._approved(number)
        if draft is None:
            return
        for _ in range(4):  # whatever is due, it takes and dies with
            self.a_worker_does_a_round(0, [death], None)
        self.everything_holds()
        self._disturb(draft, disturbance)
        self.everything_holds()
        self._pass(LEASE_AND_MORE)
        self.a_worker_does_a_round(0, [], None)

    def _approved(self, number: int) -> Row | None:
        """A draft that was just approved; what is not quite it was refused before."""
        draft = self._ready(number)
        if draft is None:
            return None
        version, shown = draft["current_version"], self._shown(draft)
        self._approve(draft, version, APPROVER, NOT_SEEN, None)
        self._approve(draft, version - 1, APPROVER, shown, None)
        self._approve(draft, version, APPROVER, shown, None)
        self.everything_holds()
        return draft

    @rule(number=numbers, who=st.sampled_from(DECIDERS))
    def somebody_approves_a_text_of_their_own(self, number: int, who: str) -> None:
        draft = self._ready(number)
        if draft is None:
            return
        text = f"My own words, note {self.steps}."
        found = self._do(lambda: self._write(draft, draft["current_version"], who, False, text))
        if found is None or isinstance(found, CaseworkError):
            return
        self.everything_holds()
        mine = self.before.drafts[draft["draft_id"]]
        self._approve(mine, mine["current_version"], who, self._shown(mine), None)

    def _ready(self, number: int) -> Row | None:
        """A draft for somebody outside in a case that is open, written anew where it was not waiting."""
        self._do(lambda: self.office.casework.give(APPROVER, Grant(TENANT, Role.APPROVER), ADMIN))
        outside = self._outside()
        if not outside:
            return None
        draft = self._pick(outside, number)
        version = draft["current_version"]
        self._do(
            lambda: self.office.casework.regenerate_draft(
                self.office.who(LEAD), TENANT, draft["draft_id"], version
            )
        )
        self.everything_holds()
        return self.before.drafts[draft["draft_id"]]

    def _outside(self) -> dict[str, Row]:
        return {
            name: row
            for name, row in self.before.drafts.items()
            if row["kind"] in checks.PARTY_OF and self.before.cases[row["case_id"]]["state"] in checks.OPEN
        }

    def _disturb(self, draft: Row, disturbance: str | None) -> None:
        case = self.before.cases[draft["case_id"]]
        if disturbance == "right":
            self.rights_change(APPROVER, False)
        elif disturbance == "address":
            party = OWN_CUSTOMER if draft["kind"] == "customer_update" else OWN_CARRIER
            self.an_address_changes(party, "unverified")
        elif disturbance == "facts":
            probability = 0.51 + 0.01 * (self.steps % 40)  # one that it never had before
            number = int(case["subject"][3:])
            record = self.stated.get(number, self._exception(number, 0))
            self.stated[number] = with_fact(record, "late_probability", probability)
            self._sync(None)
        elif disturbance == "text":
            self._do(
                lambda: self.office.casework.regenerate_draft(
                    self.office.who(LEAD), TENANT, draft["draft_id"], draft["current_version"]
                )
            )
        elif disturbance == "new text":
            self._do(lambda: self._write(draft, draft["current_version"], LEAD, False, "A new text."))
        elif disturbance in ("end", "end and anew"):
            self.everything_holds()
            number = list(self.before.cases).index(case["case_id"])
            self._act(number, LEAD, Action.DISMISS, None, JUMPS[0], None)
            if disturbance == "end and anew":
                self.everything_holds()
                self._act(number, LEAD, Action.REOPEN, None, JUMPS[0], None)
        elif disturbance == "lent right":
            for name, row in self.before.delegations.items():
                self._do(
                    lambda name=name, row=row: self.office.casework.end_delegation(
                        self.office.who(row["from_principal"]), TENANT, name, "back again"
                    )
                )
        elif disturbance == "day":
            self._pass(timedelta(hours=24))

    def _shown(self, draft: Row) -> str:
        shown = self.office.detail(draft["case_id"], AUDITOR).drafts
        return next((d.content_sha256 for d in shown if d.draft_id == draft["draft_id"]), "1" * 64)

    @precondition(lambda self: self.before.drafts)
    @rule(number=numbers, who=deciders, off=versions, cut=st.sampled_from(WITHIN_A_DECISION))
    def somebody_rejects(self, number: int, who: str, off: int, cut: str | None) -> None:
        draft = self._waiting(number)
        version = draft["current_version"] + off
        found = self._do(
            lambda: self.office.casework.reject(
                self.office.who(who), TENANT, draft["draft_id"], version=version, reason="too long"
            ),
            cut,
        )
        held = found is not None and not isinstance(found, CaseworkError)
        if held and (off or draft["state"] != "waiting"):
            self.violations.append(f"a rejection of version {version} held; the draft was {draft['state']}")

    @precondition(lambda self: self.before.drafts)
    @rule(
        number=numbers,
        who=deciders,
        off=versions,
        anew=st.booleans(),
        cut=st.sampled_from(WITHIN_A_DECISION),
    )
    def somebody_writes(self, number: int, who: str, off: int, anew: bool, cut: str | None) -> None:
        """Edit a draft, or have it written anew."""
        draft = self._waiting(number)
        seen = draft["current_version"] + off
        text = f"We are looking into it, note {self.steps}."
        found = self._do(lambda: self._write(draft, seen, who, anew, text), cut)
        if found is None or isinstance(found, CaseworkError):
            return
        if off or found.version != draft["current_version"] + 1:
            self.violations.append(f"writing over version {seen} led to version {found.version}")
        if not anew:
            self.edits[draft["draft_id"], found.version] = text

    def _write(self, draft: Row, seen: int, who: str, anew: bool, text: str) -> Any:
        door, person = self.office.casework, self.office.who(who)
        if anew:
            return door.regenerate_draft(person, TENANT, draft["draft_id"], seen)
        shown = self.office.detail(draft["case_id"], AUDITOR).drafts
        content = next(d.content for d in shown if d.draft_id == draft["draft_id"])
        return door.edit_draft(person, TENANT, draft["draft_id"], self._with_text(content, text), seen)

    @staticmethod
    def _with_text(content: DraftContent, text: str) -> dict[str, Any]:
        return {**content, "paragraphs": [*content["paragraphs"], {"text": text, "fact_ids": []}]}

    @rule(who=st.sampled_from((APPROVER, LEAD, PLANNER)), gives=st.booleans())
    def rights_change(self, who: str, gives: bool) -> None:
        role = {APPROVER: Role.APPROVER, LEAD: Role.OPS_LEAD, PLANNER: Role.PLANNER}[who]
        if gives:
            self._do(lambda: self.office.casework.give(who, Grant(TENANT, role), ADMIN))
        elif who != LEAD:  # somebody must go on working
            self._do(lambda: self.office.casework.revoke(who, TENANT, ADMIN, role))

    @rule(
        party=st.sampled_from((OWN_CUSTOMER, OWN_CARRIER)),
        kind=st.sampled_from(("other", "unverified", "usual")),
    )
    def an_address_changes(self, party: str, kind: str) -> None:
        role = "customer" if party == OWN_CUSTOMER else "carrier"
        address = f"{'desk2' if kind == 'other' else 'desk1'}@{role}.example"
        contact = Contact(party, "mail", role, role.title(), address, kind != "unverified")
        self._do(lambda: self.office.casework.put_contacts(TENANT, [contact], "service:test"))

    @precondition(
        lambda self: any(
            e["state"] in ("needs_human", "dead", "refused") for e in self.before.effects.values()
        )
    )
    @rule(number=numbers, who=deciders, again=st.booleans())
    def a_person_decides_what_became_of_it(self, number: int, who: str, again: bool) -> None:
        stuck = {
            n: e for n, e in self.before.effects.items() if e["state"] in ("needs_human", "dead", "refused")
        }
        effect = self._pick(stuck, number)
        door, person = self.office.casework, self.office.who(who)
        call = door.resend_effect if again else door.confirm_effect
        found = self._do(lambda: call(person, TENANT, effect["effect_id"], "I called them.") or "done")
        if found == "done" and again:
            receiver = self.mail if effect["target"] == "mail" else self.portal
            receiver.sent_again_by_a_person(effect["idempotency_key"])

    # --- partners by a link --------------------------------------------------------------------------------

    @rule(
        number=numbers,
        role=st.sampled_from((Role.CUSTOMER, Role.CARRIER)),
        is_single=st.booleans(),
        may_comment=st.booleans(),
        lasts=st.sampled_from(JUMPS),
        cut=st.sampled_from(WITHIN_A_DECISION),
    )
    def a_case_is_shared(
        self, number: int, role: Role, is_single: bool, may_comment: bool, lasts: timedelta, cut: str | None
    ) -> None:
        case = self._pick(self.before.cases, number)
        asked = NewLink(
            party_role=role,
            reason="They asked.",
            expires_at=self.office.clock() + lasts,
            case_id=case["case_id"] if is_single else None,
            party_id=case[checks.OWN_PARTY[role]],
            may_comment=may_comment,
        )
        found = self._do(lambda: self.office.casework.make_link(self.office.who(LEAD), TENANT, asked), cut)
        if isinstance(found, tuple):
            self.tokens[found[0].link_id] = found[1]

    @precondition(lambda self: self.before.links)
    @rule(number=numbers, who=people, cut=st.sampled_from(WITHIN_A_DECISION))
    def a_link_is_taken_back(self, number: int, who: str, cut: str | None) -> None:
        link = self._pick(self.before.links, number)
        door = self.office.casework
        self._do(lambda: door.revoke_link(self.office.who(who), TENANT, link["link_id"], "done"), cut)

    @precondition(lambda self: self.tokens)
    @rule(number=numbers, other=numbers, cut=st.sampled_from(WITHIN_A_DECISION))
    def somebody_comes_by_a_link(self, number: int, other: int, cut: str | None) -> None:
        link_id = list(self.tokens)[number % len(self.tokens)]
        door, link, now = self.office.casework, self.before.links[link_id], self.office.clock()
        session = self._do(lambda: door.open_link(self.tokens[link_id], "203.0.113.9", "Browser"), cut)
        if session is None:
            return
        if isinstance(session, str) != checks.is_live(link, now):
            self.violations.append(f"link {link_id} opened otherwise than it stands")
        if not isinstance(session, str):
            return
        visitor, case = door.session(session), self._pick(self.before.cases, other)
        found = self._do(lambda: door.get(visitor, TENANT, case["case_id"]), cut)
        shared = self.office.config.shared_types(link["party_role"])
        if found is not None and isinstance(found, CaseworkError) is checks.shows(link, case, shared):
            self.violations.append(f"link {link_id} shows {case['case_id']} otherwise than was granted")
        said = self._do(
            lambda: door.perform(visitor, TENANT, case["case_id"], Action.COMMENT, text="by link")
        )
        may = link["may_comment"] and checks.shows(link, case, shared)
        denied = isinstance(said, (NotPermitted, CaseNotFound))
        if denied is may:  # a case that is over takes no comments, whoever asks
            self.violations.append(f"link {link_id} comments otherwise than was granted")

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
