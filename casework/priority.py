"""Why one case comes before another: the money expected to be lost, shown as the sum of its parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from casework.store.tables import Values

# In the order a person reads them.
PARTS = {
    "sla_penalty_amount": "penalty",
    "revenue_amount": "revenue at risk",
    "inventory_amount": "stock-out",
    "customer_tier_amount": "customer tier",
}
CENT = Decimal("0.01")


def money(value: Decimal | float | int | None) -> Decimal:
    """Return an amount with two places; nothing known counts as nothing."""
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def amounts(record: Any) -> dict[str, Decimal]:
    """Return a record's parts and their sum: what a case stores, so that the sum is always exact."""
    parts = {column: money(getattr(record, column)) for column in PARTS}
    return parts | {"expected_loss": sum(parts.values(), Decimal("0.00"))}


def decomposition(case: Values | Any) -> list[tuple[str, Decimal]]:
    """Return (label, amount) for each part that is not zero, in reading order; they add up to the loss."""
    read = case.__getitem__ if isinstance(case, Mapping) else lambda column: getattr(case, column)
    return [(label, read(column)) for column, label in PARTS.items() if read(column)]
