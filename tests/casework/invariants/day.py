"""A day of one tenant, step by step, after which it has something of every kind; and who is there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from casework.escalations import escalation
from casework.identity import decisions
from casework.ledger import Check, FileKey, Refusal
from casework.manual import ManualCase
from casework.metering.meter import MODEL_CALL, Meter, OverBudget, Use
from casework.model import Action, Contact, Grant, Role
from casework.store import work
from casework.store.engine import writing_across
from casework.store.tables import (
    Table,
    cases,
    contacts,
    effects,
    escalations,
    handovers,
    legal_holds,
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
    again = (TENANT, other.feed, other.file_sha256, "It is agreed now.")
    yield "read it again", lambda: door.read_again(lead, *again), False
    yield "claim it again", lambda: ledger.claim(engine, other, now=now, run_id="r"), False
    yield "refuse it again", lambda: ledger.refuse(engine, other, "not text", now), False
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
    told: dict[str, Any] = {"is_duplicate": False, "refusal": None, "as_of": office.clock()}
    return ledger.settle_replay(office.engine, TENANT, row, now=office.clock(), **told)


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
