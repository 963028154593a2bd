"""From a file that lands to its case, by the hot path as `make up` keeps it alive, and by a command.

Files land in a home that `tidewaiter run` has built, each with one late shipment, of an order of its own: first each
as soon as the one before it has its case, whose run has yet to end; then each a while after, when all is at rest; then
each a while after somebody else had the warehouse, for whom the hot path closed it; and at last one after another
where a year of posts, each a file, is in the ledger. The time counts from the moment the file is moved into its folder
to the moment the store has its case; one that is written in place waits a second more, for it counts once it has
stopped changing. The first file finds the process cold.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.places import OneFile
from tests.conftest import TIDEWAITER, Home
from tests.system.running import as_csv, exported_shipments, late_shipment, move_in, wait_for

FILES = 40
REST_SECONDS = 3.0
YEAR_OF_POSTS = 200_000


def measure(folder: Path, files: int = FILES) -> dict[str, Any]:
    """Return seconds from a landed file to its case: of the first, and medians and 95th percentiles of the rest."""
    home = Home(folder / "var")
    home.run("run")
    of_an_order = {row["order_no"]: row for row in exported_shipments(home)}
    likes = list(of_an_order.values())
    by_command = seconds_to_case(home, 0, likes[0], lambda: home.run("run"))
    with a_hot_path(home):
        first, *in_a_row = [seconds_to_case(home, number, likes[number]) for number in range(1, files + 2)]
        at_rest = [rested(home, number, likes[number]) for number in range(files + 2, 2 * files + 2)]
        numbers = range(2 * files + 2, 3 * files + 2)
        closed = [rested(home, number, likes[number], is_closed=True) for number in numbers]
    lengthen_ledger(home)
    home.run("run")  # what the ledger has gained is in no publication
    with a_hot_path(home):
        numbers = range(3 * files + 2, 4 * files + 3)
        _first, *long_ledger = [seconds_to_case(home, number, likes[number]) for number in numbers]
    return {
        "what": "a landed file to its case, by the hot path", "files": files,
        "in_a_row": told(in_a_row), "at_rest": told(at_rest),
        "closed": told(closed),
        f"after_{YEAR_OF_POSTS}_files": told(long_ledger),
        "first_seconds": round(first, 1), "by_a_command_seconds": round(by_command, 1),
    }  # fmt: skip


@contextmanager
def a_hot_path(home: Home) -> Iterator[None]:
    """Keep a hot path alive."""
    command = [str(TIDEWAITER), "hot-path"]
    hot_path = subprocess.Popen(command, env=home.environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        hot_path.terminate()
        hot_path.wait(30)


def lengthen_ledger(home: Home) -> None:
    """Put into the ledger what a year of posts leaves there: a loaded file every few minutes."""
    before = "strftime('%Y-%m-%d %H:%M:%f000', {}, '-' || (157 * value) || ' seconds')"
    with sqlite3.connect(home.path / "operational.db") as store:
        names = [row[1] for row in store.execute("pragma table_info(ingested_files)")]
        made = {
            "feed": "'webhook_ship24'",
            "file_sha256": "printf('%064x', value)",
            "file_name": "'post_' || value || '.json'",
            **{name: before.format(name) for name in ("landed_at", "recorded_at", "loaded_at")},
        }
        columns = ", ".join(made.get(name, f'"{name}"') for name in names)
        store.execute(
            f"""
            with recursive numbers(value) as (select 1 union all select value + 1 from numbers where value < ?)
            insert into ingested_files
            select {columns} from numbers,
                (select * from ingested_files where tenant_id = 'demo' and state = 'loaded' limit 1)
            """,
            [YEAR_OF_POSTS],
        )


def told(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {
        "p50_seconds": round(statistics.median(seconds), 1),
        "p95_seconds": round(statistics.quantiles(seconds, n=20)[-1], 1),
    }


def rested(home: Home, number: int, like: dict[str, str], *, is_closed: bool = False) -> float:
    """Land a file when all is at rest, maybe with the warehouse closed; return how long its case took."""
    time.sleep(REST_SECONDS)
    if is_closed:
        OneFile(home.path / "warehouse" / "warehouse.duckdb").take().close()
        time.sleep(REST_SECONDS)
    return seconds_to_case(home, number, like)


def seconds_to_case(home: Home, number: int, like: dict[str, str], carry: Any = None) -> float:
    """Land one late shipment like another; return how long its case took."""
    name = f"SH-{930000 + number}"
    content = as_csv([late_shipment(home, name, like)])
    query = "select 1 from cases where subject = ? and is_open"
    move_in(home, "demo", "shipment", f"shipment_20260901T05{number // 60:02}{number % 60:02}Z.csv", content)
    began = time.perf_counter()
    if carry:
        carry()

    def is_case() -> bool:
        with sqlite3.connect(f"file:{home.path / 'operational.db'}?mode=ro", uri=True, timeout=30) as store:
            return bool(store.execute(query, [name]).fetchall())

    wait_for(is_case, 300, f"the case of {name}", every=0.02)
    return time.perf_counter() - began


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(measure(Path(made), *map(int, sys.argv[1:]))))
