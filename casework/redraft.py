"""Drafts for cases that lack one, or whose draft speaks of facts that have changed.

Found by comparing what is with what should be, so an interrupted run is finished by the next one. Texts are
written between transactions; each is saved only if its case's facts are still the ones it was written from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select

from casework import approval, drafts, rows
from casework.canonical import plain
from casework.desk import Desk
from casework.model import DraftContent, DraftKind, DraftState
from casework.store.tables import cases, draft_versions
from casework.store.tables import drafts as drafts_table
from casework.store.work import Work, new_id

CHUNK = 100
STALE = (DraftState.WAITING.value, DraftState.VOID.value, DraftState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A draft to write: for which case and facts, and over which version, if any."""

    case_id: str
    facts_version: int
    kind: DraftKind
    draft_id: str | None
    version: int


def write_missing(desk: Desk, tenant_id: str, actor: str) -> int:
    """Write every draft that open cases lack or that is stale; return how many were saved."""
    if desk.drafter is None:
        return 0
    with desk.reading() as connection:
        wanted = list(_wanted(connection, desk, tenant_id))
    return sum(
        _write(desk, tenant_id, actor, wanted[start : start + CHUNK])
        for start in range(0, len(wanted), CHUNK)
    )


def _wanted(connection: Connection, desk: Desk, tenant_id: str) -> Iterator[Wanted]:
    """Yield what open cases lack, most money first, so that an interrupted run has done what matters most."""
    existing = {(row.case_id, row.kind): row for row in connection.execute(_existing(tenant_id))}
    query = (
        select(cases.c.case_id, cases.c.facts_version, cases.c.exception_type)
        .where(cases.c.tenant_id == tenant_id, cases.c.is_open)
        .order_by(cases.c.expected_loss.desc(), cases.c.case_id)
    )
    for case in connection.execute(query):
        for kind in desk.catalogue(case.exception_type).drafts:
            draft = existing.get((case.case_id, kind))
            if draft is None:
                yield Wanted(case.case_id, case.facts_version, DraftKind(kind), None, 0)
            elif draft.state in STALE and draft.facts_version < case.facts_version:
                yield Wanted(
                    case.case_id, case.facts_version, DraftKind(kind), draft.draft_id, draft.current_version
                )


def _existing(tenant_id: str) -> Any:
    current = and_(
        draft_versions.c.tenant_id == drafts_table.c.tenant_id,
        draft_versions.c.draft_id == drafts_table.c.draft_id,
        draft_versions.c.version == drafts_table.c.current_version,
    )
    return (
        select(
            drafts_table.c.case_id,
            drafts_table.c.kind,
            drafts_table.c.draft_id,
            drafts_table.c.state,
            drafts_table.c.current_version,
            draft_versions.c.facts_version,
        )
        .join(draft_versions, current)
        .where(drafts_table.c.tenant_id == tenant_id)
    )


def _write(desk: Desk, tenant_id: str, actor: str, wanted: Sequence[Wanted]) -> int:
    drafter = drafts.drafter_of(desk)
    written: list[tuple[Wanted, DraftContent]] = []
    with desk.reading() as connection:
        details = {
            item.case_id: rows.known(connection, row, None, {})
            for item in wanted
            if (row := rows.case_row(connection, tenant_id, item.case_id)) is not None
        }
    for item in wanted:
        detail = details[item.case_id]
        if detail.case.facts_version == item.facts_version:
            written.append((item, drafter.draft(item.kind, detail)))
    with desk.writing(tenant_id, actor) as work:
        return sum(_save(work, item, content) for item, content in written)


def _save(work: Work, item: Wanted, content: DraftContent) -> int:
    """Save one text unless its case or its draft moved on meanwhile."""
    case = rows.case_row(work.connection, work.tenant_id, item.case_id)
    if case is None or not case["is_open"] or case["facts_version"] != item.facts_version:
        return 0
    query = select(drafts_table).where(
        drafts_table.c.tenant_id == work.tenant_id,
        drafts_table.c.case_id == item.case_id,
        drafts_table.c.kind == item.kind.value,
    )
    known = work.connection.execute(query).mappings().first()
    if (known["current_version"] if known else 0) != item.version:
        return 0
    draft_id = _first_version(work, item, content) if known is None else known["draft_id"]
    if known is not None:
        drafts.add_version(work, known, content, content["generator"], item.facts_version)
    details = {"kind": item.kind, "version": item.version + 1, "author": content["generator"]}
    fact = "draft:written" if known is None else "draft:regenerated"
    work.say(fact, case=case, object_id=draft_id, details=details)
    return 1


def _first_version(work: Work, item: Wanted, content: DraftContent) -> str:
    draft_id = new_id()
    stored = plain(content)
    work.connection.execute(
        drafts_table.insert(),
        [
            {
                "tenant_id": work.tenant_id,
                "draft_id": draft_id,
                "case_id": item.case_id,
                "kind": item.kind.value,
                "state": DraftState.WAITING.value,
                "current_version": 1,
                "created_at": work.now,
            }
        ],
    )
    work.connection.execute(
        draft_versions.insert(),
        [
            {
                "tenant_id": work.tenant_id,
                "draft_id": draft_id,
                "version": 1,
                "content": stored,
                "content_sha256": approval.content_sha256(stored, ()),
                "facts_version": item.facts_version,
                "author": content["generator"],
                "created_at": work.now,
            }
        ],
    )
    return draft_id
