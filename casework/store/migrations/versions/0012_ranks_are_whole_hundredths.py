"""On PostgreSQL too the queue is ranked by whole hundredths.

Behind row-level security an index answers only comparisons that cannot leak: of integers, and not of numerics.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(18, 2)


def upgrade() -> None:
    _alter(sa.BigInteger(), MONEY, "(ranked_amount * 100)::bigint")


def downgrade() -> None:
    _alter(MONEY, sa.BigInteger(), "ranked_amount / 100.0")


def _alter(to: Any, was: Any, by: str) -> None:
    if (
        op.get_bind().dialect.name == "postgresql"
    ):  # on SQLite amounts are whole hundredths from the beginning
        op.alter_column("cases", "ranked_amount", type_=to, existing_type=was, postgresql_using=by)
