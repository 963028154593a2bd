"""What a tenant's cases are ranked by."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table

from casework.store.tables.types import Instant, metadata

# One row per set of weights a tenant put into force; the newest one ranks its open cases.
priority_weights = Table(
    "priority_weights",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("weights", JSON, nullable=False),  # part -> weight as a decimal string
    Column("config_version", Integer),  # the configuration it came with
    Column("applied_by", String(64), nullable=False),
    Column("applied_at", Instant, nullable=False),
)
