"""What people decide about references that identity could not place, and which of it a build took in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from casework.store import row_security

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
REFERENCE = ["tenant_id", "reference_type", "reference_key"]
STANDING = sa.text("undone_at IS NULL")
OF_NO_CARRIER = sa.text("undone_at IS NULL AND carrier_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "reference_decisions",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("reference_type", sa.String(length=40), nullable=False),
        sa.Column("reference_key", sa.String(length=200), nullable=False),
        sa.Column("carrier_id", sa.String(length=120), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("shipment_id", sa.String(length=120), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("undone_by", sa.String(length=64), nullable=True),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.Column("undo_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "decision_id", name="pk_reference_decisions"),
    )
    _one_stands("uq_reference_decisions_standing", [*REFERENCE, "carrier_id"], STANDING)
    _one_stands("uq_reference_decisions_standing_of_no_carrier", REFERENCE, OF_NO_CARRIER)
    row_security.secure(op.get_bind(), ("reference_decisions",))
    op.add_column("publications", sa.Column("decisions_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("publications", "decisions_sha256")
    op.drop_table("reference_decisions")


def _one_stands(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(
        name, "reference_decisions", columns, unique=True, sqlite_where=where, postgresql_where=where
    )
