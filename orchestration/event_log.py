"""Dagster's event log in SQLite, with its databases kept open between events.

The stock storage opens, commits, checkpoints and closes a database, and compiles its statements anew, for every
event, of which a short run has hundreds. What it stores, and where, is unchanged: both storages read
each other's files. A power cut may lose the last events of a run's history, which is no record of what was ingested.
"""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

# The index, the run under way, and a few more that somebody looks at.
KEPT_OPEN = 8
BUSY_SECONDS = 20


class KeptOpenEventLogStorage(SqliteEventLogStorage):
    """The stock storage, but for how it connects."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It takes no configuration: the files lie where the stock storage keeps them."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptOpenEventLogStorage:
        """Open the event log of the instance in DAGSTER_HOME."""
        return cls(str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine_of(shard).begin() as connection:
            yield connection

    def _engine_of(self, shard: str) -> Engine:
        kept: OrderedDict[str, Engine] = self.__dict__.setdefault("_engines", OrderedDict())
        address = self.conn_string_for_shard(shard)
        if shard not in self._initialized_dbs:
            self._initdb(create_engine(address, poolclass=NullPool))  # it wants several connections at once
            self._initialized_dbs.add(shard)
        kept[shard] = kept.pop(shard) if shard in kept else _opened(address)
        while len(kept) > KEPT_OPEN:
            kept.popitem(last=False)[1].dispose()
        return kept[shard]

    def dispose(self) -> None:
        """Close what is open."""
        for engine in self.__dict__.pop("_engines", {}).values():
            engine.dispose()
        super().dispose()


def _opened(address: str) -> Engine:
    waits = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args=waits)

    @event.listens_for(engine, "connect")
    def _tuned(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("pragma synchronous = normal")

    return engine
