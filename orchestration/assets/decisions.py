"""What is published for readers, and what casework takes up from it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
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
COUNTED = ("opened", "updated", "recovered", "unchanged")
ADDRESSED = ["party_id", "party_role", "party_name", "contact_email"]
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
        totals += take_up(platform, tenant, publication, folder)
        crashpoint("sync:between-tenants")
    publishing.mark(platform.engine, row.publication_id, state="synced", synced_at=platform.clock())
    return dg.MaterializeResult(metadata={name: totals[name] for name in COUNTED})


def take_up(platform: Platform, tenant_id: str, publication: Publication, folder: Path) -> Counter[str]:
    """Bring a tenant's cases in line with what was published; return what became of its exceptions.

    Where this process saw that the very same changed nothing, and nothing happened to the tenant's cases since, nothing
    is done: a tenant costs what came of it, not what stands.
    """
    of_tenant = [("tenant_id", "=", tenant_id)]
    stated = pq.read_table(folder / "fct_exceptions.parquet", filters=of_tenant)
    named = pq.read_table(folder / "dim_parties.parquet", columns=ADDRESSED, filters=of_tenant)
    told, before = (_digest(stated), _digest(named)), platform.casework.last_entry(tenant_id)
    if before and platform.taken_up.get(tenant_id) == (told, before):
        return Counter(unchanged=stated.num_rows)
    platform.casework.put_contacts(tenant_id, addresses(named), SERVICE)
    result = platform.casework.sync(tenant_id, publication, list(exceptions(stated)), SERVICE)
    if before and platform.casework.last_entry(tenant_id) == before:
        platform.taken_up[tenant_id] = told, before
    return Counter({name: getattr(result, name) for name in COUNTED})


def _digest(table: pa.Table) -> str:
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(written.getvalue()).hexdigest()


def addresses(parties: pa.Table) -> list[Contact]:
    """Return the mail addresses that master data names for a tenant's parties."""
    return [
        Contact(row["party_id"], "mail", row["party_role"], row["party_name"], row["contact_email"], True)
        for row in parties.to_pylist()
        if row["contact_email"]
    ]


def exceptions(stated: pa.Table) -> Iterator[ExceptionRecord]:
    """Yield one tenant's published exceptions as casework takes them."""
    for batch in stated.to_batches(max_chunksize=1000):
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
