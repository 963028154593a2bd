"""Answers to files: which file was answered with which numbers, and whether the answer is out.

A partner's numbers follow on one another; they are reserved in the transaction that records the answer, so that
neither two answers have one number nor one file two answers. What an answer says is made next door.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, insert, select, update

from casework.crashpoints import crashpoint
from casework.desk import Desk
from casework.ledger import FileKey, Refusal
from casework.model import Principal
from casework.permissions import tenantwide
from casework.store.engine import reading, writing
from casework.store.tables import acknowledgements, control_numbers, ingested_files, quarantined_rows
from casework.store.work import insert_new

MAX_PAGE = 500
FIRST_NUMBER = 1
SETTLED = ("loaded", "refused")

Verdict = Literal["accepted", "partly", "rejected"]


@dataclass(frozen=True, slots=True)
class Told:
    """One interchange of an answer: its kind, whom it goes to, its number, what it says of what came."""

    kind: Literal["997", "TA1", "824"]
    partner_id: str
    control_number: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one file: its interchanges in order, its bytes' hash and its name; or why there is none."""

    told: Sequence[Told] = ()
    body_sha256: str | None = None
    answer_name: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """One interchange that answered a file, or a `kind` of none with the `note` that says why."""

    feed: str
    file_name: str
    file_sha256: str
    kind: str
    partner_id: str | None
    control_number: int | None
    verdict: str | None
    note: str | None
    body_sha256: str | None
    answer_name: str | None
    made_at: datetime
    laid_at: datetime | None  # None where it is not out yet


def unanswered(engine: Engine, tenant_id: str, feed: str) -> list[Row[Any]]:
    """Return the files of a feed that are loaded or refused and have no answer recorded, oldest name first."""
    f = ingested_files.c
    query = select(ingested_files).where(f.tenant_id == tenant_id, f.feed == feed, _is_unanswered())
    with reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(f.file_name, f.file_sha256)))


def unlaid(engine: Engine, tenant_id: str, feed: str) -> list[Row[Any]]:
    """Return the answers of a feed that are recorded and not out yet: file, hash and name, in the order made."""
    c = acknowledgements.c
    query = select(c.file_sha256, c.body_sha256, c.answer_name).distinct()
    mine = (c.tenant_id == tenant_id, c.feed == feed, _is_unlaid())
    with reading(engine, tenant_id) as connection:
        return list(connection.execute(query.where(*mine).order_by(c.answer_name)))


def waiting(engine: Engine, tenant_id: str, feeds: Collection[str]) -> list[tuple[str, str]]:
    """Return (feed, hash) of every file of these feeds whose answer is not recorded or not out yet."""
    f, c = ingested_files.c, acknowledgements.c
    files = select(f.feed, f.file_sha256).where(f.tenant_id == tenant_id, f.feed.in_(feeds), _is_unanswered())
    laid = select(c.feed, c.file_sha256).where(c.tenant_id == tenant_id, c.feed.in_(feeds), _is_unlaid())
    with reading(engine, tenant_id) as connection:
        found = [*connection.execute(files), *connection.execute(laid)]
    return sorted({(row.feed, row.file_sha256) for row in found})


def next_number(engine: Engine, tenant_id: str, partner_id: str) -> int:
    """Return the number that a partner's next answer begins with; it is reserved by `record` alone."""
    with reading(engine, tenant_id) as connection:
        found = connection.scalar(_next_number(tenant_id, partner_id))
    return FIRST_NUMBER if found is None else found


def record(
    engine: Engine, key: FileKey, answer: Answer, numbers: Mapping[str, tuple[int, int]], now: datetime
) -> bool:
    """Record the answer to a file and reserve its numbers, or do neither; return whether the file has an answer.

    `numbers` gives for each partner the first number and the one after the last. False where another answer
    took a number in between: then this one is to be made again. A file that has an answer keeps that one.
    """
    try:
        with writing(engine, key.tenant_id) as connection:
            if not _has_answer(connection, key):
                _reserve(connection, key.tenant_id, numbers)
                connection.execute(insert(acknowledgements), _rows(key, answer, now))
                crashpoint("answer:before-record-commit")
    except _Taken:
        return False
    return True


