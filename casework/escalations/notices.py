"""Notices: what an escalation tells the tenant's own people, through the outbox and the same adapters.

A notice needs no approval, because a step that fired is its authority, and for the same reason it can reach
nobody outside. It has targets of its own (`team_mail`, `team_webhook`), which the outbox judges by
`why_not_sent` here and never by an approval: its address must stand in the tenant's configuration of teams,
must not be any partner's contact, and the step it speaks of must have fired. An effect of the other targets
still leaves only with an approval. Webhooks to a team have an adapter of their own, since the one for
portals may be set to send everything to a partner's portal.

A step fires once; its notice is told at least once. Where nobody knows whether a mail was taken, it is sent
again under the same Message-ID: a colleague who reads it twice is no harm, one who never does may be.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from casework import telemetry
from casework.canonical import canonical_sha256, instant, plain
from casework.config import Config
from casework.escalations.policies import Receiver, internal_addresses
from casework.model import EffectState
from casework.store.tables import Values, cases, contacts, effects, escalations
from casework.store.work import Work, insert_new, new_id

TARGET_OF = {"mail": "team_mail", "webhook": "team_webhook"}
CHANNEL_OF = {target: channel for channel, target in TARGET_OF.items()}
TARGETS = frozenset(CHANNEL_OF)
NEVER_LEFT = frozenset(
    {EffectState.REFUSED, EffectState.DEAD, EffectState.NEEDS_HUMAN, EffectState.SUPERSEDED}
)


def queue(work: Work, label: str, case: Values, step: Values, receiver: Receiver) -> dict[str, str]:
    """Queue the notice of a step that fires, in its transaction; return the effect's id and its hash."""
    message = _message(label, case, step, receiver)
    target = TARGET_OF[receiver.channel]
    effect_id = new_id()
    row: dict[str, Any] = {
        "tenant_id": work.tenant_id,
        "effect_id": effect_id,
        "case_id": case["case_id"],
        "approval_id": None,
        "target": target,
        "recipient": receiver.address,
        "idempotency_key": canonical_sha256(
            [work.tenant_id, target, step["escalation_id"], receiver.address]
        ),
        "payload": message,
        "payload_sha256": canonical_sha256(message),
        "facts_version": case["facts_version"],
        "state": EffectState.PENDING.value,
        "attempts": 0,
        "available_at": work.now,
        "created_at": work.now,
        "traceparent": telemetry.carried(),
    }
    work.connection.execute(insert_new(work.connection, effects), [row])
    work.move("effects", row["case_id"], effect_id, row["state"])
    return {"effect_id": effect_id, "payload_sha256": row["payload_sha256"]}


def _message(label: str, case: Values, step: Values, receiver: Receiver) -> dict[str, Any]:
    """What is told: the case, why, and by when; no word of it comes from a feed but the number of the case."""
    note = step["details"]["note"]
    subject = f"{case['case_id']}: {label}, {step['rule'].replace('_', ' ')}"
    lines = [
        note,
        "",
        f"Case: {case['case_id']} ({label}, severity {case['severity']}, {case['state'].replace('_', ' ')})",
        f"Expected loss: {case['currency_code']} {case['expected_loss']}",
        f"Rule: {step['rule']}, step {step['step']}, due {instant(step['due_at'])}",
        f"For: {receiver.team}" + (f", on call: {receiver.login}" if receiver.login else ""),
    ]
    body = "\n".join(lines) + "\n"
    told = {
        "case_id": case["case_id"],
        "kind": "escalation",
        "rule": step["rule"],
        "step": step["step"],
        "due_at": instant(step["due_at"]),
    }
    if receiver.channel == "mail":
        told |= {"to": receiver.address, "subject": subject, "body": body}
    else:
        told |= {"team": receiver.team, "note": note, "severity": case["severity"], "state": case["state"]}
    return plain(
        {
            "target": TARGET_OF[receiver.channel],
            "address": receiver.address,
            "party_id": receiver.team,
            "escalation_id": step["escalation_id"],
            "subject": subject,
            "body": body,
            "payload": told,
        }
    )


def why_not_sent(connection: Connection, config: Config, effect: Values) -> str | None:
    """Return why a notice may not leave, or None; reads everything afresh in the caller's transaction."""
    content, address = effect["payload"], effect["recipient"]
    if canonical_sha256(content) != effect["payload_sha256"]:
        return "Its content is not what its hash says."
    if content["address"] != address or content["payload"].get("to", address) != address:
        return "Its recipient is not the one in its content."
    if address not in internal_addresses(config, effect["tenant_id"], CHANNEL_OF[effect["target"]]):
        return "Its recipient is no team of this tenant."
    if _is_a_partners(connection, effect["tenant_id"], address):
        return "Its recipient is a partner's address; a notice never leaves the house."
    return None if _has_fired(connection, effect) else "The step it speaks of has not fired."


def _is_a_partners(connection: Connection, tenant_id: str, address: str) -> bool:
    """Whether the tenant knows the address as somebody else's."""
    query = select(func.count()).where(
        contacts.c.tenant_id == tenant_id,
        func.lower(contacts.c.address) == address.lower(),
        contacts.c.party_role != "team",
    )
    return bool(connection.scalar(query))


def _has_fired(connection: Connection, effect: Values) -> bool:
    query = select(escalations.c.state).where(
        escalations.c.tenant_id == effect["tenant_id"],
        escalations.c.case_id == effect["case_id"],
        escalations.c.escalation_id == str(effect["payload"].get("escalation_id")),
    )
    return connection.scalar(query) == "fired"


def undelivered(before: datetime) -> Select[Any]:
    """Return the query for notices of open cases that did not arrive, or were made before and are on the way."""
    case = and_(cases.c.tenant_id == effects.c.tenant_id, cases.c.case_id == effects.c.case_id)
    on_the_way = effects.c.state.in_([EffectState.PENDING.value, EffectState.CLAIMED.value])
    never_left = effects.c.state.in_(sorted(state.value for state in NEVER_LEFT))
    return (
        select(
            effects.c.tenant_id, effects.c.case_id, effects.c.state, effects.c.created_at, effects.c.payload
        )
        .join(cases, case)
        .where(
            effects.c.target.in_(sorted(TARGETS)),
            cases.c.is_open,
            or_(never_left, and_(on_the_way, effects.c.created_at <= before)),
        )
        .order_by(effects.c.created_at, effects.c.effect_id)
    )
