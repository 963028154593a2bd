"""Files by their feed, by when they came to be known, and by when they were read or refused.

How feeds arrive is summed up after every file, which must not read all that ever came.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_ingested_files_taken_in": ["state", "loaded_at"],
    "ix_ingested_files_feed": ["tenant_id", "feed", "state", "landed_at"],
    "ix_ingested_files_known": ["tenant_id", "recorded_at"],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "ingested_files", columns)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "ingested_files")
