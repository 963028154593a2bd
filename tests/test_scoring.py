"""Which open rows are scored, and whose score stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from orchestration.assets import learning
from orchestration.resources import Platform
from tests.test_hotpath import platform as platform

SHIPMENTS = ("A", "B", "C")


@pytest.fixture
def asked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, list[str]]]:
    """Score what is open; return the shipments that the model was asked about, by tenant."""
    told: dict[str, list[str]] = {}

    def scored(model: Any, rows: pd.DataFrame, at: datetime) -> pd.DataFrame:
        (tenant,) = set(rows["tenant_id"])
        told[tenant] = list(rows["shipment_id"])
        keys = rows[["tenant_id", "shipment_id", "checkpoint"]]
        return keys.assign(late_probability=rows["distance_km"] / 1000, model_version=model, scored_at=at)

    monkeypatch.setattr(learning, "score", scored)
    monkeypatch.setattr(learning, "current_versions", lambda _: dict.fromkeys(platform.config.tenants, "one"))
    monkeypatch.setattr(
        type(platform.registry), "load", lambda _self, tenant: learning.current_versions(None)[tenant]
    )
    with platform.warehouse.connect() as connection:
        connection.execute("create schema features")
        connection.execute(
            "create table features.ftr_shipments as select tenants.tenant_id, shipments.shipment_id, "
            "'plan' as checkpoint, true as is_open, 100.0 as distance_km "
            "from (select unnest(['demo', 'health']) as tenant_id) as tenants, "
            "(select unnest(['A', 'B', 'C']) as shipment_id) as shipments"
        )

    def ask() -> dict[str, list[str]]:
        told.clear()
        learning.score_open(platform)
        return dict(told)

    return ask


def change(platform: Platform, statement: str) -> None:
    with platform.warehouse.connect() as connection:
        connection.execute(statement)


def scores(platform: Platform) -> list[tuple[str, str, float]]:
    query = "select tenant_id, shipment_id, late_probability from ml.arrival_scores order by all"
    return [tuple(row.values()) for row in platform.warehouse.read(query).to_pylist()]


def test_a_score_stands_while_what_it_was_made_from_does(
    platform: Platform, asked: Callable[[], dict[str, list[str]]]
) -> None:
    assert asked() == {"demo": ["A", "B", "C"], "health": ["A", "B", "C"]}
    assert asked() == {}
    change(
        platform,
        "update features.ftr_shipments set distance_km = 700 where (tenant_id, shipment_id) = ('demo', 'B')",
    )
    change(platform, "insert into features.ftr_shipments values ('health', 'D', 'plan', true, 5)")
    assert asked() == {"demo": ["B"], "health": ["D"]}
    assert ("demo", "B", 0.7) in scores(platform) and len(scores(platform)) == 7
    change(
        platform,
        "update features.ftr_shipments set is_open = false where (tenant_id, shipment_id) = ('demo', 'B')",
    )
    change(platform, "delete from features.ftr_shipments where (tenant_id, shipment_id) = ('health', 'A')")
    assert asked() == {}
    assert not {("demo", "B"), ("health", "A")} & {row[:2] for row in scores(platform)}
    assert len(scores(platform)) == 5


def test_a_score_of_another_model_or_time_is_made_anew(
    platform: Platform, asked: Callable[[], dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked()
    platform.casework.set_clock("health", platform.casework.clock_of("health").as_of + timedelta(hours=1))
    assert asked() == {"health": ["A", "B", "C"]}
    monkeypatch.setattr(learning, "current_versions", lambda _: {"demo": "two", "health": "one"})
    assert asked() == {"demo": ["A", "B", "C"]}
    assert asked() == {}
    change(
        platform, "update ml.arrival_scores set row_hash = null where tenant_id = 'demo'"
    )  # of an older release
    assert asked() == {"demo": ["A", "B", "C"]}
    assert len(scores(platform)) == 6
