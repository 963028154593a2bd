"""The ingestion ledger: what arrived, who is loading it, what became of it.

Its tables belong to the operational store, so that what was acknowledged survives whatever happens to the
warehouse or to Dagster's run history. A file goes landed → loading → loaded, or refused when it cannot be
read at all. A claim is a lease: a loader that died loses it, and the file is claimed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from casework.crashpoints import crashpoint
from casework.errors import LedgerRefused
from casework.store.engine import reading, reading_across, writing, writing_across
from casework.store.tables import (
    check_results,
    duplicate_files,
    ingested_files,
    quarantined_rows,
    received_posts,
)

LEASE = timedelta(minutes=10)
ATTEMPTS_ALLOWED = 5
OPEN_IN_QUARANTINE = ("quarantined", "corrected", "ignored")


@dataclass(frozen=True, slots=True)
class FileKey:
    """One file of one feed, by its content."""

    tenant_id: str
    feed: str
    file_sha256: str

    @property
    def where(self) -> tuple[Any, ...]:
        """The clause that finds its row in the ledger."""
        c = ingested_files.c
        return (c.tenant_id == self.tenant_id, c.feed == self.feed, c.file_sha256 == self.file_sha256)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that was not loaded, and why."""

    row_number: int
    column_name: str | None
    rule: str
    message: str
    raw: str
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Check:
    """One check's verdict on one feed."""

    name: str
    passed: bool
    description: str


def register(
    engine: Engine, key: FileKey, *, file_name: str, size_bytes: int, recorded_at: datetime, now: datetime
) -> bool:
    """Acknowledge a file whose bytes are kept; return whether its content is new to the feed.

    The same content under another name is noted as a duplicate file and never loaded again.
    """
    with writing(engine, key.tenant_id) as connection:
        return _register(connection, key, file_name, size_bytes, recorded_at, now)


def receive(
    engine: Engine, key: FileKey, webhook_id: str, *, file_name: str, size_bytes: int, recorded_at: datetime,
    now: datetime,
) -> bool:  # fmt: skip
    """Acknowledge a post whose bytes are kept, once for its id; return whether it brought the feed a new content.

    The same id again, with the same bytes, changes nothing and is not new; two at once are taken in one after the
    other. Raises `LedgerRefused` where the id was taken in with other bytes.
    """
    post = {
        "tenant_id": key.tenant_id, "feed": key.feed, "webhook_id": webhook_id, "body_sha256": key.file_sha256,
        "received_at": now,
    }  # fmt: skip
    with writing(engine, key.tenant_id) as connection:
        if not _insert_once(connection, received_posts, [post]):
            _check_repeated(connection, key, webhook_id)
            return False
        crashpoint("ledger:after-post-before-file")
        is_new = _register(connection, key, file_name, size_bytes, recorded_at, now)
        crashpoint("ledger:before-post-commit")
    return is_new


def _check_repeated(connection: Connection, key: FileKey, webhook_id: str) -> None:
    c = received_posts.c
    query = select(c.body_sha256).where(
        c.tenant_id == key.tenant_id, c.feed == key.feed, c.webhook_id == webhook_id
    )
    if connection.execute(query).scalar_one() != key.file_sha256:
        raise LedgerRefused(
            f"Post {webhook_id} of feed {key.feed} was taken in before, with other bytes. Nothing of this one was "
            "loaded; send it under an id of its own.",
            webhook_id=webhook_id, feed=key.feed,
        )  # fmt: skip


def _register(
    connection: Connection,
    key: FileKey,
    file_name: str,
    size_bytes: int,
    recorded_at: datetime,
    now: datetime,
) -> bool:
    row = {
        "tenant_id": key.tenant_id, "feed": key.feed, "file_sha256": key.file_sha256, "file_name": file_name,
        "size_bytes": size_bytes, "state": "landed", "attempts": 0, "landed_at": now, "recorded_at": recorded_at,
    }  # fmt: skip
    if _insert_once(connection, ingested_files, [row]):
        return True
    known: str = connection.execute(select(ingested_files.c.file_name).where(*key.where)).scalar_one()
    if known != file_name:
        again = {
            "tenant_id": key.tenant_id, "feed": key.feed, "file_name": file_name, "file_sha256": key.file_sha256,
            "seen_at": now,
        }  # fmt: skip
        _insert_once(connection, duplicate_files, [again])
    return False


