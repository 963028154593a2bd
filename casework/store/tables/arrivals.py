"""What arrived, and what became of it."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from casework.store.tables.types import Instant, metadata

# One row per file that arrived: the ingestion ledger, the record of what was loaded.
ingested_files = Table(
    "ingested_files",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("file_sha256", String(64), primary_key=True),
    Column("file_name", String(300), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # landed | loading | loaded | refused
    Column("attempts", Integer, nullable=False),
    Column("claimed_until", Instant),
    Column("row_count", Integer),
    Column("loaded_count", Integer),
    Column("quarantined_count", Integer),
    Column("duplicate_count", Integer),
    Column("error", Text),
    Column("loader_version", String(40)),
    Column("dagster_run_id", String(64)),
    Column("landed_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),  # feed time at ingest
    Column("loaded_at", Instant),
)
_files = ingested_files.c
Index("ix_ingested_files_state", _files.state, _files.landed_at)
Index("ix_ingested_files_taken_in", _files.state, _files.loaded_at)
Index("ix_ingested_files_feed", _files.tenant_id, _files.feed, _files.state, _files.landed_at)
Index("ix_ingested_files_known", _files.tenant_id, _files.recorded_at)

# One row per name a known content arrived under again: nothing is loaded, nothing is hidden.
duplicate_files = Table(
    "duplicate_files",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("file_name", String(300), primary_key=True),
    Column("file_sha256", String(64), nullable=False),
    Column("seen_at", Instant, nullable=False),
)

# One row per post taken in at the HTTP door, by the identity its sender gave it; what makes a repeated post no second.
received_posts = Table(
    "received_posts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("webhook_id", String(128), primary_key=True),
    Column("body_sha256", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
)

# One row per row that its feed's contract refused, kept with its raw content until fixed or ignored.
quarantined_rows = Table(
    "quarantined_rows",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("quarantine_id", String(40), primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("file_name", String(300), nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("column_name", String(120)),
    Column("rule", String(60), nullable=False),
    Column("message", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("values", JSON),  # the row's cells by column, where it could be split into cells
    Column("state", String(16), nullable=False),  # quarantined | corrected | replayed | ignored
    Column("corrected_values", JSON),
    Column("corrected_by", String(64)),
    Column("corrected_at", Instant),
    Column("replayed_at", Instant),
    Column("replayed_as_of", Instant),  # feed time
    Column("quarantined_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "feed", "file_sha256", "row_number"),
)
Index("ix_quarantined_rows_state", quarantined_rows.c.tenant_id, quarantined_rows.c.state)

# One row per build of the warehouse for all tenants: built, then published, or failed.
publications = Table(
    "publications",
    metadata,
    Column("publication_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),  # built | published | synced
    Column("dagster_run_id", String(64)),
    Column("dbt_invocation_id", String(64)),
    Column("input_sha256", String(64), nullable=False),  # hash of everything it was built from
    Column("decisions_sha256", String(64)),  # of the decisions about references among it
    Column("files", JSON, nullable=False),  # mart -> {sha256, rows}
    Column("built_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("synced_at", Instant),
)

# One row per asset check result of the latest runs, for the data health page.
check_results = Table(
    "check_results",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("check_name", String(200), primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("checked_at", Instant, nullable=False),
)
