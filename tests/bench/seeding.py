"""Many cases at once, made inside the store: rows as the door would write them, with all that is kept beside.

A tenth of the shipments has two cases and one case in fifty belongs to an incident, so that what is at stake is
no plain sum. What a case is like follows from its number alone.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from casework.queue import tally
from casework.store.engine import writing_across
from casework.store.tables import Table, case_words, cases, drafts, queue_counts, queue_totals
from casework.store.work import Work

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
NUMBERS = {
    "sqlite": "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :count) ",
    "postgresql": "with numbers as (select cast(n as bigint) as n from generate_series(1, :count) n) ",
}
# How each store writes hundredths of money, an instant some minutes ago, and a truth.
CENTS = {"sqlite": "({})", "postgresql": "(({}) / 100.0)"}
AGO = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', '2026-09-01 06:00:00', (-({})) || ' minutes')",
    "postgresql": "(timestamptz '2026-09-01 06:00:00+00' - ({}) * interval '1 minute')",
}
TRUTH = {"sqlite": "({})", "postgresql": "(({}) = 1)"}


def draw(salt: int, below: int) -> str:
    """Return SQL for a number below a bound that looks drawn; always the same for a case."""
    return f"((((n * 48271 + {salt}) % 2147483647) * {salt + 7}) % 99991 % {below})"


def chosen(salt: int, *values: str | None) -> str:
    """Return SQL for one of these values."""
    said = " ".join(f"when {index} then {'null' if v is None else repr(v)}" for index, v in enumerate(values))
    return f"case {draw(salt, len(values))} {said} end"


def padded(number: str, width: int) -> str:
    """Return SQL for a number with leading zeros."""
    return f"substr(cast({10**width} + {number} as text), 2)"


CASE_ID, SHIPMENT = f"'D-' || {padded('n', 7)}", "'SH-' || cast(5000000 + n - (n % 10 / 9) as text)"
OPEN = "case when n * :open / 100 > (n - 1) * :open / 100 then 1 else 0 end"  # so many of a hundred
TYPES = ("predicted_late", "late_now", "customs_hold", "facility_dwell", "trade_document_missing")
KIND = "case (n + n / 7) % 5 " + " ".join(f"when {i} then {name!r}" for i, name in enumerate(TYPES)) + " end"
LOSS = f"1000 + 90000000 / (1 + {draw(3, 40000)})"


def columns(kind: str) -> dict[str, str]:
    """Return the SQL of each column of a case in a kind of store."""
    at, nothing = AGO[kind].format(draw(5, 90000)), CENTS[kind].format("0")
    loss, is_open = CENTS[kind].format(LOSS), TRUTH[kind].format("is_open")
    return {
        "tenant_id": ":tenant", "case_id": CASE_ID, "exception_key": f"{KIND} || ':' || {SHIPMENT}",
        "exception_type": KIND, "subject_type": "'shipment'", "subject": SHIPMENT, "shipment_id": SHIPMENT,
        "parent_case_id": f"case when n % 50 = 7 then 'D-' || {padded('(n - 6)', 7)} end",
        "state": f"case is_open when 1 then {chosen(11, 'new', 'new', 'triaged', 'in_progress')} else 'closed' end",
        "is_open": is_open, "is_present": is_open,
        "severity": chosen(13, *(["low"] * 20), *(["medium"] * 20), *(["high"] * 9), "critical"),
        "owner": f"case when n % 3 = 0 then 'person:' || cast({draw(17, 30)} as text) end",
        "team": chosen(19, None, "logistics", "planning"), "customer_id": f"'C-' || {padded(draw(23, 2000), 5)}",
        "carrier_id": f"'CAR-' || {padded(draw(29, 40), 2)}", "facility_id": f"'DC-' || cast({draw(31, 60)} as text)",
        "customer_tier": "'gold'", "late_probability": "0.5", "predicted_at": at, "due_at": at,
        "expected_loss": loss, "ranked_amount": loss, "weights_version": "0",
        "sla_penalty_amount": loss, "revenue_amount": nothing, "inventory_amount": nothing,
        "customer_tier_amount": nothing, "currency_code": "'USD'", "detected_at": at, "opened_at": at,
        "first_response_due_at": at, "first_response_at": f"case when n % 3 = 0 or is_open = 0 then {at} end",
        "resolution_due_at": at, "version": "1", "facts_version": "1", "facts_sha256": "'0'",
        "publication_id": "'pub_bench'", "updated_at": at,
    }  # fmt: skip


WORDS = """
    with seeded as (select * from cases where tenant_id = :tenant and publication_id = 'pub_bench')
    select :tenant, word, case_id, source from (
        select lower(case_id) as word, case_id, 'case' as source from seeded
        union all select substr(case_id, 3), case_id, 'case' from seeded
        union all select ltrim(substr(case_id, 3), '0'), case_id, 'case' from seeded
            where substr(case_id, 3, 1) = '0'
        union all select lower(shipment_id), case_id, 'case' from seeded
        union all select substr(shipment_id, 4), case_id, 'case' from seeded
        union all select lower(customer_id), case_id, 'customer_id' from seeded
        union all select lower(carrier_id), case_id, 'carrier_id' from seeded
    ) found order by {collated}, case_id, source
"""
DRAFTS = f"""
    select :tenant, 'DR-' || cast(n as text), {CASE_ID}, 'customer_update',
        case when n % 40 = 0 then 'waiting' else 'approved' end, 1, {{now}} from numbers where n % 4 = 0
"""


def seed(engine: sa.Engine, tenant_id: str, count: int, open_percent: int) -> None:
    """Fill a tenant without cases: so many of them, an evenly spread part of them open."""
    kind = engine.dialect.name
    said = columns(kind)
    bound = {"tenant": tenant_id, "count": count, "open": open_percent}
    numbers = NUMBERS[kind]
    flagged = f"(select n, {OPEN} as is_open from numbers) flagged"
    inserted = (
        f"insert into cases ({', '.join(said)}) {numbers} select {', '.join(said.values())} from {flagged}"
    )
    words = WORDS.format(collated='word collate "C"' if kind == "postgresql" else "word")
    drafted = f"{numbers} {DRAFTS.format(now=AGO[kind].format('0'))}"
    _fill(engine, cases, inserted, bound)
    _fill(engine, case_words, f"insert into case_words (tenant_id, word, case_id, source) {words}", bound)
    names = "tenant_id, draft_id, case_id, kind, state, current_version, created_at"
    _fill(engine, drafts, f"insert into drafts ({names}) {drafted}", bound)
    with writing_across(engine) as connection:
        for table in (queue_counts, queue_totals):
            connection.execute(sa.delete(table).where(table.c.tenant_id == tenant_id))
        tally.write_fresh(Work(connection, tenant_id, "service:bench", NOW))
    if kind == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze")


def _fill(engine: sa.Engine, table: Table, statement: str, bound: dict[str, object]) -> None:
    """Insert in bulk, and make the table's indices afterwards."""
    used = {name: value for name, value in bound.items() if f":{name}" in statement}
    with engine.begin() as connection:
        for index in table.indexes:
            index.drop(connection)
        connection.execute(sa.text(statement), used)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            index.create(connection)