def known_files(engine: Engine) -> set[tuple[str, str, str, str]]:
    """Return (tenant, feed, name, hash) of everything acknowledged, duplicates included."""
    tables = (ingested_files, duplicate_files)
    with reading_across(engine) as connection:
        return {
            (row.tenant_id, row.feed, row.file_name, row.file_sha256)
            for table in tables
            for row in connection.execute(
                select(table.c.tenant_id, table.c.feed, table.c.file_name, table.c.file_sha256)
            )
        }


def pending(
    engine: Engine, now: datetime, tenant_id: str | None = None, feed: str | None = None
) -> list[Row[Any]]:
    """Return files to load, oldest name first: landed, or claimed by a loader whose lease ran out."""
    c = ingested_files.c
    query = select(ingested_files).where(
        or_(c.state == "landed", (c.state == "loading") & (c.claimed_until < now))
    )
    if tenant_id is not None:
        query = query.where(c.tenant_id == tenant_id)
    if feed is not None:
        query = query.where(c.feed == feed)
    with _reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(c.file_name, c.file_sha256)))


def claim(engine: Engine, key: FileKey, *, now: datetime, run_id: str, lease: timedelta = LEASE) -> bool:
    """Lease a file to one loader; refuse it for good when loading it was interrupted too often.

    Returns False when somebody else holds it, it is loaded, or it has just been refused.
    """
    c = ingested_files.c
    with writing(engine, key.tenant_id) as connection:
        row = connection.execute(select(ingested_files).where(*key.where).with_for_update()).one()
        is_free = row.state == "landed" or (row.state == "loading" and row.claimed_until < now)
        if not is_free:
            return False
        if row.attempts >= ATTEMPTS_ALLOWED:
            _refuse(
                connection,
                key,
                f"Loading was interrupted {row.attempts} times; look at it, then have it read again.",
                now,
            )
            return False
        connection.execute(
            update(ingested_files).where(*key.where).values(
                state="loading", attempts=c.attempts + 1, claimed_until=now + lease, dagster_run_id=run_id
            )
        )  # fmt: skip
    return True


def loaded_files(engine: Engine, tenant_id: str, feed: str) -> list[Row[Any]]:
    """Return the files of a feed that are loaded, in the order they were loaded in."""
    c = ingested_files.c
    query = select(ingested_files).where(c.tenant_id == tenant_id, c.feed == feed, c.state == "loaded")
    with reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(c.loaded_at, c.file_name, c.file_sha256)))


def replayed_rows(engine: Engine, tenant_id: str, feed: str) -> list[Row[Any]]:
    """Return the corrected rows of a feed that were loaded, in the order they were loaded in.

    `replayed_as_of` is feed time; for those of an older release, when their file came.
    """
    c, f = quarantined_rows.c, ingested_files.c
    known = func.coalesce(c.replayed_as_of, f.recorded_at).label("known_at")
    is_its_file = (f.tenant_id == c.tenant_id) & (f.feed == c.feed) & (f.file_sha256 == c.file_sha256)
    query = select(quarantined_rows, known).join(ingested_files, is_its_file)
    query = query.where(c.tenant_id == tenant_id, c.feed == feed, c.state == "replayed")
    with reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(c.replayed_at, c.quarantine_id)))


def any_loaded(engine: Engine) -> bool:
    """Say whether any file of any tenant is loaded."""
    with reading_across(engine) as connection:
        query = select(ingested_files.c.file_sha256).where(ingested_files.c.state == "loaded").limit(1)
        return connection.scalar(query) is not None


