"""What the queue adds up to, kept as cases change: how many, of which kinds, and what is at stake.

`settle` runs at the end of a decision's transaction, under the tenant's lock, and writes the difference that
the transaction made. It is kept for the whole tenant alone; whoever sees less of it is counted for afresh.
`fresh` says what must stand there, and `rebuild` puts it there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from casework.queue import words
from casework.store.tables import Table, Values, case_words, cases, queue_counts, queue_totals
from casework.store.work import Work

DIMENSIONS = (
    *("state", "exception_type", "severity", "owner", "team", "customer_id", "carrier_id", "facility_id"),
    "currency_code",
)
NONE = "-"
MOST_VALUES = 500  # of one dimension, the most frequent first
CHUNK = 500
WEIGHED = ("is_open", "merged_into", "expected_loss", "parent_case_id", "shipment_id")
IN_QUEUE = and_(cases.c.is_open, cases.c.merged_into.is_(None))
# An incident has no shipment and no parent, so it falls into the group of its children.
ONCE = func.coalesce(cases.c.parent_case_id, cases.c.shipment_id, cases.c.case_id)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a queue adds up to. `is_exact` is False where there is more than was counted."""

    count: int
    facets: dict[str, dict[str, int]]
    at_stake: Decimal
    currency_code: str | None
    is_exact: bool = True
    ever: int = field(default=0, compare=False)


# --- reading ---------------------------------------------------------------------------------------------


def read(connection: Connection, tenant_id: str) -> Tally:
    """Return what the whole queue of a tenant adds up to, as it is kept."""
    totals = connection.execute(select(queue_totals).where(queue_totals.c.tenant_id == tenant_id)).first()
    per_dimension = [_most_frequent(tenant_id, name).subquery() for name in DIMENSIONS]
    found = connection.execute(union_all(*(select(part) for part in per_dimension)))
    facets: dict[str, dict[str, int]] = {name: {} for name in DIMENSIONS}
    for row in found:
        facets[row[0]][row[1]] = row[2]
    currency = max(facets.pop("currency_code"), default=None)
    if totals is None:
        return Tally(0, facets, Decimal("0.00"), currency)
    ordered = {name: in_order(counts.items()) for name, counts in facets.items()}
    return Tally(totals.case_count, ordered, totals.at_stake, currency, ever=totals.ever_count)


def _most_frequent(tenant_id: str, dimension: str) -> Any:
    kept = queue_counts.c
    return (
        select(kept.dimension, kept.value, kept.case_count)
        .where(kept.tenant_id == tenant_id, kept.dimension == dimension, kept.case_count > 0)
        .order_by(kept.case_count.desc(), kept.value)
        .limit(MOST_VALUES)
    )


