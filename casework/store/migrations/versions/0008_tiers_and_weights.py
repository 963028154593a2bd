"""Approvals that gather, rights that are lent, value bands; a tenant's weights and the amounts they rank by."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.canonical import canonical_sha256
from casework.store import row_security
from casework.store.append_only import protect, unprotect
from casework.store.tables.types import Instant, Money

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")
TABLES = ("sign_offs", "delegations", "priority_weights")
GROWING = ("sign_offs", "priority_weights")


def _as_here(name: str, plainly: str, **typed: Any) -> sa.TableClause:
    """A table as it stands in this version, with the columns that are read or written here."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(column) for column in plainly.split()]
    return sa.table(name, *columns, *(sa.column(column, kind) for column, kind in typed.items()))


CASES = _as_here(
    "cases",
    "tenant_id case_id facts_version weights_version",
    expected_loss=Money(),
    ranked_amount=Money(),
    penalty_per_day=Money(),
)
EVIDENCE = _as_here("case_evidence", "tenant_id case_id facts_version", facts=sa.JSON())
GRANTS = _as_here("grants", "grant_id", approve_up_to=Money())
APPROVALS = _as_here(
    "approvals",
    "tenant_id approval_id draft_id draft_version case_id decision approver content_sha256 facts_version",
    recipients=sa.JSON(),
    decided_at=Instant(),
    expires_at=Instant(),
)
SIGN_OFFS = _as_here(
    "sign_offs",
    "tenant_id sign_off_id draft_id draft_version case_id approver on_behalf_of delegation_id role tier "
    "content_sha256 recipients_sha256 facts_version",
    decided_at=Instant(),
    expires_at=Instant(),
)
DELEGATIONS = _as_here(
    "delegations",
    "tenant_id delegation_id from_principal to_principal reason customer_id carrier_id facility_id "
    "revoked_by revoke_reason",
    exception_types=sa.JSON(none_as_null=True),
    up_to=Money(),
    starts_at=Instant(),
    ends_at=Instant(),
    made_at=Instant(),
    revoked_at=Instant(),
)
WEIGHTS = _as_here(
    "priority_weights",
    "tenant_id version config_version applied_by",
    weights=sa.JSON(),
    applied_at=Instant(),
)


