"""What comes first: how much each part of the money weighs for a tenant, and what hangs on which clock."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from casework.config.strict import Strict

Weight = Annotated[Decimal, Field(ge=0, le=100, max_digits=7, decimal_places=4)]
Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=5, decimal_places=4)]
ONE = Decimal(1)


class Weights(Strict):
    """How much each part of the expected loss counts when cases are ranked; the amounts stay as they are."""

    sla_penalty: Weight = ONE
    revenue: Weight = ONE
    inventory: Weight = ONE  # stock-outs, lines that stand still
    customer_tier: Weight = ONE


class ClockShares(Strict):
    """How much of the expected loss is at stake when a clock runs out before anybody looks again."""

    promise: Share = ONE
    resolution: Share = Decimal("0.5")
    first_response: Share = Decimal("0.25")


class PriorityRules(Strict):
    """A tenant's weights, and what waiting until the next shift is taken to cost."""

    weights: Weights = Weights()
    waiting: ClockShares = ClockShares()
    shift_hours: int = Field(default=8, ge=1, le=24)  # of a desk that is always open
