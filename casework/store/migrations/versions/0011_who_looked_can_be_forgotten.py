"""From where a link was opened can be erased like other content of history; that it was opened stays."""

from __future__ import annotations

from alembic import op

from casework.store.append_only import protect, protect_but_redact, unprotect

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ERASABLE = ("link_views",)


def upgrade() -> None:
    unprotect(op.get_bind(), ERASABLE)
    protect_but_redact(op.get_bind(), ERASABLE)


def downgrade() -> None:
    unprotect(op.get_bind(), ERASABLE)
    protect(op.get_bind(), ERASABLE)
