"""What the proofs did, counted where it was done; `recording` writes it down at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

DONE: Counter[tuple[str, str, str]] = Counter()


def count(invariants: str, store: str, what: str, times: int = 1) -> None:
    """Note that something was tried on a store for these invariants."""
    DONE[(invariants, store, what)] += times


def add(figures: list[dict[str, Any]]) -> None:
    """Add what another process of the same run told."""
    for row in figures:
        count(row["invariants"], row["store"], row["what"], row["count"])


def told() -> list[dict[str, Any]]:
    """Return the figures of this run, in a fixed order."""
    return [
        {"invariants": invariants, "store": store, "what": what, "count": times}
        for (invariants, store, what), times in sorted(DONE.items())
    ]
