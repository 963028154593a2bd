"""What a person may do about an effect that no worker takes further: confirm it, or send it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from casework import rows
from casework.canonical import clean_text
from casework.desk import Desk
from casework.effects import attempts, settlement
from casework.effects.attempts import CONFIRMABLE, RESENDABLE
from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.model import EffectState, Principal
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.store.tables import effects
from casework.store.work import Work

PERMISSION = "draft:approve"  # whoever may let something leave may let it leave again


def confirm(desk: Desk, principal: Principal, tenant_id: str, effect_id: str, note: str) -> None:
    """Record a person's word that the receiver has it; nothing is sent. Raises when it may not be."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        effect = _mine(desk, work, principal, effect_id, CONFIRMABLE, "confirmed")
        if settlement.is_held(effect):
            raise TransitionRefused(
                "This message was never sent, so nobody can have it. Send it again once there is budget.",
                effect_id=effect_id,
            )
        said = _note(note)
        receipt = (effect["receipt"] or {}) | {"result": "confirmed", "confirmed_by": principal.principal_id}
        settlement.delivered(work, desk.config, effect, receipt, f"Confirmed by a person: {said}")


def resend(desk: Desk, principal: Principal, tenant_id: str, effect_id: str, note: str) -> None:
    """Queue it once more under the same key (a mail keeps its Message-ID); the approval is asked again.

    A person decides this knowing that the first one may have arrived. Raises when it may not be.
    """
    with desk.writing(tenant_id, principal.principal_id) as work:
        effect = _mine(desk, work, principal, effect_id, RESENDABLE, "sent again")
        said = _note(note)
        receipt = attempts.queued_again(effect, work.now, said)
        work.connection.execute(
            update(effects)
            .where(effects.c.tenant_id == tenant_id, effects.c.effect_id == effect_id)
            .values(
                state=EffectState.PENDING.value,
                attempts=0,
                available_at=work.now,
                settled_at=None,
                last_error=None,
                receipt=receipt,
            )
        )
        work.move("effects", effect["case_id"], effect_id, EffectState.PENDING.value)
        settlement.say(work, effect, "writeback:queued:again", said, receipt)


def _note(note: str) -> str:
    said = clean_text(note, limit=1_000).strip()
    if not said:
        raise DetailsRefused("Say how you know; it stays with the case.", field="note")
    return said


def _mine(
    desk: Desk, work: Work, principal: Principal, effect_id: str, states: frozenset[EffectState], verb: str
) -> dict[str, Any]:
    """Return the effect, locked, when this person may decide on it and it stands in one of these states."""
    query = select(effects).where(effects.c.tenant_id == work.tenant_id, effects.c.effect_id == effect_id)
    row = work.connection.execute(query.with_for_update()).mappings().first()
    effect = None if row is None else dict(row)
    case = effect and _case(work, effect["case_id"])
    reader = grants.current(work.connection, principal.principal_id)
    if effect is None or case is None or not _sees(desk, reader, work.tenant_id, case):
        raise NotFound("There is no such message that you can see. Open the case again.", effect_id=effect_id)
    if not Scope.of(reader, work.tenant_id, PERMISSION, desk.config).inside_of(case):
        raise NotPermitted(
            "Your role does not let you decide on messages of this case.", permission=PERMISSION
        )
    if EffectState(effect["state"]) not in states:
        raise TransitionRefused(
            f"This message is {effect['state']}; it can be {verb} only when it is "
            f"{', '.join(sorted(state.value for state in states))}.",
            effect_id=effect_id,
        )
    return effect


def _case(work: Work, case_id: str) -> dict[str, Any] | None:
    row = rows.case_row(work.connection, work.tenant_id, case_id)
    return None if row is None else dict(row)


def _sees(desk: Desk, reader: Principal, tenant_id: str, case: Mapping[str, Any]) -> bool:
    return Scope.of(reader, tenant_id, "case:read", desk.config).inside_of(case)
