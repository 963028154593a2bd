"""The data's path, in order. This is the whole of it; `build` puts it together, for tests with their own parts."""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration import automation
from orchestration.assets import decisions, learning, raw, warehouse
from orchestration.resources import Platform
from orchestration.settings import Settings

assets = [
    *raw.feeds,
    raw.tenant_settings,
    warehouse.conformed,
    raw.feed_arrivals,
    learning.arrival_model,
    learning.arrival_scores,
    warehouse.decided,
    decisions.published_marts,
    decisions.opened_cases,
]

# Small steps over one warehouse file: in one process, in order.
pipeline = dg.define_asset_job(
    "pipeline", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor
)
decide = dg.define_asset_job(
    "decide",
    selection=dg.AssetSelection.assets(
        learning.arrival_model, learning.arrival_scores, decisions.published_marts, decisions.opened_cases
    )
    | dg.AssetSelection.assets(warehouse.decided),
    executor_def=dg.in_process_executor,
)


def build(**overrides: Any) -> dg.Definitions:
    """Return the code location; `overrides` replace resources, as a test does with its own platform."""
    resources = {"platform": Platform(Settings.from_environment()), **overrides}
    return dg.Definitions(
        assets=assets,
        jobs=[pipeline, decide, learning.retrain],
        sensors=automation.sensors,
        schedules=automation.schedules,
        resources=resources,
    )


defs = build()
