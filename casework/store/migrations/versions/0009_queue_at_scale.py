"""What a queue of a million cases needs: ranked indices, kept counts, words to search by, the log's last numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from casework.store import row_security

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBERED = {"fact_sequence": "case_facts", "event_sequence": "events"}
RANKED, NEWEST, NUMBER = sa.text("ranked_amount DESC"), sa.text("opened_at DESC"), sa.text("case_id DESC")
RANK, BY_DATE = (RANKED, NUMBER), (NEWEST, NUMBER)
# name -> columns after the tenant, and the condition, `{yes}` and `{no}` being how a store writes them
INDICES: dict[str, tuple[tuple[Any, ...], str | None]] = {
    "ix_cases_queue": (RANK, "is_open = {yes}"),
    "ix_cases_queue_by_state": (("state", *RANK), "is_open = {yes}"),
    "ix_cases_queue_by_severity": (("severity", *RANK), "is_open = {yes}"),
    "ix_cases_queue_by_owner": (("owner", *RANK), "is_open = {yes}"),
    "ix_cases_newest_by_customer": (("customer_id", *BY_DATE), "is_open = {yes}"),
    "ix_cases_newest_by_carrier": (("carrier_id", *BY_DATE), "is_open = {yes}"),
    "ix_cases_newest_by_facility": (("facility_id", *BY_DATE), "is_open = {yes}"),
    "ix_cases_history": (RANK, None),
    "ix_cases_by_customer": (("customer_id", "is_open", *RANK), None),
    "ix_cases_by_carrier": (("carrier_id", "is_open", *RANK), None),
    "ix_cases_by_facility": (("facility_id", "is_open", *RANK), None),
    "ix_cases_parent": (("parent_case_id",), "parent_case_id is not null"),
    "ix_cases_merged": (("merged_into",), "merged_into is not null"),
    "ix_cases_unanswered": (
        ("first_response_due_at",),
        "is_open = {yes} and first_response_at is null",
    ),
    "ix_cases_sleeping": (("case_id",), "is_open = {yes} and resolution_due_at is null"),
    "ix_cases_waiting": (("waiting_for", "waiting_until"), "state = 'waiting'"),
    "ix_cases_flapping": (("flapping_until",), "is_open = {yes} and is_present = {no}"),
    "ix_cases_present": (("case_id", "exception_key"), "is_present = {yes}"),
}
DIMENSIONS = (
    *("state", "exception_type", "severity", "owner", "team", "customer_id", "carrier_id", "facility_id"),
    "currency_code",
)
PARTIES = ("customer_id", "carrier_id")
NAMES = ("case_id", "exception_key", "shipment_id", "subject")
SEARCHED = (*NAMES, *PARTIES)
CHUNK = 2_000
TABLES = ("queue_totals", "queue_counts", "case_words")


def upgrade() -> None:
    connection = op.get_bind()
    for column, table in NUMBERED.items():
        op.add_column("audit_heads", sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
        op.execute(
            f"update audit_heads set {column} = coalesce("
            f"(select max(sequence) from {table} where {table}.tenant_id = audit_heads.tenant_id), 0)"
        )
    for name in ("ix_cases_queue", "ix_cases_merged"):
        op.drop_index(name, "cases")
    for name, (columns, condition) in INDICES.items():
        _index(connection, name, "cases", columns, condition)
    _index(connection, "ix_drafts_waiting", "drafts", ("case_id",), "state = 'waiting'")
    _create_tables()
    row_security.secure(connection, TABLES)
    _count(connection)
    _find_words(connection)


def _index(
    connection: sa.Connection, name: str, table: str, columns: tuple[Any, ...], condition: str | None
) -> None:
    yes, no = ("true", "false") if connection.dialect.name == "postgresql" else ("1", "0")
    where = None if condition is None else sa.text(condition.format(yes=yes, no=no))
    op.create_index(name, table, ["tenant_id", *columns], sqlite_where=where, postgresql_where=where)


def _create_tables() -> None:
    money = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")
    op.create_table(
        "queue_totals",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("ever_count", sa.Integer(), nullable=False),
        sa.Column("case_count", sa.Integer(), nullable=False),
        sa.Column("at_stake", money, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_queue_totals"),
    )
    op.create_table(
        "queue_counts",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("dimension", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.Column("case_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "dimension", "value", name="pk_queue_counts"),
    )
    op.create_index(
        "ix_queue_counts_most",
        "queue_counts",
        ["tenant_id", "dimension", sa.text("case_count DESC"), "value"],
    )
    word = sa.String(length=120).with_variant(sa.String(length=120, collation="C"), "postgresql")
    op.create_table(
        "case_words",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("word", word, nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "word", "case_id", "source", name="pk_case_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_case_words_case", "case_words", ["tenant_id", "case_id"])


def _count(connection: sa.Connection) -> None:
    yes = "true" if connection.dialect.name == "postgresql" else "1"
    in_queue = f"is_open = {yes} and merged_into is null"
    for name in DIMENSIONS:
        op.execute(
            "insert into queue_counts (tenant_id, dimension, value, case_count) "
            f"select tenant_id, '{name}', coalesce(nullif({name}, ''), '-'), count(*) from cases "
            f"where {in_queue} group by 1, 3"
        )
    op.execute(
        "insert into queue_totals (tenant_id, ever_count, case_count, at_stake) "
        f"select tenant_id, count(*), sum(case when {in_queue} then 1 else 0 end), coalesce((select sum(loss) from "
        f"(select max(expected_loss) as loss from cases stake where stake.tenant_id = cases.tenant_id and {in_queue} "
        "group by coalesce(parent_case_id, shipment_id, case_id)) groups), 0) from cases group by tenant_id"
    )


def _find_words(connection: sa.Connection) -> None:
    """Write what every case is found by, as it was written when this migration was."""
    table = sa.table("case_words", *(sa.column(name) for name in ("tenant_id", "word", "case_id", "source")))
    chosen = ", ".join(SEARCHED)
    found = connection.execute(sa.text(f"select tenant_id, {chosen} from cases")).mappings()
    for part in found.partitions(CHUNK):
        rows = [row for case in part for row in _words(case)]
        connection.execute(sa.insert(table), rows)


def _words(case: Any) -> Iterator[dict[str, str]]:
    found = {(str(case[name]).lower(), name) for name in PARTIES if case[name]}
    for name in NAMES:
        value = str(case[name] or "").lower()
        value = value.split(":", 1)[-1] if name == "exception_key" else value
        parts = re.split(r"[\W_]+", value)[1:]
        found |= {(word, "case") for word in (value, *parts, *(part.lstrip("0") for part in parts))}
    for word, source in sorted({(word[:120], source) for word, source in found if word}):
        yield {"tenant_id": case["tenant_id"], "word": word, "case_id": case["case_id"], "source": source}


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_drafts_waiting", "drafts")
    for name in INDICES:
        op.drop_index(name, "cases")
    op.create_index("ix_cases_queue", "cases", ["tenant_id", "is_open", RANKED, "case_id"])
    op.create_index("ix_cases_merged", "cases", ["tenant_id", "merged_into"])
    for column in NUMBERED:
        op.drop_column("audit_heads", column)
