"""What partners were answered about the files they sent, and the numbers that answers to each partner have."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from casework.store.tables.types import Instant, metadata

# One row per partner that was answered: the number that its next answer begins with.
control_numbers = Table(
    "control_numbers",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("partner_id", String(40), primary_key=True),  # sender of the interchange that was answered (ISA06)
    Column("next_number", Integer, nullable=False),
)

# One row per interchange of the answer to a file, or one that says why the file has no answer.
acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("file_sha256", String(64), primary_key=True),
    Column("place", Integer, primary_key=True),  # of the interchange in the answer, from 1
    Column("kind", String(8), nullable=False),  # 997 | TA1 | 824 | none
    Column("partner_id", String(40)),
    Column("control_number", Integer),  # of the interchange (ISA13)
    Column("verdict", String(16)),  # accepted | partly | rejected
    Column("note", Text),  # why there is none
    Column("body_sha256", String(64)),  # of the whole answer, which is kept among the originals
    Column("answer_name", String(200)),
    Column("made_at", Instant, nullable=False),
    Column("laid_at", Instant),  # null = not out yet
    UniqueConstraint("tenant_id", "partner_id", "control_number", name="uq_acknowledgements_numbers"),
)
