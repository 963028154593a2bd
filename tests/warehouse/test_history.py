"""A day that has ended is told as it was known when it ended, whenever it is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import Built

from casework.store.engine import migrate
from orchestration.assets.history import daily_scorecard
from orchestration.resources import Platform
from orchestration.settings import Settings

DAY = datetime(2026, 8, 31, tzinfo=UTC)


@pytest.fixture
def platform(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform over a copy of the small world, its tenants' clocks where its rows end."""
    monkeypatch.setenv("TIDEWAITER_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    made = Platform(Settings.from_environment())
    made.settings.warehouse_path.parent.mkdir(parents=True)
    built.rows("checkpoint")
    shutil.copy(built.path, made.settings.warehouse_path)
    migrate(made.engine)
    made.casework.bootstrap()
    yield made
    made.engine.dispose()


def tell(platform: Platform, day: str) -> dg.ExecuteInProcessResult:
    """Fill one partition, as a backfill does."""
    return dg.materialize([daily_scorecard], partition_key=day, resources={"platform": platform})


def test_a_day_is_told_by_what_was_known_when_it_ended(platform: Platform) -> None:
    assert tell(platform, "2026-08-31").success
    file = platform.settings.home / "history" / "2026-08-31.parquet"
    (row,) = pq.read_table(file).to_pylist()  # the other tenants' clocks stand in 2013
    with duckdb.connect(str(platform.settings.warehouse_path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        told = (
            "select count(*) from raw.network__{} where _tenant_id = 'demo' and _recorded_at <= '2026-09-01'"
        )
        shipments = connection.execute(told.format("shipment")).fetchall()[0][0]
        # what is told of the day after it ended does not change it
        connection.execute(
            "insert into raw.network__milestone by name select * replace ("
            "event_id || '-again' as event_id, 'DELIVERED' as event_code, 'actual' as classifier, "
            "occurred_at - interval '1 day' as occurred_at, timestamptz '2026-09-01 03:00:00+00' as _recorded_at) "
            "from raw.network__milestone where _tenant_id = 'demo'"
        )
    assert (row["tenant_id"], row["day"]) == ("demo", DAY.date())
    assert 0 < row["open_shipments"] < shipments
    before = file.read_bytes()
    assert tell(platform, "2026-08-31").success
    assert file.read_bytes() == before


def test_a_day_that_no_tenant_has_lived_through_has_no_file(platform: Platform) -> None:
    told = tell(platform, "2026-09-01")  # the demo's clock stands at six in the morning of it
    (made,) = told.asset_materializations_for_node("history__daily_scorecard")
    assert made.metadata["dagster/row_count"].value == 0
    assert [*(platform.settings.home / "history").iterdir()] == []


def test_every_asset_says_who_answers_for_it_and_by_when_it_is_to_be_new() -> None:
    from orchestration.definitions import build  # importing it parses the dbt project

    graph = build().resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.owners, key
        assert node.freshness_policy is not None or node.is_partitioned, key
        assert node.description, key


def test_the_nightly_condition_asks_for_the_day_before(platform: Platform) -> None:
    instance = dg.DagsterInstance.ephemeral()
    definitions = dg.Definitions([daily_scorecard], resources={"platform": platform})
    first = dg.evaluate_automation_conditions(
        definitions, instance, evaluation_time=datetime(2026, 9, 2, 3, 40, tzinfo=UTC)
    )
    assert first.total_requested == 0
    then = dg.evaluate_automation_conditions(
        definitions, instance, cursor=first.cursor, evaluation_time=datetime(2026, 9, 2, 3, 46, tzinfo=UTC)
    )
    assert then.get_requested_partitions(daily_scorecard.key) == {"2026-09-01"}
