"""Answers to files: what partners were told of what they sent, and the numbers that answers to each have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from casework.store import row_security

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "control_numbers",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("partner_id", sa.String(length=40), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id", name="pk_control_numbers"),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("partner_id", sa.String(length=40), nullable=True),
        sa.Column("control_number", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=True),
        sa.Column("answer_name", sa.String(length=200), nullable=True),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("laid_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "feed", "file_sha256", "place", name="pk_acknowledgements"),
        sa.UniqueConstraint("tenant_id", "partner_id", "control_number", name="uq_acknowledgements_numbers"),
    )
    row_security.secure(op.get_bind(), ("control_numbers", "acknowledgements"))


def downgrade() -> None:
    op.drop_table("acknowledgements")
    op.drop_table("control_numbers")