def release_claims(engine: Engine) -> int:
    """Give back every claim; only for whoever holds the warehouse's lock, when all other loaders are gone.

    Returns how many files became free at once instead of when their lease runs out.
    """
    with writing_across(engine) as connection:
        done = connection.execute(
            update(ingested_files)
            .where(ingested_files.c.state == "loading")
            .values(state="landed", claimed_until=None)
        )
    return int(done.rowcount)


def settle(
    engine: Engine, key: FileKey, *, row_count: int, loaded: int, duplicates: int, refusals: Sequence[Refusal],
    loader_version: str, now: datetime,
) -> None:  # fmt: skip
    """Record what became of a file's rows, and keep the refused ones, in one transaction.

    Raises `LedgerRefused` when the counts do not reconcile: then the file stays claimed and is tried again.
    """
    if row_count != loaded + duplicates + len(refusals):
        raise LedgerRefused(
            f"File {key.file_sha256[:12]} of feed {key.feed}: {row_count} rows came in, but {loaded} loaded + "
            f"{len(refusals)} quarantined + {duplicates} duplicate do not add up. It is tried again.",
            file_sha256=key.file_sha256, feed=key.feed,
        )  # fmt: skip
    with writing(engine, key.tenant_id) as connection:
        name: str = connection.execute(select(ingested_files.c.file_name).where(*key.where)).scalar_one()
        _insert_once(
            connection, quarantined_rows, [_quarantined(key, name, refusal, now) for refusal in refusals]
        )
        connection.execute(
            update(ingested_files).where(*key.where).values(
                state="loaded", row_count=row_count, loaded_count=loaded, quarantined_count=len(refusals),
                duplicate_count=duplicates, claimed_until=None, loader_version=loader_version, loaded_at=now,
                error=None,
            )
        )  # fmt: skip
        crashpoint("ledger:before-settle-commit")


def refuse(engine: Engine, key: FileKey, error: str, now: datetime) -> None:
    """Record that a file cannot be read at all, with the sentence that says why; its bytes are kept."""
    with writing(engine, key.tenant_id) as connection:
        _refuse(connection, key, error, now)


def _refuse(connection: Connection, key: FileKey, error: str, now: datetime) -> None:
    connection.execute(
        update(ingested_files)
        .where(*key.where)
        .values(state="refused", error=error, claimed_until=None, loaded_at=now)
    )


def refused_since(engine: Engine, tenant_id: str, since: datetime) -> list[Row[Any]]:
    """Return feed, file name and reason of the files refused from `since` (UTC) on."""
    columns = ingested_files.c
    query = select(columns.feed, columns.file_name, columns.error).where(
        columns.tenant_id == tenant_id, columns.state == "refused", columns.loaded_at >= since
    )
    with reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(columns.feed, columns.file_name)))


def refusal_of(engine: Engine, key: FileKey) -> str | None:
    """Return why a file was refused, or None where it was not."""
    query = select(ingested_files.c.error).where(*key.where, ingested_files.c.state == "refused")
    with reading(engine, key.tenant_id) as connection:
        return connection.execute(query).scalar_one_or_none()


def _quarantined(key: FileKey, file_name: str, refusal: Refusal, now: datetime) -> dict[str, Any]:
    identity = f"{key.tenant_id}\0{key.feed}\0{key.file_sha256}\0{refusal.row_number}"
    return {
        "tenant_id": key.tenant_id,
        "quarantine_id": f"qr_{hashlib.sha256(identity.encode()).hexdigest()[:24]}",
        "feed": key.feed,
        "file_sha256": key.file_sha256,
        "file_name": file_name,
        "row_number": refusal.row_number,
        "column_name": refusal.column_name,
        "rule": refusal.rule,
        "message": refusal.message,
        "raw": refusal.raw,
        "values": refusal.values,
        "state": "quarantined",
        "quarantined_at": now,
    }