def laid(engine: Engine, key: FileKey, now: datetime) -> None:
    """Note that the answer to a file is out."""
    c = acknowledgements.c
    mine = (c.tenant_id == key.tenant_id, c.feed == key.feed, c.file_sha256 == key.file_sha256)
    with writing(engine, key.tenant_id) as connection:
        connection.execute(update(acknowledgements).where(*mine, _is_unlaid()).values(laid_at=now))


def refusals_of(engine: Engine, key: FileKey) -> list[Refusal]:
    """Return the rows of a file that were set aside, as the ledger keeps them, in the file's order."""
    q = quarantined_rows.c
    mine = (q.tenant_id == key.tenant_id, q.feed == key.feed, q.file_sha256 == key.file_sha256)
    with reading(engine, key.tenant_id) as connection:
        rows = connection.execute(select(quarantined_rows).where(*mine).order_by(q.row_number)).mappings()
        names = ("row_number", "column_name", "rule", "message", "raw", "values")
        return [Refusal(**{name: row[name] for name in names}) for row in rows]


def listed(
    desk: Desk, principal: Principal, tenant_id: str, feed: str | None, limit: int, offset: int
) -> tuple[FileAnswer, ...]:
    """Return what files were answered, newest first, at most `limit` (500)."""
    f, c = ingested_files.c, acknowledgements.c
    same = (f.tenant_id == c.tenant_id) & (f.feed == c.feed) & (f.file_sha256 == c.file_sha256)
    names = [name for name in FileAnswer.__dataclass_fields__ if name != "file_name"]
    query = select(f.file_name, *(c[name] for name in names)).join_from(
        acknowledgements, ingested_files, same
    )
    query = query.where(c.tenant_id == tenant_id, *([c.feed == feed] if feed else []))
    query = query.order_by(c.made_at.desc(), c.feed, c.file_sha256, c.place)
    page = query.limit(max(0, min(limit, MAX_PAGE))).offset(max(0, offset))
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "feed:read")
        return tuple(FileAnswer(**row) for row in connection.execute(page).mappings())


def _is_unanswered() -> Any:
    f, c = ingested_files.c, acknowledgements.c
    of_file = (c.tenant_id == f.tenant_id, c.feed == f.feed, c.file_sha256 == f.file_sha256)
    return f.state.in_(SETTLED) & ~select(c.place).where(*of_file).exists()


def _is_unlaid() -> Any:
    return acknowledgements.c.laid_at.is_(None) & acknowledgements.c.body_sha256.is_not(None)


def _next_number(tenant_id: str, partner_id: str) -> Any:
    c = control_numbers.c
    return select(c.next_number).where(c.tenant_id == tenant_id, c.partner_id == partner_id)


class _Taken(Exception):
    """Another answer took a number in between."""


def _reserve(connection: Connection, tenant_id: str, numbers: Mapping[str, tuple[int, int]]) -> None:
    """Take each partner's numbers; raise `_Taken` where the first of them is no longer the next one."""
    c = control_numbers.c
    # In one order, so that two who record at once wait for one another instead of for ever.
    for partner_id, (first, after) in sorted(numbers.items()):
        fresh = {"tenant_id": tenant_id, "partner_id": partner_id, "next_number": FIRST_NUMBER}
        connection.execute(insert_new(connection, control_numbers), [fresh])
        mine = (c.tenant_id == tenant_id, c.partner_id == partner_id, c.next_number == first)
        if not connection.execute(update(control_numbers).where(*mine).values(next_number=after)).rowcount:
            raise _Taken


def _has_answer(connection: Connection, key: FileKey) -> bool:
    c = acknowledgements.c
    mine = (c.tenant_id == key.tenant_id, c.feed == key.feed, c.file_sha256 == key.file_sha256)
    return connection.execute(select(c.place).where(*mine).limit(1)).first() is not None


def _rows(key: FileKey, answer: Answer, now: datetime) -> list[dict[str, Any]]:
    common = {**asdict(key), "made_at": now, "note": answer.note}
    common |= {"body_sha256": answer.body_sha256, "answer_name": answer.answer_name}
    if not answer.told:
        return [common | {"place": 1, "kind": "none"}]
    return [common | {"place": place, **asdict(told)} for place, told in enumerate(answer.told, start=1)]
