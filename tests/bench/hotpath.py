"""From a file that lands to its case, by the hot path as `make up` keeps it alive, and by a command.

Files land in a home that `tidewaiter run` has built, each with one late shipment, of an order of its own: first each
as soon as the one before it has its case, whose run has yet to end; then each a while after, when all is at rest and
the warehouse is closed. The time counts from the moment the file is moved into its folder to the moment the store has
its case; one that is written in place waits a second more, for it counts once it has stopped changing. The first file
finds the process cold.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conftest import TIDEWAITER, Home
from tests.system.running import as_csv, exported_shipments, late_shipment, move_in, wait_for

FILES = 40
REST_SECONDS = 3.0


def measure(folder: Path, files: int = FILES) -> dict[str, Any]:
    """Return seconds from a landed file to its case: of the first, and medians and 95th percentiles of the rest."""
    home = Home(folder / "var")
    home.run("run")
    of_an_order = {row["order_no"]: row for row in exported_shipments(home)}
    likes = list(of_an_order.values())
    by_command = seconds_to_case(home, 0, likes[0], lambda: home.run("run"))
    hot_path = subprocess.Popen(
        [str(TIDEWAITER), "hot-path"], env=home.environment, stderr=subprocess.DEVNULL
    )
    try:
        first, *in_a_row = [seconds_to_case(home, number, likes[number]) for number in range(1, files + 2)]
        at_rest = [rested(home, number, likes[number]) for number in range(files + 2, 2 * files + 2)]
    finally:
        hot_path.terminate()
        hot_path.wait(30)
    return {
        "what": "a landed file to its case, by the hot path", "files": files,
        "in_a_row": told(in_a_row), "at_rest": told(at_rest),
        "first_seconds": round(first, 1), "by_a_command_seconds": round(by_command, 1),
    }  # fmt: skip


def told(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {
        "p50_seconds": round(statistics.median(seconds), 1),
        "p95_seconds": round(statistics.quantiles(seconds, n=20)[-1], 1),
    }


def rested(home: Home, number: int, like: dict[str, str]) -> float:
    """Land a file when all is at rest; return how long its case took."""
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
