"""Everything that can be asked at the door, by whoever asks it, about one tenant with something of every kind."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import delete, select, update

from casework import answers, ledger, rows
from casework.access.api_keys import NewKey
from casework.access.links import NewLink
from casework.effects import outbox, settlement
from casework.effects.adapter import Outcome, Result
from casework.effects.outbox import Due
from casework.errors import CaseworkError
from casework.escalations import escalation
from casework.identity import decisions
from casework.ledger import Check, FileKey, Refusal
from casework.manual import ManualCase
from casework.metering.meter import MODEL_CALL, Meter, OverBudget, Use
from casework.model import Action, Contact, Grant, Principal, QueueFilter, Role
from casework.service import Casework
from casework.store import work
from casework.store.engine import writing_across
from casework.store.tables import (
    Table,
    api_keys,
    cases,
    contacts,
    delegations,
    effects,
    escalations,
    grants,
    handovers,
    legal_holds,
    partner_links,
    principals,
    quarantined_rows,
    reference_decisions,
)
from casework.teamwork import handover
from casework.teamwork.handover import Given
from tests.casework.office import (
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    FEED_TIME,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    START,
    TENANT,
    Office,
    exception,
    with_fact,
)

NARROW, WAREHOUSE, FOREIGN = "person:narrow", "partner:warehouse", "person:foreign"
REVOKED, INACTIVE, STRANGER = "person:revoked", "person:inactive", "partner:stranger"
ADMIN = "person:admin"
# Whoever may see something of the tenant, and whoever may not see any case of it.
INSIDERS = (LEAD, PLANNER, APPROVER, AUDITOR, ENGINEER, NARROW, CUSTOMER, CARRIER, WAREHOUSE)
OUTSIDERS = (ADMIN, FOREIGN, REVOKED, INACTIVE, STRANGER)
SHA = "a1" * 32
# What a platform administrator is there for.
ADMINS = {
    *("accounts", "activate_account", "deactivate_account", "give_grant", "take_grant"),
    *("api_keys", "make_key", "revoke_key"),
}


def settle_people(office: Office) -> None:
    """Give the desk more people: narrower ones, partners, and those who hold nothing here any more."""
    held: dict[str, tuple[str, Grant | None]] = {
        NARROW: ("person", Grant(TENANT, Role.PLANNER, customer_id=OWN_CUSTOMER)),
        WAREHOUSE: ("partner", Grant(TENANT, Role.WAREHOUSE, facility_id="DC-1")),
        STRANGER: ("partner", Grant(TENANT, Role.CUSTOMER, customer_id="C-NOBODY")),
        FOREIGN: ("person", Grant("health", Role.OPS_LEAD)),
        REVOKED: ("person", Grant(TENANT, Role.OPS_LEAD)),
        INACTIVE: ("person", Grant(TENANT, Role.OPS_LEAD)),
    }
    with writing_across(office.engine) as connection:
        for name, (kind, _grant) in held.items():
            row = {"principal_id": name, "kind": kind, "login": name.split(":")[1], "display_name": name}
            connection.execute(principals.insert(), [row | {"is_active": True, "created_at": START}])
    for name, (_kind, grant) in held.items():
        if grant:
            office.casework.give(name, grant, "person:admin")
    office.casework.revoke(REVOKED, TENANT, "person:admin")
    with writing_across(office.engine) as connection:
        gone = update(principals).where(principals.c.principal_id == INACTIVE).values(is_active=False)
        connection.execute(gone)


def let_somebody_in(office: Office) -> None:
    """Let a carrier in by a link, a service by a key that the lead may draw, and lend a right to approve."""
    ends, lead, admin = office.clock() + timedelta(days=5), office.who(LEAD), office.who(ADMIN)
    asked = NewLink(Role.CARRIER, "They asked.", ends, party_id="OTHR")
    office.casework.open_link(office.casework.make_link(lead, TENANT, asked)[1])
    office.casework.make_key(admin, TENANT, NewKey("bridge", ("case:read",), ends, holder="lead"))
    office.casework.delegate_approval(lead, TENANT, PLANNER, until=ends, reason="on leave")


def name_in_order() -> None:
    """Let the same day make the same names."""
    numbers = count()
    named: Any = lambda: f"{next(numbers):026d}"  # noqa: E731
    work.ULID = named


# --- a day ------------------------------------------------------------------------------------------------


Step = Callable[[], Any]


def steps(office: Office) -> Iterator[tuple[str, Step, bool]]:
    """A day in which everything happens that can: its name, what is done, and whether a worker does it."""
    door, engine, desk = office.casework, office.engine, office.casework.desk
    lead, planner = office.who(LEAD), office.who(PLANNER)
    records = [
        exception(1),
        exception(2, customer_id="C-OTHER", expected_loss=Decimal("500.00")),
        exception(3, carrier_id="OTHR"),
        exception(4, exception_type="late_now", exception_key="late_now:SH-4", shipment_id="SH-1"),
    ]

    def own(number: int = 1) -> str:
        return office.case_id(("late_now" if number == 4 else "predicted_late") + f":SH-{number}")

    def act(number: int, action: Action, who: str = LEAD, **told: Any) -> Step:
        return lambda: office.perform(own(number), action, who, **told)

    def later(**by: float) -> Step:
        return lambda: office.clock.forward(**by)

    yield "sync", lambda: office.sync(*records), False
    yield "contacts", lambda: door.put_contacts(TENANT, [contact("C-OTHER"), contact("OTHR")], LEAD), False
    yield "contacts", lambda: door.put_contacts(TENANT, [contact("C-OTHER", verified=False)], LEAD), False
    yield "triage", act(1, Action.TRIAGE), False
    yield "start", act(1, Action.START), False
    yield "comment", act(1, Action.COMMENT, CUSTOMER, text="when will it come?"), False
    yield "claim", act(2, Action.CLAIM, PLANNER), False
    yield "claim again", act(2, Action.CLAIM, LEAD), False
    yield "release", act(2, Action.RELEASE, PLANNER, reason="lunch"), False
    yield "transfer", act(2, Action.TRANSFER, team="logistics", reason="theirs"), False
    yield "acknowledge", act(3, Action.ACKNOWLEDGE, minutes=30), False
    yield "escalate", act(1, Action.ESCALATE, reason="too big"), False
    until = START + timedelta(hours=9)
    told = {"until": until, "reason": "the carrier answers", "until_event": "facts_changed"}
    yield "wait", act(1, Action.WAIT, **told), False
    yield "resume", act(1, Action.RESUME), False
    yield "wait for a reply", act(1, Action.WAIT, **{**told, "until_event": "reply_received"}), False
    yield "reply", act(1, Action.COMMENT, CUSTOMER, text="any news?"), False
    yield "open by hand", lambda: door.open_manual(lead, TENANT, BY_HAND), False
    yield "open by hand again", lambda: door.open_manual(lead, TENANT, BY_HAND), False
    # --- drafts and what leaves
    yield "edit", lambda: edited(office), False
    yield "edit", lambda: edited(office, f" {ELSEWHERE} is not ours."), False
    yield "a checkpoint is lost", lambda: _lose_a_checkpoint(office), False
    yield "comment", act(1, Action.COMMENT, text="they called"), False
    yield "regenerate", lambda: _regenerate(office), False
    yield "reject", lambda: _reject(office), False
    yield "regenerate again", lambda: _regenerate(office), False
    yield "approve", lambda: office.approve(office.draft()), False
    yield from _sending(office, Outcome(Result.APPLIED, "taken"))
    yield from _sending(office, Outcome(Result.UNKNOWN, "cut off"), idempotent=False)
    yield "confirm", lambda: door.confirm_effect(lead, TENANT, _stuck(office), "they rang"), False
    yield "approve a request", lambda: office.approve(_request(office)), False
    yield from _sending(office, Outcome(Result.UNKNOWN, "cut off"), idempotent=False)
    yield "resend", lambda: door.resend_effect(lead, TENANT, _stuck(office), "nothing came"), False
    yield from _sending(office, Outcome(Result.RETRY, "busy"))
    yield "facts move", lambda: office.sync(*changed(records), publication="pub-2"), False
    yield from _sending(office, Outcome(Result.APPLIED, "taken"))
    yield "approve anew", lambda: _approve_anew(office), False
    yield "no address", lambda: _verify(office, is_verified=False), False
    yield from _sending(office, Outcome(Result.APPLIED, "taken"))
    yield "the address again", lambda: _verify(office, is_verified=True), False
    # --- several that are one, from hand to hand
    yield "merge", lambda: door.merge(lead, TENANT, [own(1), own(3), own(4)], "one truck"), False
    yield "merged", lambda: office.sync(*changed(records, "0.92"), publication="pub-3"), False
    yield "unmerge", lambda: door.unmerge(lead, TENANT, own(3), "another truck"), False
    yield "split", lambda: door.split(lead, TENANT, own(4), [own(1)], "not this one"), False
    yield "claim", act(2, Action.CLAIM, PLANNER), False
    for end in ("decline", "withdraw", "accept"):
        yield "hand over", lambda: door.hand_over(planner, TENANT, LEAD, given(office)), False
        yield end, lambda end=end: _end_handover(office, end), False
    yield "claim back", act(2, Action.ASSIGN, LEAD, owner=PLANNER), False
    yield "hand over", lambda: door.hand_over(planner, TENANT, LEAD, given(office)), False
    # --- what arrives
    key = FileKey(TENANT, "shipment", SHA)
    other = FileKey(TENANT, "shipment", "b2" * 32)
    now = office.clock()
    land: dict[str, Any] = {"size_bytes": 9, "recorded_at": FEED_TIME, "now": now}
    yield "land", lambda: ledger.register(engine, key, file_name="s.csv", **land), False
    yield "land again", lambda: ledger.register(engine, key, file_name="t.csv", **land), False
    yield "post", lambda: ledger.receive(engine, key, "msg_1", file_name="s.csv", **land), False
    yield "claim a file", lambda: ledger.claim(engine, key, now=now, run_id="r"), False
    yield "pending", lambda: [tuple(row) for row in ledger.pending(engine, now, TENANT)], False
    yield "settle", lambda: _settle_file(office, key), False
    yield "correct", lambda: door.correct_row(lead, TENANT, _row(office), {"a": "c"}), False
    yield "corrected", lambda: [tuple(r) for r in ledger.corrected_rows(engine, TENANT)], False
    yield "replay", lambda: _replay(office), False
    yield "ignore", lambda: door.ignore_row(lead, TENANT, _row(office), "a test"), False
    yield "gaps", lambda: ledger.gaps(engine, TENANT, "shipment"), False
    yield "land", lambda: ledger.register(engine, other, file_name="u.csv", **land), False
    yield "claim a file", lambda: ledger.claim(engine, other, now=now, run_id="r"), False
    yield "refuse a file", lambda: ledger.refuse(engine, other, "not text", now), False
    yield (
        "refused",
        lambda: (ledger.refusal_of(engine, other), len(ledger.refused_since(engine, TENANT, now)))[0],
        False,
    )
    yield "answer", lambda: _answer(office, key, 1), False
    yield "answer again", lambda: _answer(office, key, 2), False
    yield "answer with numbers that are taken", lambda: _answer(office, other, 1), False
    yield "lay", lambda: _lay(office, key), False
    yield "unanswered", lambda: [r.file_sha256 for r in answers.unanswered(engine, TENANT, key.feed)], False
    yield "unanswered or not laid", lambda: answers.waiting(engine, TENANT, [key.feed]), False
    # --- what a reference means
    yield "match", lambda: _decide(office, LEAD, "SH-1"), False
    yield "match again", lambda: _decide(office, PLANNER, "SH-2"), False
    yield "undo", lambda: door.undo_reference_decision(lead, TENANT, _decided(office), "a slip"), False
    yield "leave out", lambda: _decide(office, PLANNER, None), False
    yield "what stands", lambda: decisions.standing(engine, TENANT), False
    check = Check("fresh", True, "It is fresh.")
    yield "check", lambda: ledger.record_checks(engine, TENANT, "shipment", [check], now), False
    yield "check", lambda: ledger.record_checks(engine, TENANT, "shipment", [check], now), False
    # --- the log and its readers
    yield "follow", lambda: door.follow_events(lead, TENANT, "erp", 2), False
    yield "advance", lambda: door.advance_events(lead, TENANT, "erp", 5), False
    yield "pending events", lambda: len(door.pending_events(lead, TENANT, "erp")), False
    yield "replay events", lambda: door.replay_events(lead, TENANT, "erp", 1), False
    yield "hold", lambda: door.legal_hold(lead, TENANT, case_id=own(2), reason="a claim"), False
    yield "hold a party", lambda: door.legal_hold(lead, TENANT, party_id="OTHR", reason="a claim"), False
    usage = Meter(engine, office.config, clock=office.clock)
    calls: list[str] = []
    for _ in range(3):
        yield "meter", lambda: _meter(usage, calls), False
    yield "metered", lambda: [usage.settled(TENANT, call, **METERED) for call in calls], False
    # --- when nobody acts, and when things end
    yield "later", later(minutes=45), False
    yield "own steps", lambda: _fire_own(office), False
    yield "step", lambda: _fire(office), True
    yield "later", later(hours=30), False
    yield "step", lambda: _fire(office), True
    yield from _sending(office, Outcome(Result.APPLIED, "taken"))
    yield "later", later(hours=300), False
    yield "step", lambda: _fire(office), True
    yield "gone", lambda: office.sync(*changed(records)[:2], publication="pub-4"), False
    yield "back", lambda: office.sync(*changed(records), publication="pub-5"), False
    codes = {"resolution_code": "mitigated", "root_cause_code": "weather"}
    yield "approve", lambda: _approve_anew(office), False
    yield "resolve", act(1, Action.RESOLVE, **codes), False
    yield "close", act(1, Action.CLOSE), False
    yield "reopen", act(1, Action.REOPEN, reason="it came back"), False
    yield "dismiss", act(2, Action.DISMISS, reason="a test"), False
    yield "take away", lambda: door.revoke(NARROW, TENANT, LEAD), False
    yield "give", lambda: door.give(NARROW, Grant(TENANT, Role.PLANNER, OWN_CUSTOMER), LEAD) and None, False
    yield "clock", lambda: door.set_clock(TENANT, FEED_TIME + timedelta(days=1)), False
    yield "many", lambda: door.perform_many(lead, TENANT, [own(1), own(3)], Action.START), False
    yield "audit", lambda: door.verify_audit(TENANT), False
    yield "log", lambda: desk.engine and door.restore_check(TENANT), False


def steps_to_erasure(office: Office) -> Iterator[tuple[str, Step, bool]]:
    """A party's request to be forgotten."""
    door, lead = office.casework, office.who(LEAD)
    yield "release a hold", lambda: door.release_hold(lead, TENANT, _hold(office), "settled"), False
    yield "personal data", lambda: door.personal_data(lead, TENANT, OWN_CUSTOMER), False
    yield "erase", lambda: door.erase_party(lead, TENANT, OWN_CUSTOMER, "asked to"), False


