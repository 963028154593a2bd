"""Hand-overs between shifts: who gives which cases to whom, and what became of the offer."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table, Text

from casework.store.tables.types import Instant, metadata

# One row per hand-over of a person's cases to another, with the instant it must be accepted by.
handovers = Table(
    "handovers",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("handover_id", String(40), primary_key=True),
    Column("from_owner", String(64), nullable=False),  # principal_id
    Column("to_owner", String(64), nullable=False),  # principal_id
    Column("note", Text, nullable=False),
    Column("state", String(16), nullable=False),  # offered | accepted | declined | withdrawn
    Column("made_at", Instant, nullable=False),
    Column("accept_by", Instant, nullable=False),
    Column("escalated_at", Instant),  # when somebody was told that it had not been accepted
    Column("decided_at", Instant),
    Column("reason", Text),  # why it was declined or withdrawn
)
Index(
    "uq_handovers_one_offer_at_a_time",
    handovers.c.tenant_id,
    handovers.c.from_owner,
    unique=True,
    sqlite_where=handovers.c.state == "offered",
    postgresql_where=handovers.c.state == "offered",
)
Index("ix_handovers_due", handovers.c.state, handovers.c.accept_by)

# One row per open case of the outgoing person in a hand-over: given on, or left behind with a reason.
handover_items = Table(
    "handover_items",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("handover_id", String(40), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("is_left", Boolean, nullable=False),  # stays with the outgoing person
    Column("next_action", Text),
    Column("next_check_at", Instant),
    Column("reason", Text),  # why it is left
)
