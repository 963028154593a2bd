"""The operational store's tables: what people decided, what follows from it, and what arrived.

One row's columns say its grain. Every table carries `tenant_id`; ids are unique within a tenant.
Tables named in `APPEND_ONLY` refuse update and delete in the database itself. All instants are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Numeric,
    RowMapping,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; refuses naive datetimes, on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The instant {value!r} has no time zone; pass an aware UTC datetime.")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A row as the store returns it, or as the code is about to write it.
Values = Mapping[str, Any] | RowMapping


class Money(TypeDecorator[Decimal]):
    """An amount with two places: numeric on PostgreSQL, whole hundredths on SQLite, so both stay exact."""

    impl = Numeric(18, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite has no exact decimal, so it gets an integer."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(18, 2))

    def process_bind_param(self, value: Decimal | float | int | None, dialect: Dialect) -> Any:
        """Round to two places; a float is read by its shortest text."""
        if value is None:
            return None
        amount = Decimal(str(value)).quantize(CENT, ROUND_HALF_UP)
        return int(amount * 100) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return a Decimal with two places."""
        if value is None:
            return None
        amount = Decimal(value)
        return (amount / 100 if dialect.name == "sqlite" else amount).quantize(CENT)


CENT = Decimal("0.01")
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# --- who, and whose -----------------------------------------------------------------------------

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("tenant_name", String(200), nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("created_at", Instant, nullable=False),
)

# One row per tenant: the feed time. mode is 'replay' (as_of moves only when told) or 'live'.
tenant_clocks = Table(
    "tenant_clocks",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("set_at", Instant, nullable=False),
)

