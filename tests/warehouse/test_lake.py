"""The lake: the same rows, the same models and the same tests as in the file, and the same marts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import PROJECT, Built

from orchestration import touched
from orchestration.dbt import Dbt, dbt_executable
from orchestration.lake import Lake
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from tests import lakes

BUILT_SCHEMAS = ("staging", "identity", "intermediate", "marts", "features")


@pytest.fixture(scope="module")
def lake(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that holds the raw rows and the scores of the file."""
    place = tmp_path_factory.mktemp("lake")
    made = lakes.lake(lakes.server(place / "postgres"), str(place / "data"))
    built.rows("checkpoint")
    shutil.copy(built.path, place / "file.duckdb")  # dbt holds the first one open in this process
    with Warehouse(made).transaction() as connection:
        connection.execute(f"attach '{place}/file.duckdb' as file (read_only)")
        for schema, table in built.rows(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('raw', 'ml')"
        ):
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f'create table {schema}."{table}" as from file.{schema}."{table}"')
    return made


def build(lake: Lake, place: Path) -> dict[str, str]:
    """What dbt says of everything that it builds into the lake."""
    place_of = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(place))
    done = subprocess.run(
        [dbt_executable(), "build", "--quiet", "--log-path", str(place), *place_of],
        env={**os.environ, **lakes.told(lake)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads((place / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["status"] for result in results}


@pytest.fixture(scope="module")
def outcomes(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What dbt says of every model, test and unit test, built into the lake."""
    return build(lake, tmp_path_factory.mktemp("target"))


def test_every_model_and_every_test_passes_in_the_lake_too(built: Built, outcomes: dict[str, str]) -> None:
    assert set(outcomes.values()) <= {"success", "pass", "no-op"}
    kinds = Counter(name.split(".")[0] for name in outcomes)
    in_the_file = Counter(name.split(".")[0] for run in built.outcomes.values() for name in run)
    assert kinds["model"] and kinds["test"] and kinds["unit_test"] == in_the_file["unit_test"]


def test_the_lake_holds_the_same_rows_as_the_file(built: Built, lake: Lake, outcomes: dict[str, str]) -> None:
    named = (
        "select table_schema, table_name from information_schema.tables "
        f"where table_catalog = current_database() and table_schema in {BUILT_SCHEMAS} order by all"
    )
    tables = built.rows(named)
    assert len(tables) > 60
    with Warehouse(lake).connect() as connection:
        assert connection.execute(named).fetchall() == tables
    holds_the_same(built, lake)


def test_what_was_touched_alone_is_built_in_the_lake_too(
    built: Built, lake: Lake, outcomes: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**lakes.told(lake), "TIDEWAITER_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    steps = Dbt(Settings.from_environment()).touched.steps
    with Warehouse(lake).transaction() as connection:
        connection.execute("insert into raw.built_clocks select tenant_id, as_of from raw.tenant_clocks")
        connection.execute(
            "insert into raw.changed_files select distinct _tenant_id, 'network__milestone', _file_sha256 "
            "from raw.network__milestone"
        )
    with Warehouse(lake).transaction() as connection:
        models = {step.unique_id for step in steps if not step.model}
        assert len([*touched.build(connection, steps, models)]) > 50
    with Warehouse(lake).connect() as connection:
        found = connection.execute("select count(*) from touched.touched_shipments").fetchall()[0][0]
    assert 0 < found < len(built.rows("select 1 from marts.fct_shipments"))
    holds_the_same(built, lake)


def holds_the_same(built: Built, lake: Lake) -> None:
    """Assert that every table of the lake that has rows of the feeds holds those of the file."""
    named = f"select schema_name, table_name from duckdb_tables() where schema_name in {BUILT_SCHEMAS} order by all"
    with Warehouse(lake).connect() as connection:
        for schema, table in built.rows(named):
            query = f'select * from {schema}."{table}" order by all'
            assert connection.execute(query).fetchall() == built.rows(query), f"{schema}.{table}"