def upgrade() -> None:
    op.create_table(
        "sign_offs",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sign_off_id", sa.String(length=40), nullable=False),
        sa.Column("draft_id", sa.String(length=40), nullable=False),
        sa.Column("draft_version", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("approver", sa.String(length=64), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=64), nullable=True),
        sa.Column("delegation_id", sa.String(length=40), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("tier", sa.String(length=40), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("recipients_sha256", sa.String(length=64), nullable=False),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sign_off_id", name="pk_sign_offs"),
    )
    op.create_index("ix_sign_offs_draft", "sign_offs", ["tenant_id", "draft_id", "draft_version"])
    op.create_table(
        "delegations",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("delegation_id", sa.String(length=40), nullable=False),
        sa.Column("from_principal", sa.String(length=64), nullable=False),
        sa.Column("to_principal", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("customer_id", sa.String(length=120), nullable=True),
        sa.Column("carrier_id", sa.String(length=120), nullable=True),
        sa.Column("facility_id", sa.String(length=120), nullable=True),
        sa.Column("exception_types", sa.JSON(), nullable=True),
        sa.Column("up_to", MONEY, nullable=True),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.String(length=64), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "delegation_id", name="pk_delegations"),
    )
    op.create_index("ix_delegations_to", "delegations", ["tenant_id", "to_principal"])
    op.add_column("grants", sa.Column("approve_up_to", MONEY, nullable=True))
    op.create_table(
        "priority_weights",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=True),
        sa.Column("applied_by", sa.String(length=64), nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "version", name="pk_priority_weights"),
    )
    op.add_column("cases", sa.Column("ranked_amount", MONEY, nullable=False, server_default="0"))
    op.add_column("cases", sa.Column("weights_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("cases", sa.Column("penalty_per_day", MONEY, nullable=True))
    _order_queue_by("ranked_amount")
    connection = op.get_bind()
    _rank(connection)
    _put_back(connection)
    _sign_earlier_approvals(connection)
    protect(connection, GROWING)
    row_security.secure(connection, TABLES)


def _order_queue_by(column: str) -> None:
    op.drop_index("ix_cases_queue", table_name="cases")
    op.create_index("ix_cases_queue", "cases", ["tenant_id", "is_open", sa.text(f"{column} DESC"), "case_id"])


def _rank(connection: sa.Connection) -> None:
    """Rank cases by their loss, unweighted, and take the penalty per day from what is known of each."""
    current = sa.and_(
        EVIDENCE.c.tenant_id == CASES.c.tenant_id,
        EVIDENCE.c.case_id == CASES.c.case_id,
        EVIDENCE.c.facts_version == CASES.c.facts_version,
    )
    connection.execute(sa.update(CASES).values(ranked_amount=CASES.c.expected_loss))
    query = sa.select(CASES.c.tenant_id, CASES.c.case_id, EVIDENCE.c.facts).join(EVIDENCE, current)
    for row in connection.execute(query).all():
        said = (fact["value"] for fact in row.facts or () if fact.get("fact_id") == "penalty_per_day")
        value = next((value for value in said if value is not None), None)
        if value is not None:
            mine = (CASES.c.tenant_id == row.tenant_id, CASES.c.case_id == row.case_id)
            connection.execute(sa.update(CASES).where(*mine).values(penalty_per_day=value))


# --- what the log and the decisions say of the new tables ------------------------------------------------------

LOG = sa.table(
    "audit_entries",
    sa.column("tenant_id"), sa.column("sequence"), sa.column("action"), sa.column("case_id"),
    sa.column("object_id"), sa.column("occurred_at", INSTANT), sa.column("payload", sa.JSON()),
)  # fmt: skip
RANKED = ("ranked_amount", "weights_version", "penalty_per_day")
DELEGATED = ("approval:delegated", "approval:delegation:revoked")


def _put_back(connection: sa.Connection) -> None:
    """Bring back what a store that went back a version lost and its log still tells."""
    query = sa.select(LOG).order_by(LOG.c.tenant_id, LOG.c.sequence)
    lent: dict[tuple[str, str], dict[str, Any]] = {}
    ranked: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in connection.execute(query):
        details = (entry.payload or {}).get("details") or {}
        if details.get("sign_off"):
            connection.execute(SIGN_OFFS.insert(), [_typed(SIGN_OFFS, details["sign_off"])])
        if entry.action == "grant:given" and details.get("approve_up_to"):
            mine = GRANTS.c.grant_id == details["grant_id"]
            connection.execute(sa.update(GRANTS).where(mine).values(approve_up_to=details["approve_up_to"]))
        if entry.action in DELEGATED and details.get("delegation"):
            lent[entry.tenant_id, entry.object_id] = _typed(DELEGATIONS, details["delegation"])
        if details.get("weighting"):
            connection.execute(WEIGHTS.insert(), [_typed(WEIGHTS, details["weighting"])])
        case = (entry.payload or {}).get("case") or {}
        if "ranked_amount" in case:
            ranked[entry.tenant_id, entry.case_id] = {name: _told(CASES, name, case) for name in RANKED}
    if lent:
        connection.execute(DELEGATIONS.insert(), list(lent.values()))
    for (tenant_id, case_id), values in ranked.items():
        mine = (CASES.c.tenant_id == tenant_id, CASES.c.case_id == case_id)
        connection.execute(sa.update(CASES).where(*mine).values(values))


def _typed(table: sa.TableClause, told: dict[str, Any]) -> dict[str, Any]:
    return {column.name: _told(table, column.name, told) for column in table.c}


def _told(table: sa.TableClause, name: str, told: dict[str, Any]) -> Any:
    """Return what an entry tells in canonical form as its column holds it."""
    value, kind = told.get(name), table.c[name].type
    if value is None:
        return None
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    return Decimal(value) if isinstance(kind, Money) else value


def _sign_earlier_approvals(connection: sa.Connection) -> None:
    """Each decision from before approvals gathered is the one approval there was."""
    known = {
        (row.tenant_id, row.draft_id, row.draft_version) for row in connection.execute(sa.select(SIGN_OFFS))
    }
    same = (
        "tenant_id",
        "draft_id",
        "draft_version",
        "case_id",
        "approver",
        "content_sha256",
        "facts_version",
    )
    query = sa.select(APPROVALS).where(APPROVALS.c.decision == "approved")
    made = [
        {name: row[name] for name in (*same, "decided_at", "expires_at")}
        | {"sign_off_id": row["approval_id"], "recipients_sha256": canonical_sha256(row["recipients"])}
        for row in connection.execute(query).mappings()
        if (row["tenant_id"], row["draft_id"], row["draft_version"]) not in known
    ]
    if made:
        connection.execute(SIGN_OFFS.insert(), made)


def downgrade() -> None:
    unprotect(op.get_bind(), GROWING)
    _order_queue_by("expected_loss")
    for name in reversed(RANKED):
        op.drop_column("cases", name)
    op.drop_table("priority_weights")
    op.drop_column("grants", "approve_up_to")
    op.drop_table("delegations")
    op.drop_table("sign_offs")
