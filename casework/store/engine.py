"""The operational store's engine: SQLite (WAL, FULL) by default, PostgreSQL for a team; one code for both.

`writing` opens a transaction that takes the write lock first (BEGIN IMMEDIATE on SQLite), `reading` one that
sees a single snapshot and never blocks a writer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DisconnectionError, InterfaceError, OperationalError

from casework.errors import DetailsRefused, StoreUnavailable

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


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a write transaction; commit at the end, roll back on any error."""
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError) as problem:
        raise _unavailable(problem) from problem
    except (DataError, UnicodeEncodeError) as problem:
        raise _unstorable(problem) from problem


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one snapshot."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except (OperationalError, InterfaceError) as problem:
        raise _unavailable(problem) from problem
    except (DataError, UnicodeEncodeError) as problem:
        raise _unstorable(problem) from problem


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
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