def last_steps(office: Office) -> Iterator[tuple[str, Step, bool]]:
    """What ends a day that other proofs look at: erasure, what runs out, a store put back."""
    door = office.casework
    yield from steps_to_erasure(office)
    yield "audit", lambda: door.verify_audit(TENANT), False
    yield "later", lambda: office.clock.forward(days=1200), False
    yield "plan", lambda: door.retention_plan(TENANT), False
    yield "empty", lambda: door.retention_apply(TENANT), False
    yield "audit", lambda: door.verify_audit(TENANT), False
    yield "a step is lost", lambda: _lose_steps(office), False
    yield "put back", lambda: _as_if_put_back(office), False
    yield "is older", lambda: door.restore_check(TENANT), False
    yield "settle", lambda: door.restore_settle(TENANT), False


BY_HAND = ManualCase("A driver called", "Stuck at the gate", shipment_id="SH-9", reference="call-1")


def contact(party: str, *, verified: bool = True) -> Contact:
    return Contact(party, "mail", "customer", party, f"{party.lower()}@example.com", verified)


def changed(records: list[Any], value: str = "0.91") -> list[Any]:
    return [with_fact(record, "late_probability", float(value)) for record in records]


def given(office: Office) -> list[Given]:
    at = office.clock() + timedelta(hours=2)
    with office.casework.desk.reading(TENANT) as connection:
        query = select(cases.c.case_id).where(
            cases.c.tenant_id == TENANT,
            cases.c.owner == PLANNER,
            cases.c.is_open,
            cases.c.merged_into.is_(None),
        )
        found = list(connection.scalars(query.order_by(cases.c.case_id)))
    return [Given(case_id, "Call the carrier.", at) for case_id in found]


