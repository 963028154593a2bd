"""The whole warehouse built by dbt with its tests, against hand-written SQL for the same marts, on a long history.

Both run in a process of their own, under the same limit of memory, from the same raw rows; and what they make is
compared row by row. The rows by hand stand in `by_hand.sql`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from data.contract import load_contracts, raw_schema
from orchestration.dbt import Dbt
from orchestration.places import OneFile
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from tests.bench import freight

SHIPMENTS = 1_000_000
MARTS = ("fct_milestones", "fct_shipments", "fct_orders", "fct_commitments", "fct_exposures")
BY_HAND = Path(__file__).with_name("by_hand.sql")


def measure(folder: Path, shipments: int = SHIPMENTS) -> Iterator[dict[str, Any]]:
    """Yield the comparison; raises `AssertionError` where both do not make the same rows."""
    home = folder / "home"
    settings = Settings(home, None, "")
    environment = {**os.environ, **settings.to_environment()}
    warehouse = Warehouse(OneFile(settings.warehouse_path), settings.warehouse_memory)
    warehouse.prepare(tables())
    with warehouse.connect() as connection:
        freight.fill(connection, shipments)
    told = {}
    for way in ("dbt", "by_hand"):
        command = [sys.executable, "-m", "tests.bench.warehouse", way]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        told[way] = json.loads(done.stdout.splitlines()[-1])
    with warehouse.connect() as connection:
        milestones = differences(connection)
    yield {
        "what": f"{', '.join(MARTS)} of {shipments} shipments, {milestones} milestones: dbt with tests : by hand",
        "ratio": told["dbt"]["seconds"] / told["by_hand"]["seconds"],
        **{f"{way}_{name}": value for way, found in told.items() for name, value in found.items()},
    }


def tables() -> dict[str, str]:
    """Every raw table's columns."""
    return {
        contract.table_name: ", ".join(f'"{name}" {kind}' for name, kind in raw_schema(contract).items())
        for contract in load_contracts().values()
    }


def differences(connection: duckdb.DuckDBPyConnection) -> int:
    """Assert that both made the same rows; return how many milestones."""
    for mart in MARTS:
        names = ", ".join(f'"{row[0]}"' for row in connection.execute(f"describe marts.{mart}").fetchall())
        for one, other in (("marts", "by_hand"), ("by_hand", "marts")):
            left = f"select {names} from {one}.{mart} except all select {names} from {other}.{mart}"
            assert connection.execute(f"select count(*) from ({left})").fetchone() == (0,), (mart, one)
    return int(connection.execute("select count(*) from marts.fct_milestones").fetchall()[0][0])


def by_dbt(settings: Settings) -> float:
    """Build the marts, whatever they stand on, and every data test of it; the project is parsed before."""
    dbt = Dbt(settings)
    assert dbt._manifest
    chosen = [
        f"+{mart}" for mart in (*MARTS, "dim_facilities")
    ]  # where it refers to a place, the place is there
    tested = ["--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"]
    began = time.perf_counter()
    for _told in dbt.stream(["build", "--select", *chosen, *tested], "bench"):
        pass
    return time.perf_counter() - began


def by_hand(settings: Settings) -> float:
    """Run the hand-written statements."""
    warehouse = Warehouse(OneFile(settings.warehouse_path), settings.warehouse_memory)
    with warehouse.connect() as connection:
        began = time.perf_counter()
        connection.execute("drop schema if exists by_hand cascade")
        connection.execute(BY_HAND.read_text())
        connection.execute("checkpoint")
        return time.perf_counter() - began


def main(*arguments: str) -> None:
    """Be one of the two processes, or measure with a number of shipments."""
    ways = {"dbt": by_dbt, "by_hand": by_hand}
    if arguments and arguments[0] in ways:
        seconds = ways[arguments[0]](Settings.from_environment())
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"seconds": round(seconds, 1), "gigabytes": round(most, 2)}))
        return
    tell(measure, *map(int, arguments))


def tell(measure: Callable[..., Iterator[dict[str, Any]]], *sizes: int) -> None:
    """Measure in a folder that is gone afterwards, and print what was found, line by line."""
    with tempfile.TemporaryDirectory() as made:
        for found in measure(Path(made), *sizes):
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
