"""What people decided about references that could not be placed by themselves."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from casework.store.tables.types import Instant, metadata

# One row per decision of a person about a reference of a carrier: the shipment, facility or customer it means, or that
# it means none.
reference_decisions = Table(
    "reference_decisions",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("decision_id", String(40), primary_key=True),
    Column("reference_type", String(40), nullable=False),  # PRO, CONTAINER, PLACE, ... as identity names them
    Column("reference_key", String(200), nullable=False),  # in identity's comparable form
    Column("carrier_id", String(120)),  # null = told without saying which carrier speaks
    Column("decision", String(16), nullable=False),  # match | ignore
    Column("shipment_id", String(120)),  # of a match; by the type of the reference one of
    Column("facility_id", String(120)),
    Column("customer_id", String(120)),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("undone_by", String(64)),
    Column("undone_at", Instant),  # null = it stands
    Column("undo_reason", Text),
)
STANDING = reference_decisions.c.undone_at.is_(None)
_REFERENCE = tuple(reference_decisions.c[name] for name in ("tenant_id", "reference_type", "reference_key"))
Index(
    "uq_reference_decisions_standing",
    *_REFERENCE,
    reference_decisions.c.carrier_id,
    unique=True,
    sqlite_where=STANDING,
    postgresql_where=STANDING,
)
# Where no carrier is named, two nulls would be two different carriers to the index above.
_OF_NO_CARRIER = STANDING & reference_decisions.c.carrier_id.is_(None)
Index(
    "uq_reference_decisions_standing_of_no_carrier",
    *_REFERENCE,
    unique=True,
    sqlite_where=_OF_NO_CARRIER,
    postgresql_where=_OF_NO_CARRIER,
)
