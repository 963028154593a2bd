"""What has been kept long enough: planned first, then emptied of its content; its place in history stays.

The schedule is configuration (`casework/config/retention.yml`). Values of cases leave through signed
redactions, told in the chain; rows that prove nothing (usage) are deleted. What is held stays, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, or_, select

from casework.desk import Desk
from casework.evidence import holds
from casework.evidence.eraser import Eraser
from casework.evidence.fold_access import OPENED
from casework.evidence.holds import Hold
from casework.evidence.redaction import MARK, blank
from casework.store.tables import (
    Values,
    approvals,
    audit_entries,
    case_evidence,
    case_facts,
    cases,
    draft_versions,
    drafts,
    effects,
    events,
    link_views,
    messages,
    partner_links,
    quarantined_rows,
    usage,
)

CHUNK = 100
VISITOR = ("address_hash", "user_agent")  # what an opening of a link says of whoever opened it
SETTLED_ROWS = ("replayed", "ignored")
OF_PARTIES = ("customer_id", "carrier_id", "facility_id")
# Fields that say what a value is about, not what it says.
KEPT = frozenset(
    (
        *("fact_id", "label", "type", "source", "file_sha256", "row_number", "document_type"),
        *("kind", "generator", "fact_ids", "option_id", "is_recommended"),
        *("channel", "party_id", "sha256", "target"),
    )
)

WORDS = frozenset(("text", "recipient", "recipients"))  # what entries of history repeat of messages


@dataclass(frozen=True, slots=True)
class RunOut:
    """One class of a tenant's records: what has run out, what a hold keeps."""

    tenant_id: str
    record_class: str
    keep_days: int | None
    unit: str  # what is counted: cases or rows
    due: int
    held: int
    emptied: int = 0


def plan(desk: Desk, tenant_id: str) -> list[RunOut]:
    """Return what has run out by the schedule; nothing is changed."""
    with desk.reading(tenant_id) as connection:
        return [
            _planned(connection, tenant_id, name, rule.keep_days, desk.clock())
            for name, rule in desk.config.retention.classes.items()
        ]


def apply(desk: Desk, tenant_id: str, actor: str) -> list[RunOut]:
    """Empty what has run out, a hundred cases a transaction; running it again changes nothing."""
    done = []
    for found in plan(desk, tenant_id):
        emptied = 0
        if found.keep_days is not None and found.due:
            emptied = EMPTY[found.record_class](desk, tenant_id, actor, found.record_class, found.keep_days)
        done.append(
            RunOut(tenant_id, found.record_class, found.keep_days, found.unit, found.due, found.held, emptied)
        )
    return done


def _planned(
    connection: Connection, tenant_id: str, name: str, keep_days: int | None, now: datetime
) -> RunOut:
    unit = "cases" if name.startswith("case_") else "rows"
    if keep_days is None:
        return RunOut(tenant_id, name, None, unit, 0, 0)
    before = now - timedelta(days=keep_days)
    if unit == "cases" or name == link_views.name:
        find = _ended if unit == "cases" else _openings
        found = find(connection, tenant_id, before, name)
        free = _not_held(found, holds.standing(connection, tenant_id))
        return RunOut(tenant_id, name, keep_days, unit, len(free), len(found) - len(free))
    table, clause = _rows(name, tenant_id, before)
    due = connection.scalar(select(func.count()).select_from(table).where(clause)) or 0
    return RunOut(tenant_id, name, keep_days, unit, due, 0)


def _ended(connection: Connection, tenant_id: str, before: datetime, name: str) -> Sequence[Values]:
    """Return the cases that ended before an instant and still have content of a class."""
    of_case = and_(cases.c.tenant_id == tenant_id, ~cases.c.is_open)
    ended = func.coalesce(cases.c.closed_at, cases.c.updated_at) <= before
    columns = [cases.c[column] for column in ("case_id", *OF_PARTIES)]
    found = connection.execute(select(*columns).where(of_case, ended).order_by(cases.c.case_id)).mappings()
    return [
        case for case in found if any(True for _ in _content(connection, tenant_id, case["case_id"], name))
    ]


