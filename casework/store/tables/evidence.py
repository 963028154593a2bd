"""What proves, keeps and forgets history: redactions, holds, sensitive reads, configuration, consumers."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from casework.store.tables.types import Instant, metadata

# One row per value that was taken out of history: what stands there now, and the signature that says so.
redactions = Table(
    "redactions",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("redaction_id", String(40), primary_key=True),
    Column("erasure_id", String(40), nullable=False),  # one decision to erase, told in the audit chain
    Column("table_name", String(60), nullable=False),
    Column("row_key", String(200), nullable=False),  # the row's key without its tenant, parts joined by |
    Column("column_name", String(60), nullable=False),
    Column("replacement", JSON, nullable=False),
    Column("original_sha256", String(64), nullable=False),  # of the value as it was first written
    Column("replacement_sha256", String(64), nullable=False),
    Column("redacted_at", Instant, nullable=False),
    Column("signature", String(128), nullable=False),
)
Index("ix_redactions_row", redactions.c.tenant_id, redactions.c.table_name, redactions.c.row_key)

# One row per hold on a case or a party: while it stands, nothing of it is erased or runs out.
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("hold_id", String(40), primary_key=True),
    Column("subject_kind", String(16), nullable=False),  # case | party
    Column("subject_id", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", String(64), nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("released_by", String(64)),
    Column("released_at", Instant),
    Column("release_reason", Text),
)
Index("ix_legal_holds_subject", legal_holds.c.tenant_id, legal_holds.c.subject_kind, legal_holds.c.subject_id)

# One row per reader, subject and kind of sensitive reading: when the audit chain last told of it.
sensitive_reads = Table(
    "sensitive_reads",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("principal_id", String(64), primary_key=True),
    Column("subject_id", String(120), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("told_at", Instant, nullable=False),
)

# One row per configuration that was put into force, for all tenants: the files' text, who, when.
config_versions = Table(
    "config_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("config_sha256", String(64), nullable=False),
    Column("files", JSON, nullable=False),  # file name -> text
    Column("applied_by", String(64), nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("reapplies", Integer),  # the older version that this one puts back
    Column("note", Text),
)
Index("ix_config_versions_sha256", config_versions.c.config_sha256)

# One row per tenant and named reader of the event log: the last sequence it has handled.
event_consumers = Table(
    "event_consumers",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("consumer", String(60), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
)
