"""Why one case comes before another: the money expected to be lost, the sum of its parts, each weighted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from casework.config.priority import Weights
from casework.store.tables import Values

# In the order a person reads them.
PARTS = {
    "sla_penalty_amount": "penalty",
    "revenue_amount": "revenue at risk",
    "inventory_amount": "stock-out",
    "customer_tier_amount": "customer tier",
}
WEIGHT_OF = {column: column.removesuffix("_amount") for column in PARTS}
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class RankedPart:
    """One part of the loss as it is ranked: the amount, its weight, and their product."""

    column: str
    label: str
    amount: Decimal
    weight: Decimal
    ranked: Decimal


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


def ranking(amounts: Values | Any, weights: Weights) -> tuple[RankedPart, ...]:
    """Return every part with its weight, in reading order; their products add up to the ranked amount."""
    read = amounts.__getitem__ if isinstance(amounts, Mapping) else lambda column: getattr(amounts, column)
    found = []
    for column, label in PARTS.items():
        amount, weight = money(read(column)), getattr(weights, WEIGHT_OF[column])
        found.append(RankedPart(column, label, amount, weight, money(amount * weight)))
    return tuple(found)


def ranked_amount(amounts: Values | Any, weights: Weights) -> Decimal:
    """Return what a case is ranked by: the parts of its loss, each times its weight."""
    return sum((part.ranked for part in ranking(amounts, weights)), Decimal("0.00"))


def penalty_per_day(record: Any) -> Decimal | None:
    """Return what each day after the promise costs by the facts of a record, where they say it."""
    for fact in record.facts:
        if fact.fact_id == "penalty_per_day" and fact.value is not None:
            try:
                return money(fact.value)
            except InvalidOperation:
                return None
    return None
