"""What became of an effect: its last state, the receipt, the case's history and the thread of messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from casework import rows
from casework.canonical import instant
from casework.changes import add_message
from casework.config import Config
from casework.desk import Desk
from casework.drafting.drafts import add_version
from casework.effects import attempts
from casework.effects.adapter import Leased, Outcome, Result
from casework.effects.retry import next_attempt
from casework.escalations import escalation, notices
from casework.metering import messages as metering
from casework.model import DraftState, EffectState
from casework.store.tables import approvals, draft_versions, drafts, effects
from casework.store.work import Work

MAY_BE_TAKEN = frozenset({Result.APPLIED, Result.UNKNOWN})  # a receiver that had it before was counted then
HELD, OVER_BUDGET = "held", "over_budget"
FACT = {
    EffectState.APPLIED: "writeback:delivered",
    EffectState.REFUSED: "writeback:refused",
    EffectState.SUPERSEDED: "writeback:superseded",
    EffectState.NEEDS_HUMAN: "writeback:outcome:unknown",
    EffectState.DEAD: "writeback:abandoned",
}


def settle(
    desk: Desk, leased: Leased, outcome: Outcome, now: datetime, *, is_idempotent: bool, actor: str
) -> EffectState | None:
    """Record an attempt's outcome and return the state it leads to; None when the lease had been lost.

    A lost lease changes nothing: whoever holds the effect now settles it.
    """
    with desk.writing(leased.tenant_id, actor, now) as work:
        query = select(effects).where(
            effects.c.tenant_id == leased.tenant_id,
            effects.c.effect_id == leased.effect_id,
            effects.c.claimed_by == leased.token,
            effects.c.state == EffectState.CLAIMED.value,
        )
        row = work.connection.execute(query.with_for_update()).mappings().first()
        if row is None:
            return None
        effect = dict(row)
        metering.end(work, effect, outcome.result.value, counts=outcome.result in MAY_BE_TAKEN)
        receipt = _receipt(effect, outcome, work.now)
        if outcome.result in (Result.APPLIED, Result.ALREADY_APPLIED):
            return delivered(work, desk.config, effect, receipt, outcome.detail)
        if outcome.result == Result.REFUSED:
            return _end_untaken(work, effect, EffectState.REFUSED, receipt, outcome.detail)
        if outcome.result == Result.UNKNOWN and not is_idempotent:
            return _finish(work, effect, EffectState.NEEDS_HUMAN, receipt, outcome.detail)
        return _try_again(work, effect, receipt, outcome)


def _receipt(effect: Mapping[str, Any], outcome: Outcome, at: datetime) -> dict[str, Any]:
    """The last answer, and a bounded list of every attempt."""
    return outcome.receipt | {
        "stage": "settled",
        "result": outcome.result.value,
        "attempt": effect["attempts"],
        "history": attempts.with_one_more(effect, at, outcome.result.value, outcome.detail),
    }


def _save(work: Work, effect: Mapping[str, Any], state: EffectState, **values: Any) -> None:
    work.connection.execute(
        update(effects)
        .where(effects.c.tenant_id == effect["tenant_id"], effects.c.effect_id == effect["effect_id"])
        .values(state=state.value, claimed_until=None, claimed_by=None, **values)
    )


def say(work: Work, effect: Mapping[str, Any], fact: str, detail: str, receipt: Mapping[str, Any]) -> None:
    """Write the fact into the case's history, the audit chain and the events."""
    case = rows.case_row(work.connection, effect["tenant_id"], effect["case_id"])
    assert case is not None  # cases are never deleted
    if effect["target"] in notices.TARGETS:
        fact = fact.replace("writeback:", "notice:")
    details = {
        "effect_id": effect["effect_id"],
        "approval_id": effect["approval_id"],
        "target": effect["target"],
        "recipient": effect["recipient"],
        "payload_sha256": effect["payload_sha256"],
        "attempts": effect["attempts"],
        "detail": detail,
        "receipt": {key: value for key, value in receipt.items() if key != "history"},
    }
    work.say(fact, case=dict(case), object_id=effect["effect_id"], details=details)


def _finish(
    work: Work,
    effect: Mapping[str, Any],
    state: EffectState,
    receipt: dict[str, Any],
    detail: str,
    fact: str | None = None,
) -> EffectState:
    """Bring an effect to a state that no worker takes it out of; it is told as the state's fact, or another."""
    error = None if state == EffectState.APPLIED else detail
    _save(work, effect, state, receipt=receipt, last_error=error, settled_at=work.now)
    work.move("effects", effect["case_id"], effect["effect_id"], state.value)
    say(work, effect, fact or FACT[state], detail, receipt)
    return state


def _end_untaken(
    work: Work, effect: Mapping[str, Any], state: EffectState, receipt: dict[str, Any], detail: str
) -> EffectState:
    """Bring an effect to a state that says the receiver has nothing; before a person where that is not known."""
    if attempts.may_be_taken(effect):
        state = EffectState.NEEDS_HUMAN
        detail = f"Nobody knows whether an earlier attempt was taken, and it goes no further: {detail}"
    return _finish(work, effect, state, receipt, detail)


