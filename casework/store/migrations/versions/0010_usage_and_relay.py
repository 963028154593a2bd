"""Usage of every kind with its cost, the trace context of effects, and identities at OpenID providers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.store import row_security

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
# Millionths on SQLite, which has no exact decimal.
COST: Any = sa.Numeric(18, 6).with_variant(sa.BigInteger(), "sqlite")
ADDED: Any = (
    ("customer_id", sa.String(length=120)),
    ("effect_id", sa.String(length=40)),
    ("caller", sa.String(length=64)),
)
REQUIRED: Any = (
    ("kind", sa.String(length=20), "'model_call'"),
    ("quantity", sa.Integer(), "1"),
    ("unit", sa.String(length=16), "'call'"),
    ("cost", COST, "0"),
    ("currency_code", sa.String(length=3), "'USD'"),
)


def upgrade() -> None:
    # Until now every row was a model call, and its kind the kind of draft it was for.
    op.execute("alter table usage rename column kind to purpose")
    with op.batch_alter_table("usage") as table:
        for name, kind in ADDED:
            table.add_column(sa.Column(name, kind, nullable=True))
        for name, kind, default in REQUIRED:
            table.add_column(sa.Column(name, kind, nullable=False, server_default=sa.text(default)))
    op.execute(
        "update usage set currency_code = "
        "coalesce((select t.currency_code from tenants t where t.tenant_id = usage.tenant_id), 'USD')"
    )
    with op.batch_alter_table("usage") as table:
        for name, kind, _default in REQUIRED:
            table.alter_column(name, existing_type=kind, server_default=None)
    op.create_index("ix_usage_window", "usage", ["tenant_id", "kind", "started_at"])
    op.create_index("ix_usage_case", "usage", ["tenant_id", "case_id"])
    op.create_index("ix_usage_effect", "usage", ["tenant_id", "effect_id"])
    op.add_column("effects", sa.Column("traceparent", sa.String(length=55), nullable=True))
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("linked_by", sa.String(length=64), nullable=False),
        sa.Column("linked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_principal_id", "identities", ["principal_id"])
    row_security.secure(op.get_bind(), ("identities",), shared=True)


def downgrade() -> None:
    op.drop_table("identities")
    op.drop_column("effects", "traceparent")
    for index in ("ix_usage_effect", "ix_usage_case", "ix_usage_window"):
        op.drop_index(index, table_name="usage")
    # The version before knows model calls alone.
    op.execute("delete from usage where kind <> 'model_call'")
    with op.batch_alter_table("usage") as table:
        for name in [*(name for name, _kind in ADDED), *(name for name, _kind, _default in REQUIRED)]:
            table.drop_column(name)
    op.execute("alter table usage rename column purpose to kind")