# One row per person, service or partner that can act.
principals = Table(
    "principals",
    metadata,
    Column("principal_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # person | service | partner
    Column("login", String(120), nullable=False, unique=True),
    Column("display_name", String(200), nullable=False),
    Column("password_hash", String(300)),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# One row per role given to a principal within a scope; null scope columns mean "any" within the tenant.
grants = Table(
    "grants",
    metadata,
    Column("grant_id", String(64), primary_key=True),
    Column("principal_id", String(64), nullable=False, index=True),
    Column("tenant_id", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("exception_types", JSON),  # list of types, null = all
    Column("granted_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# One row per sign-in; the server-side session that a cookie or page state merely names.
sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),  # sha256 of the token
    Column("principal_id", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# One row per failed sign-in, so that guessing gets slow; the login is kept as a hash.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("failure_id", String(40), primary_key=True),
    Column("login_sha256", String(64), nullable=False),
    Column("failed_at", Instant, nullable=False),
)
Index("ix_sign_in_failures_login", sign_in_failures.c.login_sha256, sign_in_failures.c.failed_at)

# One row per address a tenant may write to. Messages are sent only to addresses on this list.
contacts = Table(
    "contacts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("party_id", String(120), primary_key=True),
    Column("channel", String(16), primary_key=True),  # mail | webhook
    Column("party_role", String(16), nullable=False),  # customer | carrier | vendor | team
    Column("party_name", String(200), nullable=False),
    Column("address", String(500), nullable=False),
    Column("is_verified", Boolean, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# --- exceptions taken up --------------------------------------------------------------------------

# One row per case: one open case per exception key and tenant.
cases = Table(
    "cases",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("exception_key", String(300), nullable=False),
    Column("exception_type", String(64), nullable=False),
    Column("subject_type", String(32), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("shipment_id", String(120)),
    Column("parent_case_id", String(40)),
    Column("state", String(20), nullable=False),
    Column("is_open", Boolean, nullable=False),  # new, triaged, in_progress or waiting
    Column("is_present", Boolean, nullable=False),  # the exception stands in the latest publication
    Column("severity", String(16), nullable=False),
    Column("owner", String(64)),  # principal_id
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("customer_tier", String(16)),
    Column("late_probability", Float),
    Column("predicted_at", Instant),
    Column("due_at", Instant),  # the promise that is at stake (feed time)
    Column("expected_loss", Money(), nullable=False),
    Column("sla_penalty_amount", Money(), nullable=False),
    Column("revenue_amount", Money(), nullable=False),
    Column("inventory_amount", Money(), nullable=False),
    Column("customer_tier_amount", Money(), nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("assumption", Text),
    Column("detected_at", Instant, nullable=False),  # feed time
    Column("opened_at", Instant, nullable=False),  # desk time, and so are the next ones
    Column("first_response_due_at", Instant),
    Column("first_response_at", Instant),
    Column("resolution_due_at", Instant),
    Column("waiting_since", Instant),
    Column("waiting_until", Instant),
    Column("resolution_code", String(40)),
    Column("root_cause_code", String(40)),
    Column("closed_at", Instant),
    Column("version", Integer, nullable=False),  # +1 with every change: optimistic concurrency
    Column("facts_version", Integer, nullable=False),
    Column("facts_sha256", String(64), nullable=False),
    Column("publication_id", String(64), nullable=False),  # the one the current facts come from
    Column("updated_at", Instant, nullable=False),
)
Index(
    "uq_cases_one_open_case_per_exception",
    cases.c.tenant_id,
    cases.c.exception_key,
    unique=True,
    sqlite_where=cases.c.is_open,
    postgresql_where=cases.c.is_open,
)
Index("ix_cases_queue", cases.c.tenant_id, cases.c.is_open, cases.c.expected_loss.desc(), cases.c.case_id)
Index("ix_cases_exception", cases.c.tenant_id, cases.c.exception_key)
Index("ix_cases_shipment", cases.c.tenant_id, cases.c.shipment_id)

# One row per version of what is known about a case: facts as the publication stated them.
case_evidence = Table(
    "case_evidence",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("facts_version", Integer, primary_key=True),
    Column("facts_sha256", String(64), nullable=False),
    Column("facts", JSON, nullable=False),  # list of Fact as dicts
    Column("documents", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),  # file hashes, dagster run, dbt invocation, model, publication
    Column("publication_id", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

# One row per thing that happened to a case, in the past tense (`case:opened`, `case:owner:assigned`).
case_facts = Table(
    "case_facts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),  # per tenant, gapless
    Column("case_id", String(40), nullable=False),
    Column("fact", String(60), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("details", JSON, nullable=False),
)
Index("ix_case_facts_case", case_facts.c.tenant_id, case_facts.c.case_id, case_facts.c.sequence)

# One row per audit entry; hash = sha256 of canonical JSON of the entry including previous_hash.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("occurred_at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(60), nullable=False),
    Column("case_id", String(40)),
    Column("object_id", String(120)),
    Column("payload", JSON, nullable=False),
    Column("payload_sha256", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("entry_hash", String(64), nullable=False),
)
Index("ix_audit_entries_case", audit_entries.c.tenant_id, audit_entries.c.case_id, audit_entries.c.sequence)

# One row per tenant: the head of its chain, so that an append reads one row.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("entry_hash", String(64), nullable=False),
)

# --- what is said and written --------------------------------------------------------------------

# One row per draft of a case and kind and audience; its text lives in draft_versions.
drafts = Table(
    "drafts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("draft_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("kind", String(40), nullable=False),  # customer_update | carrier_request | recovery_recommendation
    Column("state", String(20), nullable=False),  # waiting | approved | rejected | superseded | void
    Column("current_version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "case_id", "kind"),
)

# One row per version of a draft: content and the hash that an approval binds.
draft_versions = Table(
    "draft_versions",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("draft_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column(
        "content", JSON, nullable=False
    ),  # drafting.model.Draft as dict: subject, paragraphs with fact_ids, options
    Column("content_sha256", String(64), nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("author", String(64), nullable=False),  # principal_id, or template:<id>, or model:<name>
    Column("created_at", Instant, nullable=False),
)

# One row per decision of a person on exact content.
approvals = Table(
    "approvals",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("approval_id", String(40), primary_key=True),
    Column("draft_id", String(40), nullable=False),
    Column("draft_version", Integer, nullable=False),
    Column("case_id", String(40), nullable=False),
    Column("decision", String(16), nullable=False),  # approved | rejected
    Column("approver", String(64), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("recipients", JSON, nullable=False),  # list of {channel, address, party_id}
    Column("facts_version", Integer, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("reason", Text),
    UniqueConstraint("tenant_id", "draft_id", "draft_version"),
)

# One row per thing that must leave: the outbox. States as in docs/glossary.md.
effects = Table(
    "effects",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("effect_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("approval_id", String(40)),
    Column("target", String(40), nullable=False),  # mail | portal_webhook
    Column("recipient", String(500), nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("payload_sha256", String(64), nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("available_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("claimed_by", String(120)),
    Column("receipt", JSON),
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    UniqueConstraint("tenant_id", "idempotency_key"),
)
Index("ix_effects_due", effects.c.state, effects.c.available_at)
Index("ix_effects_case", effects.c.tenant_id, effects.c.case_id)

# One row per message in or out, one thread per case and party.
messages = Table(
    "messages",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("message_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("direction", String(8), nullable=False),  # out | in | note
    Column("channel", String(16), nullable=False),
    Column("party_id", String(120)),
    Column("address", String(500)),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("effect_id", String(40)),
    Column("occurred_at", Instant, nullable=False),
)
Index("ix_messages_case", messages.c.tenant_id, messages.c.case_id, messages.c.occurred_at)

# One row per step of an escalation that is due at an instant; fired exactly once.
escalations = Table(
    "escalations",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("escalation_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("rule", String(60), nullable=False),
    Column("step", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),  # due | fired | cancelled
    Column("fired_at", Instant),
    Column("details", JSON, nullable=False),
    UniqueConstraint("tenant_id", "case_id", "rule", "step"),
)
Index("ix_escalations_due", escalations.c.state, escalations.c.due_at)

# One row per event said to the outside, in tenant order (CloudEvents attributes and data).
events = Table(
    "events",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", String(40), nullable=False),
    Column("type", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("data", JSON, nullable=False),
)

# One row per model call attempt, written before the call and settled after it.
usage = Table(
    "usage",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("usage_id", String(40), primary_key=True),
    Column("case_id", String(40)),
    Column("kind", String(40), nullable=False),
    Column("model", String(120)),
    Column("started_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("outcome", String(40)),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
)

# One row per long-lived process: when it last said it was alive.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", String(60), primary_key=True),
    Column("beat_at", Instant, nullable=False),
    Column("details", JSON, nullable=False),
)

# --- what arrived ---------------------------------------------------------------------------------

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
Index("ix_ingested_files_state", ingested_files.c.state, ingested_files.c.landed_at)

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

APPEND_ONLY = (case_evidence, case_facts, audit_entries, draft_versions, approvals, events)
