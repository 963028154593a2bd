"""Ten thousand events that come upon a long history, against the same upon a tenth of it: loaded, built and tested.

Both networks have as many shipments a day, and so as many under way; one has gone on ten times as long. The events are
what happened in the six hours after everything was built, and new estimates for what is under way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration import touched
from orchestration.assets.warehouse import FOLLOWS, UNTESTED
from orchestration.dbt import Dbt
from orchestration.places import OneFile
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from tests.bench import freight
from tests.bench.warehouse import tables, tell

SHIPMENTS = (100_000, 1_000_000)
A_YEAR = 137_000  # shipments
EVENTS, HOURS, RUNS = 10_000, 6, 3


def measure(folder: Path, *sizes: int) -> Iterator[dict[str, Any]]:
    """Yield what each history costs, and then what the longer costs for each second of the shorter."""
    told = []
    for shipments in sizes or SHIPMENTS:
        settings = Settings(folder / str(shipments), None, "")
        environment = {**os.environ, **settings.to_environment()}
        command = [sys.executable, "-m", "tests.bench.short_run", "one", str(shipments)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        told.append(json.loads(done.stdout.splitlines()[-1]))
        yield told[-1]
    yield {
        "what": f"{EVENTS} events loaded, built and tested: upon the longest history : upon the shortest",
        "ratio": told[-1]["seconds"] / told[0]["seconds"],
    }


def one(settings: Settings, shipments: int) -> dict[str, Any]:
    """Build everything of a history; then load and build what comes upon it, again and again."""
    warehouse, dbt = Warehouse(OneFile(settings.warehouse_path), settings.warehouse_memory), Dbt(settings)
    warehouse.prepare(tables())
    with warehouse.connect() as connection:
        freight.fill(connection, shipments, shipments / A_YEAR)
        batches = [freight.news(connection, EVENTS, HOURS, number) for number in range(RUNS)]
        milestones = connection.execute("select count(*) from raw.network__milestone").fetchall()[0][0]
    build(dbt)
    warehouse.end_build("bench")
    assert dbt.touched  # compiled once, when the process begins
    taken = []
    for rows in batches:
        began = time.perf_counter()
        warehouse.load_files("network__milestone", {rows["_file_sha256"][0].as_py(): rows}, freight.TENANT)
        loaded = time.perf_counter() - began
        warehouse.replace_told(
            "tenant_clocks", [{"tenant_id": freight.TENANT, "as_of": rows["_recorded_at"][0].as_py()}]
        )
        build_touched(warehouse, dbt)
        warehouse.end_build("bench")
        taken.append((time.perf_counter() - began, loaded))
    seconds, loaded = sorted(taken)[len(taken) // 2]
    return {
        "what": f"{EVENTS} events upon {milestones} milestones of {shipments} shipments",
        "seconds": round(seconds, 2),
        "loading": round(loaded, 2),
    }


def build(dbt: Dbt) -> None:
    """Build and test everything in the two passes of a run, without the models of arrival between them."""
    for chosen in (["fqn:*", "--exclude", FOLLOWS], [FOLLOWS]):
        for _told in dbt.stream(["build", "--select", *chosen, *UNTESTED, "--full-refresh"], "bench"):
            pass


def build_touched(warehouse: Warehouse, dbt: Dbt) -> None:
    """Build and test what was touched, in one transaction."""
    models = {step.unique_id for step in dbt.touched.steps if not step.model}
    with warehouse.transaction() as connection:
        for _told in touched.build(connection, dbt.touched.steps, models):
            pass


def main(*arguments: str) -> None:
    """Be the process of one history, or measure histories of so many shipments."""
    if arguments and arguments[0] == "one":
        print(json.dumps(one(Settings.from_environment(), int(arguments[1]))))
        return
    tell(measure, *map(int, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
