"""Drafts for cases that lack one, or whose draft speaks of facts that have changed.

Found by comparing what is with what should be, so an interrupted run is finished by the next one. Texts are
written between transactions; each is saved only if its case's facts are still the ones it was written from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, select

from casework import rows
from casework.desk import Desk
from casework.drafting import drafts
from casework.model import CaseDetail, DraftContent, DraftKind, DraftState
from casework.store.tables import case_evidence, cases, draft_versions
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
    with desk.reading(tenant_id) as connection:
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
        .where(cases.c.tenant_id == tenant_id, cases.c.is_open, cases.c.merged_into.is_(None))
        .order_by(cases.c.ranked_amount.desc(), cases.c.case_id)
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
    with desk.reading(tenant_id) as connection:
        details = _details(connection, tenant_id, {item.case_id for item in wanted})
    written = [
        (item, drafter.draft(item.kind, details[item.case_id]))
        for item in wanted
        if details[item.case_id].case.facts_version == item.facts_version
    ]
    with desk.writing(tenant_id, actor) as work:
        return _save(work, written)


def _details(connection: Connection, tenant_id: str, case_ids: set[str]) -> dict[str, CaseDetail]:
    """Return what drafts may be written from, for many cases at once."""
    current = and_(
        case_evidence.c.tenant_id == cases.c.tenant_id,
        case_evidence.c.case_id == cases.c.case_id,
        case_evidence.c.facts_version == cases.c.facts_version,
    )
    stated = (case_evidence.c.facts, case_evidence.c.documents, case_evidence.c.lineage)
    query = (
        select(cases, *stated)
        .join(case_evidence, current)
        .where(cases.c.tenant_id == tenant_id, cases.c.case_id.in_(sorted(case_ids)))
    )
    return {row["case_id"]: rows.detail(row, row, None, {}) for row in connection.execute(query).mappings()}


def _save(work: Work, written: Sequence[tuple[Wanted, DraftContent]]) -> int:
    """Save texts, each unless its case or its draft moved on meanwhile; return how many."""
    standing = _standing(work, cases, written, lambda row: row["case_id"])
    known = _standing(work, drafts_table, written, lambda row: (row["case_id"], row["kind"]))
    saved: list[tuple[Wanted, DraftContent, str]] = []
    for item, content in written:
        case, draft = standing.get(item.case_id), known.get((item.case_id, item.kind.value))
        if case is None or not case["is_open"] or case["facts_version"] != item.facts_version:
            continue
        if (draft["current_version"] if draft else 0) != item.version:
            continue
        saved.append((item, content, draft["draft_id"] if draft else new_id()))
    drafts.add_versions(work, saved)
    for item, content, draft_id in saved:
        details = {"kind": item.kind, "version": item.version + 1, "author": content["generator"]}
        fact = "draft:regenerated" if item.version else "draft:written"
        work.say(fact, case=standing[item.case_id], object_id=draft_id, details=details)
    return len(saved)


def _standing(
    work: Work,
    table: Table,
    written: Sequence[tuple[Wanted, DraftContent]],
    key: Callable[[RowMapping], Any],
) -> dict[Any, RowMapping]:
    case_ids = sorted({item.case_id for item, _content in written})
    query = select(table).where(table.c.tenant_id == work.tenant_id, table.c.case_id.in_(case_ids))
    return {key(row): row for row in work.connection.execute(query).mappings()}
