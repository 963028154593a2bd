"""What a queue of a million cases needs: numbers kept with the chain's head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBERED = {"fact_sequence": "case_facts", "event_sequence": "events"}


def upgrade() -> None:
    for column, table in NUMBERED.items():
        op.add_column("audit_heads", sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
        op.execute(
            f"update audit_heads set {column} = coalesce("
            f"(select max(sequence) from {table} where {table}.tenant_id = audit_heads.tenant_id), 0)"
        )


def downgrade() -> None:
    for column in NUMBERED:
        op.drop_column("audit_heads", column)
