"""Who gets in without an account: partners by a link, services by a key; and what was seen through a link."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, String, Table, Text

from casework.store.tables.types import Instant, metadata

# One row per link made for a partner: whose view it opens, until when. The token itself is stored nowhere.
partner_links = Table(
    "partner_links",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("link_id", String(40), primary_key=True, unique=True),  # found without its tenant
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("party_role", String(16), nullable=False),  # customer | carrier | warehouse
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("exception_types", JSON),  # list of types, null = all that are shared with the role
    Column("case_id", String(40)),  # null = every case of the party
    Column("may_comment", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_by", String(64)),
    Column("revoked_at", Instant),
    Column("revoke_reason", Text),
)
Index("ix_partner_links_case", partner_links.c.tenant_id, partner_links.c.case_id)

# One row per opening of a link, and per case looked at through it.
link_views = Table(
    "link_views",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("view_id", String(40), primary_key=True),
    Column("link_id", String(40), nullable=False),
    Column("visit_id", String(40), nullable=False),  # the opening it belongs to
    Column("kind", String(40), nullable=False),  # opening | partner_view | as_known_at
    Column("case_id", String(40)),
    Column("viewed_at", Instant, nullable=False),
    Column("address_hash", String(64)),  # of the network address, keyed by this installation
    Column("user_agent", String(120)),
)
Index("ix_link_views_link", link_views.c.tenant_id, link_views.c.link_id, link_views.c.viewed_at)
Index("ix_link_views_case", link_views.c.tenant_id, link_views.c.case_id)

# One row per key of a service: a subset of what a service may do, within a scope. Only its hash is stored.
api_keys = Table(
    "api_keys",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("key_id", String(40), primary_key=True, unique=True),  # found without its tenant
    Column("key_name", String(200), nullable=False),
    Column("prefix", String(20), nullable=False),
    Column("secret_sha256", String(64), unique=True),  # null until its holder drew it
    Column("permissions", JSON, nullable=False),
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("exception_types", JSON),
    Column("holder", String(64), nullable=False),  # principal_id of who draws it and answers for it
    Column("made_by", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("drawn_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_by", String(64)),
    Column("revoked_at", Instant),
    Column("revoke_reason", Text),
)
