"""The outbox: which effects are due, who may send them now, and what became of them.

`lease` is the only way to an adapter. In one transaction it takes the effect for this worker for a while and
asks again whether it may leave (approval, bytes, recipient, facts, permission); what may not is superseded.
A lease that ran out is taken by the next worker, with one exception: where a message to a receiver without
idempotency may already have been taken, no machine sends again; it waits for a person (`people.py` next door
has what that person can do). Notices to the tenant's own people follow the rules of `casework.escalations.notices`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, and_, or_, select, update

from casework import telemetry
from casework.approvals import approval
from casework.canonical import instant
from casework.desk import Desk
from casework.effects import adapter, attempts, settlement
from casework.effects.adapter import Leased, LeaseLost
from casework.escalations import notices
from casework.metering import messages as metering
from casework.model import EffectState
from casework.store.engine import reading_across, writing
from casework.store.tables import effects
from casework.store.work import Work, new_id

LEASE = timedelta(minutes=3)  # longer than any adapter's time limit in all
ACTOR = "service:worker"


@dataclass(frozen=True)
class Due:
    """The name of an effect that somebody should take up."""

    tenant_id: str
    effect_id: str
    target: str
    traceparent: str | None = None  # the trace context of the decision that queued it


def _is_due(now: datetime) -> Any:
    waiting = and_(effects.c.state == EffectState.PENDING.value, effects.c.available_at <= now)
    dropped = and_(effects.c.state == EffectState.CLAIMED.value, effects.c.claimed_until < now)
    return or_(waiting, dropped)


def due(engine: Engine, now: datetime, limit: int = 50) -> list[Due]:
    """Return effects to take up, the longest due first; looking takes no lock."""
    query = (
        select(effects.c.tenant_id, effects.c.effect_id, effects.c.target, effects.c.traceparent)
        .where(_is_due(now))
        .order_by(effects.c.available_at, effects.c.effect_id)
        .limit(limit)
    )
    with reading_across(engine) as connection:
        return [Due(**row) for row in connection.execute(query).mappings()]


def _locked(work: Work, effect_id: str, now: datetime) -> dict[str, Any] | None:
    """Read a due effect for update; None when another worker has it or it is no longer due."""
    query = (
        select(effects)
        .where(effects.c.tenant_id == work.tenant_id, effects.c.effect_id == effect_id, _is_due(now))
        .with_for_update(skip_locked=True)
    )
    row = work.connection.execute(query).mappings().first()
    return None if row is None else dict(row)


@telemetry.traced("effect.lease")
def lease(
    desk: Desk, found: Due, now: Callable[[], datetime], worker: str, *, is_idempotent: bool
) -> Leased | None:
    """Take one due effect for this worker, or settle it without sending; None when there is nothing to send.

    `now` is asked again after the wait for the tenant's lock, so that a lease is never born old.
    """
    with desk.writing(found.tenant_id, ACTOR, now()) as work:
        at = now()
        effect = _locked(work, found.effect_id, at)
        if effect is None:
            return None
        was_sending = _was_sending(effect)
        metering.end(work, effect, "worker stopped", counts=was_sending)
        if was_sending:
            effect = attempts.cut_off(effect, at)
            if not is_idempotent:
                settlement.leave_to_a_person(work, effect, attempts.CUT_OFF)
                return None
        refusal = _why_not_sent(desk, work, effect, at)
        if refusal:
            settlement.supersede(work, effect, refusal)
            return None
        want = metering.why_held(work, desk.config, effect)
        if want:
            settlement.hold(desk, work, effect, want)
            return None
        metering.begin(work, desk.config, effect)
        return _take(desk.engine, work, effect, at, worker, now)


def _why_not_sent(desk: Desk, work: Work, effect: Mapping[str, Any], at: datetime) -> str | None:
    """Ask whoever answers for the target: a notice its step, everything else its approval."""
    if effect["target"] in notices.TARGETS:
        return notices.why_not_sent(work.connection, desk.config, effect)
    return approval.why_not_sent(work.connection, desk.config, effect, at)


def _was_sending(effect: Mapping[str, Any]) -> bool:
    """Whether the last attempt passed the point of no return and nobody knows how it ended."""
    receipt = effect["receipt"] or {}
    return effect["state"] == EffectState.CLAIMED and receipt.get("stage") == "sending"


def _take(
    engine: Engine,
    work: Work,
    effect: Mapping[str, Any],
    at: datetime,
    worker: str,
    now: Callable[[], datetime],
) -> Leased:
    if effect["state"] == EffectState.PENDING:
        telemetry.LATENESS.labels("effect").observe(max(0.0, (at - effect["available_at"]).total_seconds()))
    token = f"{worker[:80]}#{new_id()}"
    attempt = effect["attempts"] + 1
    receipt = (effect["receipt"] or {}) | {"stage": "leased", "attempt": attempt}
    work.connection.execute(
        update(effects)
        .where(effects.c.tenant_id == work.tenant_id, effects.c.effect_id == effect["effect_id"])
        .values(
            state=EffectState.CLAIMED.value,
            claimed_by=token,
            claimed_until=at + LEASE,
            attempts=attempt,
            receipt=receipt,
        )
    )
    return Leased(
        tenant_id=work.tenant_id,
        effect_id=effect["effect_id"],
        case_id=effect["case_id"],
        target=effect["target"],
        recipient=effect["recipient"],
        idempotency_key=effect["idempotency_key"],
        payload=effect["payload"]["payload"],
        attempt=attempt,
        created_at=effect["created_at"],
        token=token,
        pass_point_of_no_return=lambda: _mark_sending(
            engine, work.tenant_id, effect["effect_id"], token, receipt, now()
        ),
        _made=adapter._MADE_BY_THE_OUTBOX,
    )


def _mark_sending(
    engine: Engine, tenant_id: str, effect_id: str, token: str, receipt: dict[str, Any], now: datetime
) -> None:
    """Record, in a transaction of its own, that from now on the receiver may have it; raise LeaseLost."""
    mark = receipt | {"stage": "sending", "sending_at": instant(now)}
    with writing(engine, tenant_id) as connection:
        result = connection.execute(
            update(effects)
            .where(
                effects.c.tenant_id == tenant_id,
                effects.c.effect_id == effect_id,
                effects.c.claimed_by == token,
                effects.c.state == EffectState.CLAIMED.value,
                effects.c.claimed_until > now,
            )
            .values(receipt=mark)
        )
    if result.rowcount != 1:
        raise LeaseLost(f"The lease of effect {effect_id} ran out before it was sent; another worker has it.")