def _not_held(ended: Sequence[Values], held: Sequence[Hold]) -> list[Values]:
    case_ids = {hold.subject_id for hold in held if hold.subject_kind == "case"}
    parties = {hold.subject_id for hold in held if hold.subject_kind == "party"}
    return [
        case
        for case in ended
        if case["case_id"] not in case_ids and not parties & {case[column] for column in OF_PARTIES}
    ]


def _content(
    connection: Connection, tenant_id: str, case_id: str, name: str
) -> Iterator[tuple[Table, Values, str, Any]]:
    """Yield every value of a class that a case still holds, and what shall stand there instead."""
    for table, columns in CONTENT[name].items():
        query = select(table).where(table.c.tenant_id == tenant_id, _of_case(table, tenant_id, case_id))
        for row in connection.execute(query.order_by(*table.primary_key)).mappings().all():
            for column in columns:
                empty = _emptied(table, row[column])
                if row[column] != empty:
                    yield table, row, column, empty


def _of_case(table: Table, tenant_id: str, case_id: str) -> Any:
    if table is events:
        return events.c.subject == case_id
    if table is not draft_versions:
        return table.c.case_id == case_id
    mine = select(drafts.c.draft_id).where(drafts.c.tenant_id == tenant_id, drafts.c.case_id == case_id)
    return draft_versions.c.draft_id.in_(mine)


def _emptied(table: Table, value: Any) -> Any:
    """Return what shall stand in a value's place; history keeps who did what, without the words."""
    if isinstance(value, str):
        return MARK
    if table is case_facts:
        return _without_words(value)
    if table not in (audit_entries, events):
        return blank(value, KEPT)
    details = _without_words(value["details"])
    return value if details == value["details"] else _unsalted(value, details)


def _unsalted(payload: Values, details: Values) -> dict[str, Any]:
    """Return a payload with other details; its salt goes too, so that trying finds out nothing."""
    return {key: item for key, item in payload.items() if key != "salt"} | {"details": details}


def _without_words(details: Values) -> dict[str, Any]:
    return {key: _emptied(messages, item) if key in WORDS else item for key, item in details.items()}


CONTENT: dict[str, dict[Table, tuple[str, ...]]] = {
    "case_messages": {
        messages: ("body", "subject", "address"),
        effects: ("payload", "recipient"),
        draft_versions: ("content",),
        approvals: ("recipients", "reason"),
        audit_entries: ("payload",),
        case_facts: ("details",),
        events: ("data",),
    },
    "case_evidence": {case_evidence: ("facts", "documents")},
}


def _empty_cases(desk: Desk, tenant_id: str, actor: str, name: str, keep_days: int) -> int:
    """Empty the content of ended cases; each transaction asks again what is held."""

    def empty(eraser: Eraser, chosen: Sequence[Values]) -> dict[str, Any]:
        work, case_ids = eraser.work, [case["case_id"] for case in chosen]
        for case_id in case_ids:
            for table, row, column, value in list(_content(work.connection, tenant_id, case_id, name)):
                eraser.replace(table, row, column, value)
        return {"case_ids": case_ids}

    return _empty_in_steps(desk, tenant_id, actor, name, keep_days, _ended, empty)


def _empty_in_steps(
    desk: Desk,
    tenant_id: str,
    actor: str,
    name: str,
    keep_days: int,
    find: Callable[[Connection, str, datetime, str], Sequence[Values]],
    empty: Callable[[Eraser, Sequence[Values]], dict[str, Any]],
) -> int:
    """Empty what has run out and is not held, a hundred a transaction; return how many."""
    before, emptied = desk.clock() - timedelta(days=keep_days), 0
    with desk.reading(tenant_id) as connection:
        found = find(connection, tenant_id, before, name)
    for start in range(0, len(found), CHUNK):
        with desk.writing(tenant_id, actor) as work:
            chosen = _not_held(found[start : start + CHUNK], holds.standing(work.connection, tenant_id))
            if chosen:
                eraser = Eraser(work, desk.keys)
                told = empty(eraser, chosen)
                eraser.tell({"record_class": name, "keep_days": keep_days, **told})
        emptied += len(chosen)
    return emptied


