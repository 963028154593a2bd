"""Links for partners, what was seen through them, and keys for services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.store import row_security
from casework.store.append_only import protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TABLES = ("partner_links", "link_views", "api_keys")
SCOPE = ("customer_id", "carrier_id", "facility_id")


def upgrade() -> None:
    links = op.create_table(
        "partner_links",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("link_id", sa.String(length=40), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("party_role", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.String(length=120), nullable=True) for name in SCOPE),
        sa.Column("exception_types", sa.JSON(), nullable=True),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("may_comment", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_by", sa.String(length=64), nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "link_id", name="pk_partner_links"),
        sa.UniqueConstraint("link_id", name="uq_partner_links_link_id"),
        sa.UniqueConstraint("token_sha256", name="uq_partner_links_token_sha256"),
    )
    op.create_index("ix_partner_links_case", "partner_links", ["tenant_id", "case_id"])
    views = op.create_table(
        "link_views",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("view_id", sa.String(length=40), nullable=False),
        sa.Column("link_id", sa.String(length=40), nullable=False),
        sa.Column("visit_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("viewed_at", INSTANT, nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "view_id", name="pk_link_views"),
    )
    op.create_index("ix_link_views_link", "link_views", ["tenant_id", "link_id", "viewed_at"])
    op.create_index("ix_link_views_case", "link_views", ["tenant_id", "case_id"])
    keys = op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("key_name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=True),
        sa.Column("permissions", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.String(length=120), nullable=True) for name in SCOPE),
        sa.Column("exception_types", sa.JSON(), nullable=True),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("drawn_at", INSTANT, nullable=True),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.String(length=64), nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", name="pk_api_keys"),
        sa.UniqueConstraint("key_id", name="uq_api_keys_key_id"),
        sa.UniqueConstraint("secret_sha256", name="uq_api_keys_secret_sha256"),
    )
    _put_back_what_the_log_says(op.get_bind(), links, views, keys)
    protect(op.get_bind(), ("link_views",))
    row_security.secure(op.get_bind(), TABLES)


def _put_back_what_the_log_says(
    connection: sa.Connection, links: sa.Table, views: sa.Table, keys: sa.Table
) -> None:
    """A store that went back a version lost these rows, but its log did not."""
    log = sa.table(
        "audit_entries",
        sa.column("tenant_id"), sa.column("sequence"), sa.column("action"), sa.column("actor"),
        sa.column("object_id"), sa.column("occurred_at", INSTANT), sa.column("payload", sa.JSON()),
    )  # fmt: skip
    about = ("link:created", "link:revoked", "link:opened", "key:created", "key:drawn", "key:revoked")
    told = log.c.action.in_((*about, "case:read:sensitive"))
    for entry in connection.execute(sa.select(log).where(told).order_by(log.c.tenant_id, log.c.sequence)):
        details = (entry.payload or {}).get("details") or {}
        subject, _, verb = entry.action.partition(":")
        table, key = (links, "link_id") if subject == "link" else (keys, "key_id")
        moment = {f"{verb}_by": entry.actor, f"{verb}_at": entry.occurred_at}
        if verb == "created":
            made = {"made_by": entry.actor, "made_at": entry.occurred_at, "tenant_id": entry.tenant_id}
            _insert(connection, table, details | made)
        elif "view_id" in details:
            seen = {"kind": "opening", "tenant_id": entry.tenant_id, "viewed_at": entry.occurred_at}
            case = {} if entry.action == "link:opened" else {"case_id": entry.object_id}
            _insert(connection, views, seen | details | case)
        elif verb in ("revoked", "drawn"):
            here = (table.c.tenant_id == entry.tenant_id, table.c[key] == details[key])
            moved = {name: value for name, value in (details | moment).items() if name in table.c}
            connection.execute(sa.update(table).where(*here).values(moved))


def _insert(connection: sa.Connection, table: sa.Table, told: dict[str, Any]) -> None:
    row = {name: value for name, value in told.items() if name in table.c}
    if "expires_at" in row:
        row["expires_at"] = datetime.fromisoformat(row["expires_at"])
    connection.execute(sa.insert(table).values(row))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    # Sessions of links name nobody in an older store.
    op.execute(sa.text("delete from sessions where principal_id like 'link:%'"))
