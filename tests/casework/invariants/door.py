"""Everything that can be asked at the door, by whoever asks it, about one tenant with something of every kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from casework.access.api_keys import NewKey
from casework.access.links import NewLink
from casework.errors import CaseworkError
from casework.model import Action, Grant, Principal, QueueFilter, Role
from casework.service import Casework
from casework.store.tables import (
    api_keys,
    delegations,
    effects,
    grants,
    handovers,
    ingested_files,
    legal_holds,
    partner_links,
    quarantined_rows,
    reference_decisions,
)
from casework.teamwork.handover import Given
from tests.casework.invariants.day import BY_HAND, NARROW, contact, one
from tests.casework.office import (
    FEED_TIME,
    LEAD,
    START,
    TENANT,
    Office,
)


@dataclass(frozen=True)
class Things:
    """The names of the tenant's things that somebody may try."""

    case_id: str
    other_case_id: str
    draft_id: str
    draft_version: int
    content_sha256: str
    effect_id: str
    handover_id: str
    hold_id: str
    quarantine_id: str
    file_sha256: str
    party_id: str
    consumer: str
    link_id: str
    key_id: str
    delegation_id: str
    decision_id: str
    grant_id: str

    @classmethod
    def of(cls, office: Office) -> Things:
        """Things that are there after a day."""
        draft = office.draft(case_id=office.case_id())
        found: dict[str, Any] = {
            "case_id": office.case_id(),
            "other_case_id": office.case_id("predicted_late:SH-3"),
            "draft_id": draft.draft_id,
            "draft_version": draft.version,
            "content_sha256": draft.content_sha256,
            "effect_id": one(office, effects, "effect_id"),
            "handover_id": one(office, handovers, "handover_id"),
            "hold_id": one(office, legal_holds, "hold_id"),
            "quarantine_id": one(office, quarantined_rows, "quarantine_id"),
            "file_sha256": one(office, ingested_files, "file_sha256", file_name="u.csv"),
            "party_id": "C-OTHER",
            "consumer": "erp",
            # there where somebody was let in (`let_somebody_in`)
            "link_id": one(office, partner_links, "link_id") or "no link",
            "key_id": one(office, api_keys, "key_id") or "no key",
            "delegation_id": one(office, delegations, "delegation_id") or "no delegation",
            "decision_id": one(office, reference_decisions, "decision_id"),
            "grant_id": _grant_of(office, NARROW),
        }
        assert None not in found.values(), found
        return cls(**found)

    def that_are_not(self) -> Things:
        """Names of the same form that nothing has."""
        strings = {f.name: f"{getattr(self, f.name)[:-1]}Z" for f in fields(self) if f.type == "str"}
        return replace(self, **strings | {"consumer": "nobody"})

    def names(self) -> tuple[str, ...]:
        """Every name, for taking them out of a sentence."""
        return tuple(str(getattr(self, f.name)) for f in fields(self) if f.type == "str")


def _grant_of(office: Office, person: str) -> str:
    """The number of somebody's standing grant; of nobody's, a number that no grant has."""
    mine = (grants.c.tenant_id == TENANT, grants.c.principal_id == person, grants.c.revoked_at.is_(None))
    with office.casework.desk.reading(TENANT) as connection:
        return connection.scalar(select(grants.c.grant_id).where(*mine)) or "no grant"


Call = Callable[[Casework, Principal, Things], Any]
AT = START + timedelta(hours=4)
FILTERS = (
    QueueFilter(),
    QueueFilter(include_closed=True, include_merged=True),
    QueueFilter(search="SH"),
    QueueFilter(customer_id="C-OTHER"),
    QueueFilter(is_awaiting_approval=True),
    QueueFilter(owner="-", limit=1),
    QueueFilter(response_due_before=AT, opened_since=START),
)

