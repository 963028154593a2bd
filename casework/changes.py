"""Small writes that several subjects share: a case's next version, a message in its thread, a withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from casework.model import EffectState
from casework.store.tables import approvals, cases, effects, messages
from casework.store.work import Work, new_id


def withdraw(work: Work, case: Mapping[str, Any], reason: str, draft_id: str | None = None) -> int:
    """Let nothing leave any more that is queued for a case, or one draft of it; return how many."""
    clause = [
        effects.c.tenant_id == case["tenant_id"],
        effects.c.case_id == case["case_id"],
        effects.c.state == EffectState.PENDING.value,
    ]
    if draft_id is not None:
        approved = select(approvals.c.approval_id).where(
            approvals.c.tenant_id == case["tenant_id"], approvals.c.draft_id == draft_id
        )
        clause.append(effects.c.approval_id.in_(approved))
    result = work.connection.execute(
        update(effects)
        .where(*clause)
        .values(state=EffectState.SUPERSEDED.value, settled_at=work.now, last_error=reason)
    )
    return result.rowcount


def touch(work: Work, case: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Save changes to a case with the next version, and return the case as it then stands."""
    values = changes | {"version": case["version"] + 1, "updated_at": work.now}
    work.connection.execute(
        update(cases)
        .where(cases.c.tenant_id == case["tenant_id"], cases.c.case_id == case["case_id"])
        .values(values)
    )
    return dict(case) | values


def add_message(work: Work, case: Mapping[str, Any], **values: Any) -> str:
    """Add a message or note to a case's thread and return its id."""
    message_id = new_id()
    row = {
        "tenant_id": work.tenant_id,
        "message_id": message_id,
        "case_id": case["case_id"],
        "party_id": None,
        "address": None,
        "subject": None,
        "effect_id": None,
        "occurred_at": work.now,
    }
    work.connection.execute(messages.insert(), [row | values])
    return message_id
