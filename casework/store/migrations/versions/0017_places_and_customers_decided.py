"""What people decide about names of places and numbers of customers, beside those of shipments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reference_decisions", sa.Column("facility_id", sa.String(length=120), nullable=True))
    op.add_column("reference_decisions", sa.Column("customer_id", sa.String(length=120), nullable=True))


def downgrade() -> None:
    op.drop_column("reference_decisions", "customer_id")
    op.drop_column("reference_decisions", "facility_id")
