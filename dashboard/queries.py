"""Reads over the published tables: an in-memory DuckDB that can open those Parquet files and nothing else.

Every query names its tenant and is bounded; every value is bound, never written into the SQL. Results
are cached per publication, tenant and scope, because Streamlit's cache is shared by all sessions.
The warehouse file itself is never opened here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import streamlit as st

MARTS = (
    "dim_parties",
    "dim_facilities",
    "fct_orders",
    "fct_shipments",
    "fct_milestones",
    "fct_commitments",
    "fct_documents",
    "fct_status_events",
    "fct_impossible_events",
    "fct_unmatched_references",
    "fct_inventory_projection",
    "fct_starved_orders",
    "fct_exposures",
    "fct_feed_health",
    "fct_otif",
    "fct_exceptions",
    "ftr_shipments",
    "arrival_scores",
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Publication:
    """One published set of tables."""

    publication_id: str
    published_at: datetime | None
    folder: Path

    def file(self, mart: str) -> str:
        """Return the path of one mart; only names this project publishes are known."""
        if mart not in MARTS:
            raise KeyError(mart)
        return str(self.folder / f"{mart}.parquet")

    def has(self, mart: str) -> bool:
        """Say whether this publication holds the mart."""
        return Path(self.file(mart)).is_file()


@dataclass(frozen=True)
class Scope:
    """Whose rows may be read: a tenant, for partners their parties and places. Part of every cache key."""

    tenant_id: str
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None


def current(published_folder: Path) -> Publication | None:
    """Return the publication that CURRENT points to, or None before the first one."""
    try:
        pointer = json.loads((published_folder / "CURRENT").read_text(encoding="utf-8"))
        name, stamp = pointer["publication_id"], pointer.get("published_at")
    except (OSError, ValueError, TypeError, KeyError):
        return None
    folder = published_folder / str(name)
    if folder.parent != published_folder or folder.name in ("", "..") or not folder.is_dir():
        return None
    return Publication(name, datetime.fromisoformat(stamp) if stamp else None, folder)


@st.cache_resource(max_entries=4, show_spinner=False)
def _connection(folder: str) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection that may open only this publication's files; settings are locked."""
    connection = duckdb.connect(":memory:")
    files = [str(Path(folder) / f"{mart}.parquet") for mart in MARTS]
    connection.execute("set allowed_paths = $files", {"files": files})
    for setting in (
        "set enable_external_access = false",
        "set autoinstall_known_extensions = false",
        "set autoload_known_extensions = false",
        "set TimeZone = 'UTC'",
        "set threads = 2",
        "set memory_limit = '512MB'",
        "set lock_configuration = true",
    ):
        connection.execute(setting)
    return connection


