"""The pipeline killed at every named point between two durable actions; the next run loses and doubles nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import Home
from tests.system.running import drop
from tests.system.test_up import as_csv, late_shipment

ROUNDS = int(os.environ.get("TIDEWAITER_FAULT_ROUNDS", "1"))
# Each costs two runs of the whole path; `make faults` tries them all, and loading's own points more often.
POINTS = ["sync:between-chunks"]
if ROUNDS > 1:
    POINTS += [
        "publish:after-pointer-before-mark",
        "load:after-rows-before-settle",
        "desk:after-commit-before-checkpoint",
        "sync:between-tenants",
    ]

pytestmark = pytest.mark.whole_path


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home.path / "operational.db") as store:
        return store.execute(query).fetchall()


@pytest.fixture(scope="module")
def crashed(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home over which the points are tried one after another; each finds what the last one left."""
    return built.copy(tmp_path_factory.mktemp("faults") / "var")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_kill_at_any_point_of_the_path_costs_a_repetition_and_nothing_else(
    crashed: Home, tmp_path: Path, point: str, round_number: int
) -> None:
    number = f"SH-{92_000_000 + POINTS.index(point) * 1000 + round_number}"[:11]
    bad = {**late_shipment(crashed, number), "status": "somewhere", "shipment_no": number[:-1] + "9"}
    stamp = f"2026090{1}T05{POINTS.index(point):02d}{round_number:02d}Z"
    drop(crashed, "demo", "shipment", f"shipment_{stamp}.csv", as_csv([late_shipment(crashed, number), bad]))
    marker = tmp_path / "crashed"
    killed = crashed.run("run", check=False, TIDEWAITER_CRASH_AT=point, TIDEWAITER_CRASH_ONCE=str(marker))
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert marker.exists()

    crashed.run("run")
    # Late and silent are two exceptions of one shipment; each is one case, however often it is found.
    found = f"select exception_key, count(*) from cases where subject = '{number}' and is_open group by 1"
    assert {count for _key, count in rows(crashed, found)} == {1}
    assert rows(crashed, "select count(*) from ingested_files where state <> 'loaded'") == [(0,)]
    gaps = (
        "select 1 from ingested_files where row_count <> loaded_count + quarantined_count + duplicate_count"
    )
    assert rows(crashed, gaps) == []
    with duckdb.connect(str(crashed.path / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        loaded = warehouse.execute(
            "select count(*) from raw.network__shipment where shipment_no = ?", [number]
        ).fetchone()
    assert loaded == (1,)
    assert crashed.run("audit", "verify").returncode == 0
