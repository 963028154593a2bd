"""Deadlines and escalation steps keep the zone and the rule they were counted by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ADDED = {
    "cases": {"calendar": 64, "clock_zone": 64, "clock_rule": 160},
    "escalations": {"clock": 20, "zone": 64},
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, length in columns.items():
            op.add_column(table, sa.Column(name, sa.String(length=length), nullable=True))


def downgrade() -> None:
    for table, columns in ADDED.items():
        for name in columns:
            op.drop_column(table, name)
