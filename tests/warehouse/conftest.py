"""One warehouse for all tests here: built empty with every unit test, then filled and built in its two halves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import small_world  # noqa: E402
from raw_tables import FEEDS, create_raw, put  # noqa: E402

PROJECT = Path(__file__).parents[2] / "dbt_project"
FACTS = ("--exclude", "tag:decide", "--exclude-resource-type", "unit_test")
DECIDE = ("--select", "tag:decide", "--exclude-resource-type", "unit_test")


@dataclass
class Built:
    """A built warehouse and what dbt said of each node in each run."""

    path: Path
    outcomes: dict[str, dict[str, str]]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query, in UTC."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Build once for the session: empty with unit tests, then the small world, scored by hand in between."""
    place = tmp_path_factory.mktemp("warehouse")
    path = place / "warehouse.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(place / "target"))
        patch.setenv("DBT_LOG_PATH", str(place / "logs"))
        run = Dbt()
        with duckdb.connect(str(path)) as connection:
            create_raw(connection)
        outcomes = {"empty": run("build", "--exclude-resource-type", "test")}
        with duckdb.connect(str(path)) as connection:
            small_world.fill(connection)
        outcomes["facts"] = run("build", *FACTS)
        with duckdb.connect(str(path)) as connection:
            _score(connection)
        outcomes["decide"] = run("build", *DECIDE)
        yield Built(path, outcomes)


@pytest.fixture(scope="session")
def rebuilt(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build again from the same rows, as if their files had been read in another order."""
    path = tmp_path_factory.mktemp("rebuilt") / "warehouse.duckdb"
    built.rows("checkpoint")  # a copy of the file alone must hold everything
    shutil.copy(built.path, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("select setseed(0.5)")
        for name in FEEDS:
            connection.execute(f"create or replace table raw.{name} as from raw.{name} order by random()")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(path.parent / "target"))
        run = Dbt()
        return Built(path, {"facts": run("build", *FACTS), "decide": run("build", *DECIDE)})


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """Rows of a query as mappings, to make others like them."""
    return connection.execute(query).to_arrow_table().to_pylist()


def decide_and_build(world: Built, decided: Sequence[Mapping[str, Any]], *chosen: str) -> None:
    """Let these decisions of people stand and no others, and build; whatever fails is named."""
    with duckdb.connect(str(world.path)) as connection:
        connection.execute("delete from raw.reference_decisions")
        put(connection, "raw.reference_decisions", decided)
    outcomes = Dbt()("build", *chosen)
    assert {node: told for node, told in outcomes.items() if told not in ("pass", "success", "no-op")} == {}


def _score(connection: duckdb.DuckDBPyConnection) -> None:
    """What the model would write: one shipment likely late, by two days."""
    now = small_world.NOW["demo"]
    put(connection, "ml.arrival_scores", [{
        "tenant_id": "demo", "shipment_id": "SH-100005", "cutoff_at": now, "checkpoint": "departed",
        "late_probability": 0.75, "predicted_arrival_at": "2026-09-07 05:00:00+00", "model_version": "by hand",
        "reasons": '[{"text": "the carrier is often late"}]', "scored_at": now,
    }])  # fmt: skip


class Dbt:
    """dbt in this process, parsing once."""

    def __init__(self) -> None:
        """Start without a manifest."""
        self._manifest: Any = None

    def __call__(self, *arguments: str) -> dict[str, str]:
        """Run a command; return the status of each node by its unique id."""
        if self._manifest is None:
            self._manifest = self._invoke("parse")
        results = self._invoke(*arguments).results
        return {result.node.unique_id: str(result.status) for result in results}

    def _invoke(self, *arguments: str) -> Any:
        """What dbt returns; its own exception when it could not run at all."""
        from dbt.cli.main import dbtRunner

        place = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
        done = dbtRunner(manifest=self._manifest).invoke([*arguments, "--quiet", *place])
        if done.exception:
            raise done.exception
        return done.result
