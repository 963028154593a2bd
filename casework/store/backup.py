"""A copy of the embedded store while it is in use: SQLite's own online backup, checked before it counts."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from casework.errors import DetailsRefused


def backup(engine: Engine, target: Path) -> int:
    """Write a whole, consistent copy of an SQLite store to a new file; return its size in bytes.

    Writers go on meanwhile. PostgreSQL has its own tools for this, and they are the ones to use.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        raise DetailsRefused(
            "This store is on PostgreSQL. Back it up with a base backup and WAL archiving, or with pg_dump as a "
            "superuser or a role with bypassrls (other logins see no tenant's rows), "
            "and after a restore run `tidewaiter store restore-check` all the same.",
            dialect=engine.dialect.name,
        )
    if target.exists():
        raise DetailsRefused(f"{target} exists already; name a new file.", file=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _copy(Path(engine.url.database), partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> None:
    """Copy page by page within one reading of the source, then let SQLite look every page over."""
    reading = f"file:{source}?mode=ro"
    with (
        closing(sqlite3.connect(reading, uri=True, timeout=30)) as opened,
        closing(sqlite3.connect(target)) as copy,
    ):
        opened.backup(copy)
        copy.execute("pragma journal_mode = delete")
        verdict = copy.execute("pragma integrity_check").fetchone()[0]
        copy.commit()
    if verdict != "ok":
        raise DetailsRefused(f"The copy is not whole ({verdict}); nothing was kept.", verdict=verdict)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
