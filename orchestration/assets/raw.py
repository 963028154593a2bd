"""Feeds as they arrive: one asset per source and feed, and the tenants' settings that dbt reads.

Loading only; meaning is given in dbt staging.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from casework import ledger
from data.contract import Contract, load_contracts, raw_schema
from orchestration import arrivals, publishing
from orchestration.errors import WarehouseUnfilled
from orchestration.loading import FeedLoad, load_feed
from orchestration.resources import Platform

COUNTS_RECONCILE = "counts_reconcile"
CONTRACT_HOLDS = "contract_holds"
# A build is recorded with all that is loaded, so feeds that no model reads are loaded before it too.
BEFORE_BUILDS = {"dagster/priority": "1"}


def raw_tables(platform: Platform) -> dict[str, str]:
    """Return every raw table's columns, so that dbt never meets a missing source."""
    return {
        contract.table_name: ", ".join(f'"{name}" {kind}' for name, kind in raw_schema(contract).items())
        for contract in platform.contracts.values()
    }


@dg.asset(
    key=["raw", "tenant_settings"],
    group_name="raw",
    kinds={"duckdb"},
    description="Each tenant's clock, tariff, exception thresholds and decided references, as this build uses them.",
)
def tenant_settings(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Become the one writer, create missing tables, then write the settings tables whole."""
    warehouse = platform.warehouse
    warehouse.hold()
    # Whoever held a claim held this lock too, so it is gone.
    ledger.release_claims(platform.engine)
    check_filled(platform)
    warehouse.prepare(raw_tables(platform))
    told = publishing.settings_told(platform)
    for name, rows in told.items():
        warehouse.replace_told(name, rows)
    return dg.MaterializeResult(metadata={name: len(rows) for name, rows in told.items()})


def check_filled(platform: Platform) -> None:
    """Raise `WarehouseUnfilled` where the warehouse lacks what the ledger says is loaded: a new one, or half filled."""
    warehouse = platform.warehouse
    if warehouse.is_new() and ledger.any_loaded(platform.engine):
        warehouse.mark_unfilled()
    if warehouse.is_unfilled():
        raise WarehouseUnfilled(
            "The warehouse does not hold the files that the ledger says are loaded. `tidewaiter rebuild` fills it "
            "again from the kept originals."
        )


def feed_asset(contract: Contract) -> dg.AssetsDefinition:
    """Return the asset of one feed: it loads what landed and is not loaded."""
    key = dg.AssetKey(["raw", contract.table_name])

    @dg.asset(
        key=key,
        deps=[tenant_settings],
        group_name="raw",
        kinds={"duckdb", contract.format},
        op_tags=BEFORE_BUILDS,
        owners=["team:data"],
        description=f"{contract.description.strip()} Producer: {contract.producer}.",
        check_specs=[
            dg.AssetCheckSpec(
                COUNTS_RECONCILE, asset=key, blocking=True,
                description="Of every file: rows in = loaded + quarantined + duplicate.",
            ),
            dg.AssetCheckSpec(
                CONTRACT_HOLDS, asset=key, blocking=True,
                description="What was loaded is what the contract promises, by Great Expectations.",
            ),
        ],
    )  # fmt: skip
    def feed(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
        for broken in platform.mappings.broken.values():
            context.log.warning(str(broken))
        fed = platform.feeds_of(contract)
        loads = [load_feed(platform, held, tenant, context.run_id) for tenant, held in fed]
        told = [tenant for (tenant, _), load in zip(fed, loads, strict=True) if load.files or load.replayed]
        if tags := {f"tidewaiter/tenant/{tenant}": "loaded" for tenant in told}:
            context.instance.add_run_tags(context.run_id, tags)
        yield materialised(loads)
        yield from check_results(loads)

    return feed


def materialised(loads: list[FeedLoad]) -> dg.MaterializeResult:
    """Return what a feed's load did, as Dagster shows it."""
    return dg.MaterializeResult(
        metadata={
            "files": sum(load.files for load in loads),
            "rows_in": sum(load.rows for load in loads),
            "dagster/row_count": sum(load.loaded for load in loads),
            "quarantined": sum(load.quarantined for load in loads),
            "duplicates": sum(load.duplicates for load in loads),
            "refused_files": sum(load.refused for load in loads),
            "replayed": sum(load.replayed for load in loads),
        }
    )


def check_results(loads: list[FeedLoad]) -> Iterator[dg.AssetCheckResult]:
    """Yield both checks' results over every tenant of the feed."""
    gaps = [gap for load in loads for gap in load.gaps]
    yield dg.AssetCheckResult(
        check_name=COUNTS_RECONCILE, passed=not gaps,
        metadata={"gaps": gaps or "none", "rows_in": sum(load.rows for load in loads)},
    )  # fmt: skip
    broken = [
        f"{check.name}: {check.description}" for load in loads for check in load.checks if not check.success
    ]
    yield dg.AssetCheckResult(
        check_name=CONTRACT_HOLDS, passed=not broken,
        metadata={"expectations": sum(len(load.checks) for load in loads), "broken": broken or "none"},
    )  # fmt: skip


feeds = [feed_asset(contract) for contract in load_contracts().values()]


@dg.asset(
    key=["raw", "feed_arrivals"],
    deps=feeds,
    group_name="raw",
    kinds={"duckdb"},
    owners=["team:data"],
    description="How each feed of a tenant has arrived, and what was refused of late, for the rules about feeds.",
)
def feed_arrivals(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Write the summary of every tenant's feeds whole."""
    rows = [row for tenant in platform.config.tenants for row in arrivals.of_tenant(platform, tenant)]
    platform.warehouse.replace_told("feed_arrivals", rows)
    return dg.MaterializeResult(metadata={"feeds": len(rows)})
