"""Sensitive reading is history too: who looked, at what, when; told in the audit chain, never as an event.

Named readings only, so that the queue and the desk's own work stay as fast as they are: a partner's view of a
case, the audit trail and past states of a case read by somebody who does not work it, and what is held about a
party. (An export of evidence tells itself.) The same reading is told again after `TOLD_EVERY`, because a page
reads its case with every click.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from casework.desk import Desk
from casework.evidence.fold_access import LOOKED
from casework.model import CaseView, Principal
from casework.permissions.scope import Scope
from casework.permissions.visitors import LINK, is_link
from casework.store.tables import Values, link_views, sensitive_reads
from casework.store.work import Work, insert_new, new_id

TOLD_EVERY = timedelta(minutes=15)
FACT = LOOKED
OPENING = "opening"  # the kind of view that is the opening of a link itself


def is_routine(desk: Desk, reader: Principal, case: Values | CaseView) -> bool:
    """Tell whether a reader works such cases: then reading one is the work, and the work is told already."""
    values = case if isinstance(case, Mapping) else _values(case)
    return Scope.of(reader, values["tenant_id"], "case:start", desk.config).covers(values)


def _values(case: CaseView) -> dict[str, Any]:
    names = ("tenant_id", "case_id", "exception_type", "customer_id", "carrier_id", "facility_id")
    return {name: getattr(case, name) for name in names}


def tell(
    desk: Desk,
    reader: Principal,
    tenant_id: str,
    subject_id: str,
    kind: str,
    details: Mapping[str, Any] | None = None,
    fact: str = FACT,
) -> bool:
    """Tell the chain of a sensitive reading, unless it was told a short while ago; return whether it was.

    What cannot be told is not shown: an error here reaches the reader instead of what was read.
    """
    key = {
        "tenant_id": tenant_id,
        # each opening of a link is told on its own: two people may hold it
        "principal_id": reader.visit_id or reader.principal_id,
        "subject_id": subject_id,
        "kind": kind,
    }
    if not _is_due(desk, key):
        return False
    with desk.writing(tenant_id, reader.principal_id) as work:
        _remember(work, key)
        seen = seen_by_link(work, reader, kind, subject_id) if is_link(reader) else {}
        told = {"kind": kind, **(details or {}), **seen}
        work.say(fact, object_id=subject_id, details=told, is_event=False)
    return True


def seen_by_link(
    work: Work, visitor: Principal, kind: str, case_id: str | None, **seen: str | None
) -> dict[str, Any]:
    """Add to what was seen through a link; return what the chain must tell of it."""
    told = {
        "view_id": new_id(),
        "link_id": visitor.principal_id.removeprefix(f"{LINK}:"),
        "visit_id": visitor.visit_id or "",
    }
    row = {"tenant_id": work.tenant_id, "kind": kind, "case_id": case_id, "viewed_at": work.now}
    work.connection.execute(link_views.insert(), [row | told | seen])
    return told | seen


def _is_due(desk: Desk, key: Values) -> bool:
    query = select(sensitive_reads.c.told_at).where(*_where(key))
    with desk.reading(key["tenant_id"]) as connection:
        told_at = connection.scalar(query)
    return told_at is None or desk.clock() - told_at >= TOLD_EVERY


def _remember(work: Work, key: Values) -> None:
    row = {**key, "told_at": work.now}
    if work.connection.execute(insert_new(work.connection, sensitive_reads), [row]).rowcount == 0:
        work.connection.execute(update(sensitive_reads).where(*_where(key)).values(told_at=work.now))


def _where(key: Values) -> list[Any]:
    return [sensitive_reads.c[name] == value for name, value in key.items()]
