"""Replaying the log: from audit entries alone, how every case must stand now, or stood at any entry.

What a publication states about a case (`STATED`) is kept with each version of its facts; everything else of a
case is in the entries about it. Drafts and effects are followed by their moves, told in the same entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from casework.canonical import plain
from casework.store.tables import Values, cases

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


def disagreement(connection: Connection, tenant_id: str, entries: Iterable[Mapping[str, Any]]) -> str | None:
    """Return a sentence naming the first case that stands otherwise than the log explains, or None."""
    explained = fold(entries)
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
    return None