def in_order(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return counts with the most frequent value first."""
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def ever(work: Work) -> int:
    """Return how many cases the tenant ever had, before this transaction."""
    query = select(queue_totals.c.ever_count).where(queue_totals.c.tenant_id == work.tenant_id)
    return work.connection.scalar(query) or 0


# --- keeping ---------------------------------------------------------------------------------------------


def settle(work: Work) -> None:
    """Write what the changes of cases in this transaction make different."""
    changed = [(before, after) for before, after in work.changed.values() if _counts_differ(before, after)]
    if not changed:
        return
    counts: Counter[tuple[str, str]] = Counter()
    opened = sum(before is None for before, _ in changed)
    grown = 0
    for before, after in changed:
        for case, sign in ((before, -1), (after, 1)):
            if case is not None and _is_in_queue(case):
                grown += sign
                for name in DIMENSIONS:
                    counts[(name, case[name] or NONE)] += sign
    _add_counts(work.connection, work.tenant_id, counts)
    totals = {"ever_count": opened, "case_count": grown, "at_stake": _stake_difference(work, changed)}
    if any(totals.values()):
        _add(work.connection, queue_totals, [{"tenant_id": work.tenant_id} | totals])
    _keep_words(work, changed)


def _counts_differ(before: Values | None, after: Values) -> bool:
    named = (*DIMENSIONS, *WEIGHED, *words.SEARCHED)
    return before is None or any(before[name] != after[name] for name in named)


def _is_in_queue(case: Values) -> bool:
    return bool(case["is_open"]) and case["merged_into"] is None


def _group(case: Values) -> str:
    return str(case["parent_case_id"] or case["shipment_id"] or case["case_id"])


def _stake_difference(work: Work, changed: Sequence[tuple[Values | None, Values]]) -> Decimal:
    """Return by how much more is at stake: of each group touched, the greatest loss after less that before."""
    moved = [pair for pair in changed if _weighs_otherwise(*pair)]
    if not moved:
        return Decimal("0.00")
    was: dict[str, Decimal] = {}
    now: dict[str, Decimal] = {}
    for pair in moved:
        for case, greatest in zip(pair, (was, now), strict=True):
            if case is not None and _is_in_queue(case):
                _raise_to(greatest, _group(case), case["expected_loss"])
    others = _greatest_of_others(work, sorted({*was, *now}), {after["case_id"] for _, after in moved})
    for group, loss in others.items():
        _raise_to(was, group, loss)
        _raise_to(now, group, loss)
    return sum(now.values(), Decimal("0.00")) - sum(was.values(), Decimal("0.00"))


def _weighs_otherwise(before: Values | None, after: Values) -> bool:
    return before is None or any(before[name] != after[name] for name in WEIGHED)


def _raise_to(greatest: dict[str, Decimal], group: str, loss: Decimal) -> None:
    greatest[group] = max(loss, greatest.get(group, loss))


def _greatest_of_others(work: Work, groups: Sequence[str], touched: set[str]) -> dict[str, Decimal]:
    """Return the greatest loss among the cases of each group that this transaction left alone."""
    found: dict[str, Decimal] = {}
    alone = cases.c.parent_case_id.is_(None)
    for start in range(0, len(groups), CHUNK):
        part = groups[start : start + CHUNK]
        members: list[ColumnElement[bool]] = [
            cases.c.parent_case_id.in_(part),
            and_(alone, cases.c.shipment_id.in_(part)),
            and_(alone, cases.c.shipment_id.is_(None), cases.c.case_id.in_(part)),
        ]
        of_queue = and_(cases.c.tenant_id == work.tenant_id, IN_QUEUE, cases.c.case_id.not_in(touched))
        queries = [
            select(ONCE.label("once"), func.max(cases.c.expected_loss).label("loss"))
            .where(of_queue, clause)
            .group_by(ONCE)
            for clause in members
        ]
        for row in work.connection.execute(union_all(*queries)):
            _raise_to(found, row[0], row[1])
    return found


def _add_counts(connection: Connection, tenant_id: str, counts: Mapping[tuple[str, str], int]) -> None:
    rows = [
        {"tenant_id": tenant_id, "dimension": dimension, "value": value, "case_count": count}
        for (dimension, value), count in sorted(counts.items())
        if count
    ]
    if rows:
        _add(connection, queue_counts, rows)


def _adding(dialect: Any, table: Table) -> Insert:
    """Return an insert that adds to the row that is there."""
    key = [column.name for column in table.primary_key]
    insert = dialect.insert(table)
    more = {c.name: c + insert.excluded[c.name] for c in table.c if not c.primary_key}
    statement: Insert = insert.on_conflict_do_update(index_elements=key, set_=more)
    return statement


ADDING = {
    (name, table.name): _adding(dialect, table)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
    for table in (queue_counts, queue_totals)
}


def _add(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    connection.execute(ADDING[(connection.dialect.name, table.name)], rows)


def _keep_words(work: Work, changed: Sequence[tuple[Values | None, Values]]) -> None:
    added: list[dict[str, Any]] = []
    for before, after in changed:
        had, has = words.of(before) if before is not None else set(), words.of(after)
        if had - has:
            mine = (case_words.c.tenant_id == work.tenant_id, case_words.c.case_id == after["case_id"])
            work.connection.execute(delete(case_words).where(*mine))
            had = set()
        added += words.rows(after, has - had)
    if added:
        work.connection.execute(case_words.insert(), added)


# --- anew ------------------------------------------------------------------------------------------------


def fresh(connection: Connection, tenant_id: str) -> Tally:
    """Count the whole queue of a tenant from its cases: what `read` must return."""
    of_queue = and_(cases.c.tenant_id == tenant_id, IN_QUEUE)
    facets: dict[str, dict[str, int]] = {}
    for name in DIMENSIONS:
        counted = select(cases.c[name], func.count()).where(of_queue).group_by(cases.c[name])
        counts: Counter[str] = Counter()
        for row in connection.execute(counted):
            counts[row[0] or NONE] += row[1]
        facets[name] = in_order(counts.items())
    currency = max(facets.pop("currency_code"), default=None)
    total = connection.scalar(select(func.count()).select_from(cases).where(of_queue)) or 0
    ever = connection.scalar(select(func.count()).select_from(cases).where(cases.c.tenant_id == tenant_id))
    return Tally(total, facets, at_stake(connection, of_queue), currency, ever=ever or 0)


def at_stake(connection: Connection, clause: ColumnElement[bool]) -> Decimal:
    """Return what cases together can cost: several cases of one shipment, or of one incident, count once."""
    groups = select(func.max(cases.c.expected_loss).label("loss")).where(clause).group_by(ONCE).subquery()
    return connection.scalar(select(func.sum(groups.c.loss))) or Decimal("0.00")


def rebuild(work: Work) -> tuple[Tally, Tally]:
    """Put what is counted afresh in the place of what was kept; return both."""
    kept = read(work.connection, work.tenant_id)
    for table in (queue_counts, queue_totals, case_words):
        work.connection.execute(delete(table).where(table.c.tenant_id == work.tenant_id))
    write_fresh(work)
    words.rebuild(work.connection, work.tenant_id)
    return kept, read(work.connection, work.tenant_id)


def write_fresh(work: Work) -> None:
    """Write the counts of a tenant that has none, from its cases."""
    counted = fresh(work.connection, work.tenant_id)
    every = {
        (name, value): count for name, values in counted.facets.items() for value, count in values.items()
    }
    money = select(cases.c.currency_code, func.count()).where(cases.c.tenant_id == work.tenant_id, IN_QUEUE)
    for row in work.connection.execute(money.group_by(cases.c.currency_code)):
        every[("currency_code", row[0])] = row[1]
    _add_counts(work.connection, work.tenant_id, every)
    totals = {"ever_count": counted.ever, "case_count": counted.count, "at_stake": counted.at_stake}
    _add(work.connection, queue_totals, [{"tenant_id": work.tenant_id} | totals])
