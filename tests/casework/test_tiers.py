"""Who must approve, by what is at stake: tiers, value bands, other eyes, and rights that are lent."""

from __future__ import annotations

import copy
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from casework.approvals import approvers, tiers
from casework.approvals.delegation import Lent
from casework.config.approval import ApprovalRules
from casework.errors import ApprovalRefused, DetailsRefused, NotFound, NotPermitted
from casework.model import Action, Contact, DraftKind, DraftState, Grant, Role
from casework.store.tables import audit_entries, cases
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CUSTOMER,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
    with_fact,
)

RULES = {
    "limits": {"planner": 5000},
    "tiers": [
        {"name": "small", "roles": ["planner", "approver", "ops_lead"], "own_edit_by": ["ops_lead"]},
        {"name": "middle", "exposure_from": 3000, "roles": ["planner", "approver", "ops_lead"]},
        {
            "name": "grave",
            "exposure_from": 50000,
            "approvals": 2,
            "roles": ["approver", "ops_lead"],
            "must_include": "ops_lead",
            "expires_hours": 12,
        },
        {"name": "notes", "audiences": ["internal"], "roles": ["planner", "ops_lead"], "exposure_from": 50000,
         "approvals": 2},
    ],
}  # fmt: skip
AT_STAKE = {"small": "1000", "band": "6000", "middle": "4000", "grave": "50000"}


def with_loss(number: int, amount: str) -> Any:
    return exception(
        number, sla_penalty_amount=Decimal(amount), revenue_amount=Decimal(0), inventory_amount=Decimal(0)
    )


@pytest.fixture
def desk(office: Office) -> Office:
    office.configure(approval=RULES)
    office.sync(*(with_loss(number, amount) for number, amount in enumerate(AT_STAKE.values(), start=1)))
    return office


def case_of(number: int) -> str:
    return f"predicted_late:SH-{number}"


