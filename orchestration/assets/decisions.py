"""What is published for readers, and what casework takes up from it."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from casework.crashpoints import crashpoint
from casework.model import Contact, ExceptionRecord, Fact, Publication
from orchestration import publishing
from orchestration.publication import KEPT_PUBLICATIONS
from orchestration.resources import Platform

SERVICE = "service:orchestration"
AMOUNTS = (
    "expected_loss",
    "sla_penalty_amount",
    "revenue_amount",
    "inventory_amount",
    "customer_tier_amount",
)
CENT = Decimal("0.01")
COPIED = (
    "tenant_id", "exception_key", "exception_type", "subject_type", "shipment_id", "parent_exception_key",
    "detected_at", "due_at", "predicted_at", "late_probability", "customer_id", "carrier_id", "facility_id",
    "customer_tier", "severity", "currency_code", "assumption",
)  # fmt: skip


def newest(platform: Platform) -> Any:
    """Return the newest build; there is one whenever an asset after it runs."""
    publication = publishing.latest_publication(platform.engine)
    if publication is None:
        raise dg.Failure("Nothing has been built yet: run the pipeline job once.")
    return publication


@dg.asset(
    key=["published", "marts"],
    deps=[dg.AssetKey(["marts", "fct_exceptions"]), dg.AssetKey(["ml", "arrival_scores"])],
    group_name="published",
    kinds={"parquet"},
    description="Every mart as Parquet in a folder of its own, behind a pointer that is swapped at once.",
)
def published_marts(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Publish the newest build: only what passed its checks gets here."""
    publication = newest(platform)
    cards = {tenant: platform.registry.card(tenant) for tenant in platform.config.tenants}
    now = platform.clock()
    files = platform.publisher.publish(publication.publication_id, now, cards)
    crashpoint("publish:after-pointer-before-mark")
    publishing.mark(
        platform.engine, publication.publication_id, state="published", files=files, published_at=now
    )
    platform.warehouse.tidy(KEPT_PUBLICATIONS)
    rows = {f"rows/{mart}": about["rows"] for mart, about in files.items()}
    return dg.MaterializeResult(metadata={"publication_id": publication.publication_id, **rows})


@dg.asset(
    key=["casework", "cases"],
    deps=[published_marts],
    group_name="casework",
    kinds={"sqlalchemy"},
    description="Every published exception taken up as a case: opened, updated, recovered or left as it was.",
)
def opened_cases(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Take up what was published; the same exception is the same case on every re-run."""
    row = newest(platform)
    folder = platform.settings.published / row.publication_id
    cards = json.loads((folder / "models.json").read_text())
    publication = Publication(
        publication_id=row.publication_id,
        dagster_run_id=row.dagster_run_id,
        dbt_invocation_id=row.dbt_invocation_id,
        model_versions={tenant: card["version"] for tenant, card in cards.items()},
    )
    totals: Counter[str] = Counter()
    for tenant in platform.config.tenants:
        platform.casework.put_contacts(tenant, addresses(folder, tenant), SERVICE)
        result = platform.casework.sync(tenant, publication, list(exceptions(folder, tenant)), SERVICE)
        totals.update(
            {name: getattr(result, name) for name in ("opened", "updated", "recovered", "unchanged")}
        )
        crashpoint("sync:between-tenants")
    publishing.mark(platform.engine, row.publication_id, state="synced", synced_at=platform.clock())
    return dg.MaterializeResult(metadata=dict(totals))


def addresses(folder: Path, tenant_id: str) -> list[Contact]:
    """Return the mail addresses that master data names for a tenant's parties."""
    columns = ["party_id", "party_role", "party_name", "contact_email"]
    table = pq.read_table(
        folder / "dim_parties.parquet", columns=columns, filters=[("tenant_id", "=", tenant_id)]
    )
    return [
        Contact(row["party_id"], "mail", row["party_role"], row["party_name"], row["contact_email"], True)
        for row in table.to_pylist()
        if row["contact_email"]
    ]


def exceptions(folder: Path, tenant_id: str) -> Iterator[ExceptionRecord]:
    """Yield one tenant's published exceptions as casework takes them."""
    table = pq.read_table(folder / "fct_exceptions.parquet", filters=[("tenant_id", "=", tenant_id)])
    for batch in table.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            yield record(row)


def record(row: dict[str, Any]) -> ExceptionRecord:
    """Return one row of fct_exceptions as a value; money as Decimal with two places."""
    amounts: dict[str, Any] = {name: Decimal(str(row[name])).quantize(CENT) for name in AMOUNTS}
    return ExceptionRecord(
        **{name: row[name] for name in COPIED},
        **amounts,
        subject=row["subject_id"],
        facts=tuple(Fact(**fact) for fact in json.loads(row["evidence"] or "[]")),
        documents=tuple(json.loads(row["documents"] or "[]")),
    )
