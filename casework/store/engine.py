"""The operational store's engine: SQLite (WAL, FULL) by default, PostgreSQL for a team; one code for both.

`writing` opens a transaction that takes the write lock first (BEGIN IMMEDIATE on SQLite), `reading` one that
sees a single snapshot and never blocks a writer. Each names the tenant whose rows it is about; on PostgreSQL
the database itself shows it no others (`row_security`). What has to look over all tenants says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DisconnectionError, InterfaceError, OperationalError

from casework.errors import DetailsRefused, StoreUnavailable
from casework.store import row_security

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7_218_447_001  # any constant: PostgreSQL's advisory lock for migrations
BUSY_TIMEOUT_MS = 30_000
TRUSTED_SECONDS = 1.0  # a connection used so recently is not asked again whether it is still there


def open_store(url: str) -> Engine:
    """Return an engine for `sqlite:///<path>` or `postgresql://...`; does not create or change tables."""
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if not url.startswith("sqlite"):
        engine = create_engine(url)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", _ask_if_idle)
        event.listen(engine, "begin", row_security.begin)
        return engine
    engine = create_engine(url)
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _ask_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that lay idle whether its server is still there; asking each time costs round trips."""
    used_at = record.info.get("used_at")
    if used_at is None or time.monotonic() - used_at < TRUSTED_SECONDS:
        return
    try:
        connection.execute("")
        connection.rollback()
    except Exception as gone:
        raise DisconnectionError from gone


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin for us: _begin_sqlite does
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = wal",
        "synchronous = full",
        "foreign_keys = on",
        "trusted_schema = off",
    ):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads before it writes can fail at once with "database is locked"
    # whatever the busy timeout, so every transaction that may write takes the lock first.
    is_reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def writing(engine: Engine, tenant_id: str | None) -> AbstractContextManager[Connection]:
    """Open a write transaction on one tenant's rows (of none for None); commit at the end, roll back on any error."""
    return _writing(engine, row_security.Sight(tenant_id))


def writing_across(engine: Engine) -> AbstractContextManager[Connection]:
    """Open a write transaction on the rows of every tenant: the door for what concerns several at once."""
    return _writing(engine, row_security.EVERY_TENANT)


def reading(
    engine: Engine, tenant_id: str | None, at: datetime | None = None
) -> AbstractContextManager[Connection]:
    """Open a transaction dated `at` that sees one snapshot of one tenant's rows (of none for None)."""
    return _reading(engine, row_security.Sight(tenant_id), at)


def reading_across(engine: Engine, at: datetime | None = None) -> AbstractContextManager[Connection]:
    """Open a transaction dated `at` that sees one snapshot of every tenant: for workers, auditors, ledgers."""
    return _reading(engine, row_security.EVERY_TENANT, at)


def owning(engine: Engine) -> AbstractContextManager[Connection]:
    """Open the transaction of whoever owns the tables, on every row: the door of migrations alone."""
    return _writing(engine, row_security.OWNER)


@contextmanager
def _writing(engine: Engine, sight: row_security.Sight) -> Iterator[Connection]:
    with _explained(), engine.connect() as connection, sight.over(connection).begin():
        yield connection


@contextmanager
def _reading(engine: Engine, sight: row_security.Sight, at: datetime | None) -> Iterator[Connection]:
    options: dict[str, Any] = {"reading": True, "at": at}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _explained(), engine.connect().execution_options(**options) as connection:
        yield sight.over(connection)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as problem:
        raise _unavailable(problem) from problem
    except (DataError, UnicodeEncodeError) as problem:
        raise _unstorable(problem) from problem


def date(connection: Connection, at: datetime) -> None:
    """Date a transaction: what has ended by this instant of desk time has ended for it."""
    connection.execution_options(at=at)


def instant_of(connection: Connection) -> datetime | None:
    """Return the instant a transaction is dated, if it is."""
    found: datetime | None = connection.get_execution_options().get("at")
    return found


def _unavailable(problem: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        "The store could not be reached or is busy, and did not confirm the change. "
        "Look whether it was saved before you repeat it.",
        reason=str(getattr(problem, "orig", problem)),
    )


def _unstorable(problem: Exception) -> DetailsRefused:
    return DetailsRefused(
        "Something in it cannot be stored (a character no text may hold, or a number too large). "
        "Nothing was saved; remove it and try again.",
        reason=str(getattr(problem, "orig", problem)),
    )


def migrate(engine: Engine) -> None:
    """Bring the store to the newest schema; two processes may do so at once, a rerun changes nothing."""
    with owning(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