ELSEWHERE = "AWB77X"  # a shipment of the twin alone


def edited(office: Office, more: str = " Kind regards.") -> Any:
    draft = office.draft()
    content = copy.deepcopy(draft.content)
    content["paragraphs"][-1]["text"] += more
    return office.casework.edit_draft(office.who(PLANNER), TENANT, draft.draft_id, content, draft.version)


def _regenerate(office: Office) -> Any:
    draft = office.draft()
    return office.casework.regenerate_draft(office.who(LEAD), TENANT, draft.draft_id, draft.version)


def _reject(office: Office) -> Any:
    draft = office.draft()
    told = {"version": draft.version, "reason": "too long"}
    return office.casework.reject(office.who(LEAD), TENANT, draft.draft_id, **told)


def _verify(office: Office, *, is_verified: bool) -> Any:
    """Let the customer's addresses be verified, or no longer."""
    query = select(contacts).where(contacts.c.tenant_id == TENANT, contacts.c.party_id == OWN_CUSTOMER)
    with office.casework.desk.reading(TENANT) as connection:
        known = [rows.contact(row) for row in connection.execute(query.order_by(contacts.c.channel))]
    changed = [replace(one, is_verified=is_verified) for one in known]
    return office.casework.put_contacts(TENANT, changed, LEAD)