def delivered(
    work: Work, config: Config, effect: Mapping[str, Any], receipt: dict[str, Any], detail: str
) -> EffectState:
    """Record a delivery, the message in the case's thread, and what a customer was promised by it.

    A notice stands in the thread already, as the note of its step.
    """
    if effect["target"] not in notices.TARGETS:
        _add_to_thread(work, effect)
        _promise_update(work, config, effect)
    return _finish(work, effect, EffectState.APPLIED, receipt, detail)


def _add_to_thread(work: Work, effect: Mapping[str, Any]) -> None:
    content = effect["payload"]
    case = {"tenant_id": effect["tenant_id"], "case_id": effect["case_id"]}
    add_message(
        work,
        case,
        direction="out",
        channel="mail" if effect["target"] == "mail" else "webhook",
        party_id=content["party_id"],
        address=effect["recipient"],
        subject=content["subject"],
        body=content["body"],
        effect_id=effect["effect_id"],
    )


def _promise_update(work: Work, config: Config, effect: Mapping[str, Any]) -> None:
    """A customer who was told something hears again: the clock of that begins with each update."""
    case = rows.case_row(work.connection, effect["tenant_id"], effect["case_id"])
    if case is not None and case["customer_id"] == effect["payload"]["party_id"]:
        escalation.promise_update(work, config, case)


def _try_again(
    work: Work, effect: Mapping[str, Any], receipt: dict[str, Any], outcome: Outcome
) -> EffectState:
    """Put it back for later, or give up after the last attempt, visibly.

    An attempt that certainly was not taken does not count as being out; the mark of it goes with the receipt.
    """
    at = next_attempt(effect["attempts"], effect["idempotency_key"], work.now, outcome.retry_after)
    if at is None:
        detail = f"Given up after {effect['attempts']} attempts. {outcome.detail}"
        return _end_untaken(work, {**effect, "receipt": receipt}, EffectState.DEAD, receipt, detail)
    _save(work, effect, EffectState.PENDING, receipt=receipt, last_error=outcome.detail, available_at=at)
    if effect["attempts"] == 1:
        say(work, effect, "writeback:delayed", outcome.detail, receipt)
    return EffectState.PENDING


def leave_to_a_person(work: Work, effect: Mapping[str, Any], detail: str) -> None:
    """Stop: only a person may say whether this was taken, or send it again."""
    receipt = (effect["receipt"] or {}) | {"result": Result.UNKNOWN.value}
    _finish(work, effect, EffectState.NEEDS_HUMAN, receipt, detail)


def hold(desk: Desk, work: Work, effect: Mapping[str, Any], reason: str) -> None:
    """Let a message wait for a person that no budget is left for, and tell the lead at once; it is not dropped."""
    tells = desk.config.tenants[work.tenant_id].metering.tells
    detail = f"{reason} This message was not sent: raise the budget or wait, then send it again."
    receipt = (effect["receipt"] or {}) | {"stage": HELD, "held_at": instant(work.now)}
    _finish(work, effect, EffectState.NEEDS_HUMAN, receipt, detail, "writeback:held")
    note = f"{reason} A message of this case waits for you: raise the budget or wait, then send it again."
    case = rows.case_row(work.connection, work.tenant_id, effect["case_id"])
    assert case is not None  # cases are never deleted
    details = {"action": "notify", "team": tells, "note": note, "held_effect": effect["effect_id"]}
    escalation.raise_now(work, desk, case, OVER_BUDGET, details)


def is_held(effect: Mapping[str, Any]) -> bool:
    """Whether a message waits for want of budget, and no attempt of it can have been taken."""
    return (effect["receipt"] or {}).get("stage") == HELD and not attempts.was_ever_unknown(effect)


def supersede(work: Work, effect: Mapping[str, Any], reason: str) -> None:
    """Let an effect not leave, and put its draft back before a person where nothing of it has left."""
    receipt = (effect["receipt"] or {}) | {"stage": "superseded"}
    state = _end_untaken(work, effect, EffectState.SUPERSEDED, receipt, reason)
    if state == EffectState.SUPERSEDED and effect["approval_id"] is not None:
        _let_the_draft_wait(work, effect)


def _let_the_draft_wait(work: Work, effect: Mapping[str, Any]) -> None:
    """Add the approved text as a new version that waits for a decision; the old decision stays on record."""
    key = (effect["tenant_id"], effect["approval_id"])
    decided = _one(work, approvals, tenant_id=key[0], approval_id=key[1])
    if decided is None or _others_under_way(work, key):
        return
    draft = _one(work, drafts, tenant_id=key[0], draft_id=decided["draft_id"])
    if draft is None or draft["state"] != DraftState.APPROVED:
        return
    if draft["current_version"] != decided["draft_version"]:
        return
    where = {"tenant_id": key[0], "draft_id": draft["draft_id"], "version": draft["current_version"]}
    seen = _one(work, draft_versions, **where)
    if seen is not None:
        add_version(work, draft, seen["content"], seen["author"], seen["facts_version"])


def _one(work: Work, table: Any, **key: Any) -> Mapping[str, Any] | None:
    """Read one row by its key."""
    query = select(table).where(*(table.c[name] == value for name, value in key.items()))
    row = work.connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def _others_under_way(work: Work, key: tuple[str, str]) -> int:
    """How many effects of the same approval left, may have left, or may still leave."""
    query = select(func.count()).where(
        effects.c.tenant_id == key[0],
        effects.c.approval_id == key[1],
        effects.c.state != EffectState.SUPERSEDED.value,
    )
    return work.connection.scalar(query) or 0
