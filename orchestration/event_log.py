"""Dagster's event log in SQLite, with its databases kept open between events.

The stock storage opens, commits, checkpoints and closes a database, asks for its columns and compiles its statements
anew, for every event, of which a short run has hundreds; and it lays a run's database by its list of migrations. What
it stores, and where, is unchanged: both storages read each other's files. A power cut may lose the last events of a
run's history, which is no record of what was ingested.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from dagster import AssetKey, EventLogRecord
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._serdes import ConfigurableClassData, deserialize_value
from sqlalchemy import Connection, Engine, NullPool, QueuePool, bindparam, create_engine, event

# The index, the run under way, and a few more that somebody looks at.
KEPT_OPEN = 8
# Records of what was made last, of every asset of the project and some more.
KEPT_RECORDS = 512
BUSY_SECONDS = 20


class KeptOpenEventLogStorage(SqliteEventLogStorage):
    """The stock storage, but for how it connects."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the event log in a folder; nothing of a run is opened before it is asked for."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._batch: ExitStack | None = None  # of the batch that is stored now: what ends its transactions
        self._begun: dict[str, Connection] = {}  # and they, by shard
        self._found: set[tuple[str, str]] = set()
        super().__init__(base_dir, inst_data)
        # a batch takes it once more for each of its events
        self._db_lock: Any = threading.RLock()

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

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all of the events, or none of them where one cannot be stored."""
        with self._db_lock:
            self._begun = {}
            try:
                with ExitStack() as self._batch:
                    for (run_id, is_planned), of_kind in groupby(events, key=_run_and_kind):
                        if is_planned:
                            self._store_planned(run_id, list(of_kind))
                        else:
                            for event in of_kind:
                                self.store_event(event)
            finally:
                self._batch = None

    def _store_planned(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        """Store what a run means to make, which is most tables of the project: one statement for all of it."""
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_connection() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            has_columns = self._has_asset_key_index_cols_on_connection(connection)
            noted = [
                {"known": row["asset_key"], **self._get_asset_entry_values(event, 0, has_columns)}
                for row, event in zip(rows, events, strict=True)
            ]
            is_known = AssetKeyTable.c.asset_key == bindparam("known")
            if connection.execute(AssetKeyTable.update().where(is_known), noted).rowcount < len(events):
                for event in events:  # some are new
                    self._store_asset_event(connection, event, 0)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._batch is None:
                with self._engine_of(shard).begin() as connection:
                    yield connection
                return
            if shard not in self._begun:
                self._begun[shard] = self._batch.enter_context(self._engine_of(shard).begin())
            yield self._begun[shard]

    def _engine_of(self, shard: str) -> Engine:
        kept, address = self._engines, self.conn_string_for_shard(shard)
        if shard not in self._initialized_dbs:
            self._lay(shard)
            self._initialized_dbs.add(shard)
        kept[shard] = kept.pop(shard) if shard in kept else opened(address)
        while len(kept) > KEPT_OPEN:
            kept.popitem(last=False)[1].dispose()
        return kept[shard]

    def _lay(self, shard: str) -> None:
        """See to it that a database is there, with its tables: of a run, a copy of an empty one."""
        path = Path(self.path_for_shard(shard))
        if not path.exists():
            copy = path.with_suffix(f".{os.getpid()}.part")
            copy.write_bytes(self._empty)
            with suppress(FileExistsError):  # another process was faster
                path.hardlink_to(copy)
            copy.unlink()
        else:
            self._initdb(_closed_at_once(self.conn_string_for_shard(shard)))

    @cached_property
    def _empty(self) -> bytes:
        """A run's database as the stock storage lays it; made once, for that takes the whole list of migrations."""
        with tempfile.TemporaryDirectory() as made:
            self._initdb(_closed_at_once(create_db_conn_string(made, "empty")))
            return (Path(made) / "empty.db").read_bytes()

    def _get_latest_materialization_records(
        self, raw_asset_rows: Any
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Return what assets were last made of; of most it is what it was when a step before asked."""
        found, others = dict[AssetKey, EventLogRecord | None](), []
        for row in raw_asset_rows:
            key = AssetKey.from_db_string(row["asset_key"])
            record = None if row["asset_details"] else _record_of(row["last_materialization"])
            if key and record:
                found[key] = record
            else:
                others.append(row)
        return {**found, **(super()._get_latest_materialization_records(others) if others else {})}

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Note what happened to an asset: nearly always to one that the index has."""
        key = event.dagster_event and event.dagster_event.asset_key
        has_columns = self._has_asset_key_index_cols_on_connection(conn)
        values = self._get_asset_entry_values(event, event_id, has_columns) if key else {}
        if key and values:
            known = AssetKeyTable.c.asset_key == key.to_string()
            if conn.execute(AssetKeyTable.update().values(**values).where(known)).rowcount:
                return
        super()._store_asset_event(conn, event, event_id)

    def has_table(self, table_name: str) -> bool:
        """Say whether the index has a table; what is there stays there."""
        return self._once("table", table_name, super().has_table)

    def has_secondary_index(self, name: str) -> bool:
        """Say whether a migration of the index was done; what was done stays done."""
        return self._once("migration", name, super().has_secondary_index)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        ask = partial(super()._has_asset_key_col_on_connection, conn)
        return self._once("column", column_name, ask)

    def _once(self, kind: str, name: str, ask: Callable[[str], bool]) -> bool:
        if (kind, name) not in self._found and ask(name):
            self._found.add((kind, name))
        return (kind, name) in self._found

    def dispose(self) -> None:
        """Close what is open."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _run_and_kind(event: EventLogEntry) -> tuple[str, bool]:
    told = event.dagster_event
    return event.run_id, told is not None and told.is_asset_materialization_planned


@lru_cache(maxsize=KEPT_RECORDS)
def _record_of(text: str | None) -> EventLogRecord | None:
    """Read what is stored of an asset that was made last; None where there is nothing, or an old release stored it."""
    record = deserialize_value(text) if text else None
    return record if isinstance(record, EventLogRecord) else None


def _closed_at_once(address: str) -> Engine:
    """Return an engine as the stock storage has it, for what wants several connections at once."""
    return create_engine(address, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})


def opened(address: str) -> Engine:
    """Return an engine that keeps one connection open; more, for whoever asks meanwhile, are closed at once."""
    waits = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=QueuePool, pool_size=1, max_overflow=-1, connect_args=waits)

    @event.listens_for(engine, "connect")
    def _tuned(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("pragma synchronous = normal")

    return engine
