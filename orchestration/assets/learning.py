"""What is likely: one model per tenant, trained when there is none, and the scores of open shipments."""

import dagster as dg
import pyarrow as pa

from ml.errors import NoModel
from ml.registry import Registry, train_from_features
from ml.scoring import score
from orchestration.resources import Platform

LABELLED = (
    "select * from features.ftr_shipments where tenant_id = ? and label_is_late is not null "
    "order by cutoff_at, shipment_id, checkpoint"
)
OPEN = "select * from features.ftr_shipments where tenant_id = ? and is_open order by shipment_id, checkpoint"


def train(platform: Platform, tenant_id: str) -> str:
    """Train a tenant's model on every labelled shipment known by now; return its version."""
    frame = platform.warehouse.read(LABELLED, [tenant_id]).to_pandas()
    return train_from_features(frame, tenant_id, Registry(platform.settings.models)).version


def current_or_trained(platform: Platform, tenant_id: str) -> str:
    """Return the version in use; train the first one."""
    try:
        return Registry(platform.settings.models).current_version(tenant_id)
    except NoModel:
        return train(platform, tenant_id)


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
    versions = {tenant: current_or_trained(platform, tenant) for tenant in platform.config.tenants}
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
    """Score what is open, as known at each tenant's clock."""
    registry = Registry(platform.settings.models)
    counts = {}
    for tenant in platform.config.tenants:
        frame = platform.warehouse.read(OPEN, [tenant]).to_pandas()
        as_of = platform.casework.clock_of(tenant).as_of
        scores = score(registry.load(tenant), frame, scored_at=as_of)
        platform.warehouse.replace_scores(pa.Table.from_pandas(scores, preserve_index=False), tenant)
        counts[tenant] = len(scores)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": sum(counts.values()), **{f"rows/{t}": n for t, n in counts.items()}}
    )


@dg.op(description="Train every tenant's model again, whether or not one exists.")
def train_again(platform: dg.ResourceParam[Platform]) -> None:
    """Replace the current models by ones trained on all that is known now."""
    for tenant in platform.config.tenants:
        train(platform, tenant)


@dg.job(description="Train again on what has been learnt since.")
def retrain() -> None:
    """Run on a schedule; the next pipeline run scores with the new models."""
    train_again()
