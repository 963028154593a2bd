"""Small writes that several subjects share: a case's next version, a message in its thread, a withdrawal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, bindparam, or_, select, update

from casework.effects import attempts
from casework.model import DraftState, EffectState
from casework.store.tables import Values, approvals, cases, drafts, effects, messages, sign_offs
from casework.store.work import Work, new_id

ADD_MESSAGE = messages.insert()
# What has not left for good: it is queued or in a worker's hands, or a person may have it sent again.
MAY_STILL_LEAVE = (EffectState.PENDING, EffectState.CLAIMED, *sorted(attempts.RESENDABLE))


def withdraw(work: Work, case: Values, reason: str, draft_id: str | None = None) -> int:
    """Let nothing leave any more that is queued for a case, or one draft of it; return how many."""
    clause = []
    if draft_id is not None:
        approved = select(approvals.c.approval_id).where(
            approvals.c.tenant_id == case["tenant_id"], approvals.c.draft_id == draft_id
        )
        clause.append(effects.c.approval_id.in_(approved))
    return withdraw_all(work, [case["case_id"]], reason, *clause).get(case["case_id"], 0)


def withdraw_all(
    work: Work, case_ids: Sequence[str], reason: str, *clause: ColumnElement[bool]
) -> dict[str, int]:
    """Supersede every effect of these cases that nobody has taken yet; return how many per case.

    A notice to the tenant's own people has no approval and still leaves: what it tells has happened. What may
    have been taken stays with the worker, which finds that it may not be sent again and asks a person.
    """
    mine = effects.c.tenant_id == work.tenant_id
    query = select(effects).where(
        mine,
        effects.c.case_id.in_(case_ids),
        effects.c.state == EffectState.PENDING.value,
        effects.c.approval_id.is_not(None),
        *clause,
    )
    queued = work.connection.execute(query).mappings().all()
    untaken = [row for row in queued if not attempts.may_be_taken(row)]
    for row in untaken:
        work.move("effects", row["case_id"], row["effect_id"], EffectState.SUPERSEDED.value)
    if untaken:
        values = {"state": EffectState.SUPERSEDED.value, "settled_at": work.now, "last_error": reason}
        these = effects.c.effect_id.in_([row["effect_id"] for row in untaken])
        work.connection.execute(update(effects).where(mine, these).values(values))
    return Counter(row["case_id"] for row in untaken)


def touch(work: Work, case: Values, **changed: Any) -> dict[str, Any]:
    """Save changes to a case with the next version, and return the case as it then stands."""
    saved = moved(work, case, **changed)
    columns = tuple(sorted({*changed, "version", "updated_at"}))
    work.connection.execute(_saving(columns), [_written(saved, columns)])
    work.note_change(case, saved)
    return saved


@lru_cache(maxsize=128)
def _saving(columns: tuple[str, ...]) -> Update:
    """Return the statement that saves these columns of a case; built once for each set of columns."""
    return (
        update(cases)
        .where(cases.c.tenant_id == bindparam("key_tenant"), cases.c.case_id == bindparam("key_case"))
        .values({column: bindparam(f"new_{column}") for column in columns})
    )


def _written(case: Values, columns: Sequence[str]) -> dict[str, Any]:
    key = {"key_tenant": case["tenant_id"], "key_case": case["case_id"]}
    return key | {f"new_{column}": case[column] for column in columns}


def add_message(work: Work, case: Values, **values: Any) -> str:
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
    work.connection.execute(ADD_MESSAGE, [row | values])
    return message_id


def moved(work: Work, case: Values, **changed: Any) -> dict[str, Any]:
    """Return a case as it stands after changes, in its next version; `save_all` writes it."""
    return {**case, **changed, "version": case["version"] + 1, "updated_at": work.now}


def save_all(work: Work, changed: Sequence[tuple[Values, Values]]) -> None:
    """Write many changed cases at once, each given as it was and as it shall stand."""
    if not changed:
        return
    columns = tuple(column.name for column in cases.c if not column.primary_key)
    work.connection.execute(_saving(columns), [_written(case, columns) for _, case in changed])
    for before, after in changed:
        work.note_change(before, after)


def void_unfinished(work: Work, case_ids: Sequence[str]) -> None:
    """Void the drafts of cases that ended or moved on: approvals that gathered, and what may still leave.

    Call it before `withdraw`. What was delivered stays approved: it is history.
    """
    unsent = select(approvals.c.draft_id).join(
        effects,
        and_(effects.c.tenant_id == approvals.c.tenant_id, effects.c.approval_id == approvals.c.approval_id),
    )
    unsent = unsent.where(
        approvals.c.tenant_id == work.tenant_id,
        approvals.c.draft_version == drafts.c.current_version,
        effects.c.state.in_(MAY_STILL_LEAVE),
    )
    signed = select(sign_offs.c.draft_id).where(
        sign_offs.c.tenant_id == work.tenant_id, sign_offs.c.draft_version == drafts.c.current_version
    )
    unfinished = or_(
        and_(drafts.c.state == DraftState.WAITING.value, drafts.c.draft_id.in_(signed)),
        and_(drafts.c.state == DraftState.APPROVED.value, drafts.c.draft_id.in_(unsent)),
    )
    mine = (drafts.c.tenant_id == work.tenant_id, drafts.c.case_id.in_(case_ids), unfinished)
    _move_drafts(work, and_(*mine), DraftState.VOID)


def set_drafts(work: Work, case_ids: Sequence[str], before: DraftState, after: DraftState) -> None:
    """Move the drafts of cases that stand in one state to another."""
    if not case_ids:
        return
    mine = (drafts.c.tenant_id == work.tenant_id, drafts.c.case_id.in_(case_ids))
    _move_drafts(work, and_(*mine, drafts.c.state == before.value), after)


def _move_drafts(work: Work, which: ColumnElement[bool], after: DraftState) -> None:
    found = work.connection.execute(select(drafts.c.case_id, drafts.c.draft_id).where(which)).all()
    for row in found:
        work.move("drafts", row.case_id, row.draft_id, after.value)
    named = [row.draft_id for row in found]
    if named:
        mine = and_(drafts.c.tenant_id == work.tenant_id, drafts.c.draft_id.in_(named))
        work.connection.execute(update(drafts).where(mine).values(state=after.value))
