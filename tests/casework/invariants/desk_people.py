"""What people do to cases and drafts one at a time, rights that come and go, addresses that change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from casework.errors import CaseworkError
from casework.model import Action, Contact, DraftContent, Grant, Role
from tests.casework.invariants import checks
from tests.casework.invariants.desk_choices import (
    JUMPS,
    NOT_SEEN,
    WITHIN_A_DECISION,
    WITHIN_AN_APPROVAL,
    deciders,
    numbers,
    people,
    versions,
)
from tests.casework.invariants.desk_life import DeskLife
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
)


class People(DeskLife):
    """A desk with its people."""

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