def draft_of(office: Office, number: int, kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> Any:
    return office.draft(kind, office.case_id(case_of(number)))


def lend(office: Office, lender: str, to: str, hours: float = 40, **scope: Any) -> Any:
    until = office.clock() + timedelta(hours=hours)
    return office.casework.delegate_approval(
        office.who(lender), TENANT, to, until=until, reason="on leave", scope=Lent(**scope)
    )


def edited(office: Office, number: int, who: str) -> Any:
    draft = draft_of(office, number)
    content = copy.deepcopy(draft.content)
    content["paragraphs"][-1]["text"] += " Kind regards."
    return office.casework.edit_draft(office.who(who), TENANT, draft.draft_id, content, draft.version)


# --- the whole table ---------------------------------------------------------------------------------------

WHO = {PLANNER: "planner", APPROVER: "approver", LEAD: "ops_lead", AUDITOR: None}
WRITERS = ("template:x", PLANNER, APPROVER, LEAD, AUDITOR)


def may(at_stake: str, person: str, lender: str | None, author: str) -> bool:
    """The law, told once more: may this person approve a text by this author, perhaps for somebody."""
    role = WHO[lender or person]
    amount = Decimal(AT_STAKE[at_stake])
    if role is None or (role == "planner" and (amount > 5000 or at_stake == "grave")):
        return False
    if author == person or (lender is not None and author == lender):
        return lender is None and role == "ops_lead" and at_stake == "small"
    return True


def test_every_tier_role_writer_and_delegate(desk: Office) -> None:
    for lender, to in product((PLANNER, APPROVER, LEAD), WHO):
        if lender != to:
            lend(desk, lender, to)
    asked = 0
    with desk.casework.desk.reading_across() as connection:
        for number, (at_stake, person, author) in product(range(1), product(AT_STAKE, WHO, WRITERS)):
            number = list(AT_STAKE).index(at_stake) + 1
            case = connection.execute(
                select(cases).where(cases.c.exception_key == case_of(number))
            ).mappings().one()  # fmt: skip
            held = approvers.rights(connection, desk.who(person), case, desk.config, desk.clock())
            what = tiers.asked_of(desk.config, case, "customer_update", {"author": author})
            for lender in (None, PLANNER, APPROVER, LEAD):
                if lender == person:
                    continue
                ids = {right.delegation_id for right in held if right.on_behalf_of == lender} or {None}
                problems = [tiers.why_not_by(what, person, held, lender, one) for one in ids]
                assert (None in problems) == may(at_stake, person, lender, author), (
                    at_stake, person, lender, author, problems)  # fmt: skip
                asked += 1
    assert asked == len(AT_STAKE) * len(WRITERS) * (3 + 3 + 3 + 4)


@pytest.mark.parametrize(
    ("people", "eyes"),
    [
        ([("a", None)], 1),
        ([("a", None), ("b", None)], 2),
        ([("a", None), ("b", "a")], 1),
        ([("b", "a"), ("c", "a")], 1),
        ([("b", "a"), ("c", "b")], 1),
        ([("b", "a"), ("a", None), ("c", "b"), ("d", None)], 2),
        ([("c", "b"), ("d", "e"), ("b", "e")], 1),
    ],
)
def test_people_who_act_for_one_another_are_one_pair_of_eyes(people: list[Any], eyes: int) -> None:
    signed = [{"approver": who, "on_behalf_of": whom} for who, whom in people]
    assert tiers.pairs_of_eyes(signed) == eyes
    assert tiers.pairs_of_eyes(signed[::-1]) == eyes


# --- approvals that gather ---------------------------------------------------------------------------------


def test_two_must_approve_and_only_the_second_lets_it_leave(desk: Office) -> None:
    draft = draft_of(desk, 4)
    assert (draft.standing.tier, draft.standing.missing) == ("grave", 2)
    assert "2 approvals by different people" in draft.standing.asks
    first = desk.approve(draft, APPROVER)
    assert (first.decision, first.effect_ids, desk.effects()) == ("signed", (), [])
    waiting = draft_of(desk, 4)
    assert (waiting.state, waiting.approval, waiting.standing.missing) == (DraftState.WAITING, None, 1)
    assert [given.approver for given in waiting.standing.given] == [APPROVER]
    assert {one.principal_id for one in waiting.standing.candidates if one.why_not is None} == {LEAD}
    assert waiting.standing.still_needed == "It still needs one more approval by operations lead."
    with pytest.raises(ApprovalRefused, match="approved this version already"):
        desk.approve(waiting, APPROVER)
    second = desk.approve(waiting, LEAD)
    assert second.decision == "approved" and len(second.effect_ids) == len(desk.effects()) == 2
    case_id = desk.case_id(case_of(4))
    assert desk.facts_of(case_id)[-2:] == ["draft:signed", "draft:approved"]
    known = desk.casework.as_known_at(desk.who(LEAD), TENANT, case_id, desk.clock())
    assert next(d for d in known.drafts if d.draft_id == draft.draft_id).approved_by == (
        (APPROVER, None),
        (LEAD, None),
    )
    assert desk.casework.verify_audit(TENANT).ok


def test_an_approval_holds_as_long_as_its_tier_says_and_no_longer(desk: Office) -> None:
    with pytest.raises(ApprovalRefused, match="up to 12 hours"):
        desk.approve(draft_of(desk, 4), APPROVER, expires_in=timedelta(hours=13))
    given = desk.approve(draft_of(desk, 4), APPROVER)
    assert given.expires_at == desk.clock() + timedelta(hours=12)


def test_an_approval_of_a_role_that_is_not_missing_is_refused(desk: Office) -> None:
    desk.casework.give(AUDITOR, Grant(TENANT, Role.APPROVER), ADMIN)
    desk.approve(draft_of(desk, 4), APPROVER)
    with pytest.raises(ApprovalRefused, match="one more approval by operations lead"):
        desk.approve(draft_of(desk, 4), AUDITOR)


VOID = {
    "an edit": lambda o: edited(o, 4, PLANNER),
    "facts": lambda o: o.sync(
        *(with_loss(n, a) for n, a in enumerate(list(AT_STAKE.values())[:3], start=1)),
        with_fact(with_loss(4, "50000"), "late_probability", 0.5),
        publication="pub-2",
    ),
    "a revocation": lambda o: o.casework.revoke(APPROVER, TENANT, ADMIN, Role.APPROVER),
    "time": lambda o: o.clock.forward(hours=12),
    "an address": lambda o: o.casework.put_contacts(
        TENANT, [Contact(OWN_CUSTOMER, "mail", "customer", "Acme", "other@acme.example", True)], ADMIN
    ),
}


@pytest.mark.parametrize("change", VOID)
def test_what_changes_between_two_approvals_voids_the_first(desk: Office, change: str) -> None:
    desk.approve(draft_of(desk, 4), APPROVER)
    VOID[change](desk)
    assert desk.approve(draft_of(desk, 4), LEAD).decision == "signed"
    assert desk.effects() == []


def test_the_end_of_a_case_voids_what_gathered_also_when_it_is_reopened(desk: Office) -> None:
    desk.approve(draft_of(desk, 4), APPROVER)
    case_id = desk.case_id(case_of(4))
    desk.perform(case_id, Action.DISMISS, reason="not ours")
    desk.perform(case_id, Action.REOPEN, reason="ours")
    void = draft_of(desk, 4)
    assert void.state == DraftState.VOID
    with pytest.raises(ApprovalRefused, match="is void"):
        desk.approve(void, LEAD)
    desk.casework.regenerate_draft(desk.who(PLANNER), TENANT, void.draft_id, void.version)
    assert desk.approve(draft_of(desk, 4), LEAD).decision == "signed"


def test_a_tier_that_became_stricter_stops_what_was_approved_under_the_old_one(desk: Office) -> None:
    from casework.approvals import approval

    desk.approve(draft_of(desk, 1), APPROVER)
    rules = copy.deepcopy(RULES)
    rules["tiers"][0] |= {"approvals": 2, "own_edit_by": []}
    rules["tiers"][1] |= {"approvals": 2}
    desk.configure(approval=rules)
    with desk.casework.desk.reading_across() as connection:
        found = {
            approval.why_not_sent(connection, desk.config, effect, desk.clock()) for effect in desk.effects()
        }
    assert len(found) == 1 and "2 approvals by different people" in str(found.pop())


# --- value bands -------------------------------------------------------------------------------------------


def test_a_planner_approves_up_to_the_band_and_is_told_where_it_ends(desk: Office) -> None:
    assert desk.approve(draft_of(desk, 3), PLANNER).decision == "approved"
    with pytest.raises(ApprovalRefused, match=r"USD 6,000.00 is at stake; planner approves up to 5,000.00"):
        desk.approve(draft_of(desk, 2), PLANNER)


def test_a_grant_has_a_band_of_its_own_and_the_lower_one_holds(desk: Office) -> None:
    desk.casework.give(AUDITOR, Grant(TENANT, Role.APPROVER, approve_up_to=Decimal(3500)), ADMIN)
    desk.casework.give(CUSTOMER, Grant(TENANT, Role.CUSTOMER, approve_up_to=Decimal(10**6)), ADMIN)
    with pytest.raises(ApprovalRefused, match="up to 3,500.00"):
        desk.approve(draft_of(desk, 3), AUDITOR)
    assert desk.approve(draft_of(desk, 1), AUDITOR).decision == "approved"
    with pytest.raises(NotFound):
        desk.approve(draft_of(desk, 2), CUSTOMER)


def test_an_internal_note_asks_what_its_own_tier_says(desk: Office) -> None:
    note = draft_of(desk, 4, DraftKind.RECOVERY_RECOMMENDATION)
    assert note.standing.tier == "notes"
    with pytest.raises(ApprovalRefused, match="operations lead or planner; approver does not do"):
        desk.approve(note, APPROVER)


# --- rights that are lent ----------------------------------------------------------------------------------


def test_a_delegate_approves_in_their_own_name_for_the_lender(desk: Office) -> None:
    with pytest.raises(NotPermitted):
        desk.approve(draft_of(desk, 2), AUDITOR)
    lent = lend(desk, LEAD, AUDITOR)
    with pytest.raises(ApprovalRefused, match="You can approve it for Operations lead; say so"):
        desk.approve(draft_of(desk, 2), AUDITOR)
    decided = desk.approve(draft_of(desk, 2), AUDITOR, on_behalf_of=LEAD)
    assert decided.approver == AUDITOR
    with desk.casework.desk.reading_across() as connection:
        entry = connection.execute(
            select(audit_entries).where(audit_entries.c.action == "draft:approved")
        ).mappings().one()  # fmt: skip
        told = connection.scalars(
            select(audit_entries.c.payload).where(audit_entries.c.action == "approval:delegated")
        ).one()
    signed = entry["payload"]["details"]["sign_off"]
    assert (entry["actor"], signed["on_behalf_of"], signed["delegation_id"]) == (
        AUDITOR, LEAD, lent.delegation_id)  # fmt: skip
    assert told["details"]["delegation"]["reason"] == "on leave"
    assert desk.casework.verify_audit(TENANT).ok


def test_who_approves_for_another_tenant_has_nothing_to_lend_here(desk: Office) -> None:
    desk.casework.revoke(LEAD, TENANT, "person:admin")
    desk.casework.give(LEAD, Grant("health", Role.OPS_LEAD), "person:admin")
    with pytest.raises(NotPermitted):
        lend(desk, LEAD, PLANNER)


def test_a_lender_and_a_delegate_are_one_pair_of_eyes(desk: Office) -> None:
    lend(desk, LEAD, PLANNER)
    desk.approve(draft_of(desk, 4), LEAD)
    with pytest.raises(ApprovalRefused, match="one pair of eyes"):
        desk.approve(draft_of(desk, 4), PLANNER, on_behalf_of=LEAD)
    mine = edited(desk, 2, LEAD)
    with pytest.raises(ApprovalRefused, match="written by whom it is approved for"):
        desk.approve(mine, PLANNER, on_behalf_of=LEAD)
    own = edited(desk, 2, PLANNER)
    with pytest.raises(ApprovalRefused, match="written by the approver"):
        desk.approve(own, PLANNER, on_behalf_of=LEAD)


def test_a_lent_right_ends_at_once_with_its_revocation_its_time_and_the_lenders_own(desk: Office) -> None:
    from casework.approvals import approval

    for end in ("revoked", "over", "lender"):
        lent = lend(desk, APPROVER, AUDITOR, hours=2)
        draft = draft_of(desk, 2)
        desk.approve(draft, AUDITOR, on_behalf_of=APPROVER)
        if end == "revoked":
            ended = desk.casework.end_delegation(desk.who(AUDITOR), TENANT, lent.delegation_id, "not needed")
            assert ended.revoked_by == AUDITOR
        elif end == "over":
            desk.clock.forward(hours=2)
        else:
            desk.casework.revoke(APPROVER, TENANT, ADMIN)
        with desk.casework.desk.reading_across() as connection:
            queued = [effect for effect in desk.effects() if effect["state"] == "pending"]
            found = {approval.why_not_sent(connection, desk.config, e, desk.clock()) for e in queued}
        assert found == {"Its approver may no longer approve this."}, end
        desk.casework.regenerate_draft(desk.who(PLANNER), TENANT, draft.draft_id, draft_of(desk, 2).version)
        with pytest.raises((ApprovalRefused, NotPermitted)):
            desk.approve(draft_of(desk, 2), AUDITOR, on_behalf_of=APPROVER)


def test_a_lent_right_is_not_lent_on(desk: Office) -> None:
    lend(desk, LEAD, AUDITOR)
    with pytest.raises(NotPermitted, match="nothing to lend"):
        lend(desk, AUDITOR, PLANNER)


@pytest.mark.parametrize(
    ("lender", "to", "hours", "scope", "said"),
    [
        (LEAD, CUSTOMER, 1, {}, "nobody who works cases here"),
        (LEAD, "person:nobody", 1, {}, "nobody who works cases here"),
        (LEAD, LEAD, 1, {}, "have that right yourself"),
        (LEAD, PLANNER, 0, {}, "for up to 30 days"),
        (LEAD, PLANNER, 31 * 24, {}, "for up to 30 days"),
        (PLANNER, APPROVER, 1, {"up_to": Decimal(6000)}, "more than you may approve yourself"),
    ],
)
def test_lending_more_than_one_has_or_to_nobody_is_refused(
    desk: Office, lender: str, to: str, hours: float, scope: dict[str, Any], said: str
) -> None:
    with pytest.raises(DetailsRefused, match=said):
        lend(desk, lender, to, hours, **scope)
    assert desk.casework.delegations(desk.who(LEAD), TENANT) == ()


def test_what_is_lent_can_be_narrower(desk: Office) -> None:
    lend(desk, LEAD, AUDITOR, up_to=Decimal(2000))
    lend(desk, LEAD, PLANNER, customer_id="somebody-else")
    with pytest.raises(ApprovalRefused, match="up to 2,000.00"):
        desk.approve(draft_of(desk, 2), AUDITOR, on_behalf_of=LEAD)
    with pytest.raises(ApprovalRefused, match="has lent you no right"):
        desk.approve(draft_of(desk, 1), PLANNER, on_behalf_of=LEAD)
    assert desk.approve(draft_of(desk, 1), AUDITOR, on_behalf_of=LEAD).decision == "approved"


# --- what a configuration may ask --------------------------------------------------------------------------

ONE = {"name": "one", "roles": ["approver"]}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([ONE | {"exposure_from": 5}], "from 0 on"),
        ([ONE | {"audiences": ["customer"]}], "no tier is for a carrier_request"),
        ([ONE, ONE], "the same name"),
        ([ONE, ONE | {"name": "two"}], "both for the same"),
        ([ONE | {"approvals": 2}, ONE | {"name": "two", "exposure_from": 9}], "fewer approvals"),
        ([ONE | {"roles": ["customer"]}], "partners approve nothing"),
        ([ONE | {"must_include": "ops_lead"}], "one of the tier's roles"),
        ([ONE | {"own_edit_by": ["ops_lead"]}], "among the tier's roles"),
        ([ONE | {"own_edit_by": ["approver"], "approvals": 2}], "nobody approves their own edit"),
        ([ONE | {"expires_hours": 200}], "less than or equal to 168"),
        ([ONE | {"longest_hours": 12}], "expires_hours or more"),
        ([], "at least 1 item"),
    ],
)
def test_tiers_that_leave_a_gap_or_contradict_themselves_are_refused(rules: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ApprovalRules.model_validate({"tiers": rules})