def _rows(publication: Publication, sql: str, **values: object) -> list[Row]:
    """Run one query with bound values; an empty list if a table it needs is not published."""
    files = {name: value for name, value in values.items() if name.startswith("file_")}
    if not all(Path(str(path)).is_file() for path in files.values()):
        return []
    cursor = _connection(str(publication.folder)).cursor().execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [{n: _aware(v) for n, v in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _aware(value: object) -> object:
    """Read an instant without a zone as UTC, which is what publishing writes."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


SHIPMENTS = """
select s.shipment_id, s.mode, s.status, s.customer_id, s.carrier_id, s.vendor_id,
    s.planned_departure_at, s.planned_arrival_at, s.estimated_arrival_at, s.departed_at, s.delivered_at,
    s.last_milestone_code, s.last_milestone_at, s.origin_facility_id, s.destination_facility_id,
    o.facility_name as origin_name, o.latitude as origin_latitude, o.longitude as origin_longitude,
    d.facility_name as destination_name, d.latitude as destination_latitude,
    d.longitude as destination_longitude
from read_parquet($file_shipments) s
left join read_parquet($file_facilities) o
    on o.tenant_id = s.tenant_id and o.facility_id = s.origin_facility_id
left join read_parquet($file_facilities) d
    on d.tenant_id = s.tenant_id and d.facility_id = s.destination_facility_id
where s.tenant_id = $tenant_id
    and ($customer_id is null or s.customer_id = $customer_id)
    and ($carrier_id is null or s.carrier_id = $carrier_id)
    and ($facility_id is null or $facility_id in (s.origin_facility_id, s.destination_facility_id))
    and ($shipment_ids is null or list_contains($shipment_ids, s.shipment_id))
    and ($only_open is not true or s.is_open)
order by s.planned_arrival_at desc nulls last, s.shipment_id
limit $row_limit offset $row_offset
"""


@st.cache_data(max_entries=256, ttl=3600, show_spinner=False)
def shipments(
    publication: Publication,
    scope: Scope,
    shipment_ids: tuple[str, ...] | None = None,
    *,
    only_open: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> list[Row]:
    """Return shipments of a scope with the names and positions of their ends, at most `limit` (500) rows."""
    return _rows(
        publication,
        SHIPMENTS,
        file_shipments=publication.file("fct_shipments"),
        file_facilities=publication.file("dim_facilities"),
        tenant_id=scope.tenant_id,
        customer_id=scope.customer_id,
        carrier_id=scope.carrier_id,
        facility_id=scope.facility_id,
        shipment_ids=list(shipment_ids) if shipment_ids is not None else None,
        only_open=only_open,
        row_limit=min(limit, 500),
        row_offset=offset,
    )


PARTIES = """
select party_id, any_value(party_name) as party_name
from read_parquet($file_parties)
where tenant_id = $tenant_id and list_contains($party_ids, party_id)
group by party_id limit 500
"""


@st.cache_data(max_entries=256, ttl=3600, show_spinner=False)
def party_names(publication: Publication, tenant_id: str, party_ids: tuple[str, ...]) -> dict[str, str]:
    """Return the names of these customers, carriers and vendors by id."""
    if not party_ids:
        return {}
    file_parties = publication.file("dim_parties")
    found = _rows(
        publication, PARTIES, file_parties=file_parties, tenant_id=tenant_id, party_ids=list(party_ids)
    )
    return {row["party_id"]: row["party_name"] for row in found if row["party_name"]}


MILESTONES = """
select m.milestone_id, m.leg_id, m.milestone_code, m.milestone_name, m.sequence, m.facility_id, m.classifier,
    m.occurred_at, m.recorded_at, m.source_file_sha256, m.source_row_number,
    f.facility_name, f.latitude, f.longitude
from read_parquet($file_milestones) m
left join read_parquet($file_facilities) f
    on f.tenant_id = m.tenant_id and f.facility_id = m.facility_id
where m.tenant_id = $tenant_id and m.shipment_id = $shipment_id
order by m.leg_id nulls first, m.sequence, m.occurred_at, m.recorded_at
limit 400
"""


@st.cache_data(max_entries=256, ttl=3600, show_spinner=False)
def milestones(publication: Publication, scope: Scope, shipment_id: str) -> list[Row]:
    """Return what was planned, estimated and seen of one shipment; empty when it is out of scope."""
    if not shipments(publication, scope, (shipment_id,)):
        return []
    return _rows(
        publication,
        MILESTONES,
        file_milestones=publication.file("fct_milestones"),
        file_facilities=publication.file("dim_facilities"),
        tenant_id=scope.tenant_id,
        shipment_id=shipment_id,
    )


STATUS_EVENTS = """
select occurred_at, feed, sender_id, carrier_id, event_code, event_name, reason_code, reason_name,
    responsible_party, classifier, event_status, remark, recorded_at
from read_parquet($file_events)
where tenant_id = $tenant_id and shipment_id = $shipment_id
order by coalesce(occurred_at, recorded_at) desc, event_id
limit 200
"""

IMPOSSIBLE = """
select finding_id, impossibility, extent, milestone_code, occurred_at
from read_parquet($file_events)
where tenant_id = $tenant_id and shipment_id = $shipment_id
order by occurred_at, finding_id
limit 20
"""


@st.cache_data(max_entries=256, ttl=3600, show_spinner=False)
def told(publication: Publication, scope: Scope, shipment_id: str) -> tuple[list[Row], list[Row]]:
    """Return what partners said of one shipment, newest first, and which milestones cannot be true."""
    if not shipments(publication, scope, (shipment_id,)):
        return [], []
    about = {"tenant_id": scope.tenant_id, "shipment_id": shipment_id}
    said, impossible = (
        _rows(publication, query, file_events=publication.file(mart), **about)
        if publication.has(mart)
        else []
        for query, mart in ((STATUS_EVENTS, "fct_status_events"), (IMPOSSIBLE, "fct_impossible_events"))
    )
    return said, impossible


SCORES = """
select checkpoint, cutoff_at, late_probability, predicted_arrival_at, interval_low_at, interval_high_at,
    model_version, feature_sha256, scored_at
from read_parquet($file_scores)
where tenant_id = $tenant_id and shipment_id = $shipment_id
order by cutoff_at, scored_at limit 50
"""


@st.cache_data(max_entries=256, ttl=3600, show_spinner=False)
def scores(publication: Publication, scope: Scope, shipment_id: str) -> list[Row]:
    """Return the arrival scores of one shipment in the order they were known; empty when out of scope."""
    if not shipments(publication, scope, (shipment_id,)):
        return []
    file_scores = publication.file("arrival_scores")
    return _rows(
        publication, SCORES, file_scores=file_scores, tenant_id=scope.tenant_id, shipment_id=shipment_id
    )


PROJECTION = """
select projected_on, projected_quantity, projected_with_inbound_quantity, safety_stock_quantity,
    stock_out_on, inbound_shipment_id
from read_parquet($file_projection)
where tenant_id = $tenant_id and facility_id = $facility_id
    and product_id = $product_id
order by projected_on limit 200
"""


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def projection(publication: Publication, tenant_id: str, facility_id: str, product_id: str) -> list[Row]:
    """Return the projected stock of a product at a facility, one row a day."""
    return _rows(
        publication,
        PROJECTION,
        file_projection=publication.file("fct_inventory_projection"),
        tenant_id=tenant_id,
        facility_id=facility_id,
        product_id=product_id,
    )


STARVED = """
select order_id, customer_id, shipment_id, inbound_shipment_id, inbound_expected_at, needed_at, promised_at,
    quantity, short_quantity, short_amount, currency_code, is_by_lateness
from read_parquet($file_starved)
where tenant_id = $tenant_id and facility_id = $facility_id and product_id = $product_id
order by needed_at, order_line_id, shipment_id limit 200
"""


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def starved_orders(publication: Publication, tenant_id: str, facility_id: str, product_id: str) -> list[Row]:
    """Return orders of all customers that a late inbound of a product starves, the first to leave first."""
    return _rows(
        publication,
        STARVED,
        file_starved=publication.file("fct_starved_orders"),
        tenant_id=tenant_id,
        facility_id=facility_id,
        product_id=product_id,
    )


FEED_HEALTH = """
select feed, producer, cadence_hours, lateness_hours, newest_recorded_at, due_by_at, is_stale, file_count,
    refused_file_count, recent_since, recent_row_count, recent_refused_count, refused_share, most_broken_rule,
    most_broken_column, refused_file_name, refused_reason
from read_parquet($file_health)
where tenant_id = $tenant_id
order by is_stale desc, refused_reason is null, refused_share desc, feed
"""


@st.cache_data(max_entries=16, ttl=3600, show_spinner=False)
def feed_health(publication: Publication, tenant_id: str) -> list[Row]:
    """Return how each feed keeps what its contract promises, as of the publication, the worst first."""
    file = publication.file("fct_feed_health")
    return _rows(publication, FEED_HEALTH, file_health=file, tenant_id=tenant_id)


UNMATCHED = """
select reference_type, reference_key, reference, carrier_id, match_status, message_count,
    first_told_at, last_told_at, example_event_id, example_remark, candidates,
    source_file_sha256, source_row_number
from read_parquet($file_unmatched)
where tenant_id = $tenant_id and decision_id is null
order by message_count desc, last_told_at desc, reference_type, reference_key, carrier_id nulls first
limit $row_limit offset $row_offset
"""


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def unmatched(publication: Publication, tenant_id: str, *, limit: int, offset: int = 0) -> list[Row]:
    """Return references that named no shipment and nobody decided about, most messages first, then the newest."""
    return _rows(
        publication,
        UNMATCHED,
        file_unmatched=publication.file("fct_unmatched_references"),
        tenant_id=tenant_id,
        row_limit=min(limit, 500),
        row_offset=offset,
    )


# By what a reference may mean: the ids that are published.
KNOWN = {
    "shipment_id": (
        "fct_shipments",
        "select 1 from read_parquet($file_known) where tenant_id = $tenant_id and shipment_id = $known_id limit 1",
    ),
    "facility_id": (
        "dim_facilities",
        "select 1 from read_parquet($file_known) where tenant_id = $tenant_id and facility_id = $known_id limit 1",
    ),
    "customer_id": (
        "dim_parties",
        "select 1 from read_parquet($file_known) "
        "where tenant_id = $tenant_id and party_role = 'customer' and party_id = $known_id limit 1",
    ),
}


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def is_known(publication: Publication, tenant_id: str, what: str, known_id: str) -> bool:
    """Say whether a published shipment, facility or customer (`what` names the id) of the tenant has this id."""
    table, query = KNOWN[what]
    file = publication.file(table)
    return bool(_rows(publication, query, file_known=file, tenant_id=tenant_id, known_id=known_id))


RISK_SPREAD = """
select least(cast(floor(late_probability * 20) as integer), 19) as bin, count(*) as shipment_count
from read_parquet($file_scores)
where tenant_id = $tenant_id and late_probability is not null
group by bin order by bin
"""


@st.cache_data(max_entries=16, ttl=3600, show_spinner=False)
def risk_spread(publication: Publication, tenant_id: str) -> list[Row]:
    """Return how many open shipments sit in each twentieth of late probability."""
    return _rows(
        publication, RISK_SPREAD, file_scores=publication.file("arrival_scores"), tenant_id=tenant_id
    )


@st.cache_data(max_entries=16, ttl=3600, show_spinner=False)
def mart_counts(publication: Publication, tenant_id: str) -> dict[str, int]:
    """Return the number of published rows per table of one tenant."""
    counts: dict[str, int] = {}
    for mart in MARTS:
        file_mart = publication.file(mart)
        found = _rows(
            publication,
            "select count(*) as row_count from read_parquet($file_mart) where tenant_id = $tenant_id",
            file_mart=file_mart,
            tenant_id=tenant_id,
        )
        if found:
            counts[mart] = int(found[0]["row_count"])
    return counts


@st.cache_data(max_entries=16, ttl=3600, show_spinner=False)
def model_reports(publication: Publication, tenant_id: str) -> Row | None:
    """Return what was published about the tenant's models (card, metrics, curves), or None."""
    path = publication.folder / "models.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = report.get(tenant_id)
    return found if isinstance(found, dict) else None
