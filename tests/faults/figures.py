"""What the proofs did, counted where it was done; `recording` takes it test by test and writes it down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

DONE: Counter[tuple[str, str, str]] = Counter()


def count(invariants: str, store: str, what: str, times: int = 1) -> None:
    """Note that something was tried on a store for these invariants."""
    DONE[(invariants, store, what)] += times


def take() -> list[dict[str, Any]]:
    """Return what was counted since the last time, and begin again."""
    rows = [
        {"invariants": invariants, "store": store, "what": what, "count": times}
        for (invariants, store, what), times in DONE.items()
    ]
    DONE.clear()
    return rows


def summed(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of several tests added up, in a fixed order."""
    total: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        total[(row["invariants"], row["store"], row["what"])] += row["count"]
    return [
        {"invariants": invariants, "store": store, "what": what, "count": times}
        for (invariants, store, what), times in sorted(total.items())
    ]
