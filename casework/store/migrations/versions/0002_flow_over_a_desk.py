"""The flow of work over a desk: teams, waits for an event, acknowledgements, and hand-overs between shifts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.store.append_only import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OF_A_CASE: dict[str, Any] = {
    "team": sa.String(length=40),
    "waiting_for": sa.String(length=40),
    "acknowledged_until": INSTANT,
    "acknowledged_by": sa.String(length=64),
}


def upgrade() -> None:
    for name, kind in OF_A_CASE.items():
        op.add_column("cases", sa.Column(name, kind, nullable=True))
    op.create_table(
        "handovers",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("handover_id", sa.String(length=40), nullable=False),
        sa.Column("from_owner", sa.String(length=64), nullable=False),
        sa.Column("to_owner", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("accept_by", INSTANT, nullable=False),
        sa.Column("escalated_at", INSTANT, nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "handover_id", name="pk_handovers"),
    )
    op.create_index(
        "uq_handovers_one_offer_at_a_time",
        "handovers",
        ["tenant_id", "from_owner"],
        unique=True,
        sqlite_where=sa.text("state = 'offered'"),
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index("ix_handovers_due", "handovers", ["state", "accept_by"], unique=False)
    op.create_table(
        "handover_items",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("handover_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("is_left", sa.Boolean(), nullable=False),
        sa.Column("next_action", sa.Text(), nullable=True),
        sa.Column("next_check_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "handover_id", "case_id", name="pk_handover_items"),
    )
    protect(op.get_bind(), ("handover_items",))


def downgrade() -> None:
    op.drop_table("handover_items")
    op.drop_table("handovers")
    for name in OF_A_CASE:
        op.drop_column("cases", name)
