"""Legal holds: while one stands on a case or a party, nothing of it is erased and nothing of it runs out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, RecordHeld
from casework.model import Principal
from casework.permissions import grants, tenantwide
from casework.queue import one_case
from casework.store.tables import legal_holds
from casework.store.work import new_id


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, standing or released."""

    hold_id: str
    subject_kind: str  # case | party
    subject_id: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None
    release_reason: str | None


def place(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    *,
    case_id: str | None,
    party_id: str | None,
    reason: str,
) -> Hold:
    """Put a hold on a case or a party, and say why."""
    said = _said(reason, "Say why it is held, for example the claim's number.")
    if (case_id is None) == (party_id is None):
        raise DetailsRefused("A hold is on one case or on one party; name exactly one.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        tenantwide.require(work.connection, principal, tenant_id, "record:hold")
        if case_id is not None:
            reader = grants.current(work.connection, principal.principal_id)
            one_case.visible_case(work.connection, desk, reader, tenant_id, case_id)
        kind, subject = ("case", case_id) if case_id is not None else ("party", party_id)
        row = {
            "tenant_id": tenant_id,
            "hold_id": new_id(),
            "subject_kind": kind,
            "subject_id": subject,
            "reason": said,
            "placed_by": principal.principal_id,
            "placed_at": work.now,
        }
        work.connection.execute(legal_holds.insert(), [row])
        details = {"hold_id": row["hold_id"], "subject_kind": kind, "reason": said}
        work.say("record:held", object_id=subject, details=details)
        return _find(work.connection, tenant_id, str(row["hold_id"]))


def release(desk: Desk, principal: Principal, tenant_id: str, hold_id: str, reason: str) -> Hold:
    """End a hold, and say why; what it kept may then run out or be erased."""
    said = _said(reason, "Say why the hold ends.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        tenantwide.require(work.connection, principal, tenant_id, "record:hold")
        hold = _find(work.connection, tenant_id, hold_id)
        if hold.released_at is not None:
            raise DetailsRefused(f"This hold was released before, by {hold.released_by}.", hold_id=hold_id)
        ended = {"released_by": principal.principal_id, "released_at": work.now, "release_reason": said}
        here = (legal_holds.c.tenant_id == tenant_id, legal_holds.c.hold_id == hold_id)
        work.connection.execute(update(legal_holds).where(*here).values(ended))
        details = {"hold_id": hold_id, "subject_kind": hold.subject_kind, "reason": said}
        work.say("record:hold:released", object_id=hold.subject_id, details=details)
        return _find(work.connection, tenant_id, hold_id)


def standing(connection: Connection, tenant_id: str) -> list[Hold]:
    """Return the holds that stand, oldest first."""
    query = select(legal_holds).where(
        legal_holds.c.tenant_id == tenant_id, legal_holds.c.released_at.is_(None)
    )
    return [_hold(row) for row in connection.execute(query.order_by(legal_holds.c.hold_id)).mappings()]


def listed(desk: Desk, principal: Principal, tenant_id: str) -> list[Hold]:
    """Return every hold there ever was, newest first."""
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "record:hold")
        query = select(legal_holds).where(legal_holds.c.tenant_id == tenant_id)
        rows = connection.execute(query.order_by(legal_holds.c.hold_id.desc())).mappings()
        return [_hold(row) for row in rows]


def refuse_held(connection: Connection, tenant_id: str, case_ids: set[str], party_ids: set[str]) -> None:
    """Refuse to erase what is held, naming the first hold."""
    for hold in standing(connection, tenant_id):
        if hold.subject_id in (case_ids if hold.subject_kind == "case" else party_ids):
            raise RecordHeld(
                f"The {hold.subject_kind} {hold.subject_id} is under legal hold since "
                f"{hold.placed_at:%Y-%m-%d} ({hold.reason}). Nothing was erased; release the hold first.",
                hold_id=hold.hold_id,
            )


def _find(connection: Connection, tenant_id: str, hold_id: str) -> Hold:
    query = select(legal_holds).where(legal_holds.c.tenant_id == tenant_id, legal_holds.c.hold_id == hold_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"There is no hold {hold_id!r}.", hold_id=hold_id)
    return _hold(row)


def _hold(row: Any) -> Hold:
    return Hold(**{key: value for key, value in row.items() if key != "tenant_id"})


def _said(reason: str, otherwise: str) -> str:
    said = clean_text(reason, limit=1_000).strip()
    if not said:
        raise DetailsRefused(otherwise, field="reason")
    return said
