"""Rows loaded again: at which feed time a corrected row was loaded. Rows of before are dated by their file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quarantined_rows", sa.Column("replayed_as_of", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("quarantined_rows", "replayed_as_of")
