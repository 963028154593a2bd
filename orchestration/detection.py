"""What was detected on the simulated network, held against what really happened there."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from data.simulate import identities, identities_path, truth
from orchestration import publishing
from orchestration.errors import NothingPublished
from orchestration.resources import Platform

TENANT = "demo"


def compare_with_truth(platform: Platform) -> list[dict[str, Any]]:
    """Return precision and recall per exception type at the tenant's clock.

    Raises `NothingPublished` before the first run.
    """
    publication = publishing.current_publication(platform.settings.published)
    if publication is None or not platform.settings.truth.exists():
        raise NothingPublished("There is nothing to compare yet: run `tidewaiter run --tenant demo` first.")
    path = platform.settings.published / publication / "fct_exceptions.parquet"
    columns = ["exception_type", "subject_id", "detected_at"]
    found = pq.read_table(path, columns=columns, filters=[("tenant_id", "=", TENANT)]).to_pylist()
    detected = [
        {
            "exception_type": row["exception_type"],
            "subject": row["subject_id"],
            "detected_at": row["detected_at"],
        }
        for row in found
    ]
    as_of = platform.casework.clock_of(TENANT).as_of
    return truth.compare(detected, truth.read(platform.settings.truth), as_of)


def compare_identities(platform: Platform) -> list[dict[str, Any]]:
    """Return precision and recall of what messages and customers were linked to; waits for the warehouse.

    Raises `NothingPublished` before the first run.
    """
    path = identities_path(platform.settings.truth)
    if not path.exists():
        raise NothingPublished("There is nothing to compare yet: run `tidewaiter run --tenant demo` first.")
    linked = platform.warehouse.read(
        "select 'message' as kind, event_id as record, shipment_id as belongs_to "
        "from identity.idn_milestone_references where tenant_id = ? union all "
        "select 'customer', erp_customer_no, customer_id from identity.idn_customers where tenant_id = ?",
        [TENANT, TENANT],
    )
    return identities.compare(linked.to_pylist(), truth.read(path))
