"""Partners who come by a link."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from casework.access.links import NewLink
from casework.errors import CaseNotFound, CaseworkError, NotPermitted
from casework.model import Action, Role
from tests.casework.invariants import checks
from tests.casework.invariants.desk_choices import JUMPS, WITHIN_A_DECISION, numbers, people
from tests.casework.invariants.desk_life import DeskLife
from tests.casework.office import (
    LEAD,
    TENANT,
)


class Sharing(DeskLife):
    """A desk that shares its cases."""

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