# --- who looked through a link ------------------------------------------------------------------------------


def _openings(connection: Connection, tenant_id: str, before: datetime, _name: str) -> Sequence[Values]:
    """Return the openings of links before an instant that still say from where, with party and case of each link."""
    says = or_(*(and_(link_views.c[name].is_not(None), link_views.c[name] != MARK) for name in VISITOR))
    same = and_(
        link_views.c.tenant_id == partner_links.c.tenant_id, link_views.c.link_id == partner_links.c.link_id
    )
    of_view = [column for column in link_views.c if column.name != "case_id"]
    of_link = [partner_links.c[name] for name in ("case_id", *OF_PARTIES)]
    query = (
        select(*of_view, *of_link)
        .join_from(link_views, partner_links, same)
        .where(link_views.c.tenant_id == tenant_id, link_views.c.viewed_at <= before, says)
    )
    return connection.execute(query.order_by(link_views.c.view_id)).mappings().all()


def _empty_openings(desk: Desk, tenant_id: str, actor: str, name: str, keep_days: int) -> int:
    """Forget from where links were opened; that they were, and when, stays."""

    def empty(eraser: Eraser, chosen: Sequence[Values]) -> dict[str, Any]:
        told = _told_of(eraser.work.connection, tenant_id, chosen)
        for view in chosen:
            for column in VISITOR:
                if view[column] is not None:
                    eraser.replace(link_views, view, column, MARK)
        for entry in told:
            details = {
                key: MARK if key in VISITOR and item is not None else item
                for key, item in entry["payload"]["details"].items()
            }
            eraser.replace(audit_entries, entry, "payload", _unsalted(entry["payload"], details))
        return {"link_views": len(chosen)}

    return _empty_in_steps(desk, tenant_id, actor, name, keep_days, _openings, empty)


def _told_of(connection: Connection, tenant_id: str, opened: Sequence[Values]) -> list[Values]:
    """Return the entries of the chain that tell of openings."""
    views = {view["view_id"] for view in opened}
    query = select(audit_entries).where(
        audit_entries.c.tenant_id == tenant_id,
        audit_entries.c.action == OPENED,
        audit_entries.c.object_id.in_(sorted({view["link_id"] for view in opened})),
    )
    found = connection.execute(query.order_by(audit_entries.c.sequence)).mappings()
    return [entry for entry in found if entry["payload"]["details"].get("view_id") in views]


def _rows(name: str, tenant_id: str, before: datetime) -> tuple[Table, Any]:
    """Return a table of rows that belong to no case, and which of them have run out."""
    if name == "usage":
        return usage, and_(usage.c.tenant_id == tenant_id, usage.c.started_at <= before)
    settled = quarantined_rows.c.state.in_(SETTLED_ROWS)
    mine = and_(quarantined_rows.c.tenant_id == tenant_id, settled, quarantined_rows.c.raw != MARK)
    return quarantined_rows, and_(mine, quarantined_rows.c.quarantined_at <= before)


def _empty_rows(desk: Desk, tenant_id: str, actor: str, name: str, keep_days: int) -> int:
    """Empty refused rows that were settled, or delete what proves nothing."""
    with desk.writing(tenant_id, actor) as work:
        table, clause = _rows(name, tenant_id, work.now - timedelta(days=keep_days))
        if table is usage:
            count = work.connection.execute(delete(table).where(clause)).rowcount
        else:
            gone = {"raw": MARK, "values": None, "corrected_values": None}
            count = work.connection.execute(table.update().where(clause).values(gone)).rowcount
        details = {"record_class": name, "keep_days": keep_days, "rows": count}
        work.say("record:expired", object_id=tenant_id, details=details)
        return count


EMPTY: dict[str, Callable[[Desk, str, str, str, int], int]] = {
    "case_messages": _empty_cases,
    "case_evidence": _empty_cases,
    "quarantined_rows": _empty_rows,
    "link_views": _empty_openings,
    "usage": _empty_rows,
}
