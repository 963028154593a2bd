"""Messages that are approved and leave, and everything that can come in between."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from casework.approvals.delegation import Lent
from casework.errors import CaseworkError
from casework.model import Action, Grant, Role
from tests.casework.invariants import checks
from tests.casework.invariants.desk_choices import (
    ANSWERS,
    CUTS_OF_A_ROUND,
    DEATHS,
    DECIDERS,
    DISTURBANCES,
    JUMPS,
    NOT_SEEN,
    PEOPLE,
    WAYS,
    WITHIN_A_ROUND,
    deciders,
    numbers,
)
from tests.casework.invariants.desk_people import People
from tests.casework.invariants.far_side import (
    LEASE_AND_MORE,
    Answer,
)
from tests.casework.invariants.snapshot import Row
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CUSTOMER,
    LEAD,
    OWN_CARRIER,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    with_fact,
)


class Approving(People):
    """A desk whose messages meet the world."""

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
            self.a_worker_does_a_round(0, [death] * 6, None)
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