def _request(office: Office) -> Any:
    return next(draft for draft in office.detail().drafts if draft.kind == "carrier_request")


def _approve_anew(office: Office) -> Any:
    _regenerate(office)
    return office.approve(office.draft())


def one(office: Office, table: Table, column: str, **where: Any) -> Any:
    """One of the tenant's own things, straight from the table."""
    clause = [table.c[name] == value for name, value in where.items()]
    query = select(table.c[column]).where(table.c.tenant_id == TENANT, *clause).order_by(table.c[column])
    with office.casework.desk.reading(TENANT) as connection:
        return connection.scalar(query.limit(1))


def _sending(
    office: Office, outcome: Outcome, *, idempotent: bool = True
) -> Iterator[tuple[str, Step, bool]]:
    """Take up the tenant's next effect that is due, let it pass, and settle it as told: three transactions."""
    leased: list[Any] = []
    desk = office.casework.desk

    def take() -> Any:
        effect_id = one(office, effects, "effect_id", state="pending")
        if effect_id is None:
            return "nothing"
        office.clock.forward(hours=1)
        found = Due(TENANT, effect_id, one(office, effects, "target", effect_id=effect_id))
        got = outbox.lease(desk, found, office.clock, "w", is_idempotent=idempotent)
        leased.extend([got] if got else [])
        return "taken" if got else "not sent"

    def settle() -> Any:
        told: dict[str, Any] = {"is_idempotent": idempotent, "actor": outbox.ACTOR}
        return [settlement.settle(desk, one, outcome, office.clock(), **told) for one in leased]

    yield "lease", take, False
    yield "send", lambda: [one.pass_point_of_no_return() for one in leased], False
    yield "settle", settle, False


