"""What is likely: one model per tenant, trained when there is none, and the scores of open shipments."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ml.errors import NoModel
from ml.registry import Registry, train_from_features
from ml.scoring import score
from ml.training import FULL, QUICK, Effort
from orchestration.resources import Platform

LABELLED = (
    "select * from features.ftr_shipments where tenant_id = ? and label_is_late is not null "
    "order by cutoff_at, shipment_id, checkpoint"
)
IN_USE = pa.schema(
    {"tenant_id": pa.string(), "model_version": pa.string(), "scored_at": pa.timestamp("us", "UTC")}
)
# A score stands while the row it was made from is as it was, and its tenant's model and clock are.
OPEN = """
    create or replace temp table open_rows as
    select tenant_id, shipment_id, checkpoint, hash(rows) as row_hash
    from features.ftr_shipments as rows
    where is_open
"""
FORGET = """
    delete from ml.arrival_scores as scores
    where not exists (
        select 1
        from temp.open_rows as rows
        inner join in_use on rows.tenant_id = in_use.tenant_id
        where rows.tenant_id = scores.tenant_id and rows.shipment_id = scores.shipment_id
            and rows.checkpoint = scores.checkpoint and rows.row_hash = scores.row_hash
            and in_use.model_version = scores.model_version and in_use.scored_at = scores.scored_at
    )
"""
UNSCORED = """
    select rows.*, open_rows.row_hash
    from features.ftr_shipments as rows
    inner join (
        from temp.open_rows anti join ml.arrival_scores using (tenant_id, shipment_id, checkpoint)
    ) as open_rows using (tenant_id, shipment_id, checkpoint)
    order by tenant_id, shipment_id, checkpoint
"""
SCORED = "select tenant_id, count(*) from ml.arrival_scores group by tenant_id"


def train(platform: Platform, tenants: Sequence[str], effort: Effort) -> dict[str, str]:
    """Train tenants' models on every labelled shipment known by now; return their versions.

    A tenant's rows never meet another's: each model is trained in a process of its own, side by side.
    """
    frames = {tenant: platform.warehouse.read(LABELLED, [tenant]).to_pandas() for tenant in tenants}
    root = platform.settings.models
    workers = max(1, min(len(frames), os.cpu_count() or 1))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        asked = {
            tenant: pool.submit(train_one, frame, tenant, root, effort) for tenant, frame in frames.items()
        }
        return {tenant: future.result() for tenant, future in asked.items()}


def train_one(frame: pd.DataFrame, tenant_id: str, root: Path, effort: Effort) -> str:
    """Train one tenant's model and make it current; return its version."""
    return train_from_features(frame, tenant_id, Registry(root), effort).version


def current_versions(platform: Platform) -> dict[str, str]:
    """Return the versions in use of the tenants that have a model."""
    versions = {}
    for tenant in platform.config.tenants:
        with suppress(NoModel):
            versions[tenant] = platform.registry.current_version(tenant)
    return versions


@dg.asset(
    key=["ml", "arrival_model"],
    deps=[dg.AssetKey(["features", "ftr_shipments"])],
    group_name="learning",
    kinds={"scikitlearn"},
    description="One calibrated late-risk and arrival model per tenant, trained where there is none yet.",
)
def arrival_model(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Train what is missing; a model that exists is kept until `retrain` runs."""
    platform.warehouse.hold()
    versions = current_versions(platform)
    missing = [tenant for tenant in platform.config.tenants if tenant not in versions]
    if missing:
        # The first model comes quickly; the weekly training takes its time.
        versions |= train(platform, missing, QUICK)
    return dg.MaterializeResult(
        metadata={f"version/{tenant}": version for tenant, version in versions.items()}
    )


@dg.asset(
    key=["ml", "arrival_scores"],
    deps=[arrival_model, dg.AssetKey(["features", "ftr_shipments"])],
    group_name="learning",
    kinds={"scikitlearn", "duckdb"},
    description="One row per open shipment: probability late, predicted arrival with its interval, reasons.",
)
def arrival_scores(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Score what is open, as known at each tenant's clock; what nothing changed for keeps its score."""
    counts = score_open(platform)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": sum(counts.values()), **{f"rows/{t}": n for t, n in counts.items()}}
    )


def score_open(platform: Platform) -> dict[str, int]:
    """Score the open rows that no score stands for; return how many scores each tenant has."""
    now = {tenant: platform.casework.clock_of(tenant).as_of for tenant in platform.config.tenants}
    in_use = [
        {"tenant_id": tenant, "model_version": version, "scored_at": now[tenant]}
        for tenant, version in current_versions(platform).items()
    ]
    with platform.warehouse.transaction() as connection:
        connection.register("in_use", pa.Table.from_pylist(in_use, IN_USE))
        connection.execute(OPEN)
        connection.execute(FORGET)
        unscored = connection.execute(UNSCORED).to_arrow_table()
        for tenant in unscored["tenant_id"].unique().to_pylist():
            rows = unscored.filter(pc.field("tenant_id") == tenant).to_pandas()
            scores = score(platform.registry.load(tenant), rows, now[tenant])
            connection.register("scores", pa.Table.from_pandas(scores.assign(row_hash=rows["row_hash"])))
            connection.execute("insert into ml.arrival_scores by name select * from scores")
        return dict(connection.execute(SCORED).fetchall())


@dg.op(description="Train every tenant's model again, whether or not one exists.")
def train_again(platform: dg.ResourceParam[Platform]) -> None:
    """Replace the current models by ones trained on all that is known now."""
    platform.warehouse.hold()
    train(platform, list(platform.config.tenants), FULL)


@dg.job(description="Train again on what has been learnt since.")
def retrain() -> None:
    """Run on a schedule; the next pipeline run scores with the new models."""
    train_again()
