"""Replaying the log: from audit entries alone, how every case must stand now, or stood at any entry.

What a publication states about a case (`STATED`) is kept with each version of its facts; everything else of a
case is in the entries about it. Drafts and effects are followed by their moves, told in the same entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from casework.canonical import plain
from casework.store.tables import (
    Instant,
    Money,
    Values,
    approvals,
    cases,
    delegations,
    priority_weights,
    reference_decisions,
    sign_offs,
)

# The columns of a case that a version of its facts states; they are kept in `case_evidence.stated`.
STATED = (
    "exception_key",
    "exception_type",
    "subject_type",
    "subject",
    "shipment_id",
    "severity",
    "customer_id",
    "carrier_id",
    "facility_id",
    "customer_tier",
    "late_probability",
    "predicted_at",
    "due_at",
    "currency_code",
    "assumption",
    "expected_loss",
    "sla_penalty_amount",
    "revenue_amount",
    "inventory_amount",
    "customer_tier_amount",
    "detected_at",
)
# Every other column: what people and clocks do to a case. `updated_at` is the instant of the entry itself.
FOLDED = tuple(
    column.name for column in cases.c if column.name not in (*STATED, "tenant_id", "case_id", "updated_at")
)


def fold(entries: Iterable[Values]) -> dict[str, dict[str, Any]]:
    """Return case_id -> the folded columns, in canonical form, as the entries about each case left them."""
    standing: dict[str, dict[str, Any]] = {}
    for entry in entries:
        case = (entry["payload"] or {}).get("case")
        if entry["case_id"] and case:
            standing.setdefault(entry["case_id"], {}).update(
                {column: case[column] for column in FOLDED if column in case}
            )
    return standing


def moves(entries: Iterable[Values]) -> dict[str, dict[str, str]]:
    """Return kind (`drafts`, `effects`) -> id -> the state that the last entry that moved it left it in."""
    standing: dict[str, dict[str, str]] = {}
    for entry in entries:
        for kind, states in ((entry["payload"] or {}).get("moves") or {}).items():
            standing.setdefault(kind, {}).update(states)
    return standing


# Details of an entry that are a row of a table as it stands from then on: name in the details -> table and key.
TOLD_WHOLE: dict[str, tuple[Table, str]] = {
    "sign_off": (sign_offs, "sign_off_id"),
    "delegation": (delegations, "delegation_id"),
    "weighting": (priority_weights, "version"),
    "reference_decision": (reference_decisions, "decision_id"),
}


def typed(column: Column[Any], told: Any) -> Any:
    """Return a value that an entry tells in canonical form as its column holds it."""
    if told is None:
        return None
    if isinstance(column.type, Instant):
        return datetime.fromisoformat(told)
    return Decimal(told) if isinstance(column.type, Money) else told


def _noted(
    entries: Iterable[Mapping[str, Any]], told: dict[tuple[str, Any], Any]
) -> Iterator[Mapping[str, Any]]:
    """Pass entries on, and note the rows that they tell whole."""
    for entry in entries:
        details = (entry["payload"] or {}).get("details") or {}
        for name, (_table, key) in TOLD_WHOLE.items():
            if isinstance(details.get(name), dict):
                told[name, details[name][key]] = details[name]
        yield entry


def _row_untold(connection: Connection, tenant_id: str, told: dict[tuple[str, Any], Any]) -> str | None:
    """Return a sentence naming the first row of `TOLD_WHOLE` that is not what the log tells, or None."""
    # An approval from before they gathered has the decision's own entry, and its name.
    older: set[str] = set(
        connection.scalars(select(approvals.c.approval_id).where(approvals.c.tenant_id == tenant_id))
    )
    for name, (table, key) in TOLD_WHOLE.items():
        for row in connection.execute(select(table).where(table.c.tenant_id == tenant_id)).mappings():
            expected = told.pop((name, row[key]), None)
            if expected is None and row[key] not in older:
                return f"{name} {row[key]} stands in the table, but the log never told it."
            if expected is not None and _as_told(row, expected) != expected:
                return f"{name} {row[key]} is not what the log told."
    return next((f"{name} {key} is in the log, but no longer in the table." for name, key in told), None)


def _as_told(row: Values, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without the empty columns that its table had not when it was told of."""
    return {name: value for name, value in plain(dict(row)).items() if value is not None or name in told}


def disagreement(connection: Connection, tenant_id: str, entries: Iterable[Mapping[str, Any]]) -> str | None:
    """Return a sentence naming the first row that stands otherwise than the log explains, or None."""
    whole: dict[tuple[str, Any], Any] = {}
    explained = fold(_noted(entries, whole))
    columns = [cases.c.case_id, *(cases.c[column] for column in FOLDED)]
    query = select(*columns).where(cases.c.tenant_id == tenant_id).order_by(cases.c.case_id)
    for row in connection.execute(query).mappings():
        expected = explained.pop(row["case_id"], None)
        if expected is None:
            return f"Case {row['case_id']} stands in the table, but the log never opened it."
        for column, told in expected.items():
            if plain(row[column]) != told:
                return f"Case {row['case_id']} has {column} {plain(row[column])!r}, but by the log it is {told!r}."
    if explained:
        return f"Case {min(explained)} is in the log, but no longer in the table."
    return _row_untold(connection, tenant_id, whole)
