"""Loading killed at every named point: every row of every file ends up loaded, quarantined or counted, once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import ROOT, Home

ROUNDS = int(os.environ.get("TIDEWAITER_FAULT_ROUNDS", "1"))
POINTS = [
    "landing:after-keep-before-register",
    "load:after-claim",
    "load:after-rows-before-settle",
    "ledger:before-settle-commit",
    "replay:after-row-before-settle",
]
HEADING = (
    "shipment_no,order_no,customer_ref,carrier_scac,pro_number,container_no,mode,service_level,origin_code,"
    "destination_code,planned_departure_at,planned_arrival_at,required_documents,status,exported_at"
)

#: Seconds; a load takes a few of them alone, and minutes beside proofs that keep every processor busy.
GIVEN_UP_AFTER = 1200

pytestmark = [pytest.mark.faults, pytest.mark.feeds]


def line(number: int, status: str = "in_transit") -> str:
    return (
        f"SH-{number:06d},SO-{number:06d},C0000001,HWYM,{number:010d},,truck,standard,A,B,2026-08-20T06:00:00Z,"
        f"2026-08-22T06:00:00Z,POD,{status},2026-08-20T00:00:00Z"
    )


def load_once(home: Home, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.load_once"],
        env={**home.environment, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GIVEN_UP_AFTER,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.returncode


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home.path / "operational.db") as store:
        return store.execute(query).fetchall()


def land(home: Home, name: str, lines: list[str]) -> None:
    folder = home.path / "landing" / "demo" / "shipment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join([HEADING, *lines]) + "\n")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_kill_while_loading_loses_no_row_and_doubles_none(
    tmp_path: Path, point: str, round_number: int
) -> None:
    home = Home(tmp_path / "var")
    land(home, "shipment_20260820T000000Z.csv", [line(n) for n in range(1, 9)] + [line(9, "lost at sea")])
    crash = {"TIDEWAITER_CRASH_AT": point, "TIDEWAITER_CRASH_ONCE": str(tmp_path / "crashed")}
    if point.startswith("replay:"):
        assert load_once(home) == 0
        correct_the_bad_row(home)
    else:
        land(home, "shipment_20260821T000000Z.csv", [line(8), line(10)])
    assert load_once(home, **crash) == -signal.SIGKILL
    assert load_once(home) == 0

    counts = ("row_count", "loaded_count", "quarantined_count", "duplicate_count")
    counted = f"select {', '.join(f'sum({name})' for name in counts)} from ingested_files"
    quarantined = rows(home, "select row_number, state from quarantined_rows")
    with duckdb.connect(str(home.path / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(
            "select shipment_no, count(*) from raw.network__shipment group by all"
        ).fetchall()
    if point.startswith("replay:"):
        assert rows(home, counted) == [(9, 9, 0, 0)]
        assert quarantined == [(9, "replayed")]
        assert dict(found) == {f"SH-{n:06d}": 1 for n in range(1, 10)}
    else:
        assert rows(home, counted) == [(11, 9, 1, 1)]
        assert quarantined == [(9, "quarantined")]
        assert dict(found) == {f"SH-{n:06d}": 1 for n in (*range(1, 9), 10)}
    assert rows(home, "select distinct state from ingested_files") == [("loaded",)]


def correct_the_bad_row(home: Home) -> None:
    (quarantine_id,) = rows(home, "select quarantine_id from quarantined_rows")[0]
    home.run("quarantine", "fix", quarantine_id, "--tenant", "demo", "--set", "status=delivered")
