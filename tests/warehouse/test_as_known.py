"""What was known at an instant: nothing later is in it, and the models need no more to leave it out."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import small_world
from conftest import FACTS, Built, Dbt

from orchestration.as_known import build_facts, copy_known, count_marts
from orchestration.places import OneFile
from orchestration.warehouse import Warehouse

AT = small_world.NOW["demo"] - timedelta(hours=20)
TABLES = (
    "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('marts', 'features') "
    "and table_name not in (select table_name from duckdb_tables() where schema_name = 'marts' "
    "and table_name in ('fct_exceptions', 'fct_feed_health')) order by all"
)


@pytest.fixture(scope="module")
def known(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo tenant's facts as they were known twenty hours before its clock."""
    place = tmp_path_factory.mktemp("as_known")
    built.rows("checkpoint")
    shutil.copy(built.path, place / "now.duckdb")  # dbt holds the first one open in this process
    copy_known(Warehouse(OneFile(place / "now.duckdb")), place / "then.duckdb", AT, ["demo"])
    build_facts(place / "then.duckdb", place, {})
    return place / "then.duckdb"


@pytest.fixture(scope="module")
def turned_back(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every row that ever came, read by a clock that was turned back."""
    path = tmp_path_factory.mktemp("turned_back") / "then.duckdb"
    built.rows("checkpoint")
    shutil.copy(built.path, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update raw.tenant_clocks set as_of = ? where tenant_id = 'demo'", [AT])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(path.parent / "target"))
        Dbt()("build", *FACTS)
    return path


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def test_only_the_named_tenants_rows_known_by_then_are_in_it(built: Built, known: Path) -> None:
    named = (
        "select table_name from duckdb_columns() where schema_name = 'raw' and column_name = '_recorded_at'"
    )
    tables = [name for (name,) in rows(known, named)]
    wanted = f"_tenant_id = 'demo' and _recorded_at <= timestamptz '{AT.isoformat()}'"
    kept = 0
    for table in tables:
        expected = built.rows(f"select * from raw.{table} where {wanted} order by all")
        assert rows(known, f"select * from raw.{table} order by all") == expected
        kept += len(expected)
    everything = sum(len(built.rows(f"select 1 from raw.{table}")) for table in tables)
    assert 0 < kept < everything
    assert rows(known, "select * from raw.tenant_clocks") == [("demo", AT)]
    assert (
        rows(known, "select * from ml.arrival_scores union all by name select * from raw.feed_arrivals") == []
    )


def test_the_past_is_the_same_whether_or_not_the_future_lies_beside_it(
    known: Path, turned_back: Path
) -> None:
    tables = [name for (name,) in rows(known, TABLES)]
    every = [f"select * from {name} where tenant_id = 'demo' order by all" for name in tables]
    differ = [query for query in every if rows(known, query) != rows(turned_back, query)]
    assert len(tables) > 10
    assert differ == []


def test_the_past_differs_from_now_and_its_rows_are_counted(built: Built, known: Path) -> None:
    now = built.rows("select * from marts.fct_milestones where tenant_id = 'demo' order by all")
    then = rows(known, "select * from marts.fct_milestones order by all")
    assert len(then) > 0
    assert then != now
    assert count_marts(known)["fct_milestones"] == len(then)