def _stuck(office: Office) -> str:
    return str(one(office, effects, "effect_id", state="needs_human"))


def _end_handover(office: Office, how: str) -> Any:
    packet, door = one(office, handovers, "handover_id", state="offered"), office.casework
    if how == "accept":
        return door.accept_hand_over(office.who(LEAD), TENANT, packet)
    if how == "decline":
        return door.decline_hand_over(office.who(LEAD), TENANT, packet, "busy")
    return door.withdraw_hand_over(office.who(PLANNER), TENANT, packet, "a mistake")


def _settle_file(office: Office, key: FileKey) -> Any:
    rows = [Refusal(n, "a", "required", f"Row {n} lacks it.", f"raw {n}", {"a": "b"}) for n in (3, 5)]
    told: dict[str, Any] = {"row_count": 10, "loaded": 7, "duplicates": 1, "loader_version": "1"}
    return ledger.settle(office.engine, key, refusals=rows, now=office.clock(), **told)


def _answer(office: Office, key: FileKey, number: int) -> Any:
    told = answers.Told("997", "ACME", number, "accepted")
    answer = answers.Answer([told], "c3" * 32, f"{number}.edi")
    done = answers.record(office.engine, key, answer, {"ACME": (number, number + 1)}, office.clock())
    refused = len(answers.refusals_of(office.engine, key))
    return done, refused, answers.next_number(office.engine, TENANT, "ACME")


