"""Redactions and the narrow door for them, holds, sensitive reads, versions of configuration, event consumers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.store.append_only import REDACT_ONLY, protect, protect_but_redact, unprotect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ERASABLE = ("case_evidence", "case_facts", "audit_entries", "draft_versions", "approvals", "events")
# The columns of a case that its current facts state, as they stood when this migration was written.
STATED = (
    *("exception_key", "exception_type", "subject_type", "subject", "shipment_id", "severity"),
    *("customer_id", "carrier_id", "facility_id", "customer_tier", "late_probability", "predicted_at"),
    *("due_at", "currency_code", "assumption", "expected_loss", "sla_penalty_amount", "revenue_amount"),
    *("inventory_amount", "customer_tier_amount", "detected_at"),
)
MONEY = frozenset(name for name in STATED if name.endswith("_amount") or name == "expected_loss")


def upgrade() -> None:
    op.create_table(
        "redactions",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("redaction_id", sa.String(length=40), nullable=False),
        sa.Column("erasure_id", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("row_key", sa.String(length=200), nullable=False),
        sa.Column("column_name", sa.String(length=60), nullable=False),
        sa.Column("replacement", sa.JSON(), nullable=False),
        sa.Column("original_sha256", sa.String(length=64), nullable=False),
        sa.Column("replacement_sha256", sa.String(length=64), nullable=False),
        sa.Column("redacted_at", INSTANT, nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "redaction_id", name="pk_redactions"),
    )
    op.create_index("ix_redactions_row", "redactions", ["tenant_id", "table_name", "row_key"])
    op.create_table(
        "legal_holds",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.String(length=64), nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "hold_id", name="pk_legal_holds"),
    )
    op.create_index("ix_legal_holds_subject", "legal_holds", ["tenant_id", "subject_kind", "subject_id"])
    op.create_table(
        "sensitive_reads",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "principal_id", "subject_id", "kind", name="pk_sensitive_reads"),
    )
    op.create_table(
        "config_versions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_sha256", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("applied_by", sa.String(length=64), nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False),
        sa.Column("reapplies", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_config_versions"),
    )
    op.create_index("ix_config_versions_sha256", "config_versions", ["config_sha256"])
    op.create_table(
        "event_consumers",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("consumer", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("moved_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "consumer", name="pk_event_consumers"),
    )
    connection = op.get_bind()
    unprotect(connection, ERASABLE)
    op.add_column("case_evidence", sa.Column("stated", sa.JSON(), nullable=True))
    _state_what_current_facts_state(connection)
    protect_but_redact(connection, ERASABLE)
    protect(connection, ("redactions", "config_versions"))
    _put_back_what_the_log_says(connection)


# Columns of a case that came after its first version; a store that went back to it lost them, but its log did not.
LATER: dict[str, Any] = {
    **dict.fromkeys(("team", "waiting_for", "acknowledged_by", "merged_into"), sa.String()),
    **dict.fromkeys(("calendar", "clock_zone", "clock_rule"), sa.String()),
    **dict.fromkeys(("acknowledged_until", "flapping_until"), INSTANT),
}


def _put_back_what_the_log_says(connection: sa.Connection) -> None:
    """Give cases what the last entry about each says of the later columns; older entries say nothing of them."""
    log = sa.table(
        "audit_entries",
        sa.column("tenant_id"), sa.column("case_id"), sa.column("sequence"), sa.column("payload", sa.JSON()),
    )  # fmt: skip
    of_cases = sa.select(log).where(log.c.case_id.is_not(None)).order_by(log.c.tenant_id, log.c.sequence)
    said: dict[tuple[str, str], dict[str, Any]] = {}
    for row in connection.execute(of_cases):
        case = (row.payload or {}).get("case") or {}
        said.setdefault((row.tenant_id, row.case_id), {}).update(
            {name: case[name] for name in LATER if name in case}
        )
    cases = sa.table(
        "cases", sa.column("tenant_id"), sa.column("case_id"), *(sa.column(n, t) for n, t in LATER.items())
    )
    for (tenant_id, case_id), columns in said.items():
        values = {name: _instant(name, value) for name, value in columns.items() if value is not None}
        if values:
            mine = (cases.c.tenant_id == tenant_id, cases.c.case_id == case_id)
            connection.execute(sa.update(cases).where(*mine).values(values))


def _instant(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if LATER[name] is INSTANT else value


def _state_what_current_facts_state(connection: sa.Connection) -> None:
    """The row of a case holds what its current version of the facts states; earlier versions are not known."""
    chosen = ", ".join(STATED)
    rows = connection.execute(sa.text(f"select tenant_id, case_id, facts_version, {chosen} from cases"))
    statement = sa.text(
        "update case_evidence set stated = :stated where tenant_id = :tenant_id and case_id = :case_id "
        "and facts_version = :facts_version"
    ).bindparams(sa.bindparam("stated", type_=sa.JSON))
    for row in rows.mappings().all():
        stated = {name: _plain(connection, name, row[name]) for name in STATED}
        key = {name: row[name] for name in ("tenant_id", "case_id", "facts_version")}
        connection.execute(statement, key | {"stated": stated})


def _plain(connection: sa.Connection, name: str, value: Any) -> Any:
    """Return a raw value as the code writes it into `stated`: instants and money as text."""
    if value is None:
        return None
    if name in MONEY:
        return f"{value // 100}.{value % 100:02d}" if connection.dialect.name == "sqlite" else f"{value:.2f}"
    if name.endswith("_at"):
        if connection.dialect.name == "sqlite":  # stored as UTC text without its zone
            return str(value).replace(" ", "T") + "Z"
        return str(value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return value


def downgrade() -> None:
    connection = op.get_bind()
    unprotect(connection, ERASABLE)
    op.drop_column("case_evidence", "stated")
    protect(connection, ERASABLE)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"drop function {REDACT_ONLY}()"))
    for table in ("event_consumers", "config_versions", "sensitive_reads", "legal_holds", "redactions"):
        op.drop_table(table)
