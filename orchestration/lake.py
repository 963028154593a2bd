"""The warehouse in a lake: DuckLake, a PostgreSQL catalogue over Parquet in a folder or an object store.

Many hosts read it; one process at a time writes it, under a lease that PostgreSQL gives back when the holder's
connection ends. dbt opens the same lake by a plugin (`lake_for_dbt`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestration.errors import LeaseLost, NothingPublished, OrchestrationError

NAME = "lake"  # the database that the models are built in
LEASE = 7_218_447_002  # any constant: PostgreSQL's advisory lock of the lake's one writer
# PostgreSQL shows the two halves of a lock's number.
WAITING = """
    select exists (
        select 1 from pg_locks
        where locktype = 'advisory' and not granted and objsubid = 1 and (classid::bigint << 32) | objid::bigint = %s
            and database = (select oid from pg_database where datname = current_database())
    )
"""
EXTENSIONS = ("ducklake", "postgres_scanner")
LONGEST_READING = timedelta(hours=1)
PUBLICATIONS = "publication_id varchar, snapshot_id bigint, published_at timestamptz"


@dataclass(frozen=True)
class Lake:
    """Where a lake lies: its catalogue's address (`postgresql://…`) and its folder or `s3://bucket/prefix`."""

    catalogue: str
    data: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Lake:
        """Read `TIDEWAITER_LAKE_CATALOGUE` and `TIDEWAITER_LAKE_DATA`; raise `OrchestrationError` where one lacks."""
        catalogue, data = (environment.get(f"TIDEWAITER_LAKE_{part}") for part in ("CATALOGUE", "DATA"))
        if not catalogue or not data:
            raise OrchestrationError(
                "A lake needs TIDEWAITER_LAKE_CATALOGUE (postgresql://…) and TIDEWAITER_LAKE_DATA "
                "(a folder, or s3://bucket/prefix). Set both, or neither."
            )
        return cls(catalogue, data)

    # --- the one writer -------------------------------------------------------------------------------------

    def take(self) -> Lease:
        """Wait for the writer's lease and take it; whoever waits longest is next."""
        return Lease(self.catalogue)

    def open(self) -> duckdb.DuckDBPyConnection:
        """Open the lake for reading and writing; made where there is none yet."""
        connection = duckdb.connect(":memory:")
        connection.execute("set autoinstall_known_extensions = false")
        self.introduce(connection)
        connection.execute(f"attach 'ducklake:{NAME}' as {NAME} (data_inlining_row_limit 0)")
        return connection

    def enter(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let names without a database mean the lake's."""
        connection.execute(f"use {NAME}")

    def introduce(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load what reads a lake and tell it where the lake is; how to sign in stands in no statement that is kept."""
        connection.execute("set enable_progress_bar = false")
        is_remote = "://" in self.data
        for extension in EXTENSIONS + (("httpfs",) if is_remote else ()):
            connection.execute(f"load {_quoted(_extension(extension))}")
        if is_remote:
            connection.execute(f"create secret (type s3, {_settings(_s3(os.environ))})")
        told = {
            key: str(value) for key, value in conninfo_to_dict(self.catalogue).items() if value is not None
        }
        password = told.pop("password", "")
        connection.execute(f"create secret catalogue (type postgres, password {_quoted(password)})")
        connection.execute(
            f"create secret {NAME} (type ducklake, metadata_path {_quoted(make_conninfo(**told))}, "
            f"data_path {_quoted(self.data)}, "
            "metadata_parameters map {'TYPE': 'postgres', 'SECRET': 'catalogue'})"
        )

    # --- what is published ----------------------------------------------------------------------------------

    def publish(self, connection: duckdb.DuckDBPyConnection, publication_id: str, at: datetime) -> None:
        """Let readers see the lake as it stands, from the commit of this transaction on."""
        connection.execute("create schema if not exists published")
        connection.execute(f"create table if not exists published.publications ({PUBLICATIONS})")
        connection.execute(
            "insert into published.publications select ?, (from ducklake_current_snapshot(?)), ?",
            [publication_id, NAME, at],
        )

    def gains_by_threads(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Say yes: files of a store are fetched side by side."""
        return True

    def tidy(self, connection: duckdb.DuckDBPyConnection, keep: int) -> None:
        """Forget snapshots that no reader can be in: older than the newest publications, and than any one reading.

        Their files leave the store when as much time has passed again. Whoever calls holds the lease. What killed
        writers left in the store, and many small files that could be one, are seen to once an hour.
        """
        until = datetime.now(UTC) - LONGEST_READING
        publications = connection.execute(
            "select snapshot_id, published_at from published.publications order by publication_id desc limit ?",
            [keep],
        ).fetchall()
        named = "select snapshot_id from ducklake_snapshots(?) where snapshot_id < ? and snapshot_time < ?"
        before = connection.execute(named, [NAME, publications[-1][0], until]).fetchall()
        if before:
            versions = ", ".join(str(row[0]) for row in before)
            connection.execute(f"call ducklake_expire_snapshots('{NAME}', versions => [{versions}])")
        connection.execute(f"call ducklake_cleanup_old_files('{NAME}', older_than => ?)", [until])
        hours = [at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for _, at in publications[:2]]
        if len(set(hours)) > 1:
            connection.execute(f"call ducklake_merge_adjacent_files('{NAME}')")
            connection.execute(f"call ducklake_delete_orphaned_files('{NAME}', older_than => ?)", [until])

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection to what is published, all of it as of one publication, whatever is written meanwhile.

        Reads only; UTC; for an hour at most, then what it reads may be tidied away. Raises `NothingPublished`
        where there is nothing to read yet.
        """
        with duckdb.connect(":memory:") as connection:
            connection.execute("set autoinstall_known_extensions = false")
            self.introduce(connection)
            version = _newest(connection)
            connection.execute(f"attach 'ducklake:{NAME}' as {NAME} (read_only, snapshot_version {version})")
            connection.execute("set TimeZone = 'UTC'")
            self.enter(connection)
            yield connection


class Lease:
    """The one writer's right, held by a connection of its own: PostgreSQL takes it back when that ends, however."""

    def __init__(self, catalogue: str) -> None:
        """Wait for the right and take it; raises `OrchestrationError` where the catalogue cannot be opened."""
        who = f"tidewaiter warehouse, {socket.gethostname()} {os.getpid()}"
        try:
            self._connection = psycopg.connect(
                catalogue, autocommit=True, application_name=who, keepalives_idle=30, keepalives_interval=10
            )
        except psycopg.Error as problem:
            raise OrchestrationError(
                f"The lake's catalogue cannot be opened ({' '.join(str(problem).split())}). Look at "
                "TIDEWAITER_LAKE_CATALOGUE, and whether that server runs."
            ) from problem
        self._connection.execute(
            "set idle_session_timeout = 0; set lock_timeout = 0; set statement_timeout = 0"
        )
        self._connection.execute("select pg_advisory_lock(%s)", [LEASE])

    def check(self) -> None:
        """Raise `LeaseLost` unless the right is still ours: asked before every commit."""
        try:
            self._connection.execute("select 1")
        except psycopg.Error as problem:
            raise LeaseLost(
                "The lake's catalogue cut the connection that held the right to write, so somebody else may write "
                "now. What was not committed yet is not in the lake; run it again."
            ) from problem

    def is_wanted(self) -> bool:
        """Say whether somebody waits for it, or it was lost."""
        try:
            return bool(self._connection.execute(WAITING, [LEASE]).fetchall()[0][0])
        except psycopg.Error:
            return True

    def close(self) -> None:
        """Give the right back."""
        self._connection.close()


def _newest(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the snapshot that readers see."""
    try:
        connection.execute(f"attach 'ducklake:{NAME}' as newest (read_only)")
        told = "select snapshot_id from newest.published.publications order by publication_id desc limit 1"
        found = connection.execute(told).fetchall()
        connection.execute("detach newest")
    except (duckdb.InvalidInputException, duckdb.CatalogException) as nothing:
        raise NothingPublished(
            "Nothing is published in this lake yet: run `tidewaiter run` on the host that writes it."
        ) from nothing
    return int(found[0][0])


def _extension(name: str) -> str:
    """Where an extension's file lies in the package that brought it; nothing is fetched at run time."""
    try:
        folder = resources.files(f"duckdb_extension_{name}")
    except ModuleNotFoundError as missing:
        raise OrchestrationError(
            f"A lake needs DuckDB's extension {name}: install tidewaiter with its extra `lake`."
        ) from missing
    path = Path(str(folder)) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise OrchestrationError(
            f"DuckDB {duckdb.__version__} needs its own extension {name}; {path} is missing."
        )
    return str(path)


def _s3(environment: Mapping[str, str]) -> dict[str, str]:
    """How to sign in to an object store, from the variables that every S3 client reads."""
    told = {
        "key_id": environment.get("AWS_ACCESS_KEY_ID", ""),
        "secret": environment.get("AWS_SECRET_ACCESS_KEY", ""),
        "session_token": environment.get("AWS_SESSION_TOKEN", ""),
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", ""),
    }
    if address := environment.get("AWS_ENDPOINT_URL"):
        parts = urlsplit(address)
        told |= {"endpoint": parts.netloc + parts.path.rstrip("/"), "url_style": "path"}
        told |= {"use_ssl": str(parts.scheme == "https").lower()}
    return {name: value for name, value in told.items() if value}


def _settings(told: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {_quoted(value)}" for name, value in told.items())


def _quoted(text: str) -> str:
    """A literal of DuckDB's statements that take no parameters (attach, load, create secret)."""
    return "'" + text.replace("'", "''") + "'"
