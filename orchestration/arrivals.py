"""How a tenant's feeds arrive, summed up for the rules about them: pace, newest row, what was refused of late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from casework import arrivals
from data.contract import Contract
from data.errors import FileRefused
from data.mapping.drift import drift_of
from orchestration.resources import Platform

HOUR = timedelta(hours=1)
SURGE = "quarantine_surge"
#: Of a feed that shares its table with others, so many of its last files are asked for its newest row.
FILES_ASKED = 100
NEWEST = """
    select ? as feed, max(_recorded_at) as newest_recorded_at,
        max_by(_file_sha256, _recorded_at) as newest_file_sha256
    from raw."{table}" where _tenant_id = ? {of_the_feed}
"""


def of_tenant(platform: Platform, tenant_id: str) -> list[dict[str, Any]]:
    """Return a row of raw.feed_arrivals for each feed that ever arrived and has a contract, in name order."""
    since = platform.casework.clock_of(tenant_id).as_of - window(platform, tenant_id)
    stands = [
        (found, contract)
        for found in arrivals.of_tenant(platform.engine, tenant_id, since)
        if (contract := platform.contract_of(tenant_id, found.feed)) is not None
    ]
    newest = newest_rows(platform, tenant_id, {found.feed: contract for found, contract in stands})
    return [
        {
            **found.told(),
            "tenant_id": tenant_id,
            "recent_since": since,
            "producer": contract.producer,
            "cadence_hours": contract.cadence / HOUR,
            "lateness_hours": contract.lateness / HOUR,
            **newest[found.feed],
            "refused_reason": reason(platform, found, contract),
        }
        for found, contract in stands
    ]


def reason(platform: Platform, found: arrivals.Arrival, contract: Contract) -> str | None:
    """Return why a feed's last file could not be read, with the columns that seem to have another name now."""
    if found.refused_reason is None or found.refused_file_sha256 is None:
        return None
    try:
        drift = drift_of(contract, platform.originals.path(found.refused_file_sha256))
    except (FileRefused, OSError):  # then the reason that it was refused for is all there is to say
        drift = None
    return " ".join(filter(None, [found.refused_reason, drift.sentence if drift else ""]))


def window(platform: Platform, tenant_id: str) -> timedelta:
    """Return how long before a tenant's clock a file counts as recent."""
    rules = platform.config.exception_rules(tenant_id)
    hours = next(
        rule["value"]
        for rule in rules
        if (rule["exception_type"], rule["parameter"]) == (SURGE, "window_hours")
    )
    return timedelta(hours=hours)


def newest_rows(
    platform: Platform, tenant_id: str, contracts: Mapping[str, Contract]
) -> Mapping[str, dict[str, Any]]:
    """Return of each feed when its newest row of a tenant was known, and the file that told it.

    Where several feeds fill one table, the files of each that landed last are asked for theirs.
    """
    sharing = Counter(contract.table_name for contract in contracts.values())
    parts, told = list[str](), list[Any]()
    for feed, contract in contracts.items():
        is_shared = sharing[contract.table_name] > 1
        of_the_feed = "and _file_sha256 in (select unnest(?))" if is_shared else ""
        parts.append(NEWEST.format(table=contract.table_name, of_the_feed=of_the_feed))
        told += [feed, tenant_id]
        told += [arrivals.newest_files(platform.engine, tenant_id, feed, FILES_ASKED)] if is_shared else []
    found = platform.warehouse.read(" union all ".join(parts), told).to_pylist() if parts else []
    return {row.pop("feed"): row for row in found}
