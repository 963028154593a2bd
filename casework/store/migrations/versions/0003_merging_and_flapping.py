"""Cases that were merged into another, and cases whose exception comes and goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("merged_into", sa.String(length=40), nullable=True))
    op.add_column("cases", sa.Column("flapping_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_cases_merged", "cases", ["tenant_id", "merged_into"])


def downgrade() -> None:
    op.drop_index("ix_cases_merged", table_name="cases")
    op.drop_column("cases", "flapping_until")
    op.drop_column("cases", "merged_into")
