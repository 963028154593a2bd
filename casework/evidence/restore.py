"""After a backup was put back: nothing is sent again by a machine that does not know what it sent before.

The signed checkpoints lie outside the store, so a store that is older than them shows itself. Until somebody
has looked (`settle`), the desk refuses every decision on it. Settling leaves each effect that was still to
leave when the backup was made to a person, says so in the chain, and signs where the chain goes on from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from casework.desk import Desk, is_on_chain
from casework.effects import settlement
from casework.evidence.checkpoints import last_checkpoint
from casework.model import EffectState
from casework.store.tables import audit_heads, drafts, effects

IN_DOUBT = (EffectState.PENDING.value, EffectState.CLAIMED.value, EffectState.UNKNOWN.value)
WHY = (
    "The store was put back from an older copy. This may have been sent after that copy was made; "
    "look whether the receiver has it."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant's store stands to its last signed checkpoint."""

    tenant_id: str
    is_older: bool
    head: int
    checkpoint: int
    effects_in_doubt: tuple[str, ...]
    drafts_waiting: int  # what waits for a decision may have been decided and sent in the time that was lost

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        if not self.is_older:
            return f"{self.tenant_id}: the store is as new as its signed checkpoints (entry {self.head})."
        return (
            f"{self.tenant_id}: the store ends at entry {self.head}, but entry {self.checkpoint} was signed: an "
            f"older copy was put back. {len(self.effects_in_doubt)} messages may have been sent since; "
            f"{self.drafts_waiting} drafts wait that may have been decided since."
        )


def check(desk: Desk, tenant_id: str) -> Standing:
    """Return how a tenant's store stands; nothing is changed."""
    mark = last_checkpoint(desk.checkpoints(tenant_id))  # before the head: it can only be behind
    with desk.reading(tenant_id) as connection:
        row = connection.execute(select(audit_heads).where(audit_heads.c.tenant_id == tenant_id)).first()
        head = (row.sequence, row.entry_hash) if row else (0, "")
        is_older = mark is not None and not is_on_chain(connection, tenant_id, head, mark)
        doubt = _in_doubt(connection, tenant_id) if is_older else []
        waiting = _waiting(connection, tenant_id) if is_older else 0
    ids = tuple(effect["effect_id"] for effect in doubt)
    return Standing(tenant_id, is_older, head[0], int(mark["sequence"]) if mark else 0, ids, waiting)


def settle(desk: Desk, tenant_id: str, actor: str) -> Standing:
    """Leave what may have been sent to a person, and let the desk go on from here; return what was found."""
    found = check(desk, tenant_id)
    if not found.is_older:
        return found
    with desk.writing_after_restore(tenant_id, actor) as work:
        for effect in _in_doubt(work.connection, tenant_id):
            settlement.leave_to_a_person(work, effect, WHY)
        details = {
            "head": found.head,
            "checkpoint": found.checkpoint,
            "effects": found.effects_in_doubt,
            "drafts_waiting": found.drafts_waiting,
        }
        work.say("store:restored", object_id=tenant_id, details=details)
    return found


def _in_doubt(connection: Connection, tenant_id: str) -> list[Mapping[str, Any]]:
    query = select(effects).where(effects.c.tenant_id == tenant_id, effects.c.state.in_(IN_DOUBT))
    return [dict(row) for row in connection.execute(query.order_by(effects.c.effect_id)).mappings()]


def _waiting(connection: Connection, tenant_id: str) -> int:
    query = select(drafts.c.draft_id).where(drafts.c.tenant_id == tenant_id, drafts.c.state == "waiting")
    return len(connection.execute(query).all())
