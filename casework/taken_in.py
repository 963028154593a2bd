"""What was taken in, as one number that follows what comes: files, and rows that people corrected or ignored.

It is asked for after every file, so it reads what came of late and counts the rest: the ledger is as long as history.
The number is a sum of hashes, which is the same in whatever order they come, and in every process.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, func, select

from casework.store.tables import ingested_files, quarantined_rows

SUMS_END = 1 << 512
# What came within so long before the newest is read again: another process's clock may be behind, or its commit later.
OVERLAP = timedelta(hours=1)
AT_ONCE = 10_000


@dataclass
class Gathered:
    """Rows of a table that count from some state on, known by their sum and number, and those of late one by one."""

    keys: tuple[Column[Any], ...]  # what tells one from another
    came: ColumnElement[datetime]  # when it began to count
    counts: ColumnElement[bool]
    _sum: int = 0
    _number: int = 0
    _since: datetime | None = None
    _recent: set[int] = field(default_factory=set)

    def sum_of(self, connection: Connection) -> int:
        """Return the sum of all that count now.

        Where their number is not what it was and what came of late, something counts no more: then everything is read.
        """
        number = (
            connection.scalar(select(func.count()).select_from(self.keys[0].table).where(self.counts)) or 0
        )
        if self._since is None or not self._goes_on(connection, self._since, number):
            self._begin(connection)
        return self._sum

    def _goes_on(self, connection: Connection, since: datetime, number: int) -> bool:
        of_late = {_hash(row): row[-1] for row in self._rows(connection, self.came >= since)}
        new = of_late.keys() - self._recent
        if self._number + len(new) != number:
            return False
        self._sum, self._number = (self._sum + sum(new)) % SUMS_END, number
        self._since = max([since, *(came - OVERLAP for came in of_late.values())])
        self._recent = {hashed for hashed, came in of_late.items() if came >= self._since}
        return True

    def _begin(self, connection: Connection) -> None:
        newest = connection.scalar(select(func.max(self.came)).where(self.counts))
        self._sum, self._number, self._recent = 0, 0, set()
        self._since = newest - OVERLAP if newest else None
        for row in self._rows(connection):
            hashed = _hash(row)
            self._sum, self._number = (self._sum + hashed) % SUMS_END, self._number + 1
            if self._since and row[-1] and row[-1] >= self._since:  # of an older release some have no time
                self._recent.add(hashed)

    def _rows(self, connection: Connection, *where: ColumnElement[bool]) -> Iterator[Row[Any]]:
        query = select(*self.keys, self.came).where(self.counts, *where)
        yield from connection.execute(query.execution_options(yield_per=AT_ONCE))


def _hash(row: Row[Any]) -> int:
    """Return the hash of a row's key: all but when it came."""
    return int.from_bytes(hashlib.sha512("\0".join(row[:-1]).encode()).digest())


class TakenIn:
    """All that was taken in, of every tenant, as it is known to one process."""

    def __init__(self) -> None:
        """Know nothing yet: whoever asks first reads everything."""
        files, rows = ingested_files.c, quarantined_rows.c
        self._sets = (
            Gathered(
                (files.tenant_id, files.feed, files.file_sha256),
                files.loaded_at,
                files.state.in_(("loaded", "refused")),
            ),
            Gathered(
                (rows.tenant_id, rows.quarantine_id),
                func.coalesce(rows.replayed_at, rows.corrected_at),
                rows.state.in_(("replayed", "ignored")),
            ),
        )
        self._one_asks = threading.Lock()

    def sums(self, connection: Connection) -> tuple[int, ...]:
        """Return the sums of files that were read or refused, and of rows that were replayed or ignored.

        The connection sees every tenant, and one snapshot of the store.
        """
        with self._one_asks:
            return tuple(gathered.sum_of(connection) for gathered in self._sets)
