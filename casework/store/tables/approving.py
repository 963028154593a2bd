"""Approvals that gather on one version of a draft, and rights to approve that are lent."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from casework.store.tables.types import Instant, Money, metadata

# One row per yes of a person to one version of a draft; a decision needs as many as its tier asks for.
sign_offs = Table(
    "sign_offs",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sign_off_id", String(40), primary_key=True),
    Column("draft_id", String(40), nullable=False),
    Column("draft_version", Integer, nullable=False),
    Column("case_id", String(40), nullable=False),
    Column("approver", String(64), nullable=False),
    Column("on_behalf_of", String(64)),  # the principal whose right it was, where it was lent
    Column("delegation_id", String(40)),
    Column("role", String(32)),  # in which it was given
    Column("tier", String(40)),  # that asked for it then
    Column("content_sha256", String(64), nullable=False),
    Column("recipients_sha256", String(64), nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_sign_offs_draft", sign_offs.c.tenant_id, sign_offs.c.draft_id, sign_offs.c.draft_version)

# One row per right to approve that a person lent to another for a while.
delegations = Table(
    "delegations",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("delegation_id", String(40), primary_key=True),
    Column("from_principal", String(64), nullable=False),
    Column("to_principal", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("customer_id", String(120)),  # null scope columns mean as far as the lender's own
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("exception_types", JSON(none_as_null=True)),
    Column("up_to", Money()),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", String(64)),
    Column("revoke_reason", Text),
)
Index("ix_delegations_to", delegations.c.tenant_id, delegations.c.to_principal)
