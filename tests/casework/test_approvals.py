"""A person approves exact content for exact recipients on exact facts, and nothing else ever leaves."""

from __future__ import annotations

import copy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from casework.approvals import approval
from casework.canonical import canonical_sha256
from casework.errors import ApprovalRefused, DraftRefused, NotFound, NotPermitted
from casework.model import Action, Contact, DraftKind, DraftState, Role
from casework.store.engine import writing_across
from casework.store.tables import approvals, audit_entries, contacts, drafts, effects, principals
from tests.casework.office import (
    APPROVER,
    AUDITOR,
    CUSTOMER,
    LEAD,
    OWN_CARRIER,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
    with_fact,
)


@pytest.fixture
def ready(office: Office) -> Office:
    office.sync(exception())
    return office


def edited(office: Office, who: str, kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> Any:
    draft = office.draft(kind)
    content = copy.deepcopy(draft.content)
    content["paragraphs"][-1]["text"] += " Kind regards."
    return office.casework.edit_draft(office.who(who), TENANT, draft.draft_id, content, draft.version)


def refusals_to_send(office: Office) -> list[str | None]:
    with office.casework.desk.reading_across() as connection:
        return [
            approval.why_not_sent(connection, office.casework.config, effect, office.clock())
            for effect in office.effects()
        ]


def test_what_is_approved_is_queued_for_the_cases_own_customer_byte_for_byte(ready: Office) -> None:
    draft = ready.draft()
    decided = ready.approve(draft)
    queued = ready.effects()
    assert {(e["target"], e["recipient"]) for e in queued} == {
        (message.target, message.address) for message in draft.messages
    }
    assert all(message.party_id == OWN_CUSTOMER for message in draft.messages)
    for effect in queued:
        assert effect["state"] == "pending"
        assert effect["payload_sha256"] == canonical_sha256(effect["payload"])
        assert effect["payload_sha256"] in {item["sha256"] for item in decided.recipients}
    assert ready.draft().state == DraftState.APPROVED
    assert refusals_to_send(ready) == [None] * len(queued)


def test_a_carrier_request_goes_to_the_carrier_and_to_nobody_else(ready: Office) -> None:
    ready.approve(ready.draft(DraftKind.CARRIER_REQUEST))
    assert [(e["target"], e["recipient"]) for e in ready.effects()] == [
        ("mail", f"dispatch@{OWN_CARRIER.lower()}.example")
    ]


def test_an_approved_recommendation_leaves_for_nobody_and_becomes_a_note(ready: Office) -> None:
    ready.approve(ready.draft(DraftKind.RECOVERY_RECOMMENDATION))
    assert ready.effects() == []
    assert [message.direction for message in ready.detail().messages] == ["note"]


def test_the_log_binds_every_effect_to_the_approval_that_queued_it(ready: Office) -> None:
    decided = ready.approve(ready.draft())
    with ready.casework.desk.reading_across() as connection:
        query = select(audit_entries.c.payload).where(audit_entries.c.action == "draft:approved")
        (payload,) = connection.scalars(query).all()
    assert payload["details"]["approval_id"] == decided.approval_id
    assert payload["details"]["effects"] == {
        effect["effect_id"]: effect["payload_sha256"] for effect in ready.effects()
    }


def test_the_same_content_approved_in_two_versions_has_two_keys_and_one_version_only_one(
    ready: Office,
) -> None:
    ready.approve(ready.draft(DraftKind.CARRIER_REQUEST))
    draft = ready.draft(DraftKind.CARRIER_REQUEST)
    with pytest.raises(ApprovalRefused, match="is approved; only a waiting draft"):
        ready.approve(draft)
    ready.casework.regenerate_draft(ready.who(PLANNER), TENANT, draft.draft_id, draft.version)
    ready.approve(ready.draft(DraftKind.CARRIER_REQUEST))
    keys = [effect["idempotency_key"] for effect in ready.effects()]
    assert len(keys) == len(set(keys)) == 2


@pytest.mark.parametrize("wrong", ["version", "hash", "recipient"])
def test_what_was_not_seen_is_not_approved(ready: Office, wrong: str) -> None:
    draft = ready.draft()
    asked = {"version": draft.version, "content_sha256": draft.content_sha256}
    if wrong == "version":
        asked["version"] = 2
    elif wrong == "hash":
        asked["content_sha256"] = "0" * 64
    else:
        moved = Contact(OWN_CUSTOMER, "mail", "customer", "Acme", "elsewhere@acme.example", True)
        ready.casework.put_contacts(TENANT, [moved], "service:test")
    with pytest.raises(ApprovalRefused):
        ready.casework.approve(ready.who(APPROVER), TENANT, draft.draft_id, **asked)
    assert ready.effects() == []
    assert ready.draft().state == DraftState.WAITING


def test_nothing_is_approved_for_a_customer_without_a_verified_address(ready: Office) -> None:
    with writing_across(ready.engine) as connection:
        mine = contacts.c.party_id == OWN_CUSTOMER
        connection.execute(update(contacts).where(mine).values(is_verified=False))
    with pytest.raises(ApprovalRefused, match="no verified address of this case's customer"):
        ready.approve(ready.draft())


def test_facts_that_change_supersede_waiting_drafts_and_void_what_was_approved(ready: Office) -> None:
    seen = ready.draft()
    ready.approve(ready.draft(DraftKind.CARRIER_REQUEST))
    ready.sync(with_fact(exception(), "late_probability", 0.95), publication="pub-2")
    with pytest.raises(ApprovalRefused, match="now in version 2"):
        ready.approve(seen)
    assert [effect["state"] for effect in ready.effects()] == ["superseded"]
    for kind in DraftKind:
        draft = ready.draft(kind)
        assert (draft.version, draft.state, draft.is_stale) == (2, DraftState.WAITING, False)
    ready.approve(ready.draft())
    assert {effect["facts_version"] for effect in ready.effects() if effect["state"] == "pending"} == {2}


def test_facts_that_change_before_drafts_are_rewritten_stop_an_approval(ready: Office) -> None:
    seen = ready.draft()
    ready.drafter, ready_drafter = None, ready.drafter
    without = ready.door()
    from casework.model import Publication

    without.sync(TENANT, Publication("pub-2"), [with_fact(exception(), "late_probability", 0.9)])
    ready.drafter = ready_drafter
    assert ready.draft().is_stale
    with pytest.raises(ApprovalRefused, match="facts changed after this draft was written"):
        ready.approve(seen)


def test_nobody_approves_an_own_edit_but_a_lead_below_the_threshold(ready: Office) -> None:
    mine = edited(ready, APPROVER)
    with pytest.raises(ApprovalRefused, match="Somebody else has to approve"):
        ready.approve(mine, APPROVER)
    ready.approve(mine, LEAD)
    own = edited(ready, LEAD, DraftKind.CARRIER_REQUEST)
    ready.approve(own, LEAD)


def test_from_the_threshold_on_a_lead_needs_a_second_pair_of_eyes_too(office: Office) -> None:
    threshold = office.config.tenants[TENANT].approval.tiers[1].exposure_from
    office.sync(exception(expected_loss=threshold, sla_penalty_amount=threshold - Decimal("400.00")))
    assert office.case()["expected_loss"] == threshold
    own = edited(office, LEAD)
    with pytest.raises(ApprovalRefused, match="Somebody else has to approve"):
        office.approve(own, LEAD)
    office.approve(own, APPROVER)


@pytest.mark.parametrize("who", [PLANNER, AUDITOR])
def test_whoever_may_read_but_not_approve_is_told_so(ready: Office, who: str) -> None:
    with pytest.raises(NotPermitted):
        ready.approve(ready.draft(), who)


def test_a_partner_does_not_even_learn_that_a_draft_exists(ready: Office) -> None:
    with pytest.raises(NotFound):
        ready.approve(ready.draft(), CUSTOMER)


def test_a_rejection_says_why_and_a_rejected_version_is_never_approved(ready: Office) -> None:
    draft = ready.draft()
    with pytest.raises(ApprovalRefused, match="Say why"):
        ready.casework.reject(ready.who(LEAD), TENANT, draft.draft_id, version=1, reason=" ")
    decided = ready.casework.reject(
        ready.who(LEAD), TENANT, draft.draft_id, version=draft.version, reason="too long"
    )
    assert (decided.decision, decided.reason, ready.effects()) == ("rejected", "too long", [])
    with pytest.raises(ApprovalRefused, match="is rejected"):
        ready.approve(draft)


def test_two_edits_of_the_same_version_do_not_both_win(ready: Office) -> None:
    draft = ready.draft()
    edited(ready, LEAD)
    with pytest.raises(DraftRefused, match="Someone else changed this draft"):
        ready.casework.edit_draft(ready.who(PLANNER), TENANT, draft.draft_id, draft.content, draft.version)
    assert ready.draft().version == 2


def test_an_edit_may_not_name_another_cases_shipment_however_its_id_looks(ready: Office) -> None:
    ready.sync(exception(), exception(2, shipment_id="AWB77X", subject="AWB77X"))
    draft = ready.draft()
    for text, is_refused in (("AWB77X is late too.", True), ("AWB78X is nobody's; SH-1 is.", False)):
        content = copy.deepcopy(draft.content)
        content["paragraphs"][-1]["text"] = text

        def edit(content: Any = content) -> Any:
            return ready.casework.edit_draft(ready.who(LEAD), TENANT, draft.draft_id, content, draft.version)

        if is_refused:
            with pytest.raises(DraftRefused, match="AWB77X"):
                edit()
        else:
            assert edit().content["paragraphs"][-1]["text"] == text


def test_an_edit_cannot_turn_a_draft_into_another_kind(ready: Office) -> None:
    draft = ready.draft(DraftKind.RECOVERY_RECOMMENDATION)
    with pytest.raises(DraftRefused, match="cannot change that"):
        content = {**draft.content, "kind": "customer_update"}
        ready.casework.edit_draft(ready.who(LEAD), TENANT, draft.draft_id, content, draft.version)


def test_a_case_that_ended_lets_nothing_leave(ready: Office) -> None:
    ready.approve(ready.draft())
    ready.perform(ready.case_id(), Action.DISMISS, reason="not ours")
    assert {effect["state"] for effect in ready.effects()} == {"superseded"}
    with pytest.raises(ApprovalRefused, match="case is dismissed"):
        ready.approve(ready.draft(DraftKind.CARRIER_REQUEST))


def test_an_approval_is_valid_for_a_while_and_not_for_ever(ready: Office) -> None:
    draft = ready.draft()
    for lifetime in (timedelta(0), timedelta(hours=-1), timedelta(days=8)):
        with pytest.raises(ApprovalRefused, match="up to 168 hours"):
            ready.approve(draft, expires_in=lifetime)
    ready.approve(draft, expires_in=timedelta(hours=2))
    assert set(refusals_to_send(ready)) == {None}
    ready.clock.forward(hours=2)
    assert set(refusals_to_send(ready)) == {"Its approval has expired."}


# --- the question asked again before anything is sent ------------------------------------------------------


def tampered(office: Office, table: Any, **values: Any) -> None:
    with writing_across(office.engine) as connection:
        connection.execute(update(table).values(**values))


def change_bytes(office: Office) -> None:
    payload = office.effects()[0]["payload"] | {"body": "Pay to this account instead."}
    tampered(office, effects, payload=payload)


def change_bytes_and_hash(office: Office) -> None:
    payload = office.effects()[0]["payload"] | {"body": "Pay to this account instead."}
    tampered(office, effects, payload=payload, payload_sha256=canonical_sha256(payload))


CHANGES_UNDER_AN_APPROVAL = {
    "facts": lambda o: o.sync(with_fact(exception(), "late_probability", 0.5), publication="pub-2"),
    "bytes": change_bytes,
    "bytes and their hash": change_bytes_and_hash,
    "recipient": lambda o: tampered(o, effects, recipient="thief@example.org"),
    "approval of nobody": lambda o: tampered(o, effects, approval_id="none"),
    "case of another": lambda o: tampered(o, effects, case_id="D-000099"),
    "version of the facts": lambda o: tampered(o, effects, facts_version=2),
    "contact unverified": lambda o: tampered(o, contacts, is_verified=False),
    "contact moved": lambda o: tampered(o, contacts, address="new@acme.example"),
    "approver left": lambda o: tampered(o, principals, is_active=False),
    "role revoked": lambda o: o.casework.revoke(APPROVER, TENANT, "person:admin", Role.APPROVER),
    "draft rejected": lambda o: tampered(o, drafts, state="void"),
    "draft edited": lambda o: tampered(o, drafts, current_version=2),
    "case dismissed": lambda o: o.perform(o.case_id(), Action.DISMISS, reason="x"),
    "time": lambda o: o.clock.forward(days=2),
}


@pytest.mark.parametrize("change", CHANGES_UNDER_AN_APPROVAL)
def test_whatever_changes_after_an_approval_keeps_it_from_being_sent(
    sqlite_office: Office, change: str
) -> None:
    sqlite_office.sync(exception())
    sqlite_office.approve(sqlite_office.draft())
    assert set(refusals_to_send(sqlite_office)) == {None}
    CHANGES_UNDER_AN_APPROVAL[change](sqlite_office)
    found = refusals_to_send(sqlite_office)
    assert found and all(isinstance(reason, str) for reason in found), change


def test_approvals_cannot_be_rewritten_in_the_store(ready: Office) -> None:
    ready.approve(ready.draft())
    for statement in (update(approvals).values(approver=LEAD), approvals.delete()):
        with pytest.raises(Exception, match="append-only"), ready.engine.begin() as connection:
            connection.execute(statement)
