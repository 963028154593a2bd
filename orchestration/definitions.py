"""The data's path, in order. This is the whole of it; `build` puts it together, for tests with their own parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from orchestration import automation
from orchestration.assets import decisions, history, learning, raw, warehouse
from orchestration.resources import Platform
from orchestration.settings import Settings

# Whatever arrives or not: the nightly run makes all of the path anew.
NIGHTLY = dg.FreshnessPolicy.cron(deadline_cron="15 4 * * *", lower_bound_delta=timedelta(hours=1))


def kept_fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return an asset of the path with who answers for it and by when it is to be new."""
    return spec.replace_attributes(owners=spec.owners or ["team:data"], freshness_policy=NIGHTLY)


path = [
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
assets = [*dg.map_asset_specs(kept_fresh, path), history.daily_scorecard]

# Small steps over one warehouse file: in one process, in order.
pipeline = dg.define_asset_job(
    "pipeline",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(history.daily_scorecard),
    executor_def=dg.in_process_executor,
)
decide = dg.define_asset_job(
    "decide",
    selection=dg.AssetSelection.assets(
        learning.arrival_model, learning.arrival_scores, decisions.published_marts, decisions.opened_cases
    )
    | dg.AssetSelection.assets(warehouse.decided),
    executor_def=dg.in_process_executor,
)


# What is made when its condition says so, and by nobody else.
conditions = dg.AutomationConditionSensorDefinition(
    "automation_conditions",
    target=[history.daily_scorecard],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)


def build(**overrides: Any) -> dg.Definitions:
    """Return the code location; `overrides` replace resources, as a test does with its own platform."""
    resources = {"platform": Platform(Settings.from_environment()), **overrides}
    return dg.Definitions(
        assets=assets,
        jobs=[pipeline, decide, learning.retrain],
        sensors=[*automation.sensors, conditions],
        schedules=automation.schedules,
        resources=resources,
        executor=dg.in_process_executor,
    )


defs = build()
