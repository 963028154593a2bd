"""Who may act, and whose things they are."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, String, Table

from casework.store.tables.types import Instant, Money, metadata

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("tenant_name", String(200), nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("created_at", Instant, nullable=False),
)

# One row per tenant: the feed time. mode is 'replay' (as_of moves only when told) or 'live'.
tenant_clocks = Table(
    "tenant_clocks",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("set_at", Instant, nullable=False),
)

# One row per person, service or partner that can act.
principals = Table(
    "principals",
    metadata,
    Column("principal_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # person | service | partner
    Column("login", String(120), nullable=False, unique=True),
    Column("display_name", String(200), nullable=False),
    Column("password_hash", String(300)),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# One row per role given to a principal within a scope; null scope columns mean "any" within the tenant.
grants = Table(
    "grants",
    metadata,
    Column("grant_id", String(64), primary_key=True),
    Column("principal_id", String(64), nullable=False, index=True),
    Column("tenant_id", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("exception_types", JSON),  # list of types, null = all
    Column(
        "approve_up_to", Money()
    ),  # what may be at stake where this role approves; null = the role's limit
    Column("granted_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# One row per sign-in; the server-side session that a cookie or page state merely names.
sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),  # sha256 of the token
    Column("principal_id", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# One row per identity at an OpenID provider that may sign in as an account; nothing else maps one to the other.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("principal_id", String(64), nullable=False, index=True),
    Column("linked_by", String(64), nullable=False),
    Column("linked_at", Instant, nullable=False),
)

# One row per failed sign-in, so that guessing gets slow; the login is kept as a hash.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("failure_id", String(40), primary_key=True),
    Column("login_sha256", String(64), nullable=False),
    Column("failed_at", Instant, nullable=False),
)
Index("ix_sign_in_failures_login", sign_in_failures.c.login_sha256, sign_in_failures.c.failed_at)

# One row per address a tenant may write to. Messages are sent only to addresses on this list.
contacts = Table(
    "contacts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("party_id", String(120), primary_key=True),
    Column("channel", String(16), primary_key=True),  # mail | webhook
    Column("party_role", String(16), nullable=False),  # customer | carrier | vendor | team
    Column("party_name", String(200), nullable=False),
    Column("address", String(500), nullable=False),
    Column("is_verified", Boolean, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
