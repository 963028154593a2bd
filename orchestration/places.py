"""Where a warehouse lies, and how one process at a time comes to write it: a file here, a lake in `lake.py`."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

import duckdb

LONG_ROWS = 8 * 122_880  # so many row groups


class Right(Protocol):
    """The one writer's right, while it is held."""

    def check(self) -> None:
        """Raise where the right was lost: asked before every commit."""

    def is_wanted(self) -> bool:
        """Say whether somebody waits for it."""

    def close(self) -> None:
        """Give it back."""


class Place(Protocol):
    """Where a warehouse lies."""

    def take(self) -> Right:
        """Wait until nobody else writes, and take the right to."""

    def open(self) -> duckdb.DuckDBPyConnection:
        """Open what lies there; made where there is nothing yet."""

    def enter(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let names without a database mean what lies there."""

    def gains_by_threads(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Say whether a short question is answered sooner by several threads than by one."""

    def publish(self, connection: duckdb.DuckDBPyConnection, publication_id: str, at: datetime) -> None:
        """Let readers of the place see what stands there, from the commit of this transaction on."""

    def tidy(self, connection: duckdb.DuckDBPyConnection, keep: int) -> None:
        """Forget what only publications before the newest `keep` need."""


@dataclass(frozen=True)
class OneFile:
    """A DuckDB file, and the lock beside it: an `flock`, which the kernel gives back when its holder dies."""

    path: Path

    def take(self) -> Right:
        """Wait for the lock and take it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream, waiting = self.path.with_suffix(".lock").open("a"), self.path.with_suffix(".waiting")
        if not _is_taken(stream):
            with waiting.open("a") as queue:
                fcntl.flock(queue, fcntl.LOCK_SH)
                fcntl.flock(stream, fcntl.LOCK_EX)
        return Lock(stream, waiting)

    def open(self) -> duckdb.DuckDBPyConnection:
        """Open the file."""
        # dbt opens the same file in this process, which takes the very same configuration: none.
        return duckdb.connect(str(self.path))

    def enter(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: a connection to the file is in it."""

    def gains_by_threads(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Say whether a table is long: threads share one out by its row groups."""
        query = "select max(estimated_size) > ? from duckdb_tables() where database_name = current_database()"
        ((is_long,),) = connection.execute(query, [LONG_ROWS]).fetchall()
        return bool(is_long)

    def publish(self, connection: duckdb.DuckDBPyConnection, publication_id: str, at: datetime) -> None:
        """Do nothing: nobody else opens the file, readers have copies."""

    def tidy(self, connection: duckdb.DuckDBPyConnection, keep: int) -> None:
        """Do nothing: the file holds what stands, no history."""


@dataclass(frozen=True)
class Lock:
    """A lock that is held: the kernel takes it from nobody who lives."""

    stream: IO[str]
    waiting: Path  # whoever waits holds a lock of this one meanwhile, together with all others who do

    def check(self) -> None:
        """Do nothing."""

    def is_wanted(self) -> bool:
        """Say whether somebody waits for it."""
        with self.waiting.open("a") as queue:
            return not _is_taken(queue)

    def close(self) -> None:
        """Give it back."""
        self.stream.close()


def _is_taken(stream: IO[str]) -> bool:
    """Take the lock of a file for oneself where nobody has it; say whether it was taken."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
