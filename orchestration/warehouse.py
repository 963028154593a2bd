"""The warehouse: opened for writing here alone, one process at a time.

A second writer waits for the first instead of failing, and a writer that dies keeps nobody waiting (`places`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from orchestration.places import Place, Right
from orchestration.settings import WAREHOUSE_MEMORY

# What orchestration tells dbt before a build; also in the dbt project as sources.
SETTINGS_TABLES = {
    "tenant_clocks": "tenant_id varchar, as_of timestamptz",
    "tenant_tariffs": (
        "tenant_id varchar, currency_code varchar, penalty_per_day double, penalty_cap double, "
        "penalty_basis varchar, penalty_share_per_day double, penalty_cap_share double, revenue_share double, "
        "tier_weight_gold double, tier_weight_silver double, tier_weight_bronze double, default_tier varchar, "
        "shipment_value_default double, assumption varchar"
    ),
    "service_agreements": (
        "tenant_id varchar, agreement_name varchar, customer_id varchar, origin_facility_id varchar, "
        "destination_facility_id varchar, service_level varchar, penalty_per_day double, penalty_cap double, "
        "otif_early_hours double, otif_late_hours double, otif_short_share double, in_force_from timestamptz, "
        "in_force_until timestamptz"
    ),
    "free_time_terms": (
        "tenant_id varchar, terms_name varchar, clock varchar, facility_id varchar, carrier_id varchar, "
        "free_days bigint, starts varchar, free_days_are varchar, charged_days_are varchar, closed_on varchar, "
        "rates varchar, in_force_from timestamptz, in_force_until timestamptz"
    ),
    "exception_rules": "tenant_id varchar, exception_type varchar, parameter varchar, value double, is_enabled boolean",
    "reference_decisions": (
        "tenant_id varchar, reference_type varchar, reference_key varchar, carrier_id varchar, decision varchar, "
        "shipment_id varchar, facility_id varchar, customer_id varchar, decision_id varchar, decided_at timestamptz"
    ),
}
# What orchestration tells dbt once the files are loaded.
ARRIVALS_TABLES = {
    "feed_arrivals": (
        "tenant_id varchar, feed varchar, producer varchar, cadence_hours double, lateness_hours double, "
        "newest_recorded_at timestamptz, newest_file_sha256 varchar, file_count bigint, refused_file_count bigint, "
        "recent_since timestamptz, recent_row_count bigint, recent_refused_count bigint, most_broken_rule varchar, "
        "most_broken_column varchar, refused_file_name varchar, refused_file_sha256 varchar, refused_reason varchar, "
        "refused_at timestamptz"
    ),
}
TOLD_TABLES = SETTINGS_TABLES | ARRIVALS_TABLES
# What was loaded since everything was built, by which clocks, code and settings that was, what short runs changed
# since, and what of it is published.
BUILT_TABLES = {
    "changed_files": "tenant_id varchar, table_name varchar, file_sha256 varchar",
    "built_clocks": "tenant_id varchar, as_of timestamptz",
    "built_from": "digest varchar, is_short boolean",
    "built_steps": "step varchar, built_in bigint, changed_in bigint, content varchar",
    "published_tables": "table_name varchar, version bigint, publication_id varchar",
}
SCORES_COLUMNS = (
    "tenant_id varchar, shipment_id varchar, cutoff_at timestamptz, checkpoint varchar, late_probability double, "
    "predicted_arrival_at timestamptz, interval_low_at timestamptz, interval_high_at timestamptz, "
    "model_version varchar, feature_sha256 varchar, reasons varchar, scored_at timestamptz, row_hash ubigint"
)
# What was committed is folded into the file when it is closed, or at this much: no short run waits for it.
CHECKPOINT = "256 MB"
WORKERS = 2  # works at once in other threads
UNFILLED = "raw._unfilled"  # a table that is there while the others lack rows


# How the types above are told to Arrow.
ARROW_TYPES = {
    "varchar": pa.string(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamptz": pa.timestamp("us", "UTC"),
}

Done = TypeVar("Done")


@dataclass
class Warehouse:
    """One warehouse, wherever it lies, and the right to write it."""

    place: Place
    memory: str = WAREHOUSE_MEMORY
    _depth: int = field(default=0, repr=False)
    _right: Right | None = field(default=None, repr=False)
    _database: duckdb.DuckDBPyConnection | None = field(default=None, repr=False)
    _workers: ThreadPoolExecutor | None = field(default=None, repr=False)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the one writer's lock; wait for whoever holds it. May be nested."""
        if self._depth == 0:
            self._take()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._give_back()

    def hold(self) -> None:
        """Take the lock and keep it until this process ends: a run is the only writer from start to end.

        Where the lock is held already, whoever took it keeps it for the run and gives it back after.
        """
        if self._depth == 0:
            self._take()
            self._depth = 1

    def _take(self) -> None:
        self._right = self.place.take()

    def _give_back(self) -> None:
        if self._workers is not None:
            self._workers.shutdown()
        if self._database is not None:
            self._database.close()
        if self._right is not None:
            self._right.close()
        self._database = self._right = self._workers = None

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection under the lock; UTC, no extensions fetched. It stays open while the lock is held."""
        with self.lock():
            if self._database is None:
                self._database = self.place.open()
                self._database.execute("set autoinstall_known_extensions = false")
                self._database.execute("set memory_limit = ?", [self.memory])
                self._database.execute("set checkpoint_threshold = ?", [CHECKPOINT])
            with self._cursor(self._database) as connection:
                yield connection

    @contextmanager
    def short_questions(self) -> Iterator[None]:
        """Hold the lock, and answer with one thread where several have nothing to share."""
        with self.connect() as connection:
            is_alone = not self.place.gains_by_threads(connection)
            if is_alone:
                connection.execute("set threads = 1")
            try:
                yield
            finally:
                if is_alone:
                    connection.execute("reset threads")

    def meanwhile(self, work: Callable[[duckdb.DuckDBPyConnection], Done]) -> Future[Done]:
        """Do some work in another thread, with a connection that sees what is committed when it begins, maybe later.

        Called by whoever holds the lock; the warehouse stays open until the work is done.
        """
        with self.connect():  # it is open now
            database = self._database

        def done() -> Done:
            assert database is not None
            with self._cursor(database) as connection:
                return work(connection)

        self._workers = self._workers or ThreadPoolExecutor(WORKERS, "warehouse")
        return self._workers.submit(done)

    @contextmanager
    def _cursor(self, database: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = database.cursor()
        try:
            connection.execute("set TimeZone = 'UTC'")
            # as in dbt's profile: few questions of a long record are looked up in order, never one by one
            connection.execute("set asof_loop_join_threshold = 0")
            self.place.enter(connection)
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection under the lock, and commit what was done with it, or none of it."""
        with self.connect() as connection:
            connection.execute("begin transaction")
            try:
                yield connection
                self.check()
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def check(self) -> None:
        """Raise where somebody else may write by now: asked before what was built is made to count."""
        if self._right is not None:
            self._right.check()

    def is_wanted(self) -> bool:
        """Say whether somebody waits for the lock that is held here."""
        return self._right is not None and self._right.is_wanted()

    def tidy(self, keep: int) -> None:
        """Let the place forget what only publications before the newest `keep` need."""
        with self.connect() as connection:
            self.place.tidy(connection, keep)

    def prepare(self, raw_tables: dict[str, str]) -> None:
        """Create what dbt expects to find, empty where nothing has arrived: `raw.*` and `ml.*`.

        A column that a table from an older release lacks is added, null in the rows that stand there.
        """
        expected = {
            ("raw", name): columns for name, columns in {**raw_tables, **TOLD_TABLES, **BUILT_TABLES}.items()
        }
        expected["ml", "arrival_scores"] = SCORES_COLUMNS
        with self.transaction() as connection:
            standing = _standing_columns(connection)
            for (schema, table), columns in expected.items():
                if (schema, table) not in standing:
                    connection.execute(f"create schema if not exists {schema}")
                    connection.execute(f'create table {schema}."{table}" ({columns})')
                    continue
                for column in columns.split(", "):
                    if column.split()[0].strip('"') not in standing[schema, table]:
                        connection.execute(f'alter table {schema}."{table}" add column {column}')

    def empty(self, raw_tables: dict[str, str]) -> None:
        """Take every row of the feeds out, and make their tables anew."""
        with self.transaction() as connection:
            connection.execute("create schema if not exists raw")
            for name, columns in BUILT_TABLES.items():
                connection.execute(f"create table if not exists raw.{name} ({columns})")
            for name, columns in raw_tables.items():
                connection.execute(f'drop table if exists raw."{name}"')
                connection.execute(f'create table raw."{name}" ({columns})')
            _forget_built(connection)

    def mark_unfilled(self) -> None:
        """Note that the raw tables do not hold what the ledger says is loaded, from here on."""
        with self.transaction() as connection:
            connection.execute("create schema if not exists raw")
            connection.execute(f"create table if not exists {UNFILLED} (since timestamptz)")

    def mark_filled(self) -> None:
        """Note that they hold it."""
        with self.transaction() as connection:
            connection.execute(f"drop table {UNFILLED}")

    def is_unfilled(self) -> bool:
        """Say whether they lack something by what was noted."""
        schema, table = UNFILLED.split(".")
        return table in self._tables(schema)

    def is_new(self) -> bool:
        """Say whether nothing was ever prepared here."""
        return not self._tables("raw")

    def _tables(self, schema: str) -> set[str]:
        query = (
            "select table_name from information_schema.tables "
            "where table_catalog = current_database() and table_schema = ?"
        )
        with self.connect() as connection:
            return {str(row[0]) for row in connection.execute(query, [schema]).fetchall()}

    def replace_told(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write one table that orchestration tells dbt of whole, where it does not hold these rows."""
        if self.tells(name, rows):
            return
        columns = dict(column.split() for column in TOLD_TABLES[name].split(", "))
        arrays = {
            column: pa.array([row.get(column) for row in rows], ARROW_TYPES[kind])
            for column, kind in columns.items()
        }
        with self.transaction() as connection:
            connection.execute(f"delete from raw.{name}")
            connection.register("told", pa.table(arrays))
            connection.execute(f"insert into raw.{name} by name from told")

    def tells(self, name: str, rows: Sequence[dict[str, Any]]) -> bool:
        """Say whether such a table holds exactly these rows."""
        columns = [column.split()[0] for column in TOLD_TABLES[name].split(", ")]
        standing = self.read(f"select {', '.join(columns)} from raw.{name}").to_pylist()
        return Counter(tuple(row.values()) for row in standing) == Counter(
            tuple(row.get(column) for column in columns) for row in rows
        )

    def load_files(self, table: str, files: dict[str, pa.Table], tenant_id: str) -> dict[str, int]:
        """Load the rows of some files, by file hash, in one transaction; return how many of each were new.

        Loading a file again replaces what it loaded before, so a crash costs a repetition and no more. A row
        is known, and left out, when a row with the same content stands in the table already, earlier in the
        same file, or in an earlier file of the batch.
        """
        scope, values = "_tenant_id = ? and _file_sha256 in (select unnest(?))", [tenant_id, list(files)]
        return self._load(table, pa.concat_tables(files.values()), tenant_id, scope, values)

    def forget_files(self, table: str, files: Sequence[str], tenant_id: str) -> None:
        """Take out the rows of some files, by hash."""
        with self.transaction() as connection:
            connection.execute(
                f'delete from raw."{table}" where _tenant_id = ? and _file_sha256 in (select unnest(?))',
                [tenant_id, list(files)],
            )
            _forget_built(connection)

    def load_row(self, table: str, rows: pa.Table, tenant_id: str, file_sha256: str, row_number: int) -> bool:
        """Load one corrected row of a file; return whether it was new."""
        scope = "_tenant_id = ? and _file_sha256 = ? and _row_number = ?"
        values = [tenant_id, file_sha256, row_number]
        return bool(self._load(table, rows, tenant_id, scope, values).get(file_sha256))

    def _load(
        self, table: str, rows: pa.Table, tenant_id: str, scope: str, values: list[Any]
    ) -> dict[str, int]:
        ordered = rows.append_column("_arrival", pa.array(range(rows.num_rows), pa.int64()))
        with self.transaction() as connection:
            deleted = connection.execute(f'delete from raw."{table}" where {scope}', values).fetchall()
            if deleted[0][0]:  # what is gone is in no file that came
                _forget_built(connection)
            connection.register("incoming", ordered)
            connection.execute(
                "insert into raw.changed_files select distinct ?, ?, _file_sha256 from incoming",
                [tenant_id, table],
            )
            connection.execute(
                f"""
                insert into raw."{table}" by name
                select * exclude (_arrival)
                from incoming
                where not exists (
                    select 1 from raw."{table}" as known
                    where known._tenant_id = ? and known._row_sha256 = incoming._row_sha256
                )
                qualify row_number() over (partition by _row_sha256 order by _arrival) = 1
                """,
                [tenant_id],
            )
            counted = connection.execute(
                f'select _file_sha256, count(*) from raw."{table}" where {scope} group by all', values
            ).fetchall()
        return {str(sha256): int(count) for sha256, count in counted}

    def is_built_from(self, digest: str) -> bool:
        """Say whether all that stands was built by this code and these settings, and no build was broken off since."""
        return [row["digest"] for row in self.read("select digest from raw.built_from").to_pylist()] == [
            digest
        ]

    def begin_build(self) -> None:
        """Note that what stands may be half built, until `end_build`."""
        with self.transaction() as connection:
            _forget_built(connection)

    def is_built_short(self) -> bool:
        """Say whether the last build was of what was touched alone, which is noted for what follows from it."""
        return [row["is_short"] for row in self.read("select is_short from raw.built_from").to_pylist()] == [
            True
        ]

    def end_build(self, digest: str, *, is_short: bool = False) -> None:
        """Note that everything that is loaded and known by the clocks is built, by this code and these settings."""
        with self.transaction() as connection:
            connection.execute("delete from raw.changed_files")
            connection.execute("delete from raw.built_clocks")
            connection.execute("insert into raw.built_clocks select tenant_id, as_of from raw.tenant_clocks")
            _forget_built(connection)
            connection.execute("insert into raw.built_from values (?, ?)", [digest, is_short])

    def read(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a query as an Arrow table."""
        with self.connect() as connection:
            return connection.execute(query, list(parameters)).to_arrow_table()


def _forget_built(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the next build be of everything."""
    connection.execute("delete from raw.built_from")


def _standing_columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], set[str]]:
    """Return the columns of each table that stands, by schema and table."""
    query = (
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_catalog = current_database() and table_schema in ('raw', 'ml')"
    )
    standing: dict[tuple[str, str], set[str]] = {}
    for schema, table, column in connection.execute(query).fetchall():
        standing.setdefault((schema, table), set()).add(column)
    return standing
