"""Hosts of one lake, as processes to be killed: writers that want the one lease, and readers of what is published."""

from __future__ import annotations

import multiprocessing
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import duckdb

from orchestration.errors import LeaseLost
from orchestration.lake import Lake
from orchestration.warehouse import Warehouse

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
KEEP = 3  # publications: a reader may be in the oldest


def write(lake: Lake, told: Path) -> None:
    """Build again and again, as runs do: take the lease, load rows, make a mart of them, publish.

    Every commit that returned is told in a file of the writer's own, with the number it read under the lease.
    """
    for turn in range(1_000_000):
        warehouse, name = Warehouse(lake), f"{told.stem}-{os.getpid()}-{turn}"
        with suppress(LeaseLost), warehouse.lock():
            with warehouse.transaction() as connection:
                newest = connection.execute("select coalesce(max(number), 0) from raw.rows").fetchall()[0][0]
                connection.execute("insert into raw.rows values (?, ?)", [newest + 1, name])
            with told.open("a") as stream:
                stream.write(f"{name}\n")
                stream.flush()
                os.fsync(stream.fileno())
            for mart in ("one", "other"):
                with warehouse.transaction() as connection:
                    connection.execute(f"create or replace table marts.{mart} as from raw.rows")
            with warehouse.transaction() as connection:
                lake.publish(connection, f"pub_{newest + 1:09}", datetime.now(UTC))
            with warehouse.connect() as connection:
                lake.tidy(connection, KEEP)


def read(lake: Lake, told: Path, until: Path) -> None:
    """Read what is published until told to end; tell how often, and everything that was not as it must be."""
    seen, times = 0, 0
    while not until.exists():
        try:
            with lake.reading() as connection:
                one, other = (_rows(connection, mart) for mart in ("one", "other"))
                time.sleep(0.05)
                again = _rows(connection, "one")
        except Exception as problem:
            wrong = f"{type(problem).__name__}: {problem}"
        else:
            wrong = "" if one == other == again and one >= seen else f"{seen} -> {one}, {other}, {again}"
            seen, times = one, times + 1
        if wrong:
            with told.open("a") as stream:
                stream.write(wrong.replace("\n", " ") + "\n")
        time.sleep(0.2)
    told.with_suffix(".times").write_text(str(times))


def _rows(connection: duckdb.DuckDBPyConnection, mart: str) -> int:
    return int(connection.execute(f"select count(*) from marts.{mart}").fetchall()[0][0])


def start_writer(lake: Lake, told: Path) -> ForkServerProcess:
    """Start a host that writes."""
    return _start(write, lake, told)


def start_reader(lake: Lake, told: Path, until: Path) -> ForkServerProcess:
    """Start a host that reads."""
    return _start(read, lake, told, until)


def _start(what: object, *arguments: object) -> ForkServerProcess:
    process = _CONTEXT.Process(target=what, args=arguments, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process