def _lay(office: Office, key: FileKey) -> Any:
    waiting = [row.answer_name for row in answers.unlaid(office.engine, TENANT, key.feed)]
    answers.laid(office.engine, key, office.clock())
    return waiting, len(answers.unlaid(office.engine, TENANT, key.feed))


def _decide(office: Office, person: str, shipment_id: str | None) -> Any:
    said = ("PRO", "4711", "TSWN", shipment_id, "They rang.")
    return office.casework.decide_reference(office.who(person), TENANT, *said)


def _decided(office: Office) -> str:
    return str(one(office, reference_decisions, "decision_id", undone_at=None))


def _row(office: Office) -> str:
    return str(one(office, quarantined_rows, "quarantine_id", state="quarantined"))


def _replay(office: Office) -> Any:
    row = one(office, quarantined_rows, "quarantine_id", state="corrected")
    told: dict[str, Any] = {"is_duplicate": False, "refusal": None, "now": office.clock()}
    return ledger.settle_replay(office.engine, TENANT, row, **told)


METERED: dict[str, Any] = {"outcome": "ok", "input_tokens": 1, "output_tokens": 1}


def _meter(usage: Meter, calls: list[str]) -> Any:
    try:
        calls.append(usage.started(TENANT, Use(MODEL_CALL, "k", model="m")))
    except OverBudget as refused:
        return type(refused).__name__
    return len(calls)


def _fire_own(office: Office) -> Any:
    """What a worker does with each thing that is due, for the tenant's own alone."""
    desk, now = office.casework.desk, office.clock()
    due = escalation.due(now).where(escalations.c.tenant_id == TENANT)
    late = handover._overdue(now).where(handovers.c.tenant_id == TENANT)
    with desk.reading(TENANT) as connection:
        steps = [row.escalation_id for row in connection.execute(due)]
        packets = [row.handover_id for row in connection.execute(late)]
    fired = [escalation._fire(desk, TENANT, step, now, outbox.ACTOR) for step in steps]
    return fired, [handover._fire(desk, TENANT, packet, now, outbox.ACTOR) for packet in packets]


def _fire(office: Office) -> Any:
    desk, now = office.casework.desk, office.clock()
    return escalation.fire_due(desk, now), handover.fire_due(desk, now)


def _hold(office: Office) -> str:
    return str(one(office, legal_holds, "hold_id", subject_kind="case"))


def _lose_steps(office: Office) -> Any:
    """Let the auditor find a case that nothing would wake any more."""
    with writing_across(office.engine) as connection:
        connection.execute(delete(escalations).where(escalations.c.tenant_id == TENANT))
    return office.casework.audit_escalations(office.who(LEAD), TENANT)


def _lose_a_checkpoint(office: Office) -> None:
    """As if the process had been killed between a commit and its checkpoint."""
    path = office.casework.desk.checkpoints(TENANT)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _as_if_put_back(office: Office) -> None:
    from casework.evidence.checkpoints import append_checkpoint, checkpoint

    desk = office.casework.desk
    mark = checkpoint(desk.keys, TENANT, 99_999, "f" * 64, office.clock())
    append_checkpoint(desk.checkpoints(TENANT), mark)


# --- what can be asked -----------------------------------------------------------------------------------


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