def corrected_rows(engine: Engine, tenant_id: str | None = None, feed: str | None = None) -> list[Row[Any]]:
    """Return rows that people corrected and nobody has replayed yet."""
    c = quarantined_rows.c
    query = select(quarantined_rows).where(c.state == "corrected")
    if tenant_id is not None:
        query = query.where(c.tenant_id == tenant_id)
    if feed is not None:
        query = query.where(c.feed == feed)
    with _reading(engine, tenant_id) as connection:
        return list(connection.execute(query.order_by(c.corrected_at, c.quarantine_id)))


def settle_replay(
    engine: Engine,
    tenant_id: str,
    quarantine_id: str,
    *,
    is_duplicate: bool,
    refusal: Refusal | None,
    as_of: datetime,
    now: datetime,
) -> None:
    """Record what became of a corrected row: loaded, known already, or refused again with the new reason.

    `as_of` is the tenant's feed time by which it was judged.

    The file's counts move with it, so rows in = loaded + quarantined + duplicate holds throughout.
    """
    c, files = quarantined_rows.c, ingested_files.c
    this = (c.tenant_id == tenant_id, c.quarantine_id == quarantine_id)
    with writing(engine, tenant_id) as connection:
        row = connection.execute(select(quarantined_rows).where(*this).with_for_update()).one()
        if row.state != "corrected":
            return
        if refusal is not None:
            changes = {"state": "quarantined", "message": refusal.message, "rule": refusal.rule}
            connection.execute(
                update(quarantined_rows)
                .where(*this)
                .values(**changes, column_name=refusal.column_name, values=refusal.values)
            )
            return
        connection.execute(
            update(quarantined_rows)
            .where(*this)
            .values(state="replayed", replayed_at=now, replayed_as_of=as_of)
        )
        moved = files.duplicate_count if is_duplicate else files.loaded_count
        connection.execute(
            update(ingested_files)
            .where(*FileKey(tenant_id, row.feed, row.file_sha256).where)
            .values({files.quarantined_count: files.quarantined_count - 1, moved: moved + 1})
        )


def gaps(engine: Engine, tenant_id: str, feed: str) -> list[str]:
    """Return a sentence for every file whose counts do not reconcile; none is the only good answer."""
    f, q = ingested_files.c, quarantined_rows.c
    kept = (
        select(func.count())
        .where(
            q.tenant_id == f.tenant_id,
            q.feed == f.feed,
            q.file_sha256 == f.file_sha256,
            q.state.in_(OPEN_IN_QUARANTINE),
        )
        .scalar_subquery()
    )
    query = select(ingested_files, kept.label("kept")).where(
        f.tenant_id == tenant_id, f.feed == feed, f.state == "loaded"
    )
    with reading(engine, tenant_id) as connection:
        rows = connection.execute(
            query.where(
                or_(
                    f.row_count != f.loaded_count + f.quarantined_count + f.duplicate_count,
                    kept != f.quarantined_count,
                )
            )
        )
        return [
            f"{row.file_name}: {row.row_count} in, {row.loaded_count} loaded, {row.quarantined_count} quarantined "
            f"({row.kept} kept), {row.duplicate_count} duplicate"
            for row in rows
        ]


def record_checks(engine: Engine, tenant_id: str, feed: str, checks: Iterable[Check], now: datetime) -> None:
    """Keep the latest verdict of each check of a feed, for the data health page."""
    rows = [
        {
            "tenant_id": tenant_id, "feed": feed, "check_name": check.name, "passed": check.passed,
            "description": check.description, "checked_at": now,
        }
        for check in checks
    ]  # fmt: skip
    if not rows:
        return
    c = check_results.c
    with writing(engine, tenant_id) as connection:
        connection.execute(check_results.delete().where(c.tenant_id == tenant_id, c.feed == feed))
        connection.execute(insert(check_results), rows)


def _reading(engine: Engine, tenant_id: str | None) -> AbstractContextManager[Connection]:
    return reading_across(engine) if tenant_id is None else reading(engine, tenant_id)


def _insert_once(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> int:
    """Insert what is not there yet; return how many rows that were."""
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return int(connection.execute(statement, rows).rowcount)
