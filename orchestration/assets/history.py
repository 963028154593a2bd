"""Each finished day as it was known when it ended: a partition a day, and the same whenever it is filled."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from casework.config import load_config
from orchestration import as_known
from orchestration.resources import Platform

# After the nightly run; the day before is finished everywhere the tenants' clocks have come that far.
EVERY_NIGHT = "45 3 * * *"
SCORECARD = """
    with deliveries as (
        select
            tenant_id,
            count(*) filter (where is_open) as open_shipments,
            count(*) filter (where is_open and is_late) as open_late_shipments,
            count(*) filter (where delivered_at >= $from_at and delivered_at < $until_at) as delivered_shipments,
            count(*) filter (where is_late and delivered_at >= $from_at and delivered_at < $until_at)
                as delivered_late_shipments
        from marts.fct_shipments
        group by tenant_id
    ),
    owed as (
        select exposures.tenant_id, sum(exposures.sla_penalty_per_day) as late_penalty_per_day
        from marts.fct_exposures as exposures
        inner join marts.fct_shipments as shipments using (tenant_id, shipment_id)
        where shipments.is_open and shipments.is_late
        group by exposures.tenant_id
    ),
    judged as (
        select
            tenant_id,
            count(*) as otif_lines_due,
            count(*) filter (where is_on_time) as otif_lines_on_time,
            count(*) filter (where is_otif) as otif_lines_met  -- only where somebody told what was shipped
        from marts.fct_otif
        where window_until_at >= $from_at and window_until_at < $until_at
        group by tenant_id
    ),
    lacking as (
        select tenant_id, count(*) as missing_documents
        from marts.fct_documents
        where is_required and status != 'received' and needed_by_at < $until_at
        group by tenant_id
    ),
    waiting as (
        select tenant_id, count(*) as unmatched_references
        from marts.fct_unmatched_references
        where decision is null
        group by tenant_id
    )
    select cast($from_at as date) as day, deliveries.*,
        coalesce(late_penalty_per_day, 0) as late_penalty_per_day,
        coalesce(otif_lines_due, 0) as otif_lines_due,
        coalesce(otif_lines_on_time, 0) as otif_lines_on_time,
        coalesce(otif_lines_met, 0) as otif_lines_met,
        coalesce(missing_documents, 0) as missing_documents,
        coalesce(unmatched_references, 0) as unmatched_references
    from deliveries
    left join owed using (tenant_id)
    left join judged using (tenant_id)
    left join lacking using (tenant_id)
    left join waiting using (tenant_id)
    order by tenant_id
"""


def first_day() -> datetime:
    """Return the day on which the first tenant's clock began."""
    return min(tenant.as_of for tenant in load_config().tenants.values()).replace(hour=0, minute=0, second=0)


@dg.asset(
    key=["history", "daily_scorecard"],
    partitions_def=dg.DailyPartitionsDefinition(start_date=first_day()),
    automation_condition=dg.AutomationCondition.on_cron(EVERY_NIGHT),
    group_name="history",
    kinds={"parquet", "duckdb"},
    owners=["team:data"],
    description="One row per tenant: what was open, late, delivered, on time in full, missing and unmatched when the "
    "day ended (UTC), by what was known then.",
)
def daily_scorecard(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """Build the facts as known at the end of the day and keep their sums; a tenant not that far is left out."""
    day = context.partition_time_window.start.astimezone(UTC)
    path, rows = fill(platform, day)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(path), "dagster/row_count": rows})


def fill(platform: Platform, day: datetime) -> tuple[Path, int]:
    """Write one day's file, whole or not at all; return it and how many tenants it tells of."""
    end = day + timedelta(days=1)
    reached = [name for name in platform.config.tenants if platform.casework.clock_of(name).as_of >= end]
    folder = platform.settings.home / "history"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day:%Y-%m-%d}.parquet"
    if not reached:
        path.unlink(missing_ok=True)
        return path, 0
    with tempfile.TemporaryDirectory(prefix=".day_", dir=folder) as made:
        known = Path(made) / "known.duckdb"
        as_known.build(platform, end, known, reached)
        draft = Path(made) / path.name
        with duckdb.connect(str(known), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            rows = connection.execute(SCORECARD, {"from_at": day, "until_at": end}).to_arrow_table()
            connection.from_arrow(rows).write_parquet(str(draft))
        draft.replace(path)
    return path, rows.num_rows
