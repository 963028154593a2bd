"""What is built of what was touched alone equals what is built of everything, whatever was told, in whatever order."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT
from random_world import World
from raw_tables import create_raw

from tests.faults.sizes import SEED, figure

#: So many builds of what was touched alone before each comparison; what one leaves wrong stays wrong.
BUILDS = 5
TABLES = """
    select schema_name, table_name from duckdb_tables()
    where database_name = 'warehouse' and schema_name not in ('raw', 'ml', 'touched') order by all
"""


class Builds:
    """dbt in this process, parsed once, each build of a file of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, place: Path) -> None:
        """Parse the project."""
        self.patch, self.place, self.manifest = patch, place, None
        patch.setenv("DBT_LOG_PATH", str(place / "logs"))
        self.manifest = self._invoke(place / "warehouse.duckdb", "parse")

    def __call__(self, path: Path, *flags: str) -> None:
        """Build every model; data tests and unit tests are judged elsewhere."""
        plain = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
        for result in self._invoke(path, "build", *plain, *flags).results:
            assert str(result.status) in ("success", "no-op"), result.message

    def _invoke(self, path: Path, *arguments: str) -> Any:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        self.patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        self.patch.setenv("DBT_TARGET_PATH", str(self.place / "target"))
        where = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
        done = dbtRunner(manifest=self.manifest).invoke([*arguments, "--quiet", *where])
        DuckDBConnectionManager.close_all_connections()
        if done.exception:
            raise done.exception
        return done.result


def test_every_table_is_as_a_build_of_everything_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, anew = tmp_path / "now" / "warehouse.duckdb", tmp_path / "anew" / "warehouse.duckdb"
    for path in (now, anew):
        path.parent.mkdir()
    build = Builds(monkeypatch, tmp_path)
    with opened(now) as connection:
        create_raw(connection)
        world = World(connection, SEED)
        world.built()
    build(now, "--full-refresh")
    for _ in range(figure("touched_builds")):
        for _ in range(BUILDS):
            with opened(now) as connection:
                world.connection = connection
                world.go_on()
            build(now, "--vars", "{touched_alone: true}")
            with opened(now) as connection:
                world.connection = connection
                world.built()
        shutil.copy(now, anew)
        build(anew, "--full-refresh")
        with opened(now) as connection:
            assert differing(connection, anew) == {}


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a file, in UTC."""
    connection = duckdb.connect(str(path))
    connection.execute("set TimeZone = 'UTC'")
    return connection


def differing(connection: duckdb.DuckDBPyConnection, other: Path) -> dict[str, list[Any]]:
    """Table -> a row that only one of two warehouses has."""
    connection.execute(f"attach '{other}' as anew (read_only)")
    tables = connection.execute(TABLES).fetchall()
    assert len(tables) > 60
    found = {}
    for schema, table in tables:
        named = connection.execute(f"describe {schema}.{table}").fetchall()
        columns = ", ".join(f'"{row[0]}"' for row in named)
        for one, two in (("warehouse", "anew"), ("anew", "warehouse")):
            here, there = (f"select {columns} from {side}.{schema}.{table}" for side in (one, two))
            if rows := connection.execute(f"{here} except all {there} limit 1").fetchall():
                found[f"{schema}.{table} only in {one}"] = rows
    connection.execute("detach anew")
    return found
