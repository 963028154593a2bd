"""Replaying the log: from audit entries alone, how every case must stand now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from casework.store.tables import cases

FOLDED = ("state", "owner", "version", "facts_version", "facts_sha256", "merged_into")


def fold(entries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return case_id -> the folded columns as the last entry about each case left them."""
    standing: dict[str, dict[str, Any]] = {}
    for entry in entries:
        case = (entry["payload"] or {}).get("case")
        if entry["case_id"] and case:
            standing[entry["case_id"]] = {column: case.get(column) for column in FOLDED}
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
        for column in FOLDED:
            if row[column] != expected[column]:
                return (
                    f"Case {row['case_id']} has {column} {row[column]!r}, "
                    f"but by the log it is {expected[column]!r}."
                )
    if explained:
        return f"Case {min(explained)} is in the log, but no longer in the table."
    return None
