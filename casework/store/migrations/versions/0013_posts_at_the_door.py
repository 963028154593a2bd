"""Posts taken in at the HTTP door, each once by the identity its sender gave it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from casework.store import row_security

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "received_posts",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=128), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "feed", "webhook_id", name="pk_received_posts"),
    )
    row_security.secure(op.get_bind(), ("received_posts",))


def downgrade() -> None:
    op.drop_table("received_posts")