# Asking changes nothing but, for some, that the audit chain tells of it (once in a while).
READS: dict[str, tuple[Call, ...]] = {
    "search": tuple(lambda d, p, t, f=f: d.search(p, TENANT, f) for f in FILTERS),  # type: ignore[misc]
    "get": (lambda d, p, t: d.get(p, TENANT, t.case_id), lambda d, p, t: d.get(p, TENANT, t.other_case_id)),
    "accounts": (lambda d, p, t: d.accounts(p, TENANT),),
    "api_keys": (lambda d, p, t: d.api_keys(p, TENANT),),
    "delegations": (lambda d, p, t: d.delegations(p, TENANT),),
    "keys_to_draw": (lambda d, p, t: d.keys_to_draw(p, TENANT),),
    "link_views": (lambda d, p, t: d.link_views(p, TENANT),),
    "partner_links": (lambda d, p, t: d.partner_links(p, TENANT),),
    "usage": (lambda d, p, t: d.usage(p, TENANT),),
    "usage_of_case": (lambda d, p, t: d.usage_of_case(p, TENANT, t.case_id),),
    "tenant_of": (lambda d, p, t: d.tenant_of(p, t.case_id),),
    "people": (lambda d, p, t: d.people(p, TENANT),),
    "workload": (lambda d, p, t: d.workload(p, TENANT),),
    "hand_overs": (lambda d, p, t: d.hand_overs(p, TENANT, include_ended=True),),
    "escalation_plan": (
        lambda d, p, t: d.escalation_plan(p, TENANT),
        lambda d, p, t: d.escalation_plan(p, TENANT, t.case_id),
    ),
    "audit_escalations": (lambda d, p, t: d.audit_escalations(p, TENANT),),
    "quarantine": (lambda d, p, t: d.quarantine(p, TENANT, state=None),),
    "reference_decisions": (lambda d, p, t: d.reference_decisions(p, TENANT, include_undone=True),),
    "feed_health": (lambda d, p, t: d.feed_health(p, TENANT),),
    "file_answers": (lambda d, p, t: d.file_answers(p, TENANT),),
    "as_known_at": (lambda d, p, t: d.as_known_at(p, TENANT, t.case_id, AT),),
    "legal_holds": (lambda d, p, t: d.legal_holds(p, TENANT),),
    "personal_data": (lambda d, p, t: d.personal_data(p, TENANT, t.party_id),),
    "events": (lambda d, p, t: d.events(p, TENANT, 3, 20),),
    "event_consumers": (lambda d, p, t: d.event_consumers(p, TENANT),),
    "pending_events": (lambda d, p, t: d.pending_events(p, TENANT, t.consumer, 10),),
}
# What would change something if it were let.
ATTEMPTS: dict[str, tuple[Call, ...]] = {
    "activate_account": (lambda d, p, t: d.activate_account(p, TENANT, "narrow", "x"),),
    "deactivate_account": (lambda d, p, t: d.deactivate_account(p, TENANT, "narrow", "x"),),
    "delegate_approval": (lambda d, p, t: d.delegate_approval(p, TENANT, LEAD, until=AT, reason="x"),),
    "end_delegation": (lambda d, p, t: d.end_delegation(p, TENANT, t.delegation_id, "x"),),
    "draw_key": (lambda d, p, t: d.draw_key(p, TENANT, t.key_id),),
    "revoke_key": (lambda d, p, t: d.revoke_key(p, TENANT, t.key_id, "x"),),
    "revoke_link": (lambda d, p, t: d.revoke_link(p, TENANT, t.link_id, "x"),),
    "take_grant": (lambda d, p, t: d.take_grant(p, TENANT, t.grant_id, "x"),),
    "give_grant": (lambda d, p, t: d.give_grant(p, "narrow", Grant(TENANT, Role.AUDITOR)),),
    "make_key": (lambda d, p, t: d.make_key(p, TENANT, NewKey("x", ("case:read",), AT, holder="lead")),),
    "make_link": (lambda d, p, t: d.make_link(p, TENANT, NewLink(Role.CARRIER, "x", AT, case_id=t.case_id)),),
    "open_manual": (lambda d, p, t: d.open_manual(p, TENANT, BY_HAND),),
    "perform": (
        lambda d, p, t: d.perform(p, TENANT, t.case_id, Action.COMMENT, text="x"),
        lambda d, p, t: d.perform(p, TENANT, t.case_id, Action.ESCALATE, reason="x"),
    ),
    "perform_many": (
        lambda d, p, t: d.perform_many(p, TENANT, [t.case_id], Action.ESCALATE, reason="x"),
        lambda d, p, t: d.perform_many(p, TENANT, [t.case_id], Action.ESCALATE, is_dry_run=True, reason="x"),
    ),
    "merge": (lambda d, p, t: d.merge(p, TENANT, [t.case_id, t.other_case_id], "x"),),
    "split": (lambda d, p, t: d.split(p, TENANT, t.case_id, [t.other_case_id], "x"),),
    "unmerge": (lambda d, p, t: d.unmerge(p, TENANT, t.other_case_id, "x"),),
    "hand_over": (lambda d, p, t: d.hand_over(p, TENANT, LEAD, [Given(t.case_id, "x", AT)]),),
    "accept_hand_over": (lambda d, p, t: d.accept_hand_over(p, TENANT, t.handover_id),),
    "decline_hand_over": (lambda d, p, t: d.decline_hand_over(p, TENANT, t.handover_id, "x"),),
    "withdraw_hand_over": (lambda d, p, t: d.withdraw_hand_over(p, TENANT, t.handover_id, "x"),),
    "edit_draft": (
        lambda d, p, t: d.edit_draft(
            p, TENANT, t.draft_id, {"kind": "customer_update", "paragraphs": []}, t.draft_version
        ),
    ),
    "regenerate_draft": (lambda d, p, t: d.regenerate_draft(p, TENANT, t.draft_id, t.draft_version),),
    "approve": (
        lambda d, p, t: d.approve(
            p, TENANT, t.draft_id, version=t.draft_version, content_sha256=t.content_sha256
        ),
    ),
    "reject": (lambda d, p, t: d.reject(p, TENANT, t.draft_id, version=t.draft_version, reason="x"),),
    "confirm_effect": (lambda d, p, t: d.confirm_effect(p, TENANT, t.effect_id, "x"),),
    "resend_effect": (lambda d, p, t: d.resend_effect(p, TENANT, t.effect_id, "x"),),
    "correct_row": (lambda d, p, t: d.correct_row(p, TENANT, t.quarantine_id, {"a": "z"}),),
    "ignore_row": (lambda d, p, t: d.ignore_row(p, TENANT, t.quarantine_id, "x"),),
    "read_again": (lambda d, p, t: d.read_again(p, TENANT, "shipment", t.file_sha256, "x"),),
    "decide_reference": (lambda d, p, t: d.decide_reference(p, TENANT, "PRO", "9", None, None, "x"),),
    "undo_reference_decision": (lambda d, p, t: d.undo_reference_decision(p, TENANT, t.decision_id, "x"),),
    "legal_hold": (lambda d, p, t: d.legal_hold(p, TENANT, case_id=t.case_id, reason="x"),),
    "release_hold": (lambda d, p, t: d.release_hold(p, TENANT, t.hold_id, "x"),),
    "erase_party": (lambda d, p, t: d.erase_party(p, TENANT, t.party_id, "x"),),
    "follow_events": (lambda d, p, t: d.follow_events(p, TENANT, t.consumer),),
    "advance_events": (lambda d, p, t: d.advance_events(p, TENANT, t.consumer, 1),),
    "replay_events": (lambda d, p, t: d.replay_events(p, TENANT, t.consumer, 0),),
}
# Asked by nobody in particular: by the console of this machine, by a run, by whoever is not signed in yet.
WITHOUT_A_PERSON: dict[str, Call | None] = {
    "count_call": None,  # counts, and answers nothing
    "open_link": None,  # by a token, not as somebody
    "principal_of_key": None,
    "sign_in_as": None,  # identities are of no tenant
    "identities_of": None,
    "link_identity": None,
    "unlink_identity": None,
    "recount": None,  # by the console
    "clock_of": lambda d, p, t: d.clock_of(TENANT),
    "verify_audit": lambda d, p, t: d.verify_audit(TENANT),
    "last_entry": lambda d, p, t: d.last_entry(TENANT),
    "retention_plan": lambda d, p, t: d.retention_plan(TENANT),
    "restore_check": lambda d, p, t: d.restore_check(TENANT),
    "set_clock": lambda d, p, t: d.set_clock(TENANT, FEED_TIME - timedelta(days=9)),
    "begin_clock": lambda d, p, t: d.begin_clock(TENANT, FEED_TIME),
    "put_contacts": lambda d, p, t: d.put_contacts(TENANT, [contact("OTHR")], LEAD),
    "config_history": lambda d, p, t: d.config_history(),
    "config_diff": None,  # files against the version in force: of no tenant
    "config_apply": None,
    "config_rollback_plan": None,
    "config_rollback": None,
    "backup": None,  # the whole store, by the console
    "bootstrap": None,
    "operator": None,
    "reset_password": None,  # accounts are of no tenant
    "sign_in": None,
    "session": None,
    "sign_out": None,
    "give": None,  # writing alone; part of a day
    "revoke": None,
    "sync": None,
    "retention_apply": None,
    "restore_settle": None,
}


def public_methods() -> set[str]:
    """Every method of the door."""
    return {name for name, _ in inspect.getmembers(Casework, inspect.isfunction) if not name.startswith("_")}


def takes_a_person(name: str) -> bool:
    """Whether a method asks who calls it."""
    return "principal" in inspect.signature(getattr(Casework, name)).parameters and name not in (
        "give",
        "revoke",
    )


def outcome(call: Call, door: Casework, person: Principal, things: Things) -> Any:
    """What comes of a call: an answer, or a refusal with its kind, words and fields."""
    try:
        return ("answer", call(door, person, things))
    except CaseworkError as refused:
        return ("refused", type(refused).__name__, refused.message, repr(getattr(refused, "fields", None)))


def who(office: Office, principal_id: str) -> Principal:
    """A person as a page would name them; what they claim to hold counts for nothing."""
    return Principal(principal_id, "person", principal_id, principal_id, (Grant(TENANT, Role.OPS_LEAD),))
