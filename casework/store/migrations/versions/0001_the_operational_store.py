"""The operational store as it first shipped: every table, and the triggers that keep history as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from casework.store.append_only import protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")
APPEND_ONLY = ("case_evidence", "case_facts", "audit_entries", "draft_versions", "approvals", "events")


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("draft_version", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("approver", sa.String(length=64), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "approval_id", name="pk_approvals"),
        sa.UniqueConstraint(
            "tenant_id", "draft_id", "draft_version", name="uq_approvals_tenant_id_draft_id_draft_version"
        ),
    )
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("object_id", sa.String(length=120), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("payload_sha256", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("entry_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_audit_entries"),
    )
    op.create_index(
        "ix_audit_entries_case", "audit_entries", ["tenant_id", "case_id", "sequence"], unique=False
    )
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("entry_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_heads"),
    )
    op.create_table(
        "case_evidence",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("facts_sha256", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("lineage", sa.JSON(), nullable=False),
        sa.Column("publication_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "case_id", "facts_version", name="pk_case_evidence"),
    )
    op.create_table(
        "case_facts",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("fact", sa.String(length=60), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_case_facts"),
    )
    op.create_index("ix_case_facts_case", "case_facts", ["tenant_id", "case_id", "sequence"], unique=False)
    op.create_table(
        "cases",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("exception_key", sa.String(length=300), nullable=False),
        sa.Column("exception_type", sa.String(length=64), nullable=False),
        sa.Column("subject_type", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("shipment_id", sa.String(length=120), nullable=True),
        sa.Column("parent_case_id", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_present", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("customer_id", sa.String(length=120), nullable=True),
        sa.Column("carrier_id", sa.String(length=120), nullable=True),
        sa.Column("facility_id", sa.String(length=120), nullable=True),
        sa.Column("customer_tier", sa.String(length=16), nullable=True),
        sa.Column("late_probability", sa.Float(), nullable=True),
        sa.Column("predicted_at", INSTANT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("expected_loss", MONEY, nullable=False),
        sa.Column("sla_penalty_amount", MONEY, nullable=False),
        sa.Column("revenue_amount", MONEY, nullable=False),
        sa.Column("inventory_amount", MONEY, nullable=False),
        sa.Column("customer_tier_amount", MONEY, nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("assumption", sa.Text(), nullable=True),
        sa.Column("detected_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("first_response_due_at", INSTANT, nullable=True),
        sa.Column("first_response_at", INSTANT, nullable=True),
        sa.Column("resolution_due_at", INSTANT, nullable=True),
        sa.Column("waiting_since", INSTANT, nullable=True),
        sa.Column("waiting_until", INSTANT, nullable=True),
        sa.Column("resolution_code", sa.String(length=40), nullable=True),
        sa.Column("root_cause_code", sa.String(length=40), nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("facts_sha256", sa.String(length=64), nullable=False),
        sa.Column("publication_id", sa.String(length=64), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "case_id", name="pk_cases"),
    )
    op.create_index("ix_cases_exception", "cases", ["tenant_id", "exception_key"], unique=False)
    op.create_index(
        "ix_cases_queue",
        "cases",
        ["tenant_id", "is_open", sa.text("expected_loss DESC"), "case_id"],
        unique=False,
    )
    op.create_index("ix_cases_shipment", "cases", ["tenant_id", "shipment_id"], unique=False)
    op.create_index(
        "uq_cases_one_open_case_per_exception",
        "cases",
        ["tenant_id", "exception_key"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "check_results",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("check_name", sa.String(length=200), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "feed", "check_name", name="pk_check_results"),
    )
    op.create_table(
        "contacts",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("party_id", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("party_role", sa.String(length=16), nullable=False),
        sa.Column("party_name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "party_id", "channel", name="pk_contacts"),
    )
    op.create_table(
        "draft_versions",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "draft_id", "version", name="pk_draft_versions"),
    )
    op.create_table(
        "drafts",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "draft_id", name="pk_drafts"),
        sa.UniqueConstraint("tenant_id", "case_id", "kind", name="uq_drafts_tenant_id_case_id_kind"),
    )
    op.create_table(
        "duplicate_files",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "feed", "file_name", name="pk_duplicate_files"),
    )
    op.create_table(
        "effects",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("effect_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("approval_id", sa.String(length=40), nullable=True),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=500), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("payload_sha256", sa.String(length=64), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("available_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("claimed_by", sa.String(length=120), nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "effect_id", name="pk_effects"),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_effects_tenant_id_idempotency_key"),
    )
    op.create_index("ix_effects_case", "effects", ["tenant_id", "case_id"], unique=False)
    op.create_index("ix_effects_due", "effects", ["state", "available_at"], unique=False)
    op.create_table(
        "escalations",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("escalation_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("fired_at", INSTANT, nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "escalation_id", name="pk_escalations"),
        sa.UniqueConstraint(
            "tenant_id", "case_id", "rule", "step", name="uq_escalations_tenant_id_case_id_rule_step"
        ),
    )
    op.create_index("ix_escalations_due", "escalations", ["state", "due_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_events"),
    )
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=120), nullable=True),
        sa.Column("carrier_id", sa.String(length=120), nullable=True),
        sa.Column("facility_id", sa.String(length=120), nullable=True),
        sa.Column("exception_types", sa.JSON(), nullable=True),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("grant_id", name="pk_grants"),
    )
    op.create_index("ix_grants_principal_id", "grants", ["principal_id"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("process", sa.String(length=60), nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_heartbeats"),
    )
    op.create_table(
        "ingested_files",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("row_count", sa.Integer(), nullable=True),
        sa.Column("loaded_count", sa.Integer(), nullable=True),
        sa.Column("quarantined_count", sa.Integer(), nullable=True),
        sa.Column("duplicate_count", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("loader_version", sa.String(length=40), nullable=True),
        sa.Column("dagster_run_id", sa.String(length=64), nullable=True),
        sa.Column("landed_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("loaded_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "feed", "file_sha256", name="pk_ingested_files"),
    )
    op.create_index("ix_ingested_files_state", "ingested_files", ["state", "landed_at"], unique=False)
    op.create_table(
        "messages",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("party_id", sa.String(length=120), nullable=True),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("effect_id", sa.String(length=40), nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "message_id", name="pk_messages"),
    )
    op.create_index("ix_messages_case", "messages", ["tenant_id", "case_id", "occurred_at"], unique=False)
    op.create_table(
        "principals",
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("login", sa.String(length=120), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("principal_id", name="pk_principals"),
        sa.UniqueConstraint("login", name="uq_principals_login"),
    )
    op.create_table(
        "publications",
        sa.Column("publication_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("dagster_run_id", sa.String(length=64), nullable=True),
        sa.Column("dbt_invocation_id", sa.String(length=64), nullable=True),
        sa.Column("input_sha256", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("built_at", INSTANT, nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("synced_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("publication_id", name="pk_publications"),
    )
    op.create_table(
        "quarantined_rows",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("quarantine_id", sa.String(length=40), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.String(length=120), nullable=True),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("corrected_values", sa.JSON(), nullable=True),
        sa.Column("corrected_by", sa.String(length=64), nullable=True),
        sa.Column("corrected_at", INSTANT, nullable=True),
        sa.Column("replayed_at", INSTANT, nullable=True),
        sa.Column("quarantined_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "quarantine_id", name="pk_quarantined_rows"),
        sa.UniqueConstraint(
            "tenant_id",
            "feed",
            "file_sha256",
            "row_number",
            name="uq_quarantined_rows_tenant_id_feed_file_sha256_row_number",
        ),
    )
    op.create_index("ix_quarantined_rows_state", "quarantined_rows", ["tenant_id", "state"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("failure_id", sa.String(length=40), nullable=False),
        sa.Column("login_sha256", sa.String(length=64), nullable=False),
        sa.Column("failed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("failure_id", name="pk_sign_in_failures"),
    )
    op.create_index(
        "ix_sign_in_failures_login", "sign_in_failures", ["login_sha256", "failed_at"], unique=False
    )
    op.create_table(
        "tenant_clocks",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_clocks"),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("tenant_name", sa.String(length=200), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
    )
    op.create_table(
        "usage",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("usage_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=True),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "usage_id", name="pk_usage"),
    )

    protect(op.get_bind(), APPEND_ONLY)


def downgrade() -> None:
    for table in (
        "usage",
        "tenants",
        "tenant_clocks",
        "sign_in_failures",
        "sessions",
        "quarantined_rows",
        "publications",
        "principals",
        "messages",
        "ingested_files",
        "heartbeats",
        "grants",
        "events",
        "escalations",
        "effects",
        "duplicate_files",
        "drafts",
        "draft_versions",
        "contacts",
        "check_results",
        "cases",
        "case_facts",
        "case_evidence",
        "audit_heads",
        "audit_entries",
        "approvals",
    ):
        op.drop_table(table)
