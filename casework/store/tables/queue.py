"""What is kept so that a queue of a million cases is as quick as one of a thousand. All of it can be made anew."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from casework.store.tables.types import Money, metadata

# Compared byte by byte, so that what begins with a word is one stretch of the index.
WORD = String(120).with_variant(String(120, collation="C"), "postgresql")

# One row per tenant: its cases ever, the cases of its queue, and what is at stake in them.
queue_totals = Table(
    "queue_totals",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("ever_count", Integer, nullable=False),
    Column("case_count", Integer, nullable=False),  # open and not merged into another
    Column("at_stake", Money(), nullable=False),  # each shipment and each incident once
)

# One row per tenant, column of `cases` and value: how many cases of the queue have it; `-` is none.
queue_counts = Table(
    "queue_counts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("dimension", String(40), primary_key=True),
    Column("value", String(120), primary_key=True),
    Column("case_count", Integer, nullable=False),
)
Index(
    "ix_queue_counts_most",
    queue_counts.c.tenant_id,
    queue_counts.c.dimension,
    queue_counts.c.case_count.desc(),
    queue_counts.c.value,
)

# One row per case and word that a search for it may begin with, in small letters; and whose name it is from.
case_words = Table(
    "case_words",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("word", WORD, primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column(
        "source", String(16), primary_key=True
    ),  # case, or customer_id or carrier_id: not for every partner
    sqlite_with_rowid=False,
)
Index("ix_case_words_case", case_words.c.tenant_id, case_words.c.case_id)
