"""PostgreSQL: a role for the desk that owns nothing, and rows that only their own tenant's transactions see."""

from __future__ import annotations

from alembic import op

from casework.store import row_security

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The tables as they stood when this migration was written; later ones are secured where they are made.
OF_TENANTS = (
    *("approvals", "audit_entries", "audit_heads", "case_evidence", "case_facts", "cases", "check_results"),
    *("contacts", "draft_versions", "drafts", "duplicate_files", "effects", "escalations"),
    *("event_consumers", "events", "grants", "handover_items", "handovers", "ingested_files"),
    *("legal_holds", "messages", "quarantined_rows", "redactions", "sensitive_reads", "tenant_clocks"),
    *("tenants", "usage"),
)
SHARED = ("config_versions", "heartbeats", "principals", "publications", "sessions", "sign_in_failures")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    row_security.make_role(connection)
    row_security.secure(connection, OF_TENANTS)
    row_security.secure(connection, SHARED, shared=True)


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    row_security.release(connection, SHARED, shared=True)
    row_security.release(connection, OF_TENANTS)
    row_security.drop_role(connection)
