"""What use costs and where it stops: prices and budgets of a tenant, both assumptions until somebody sets them."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from casework.config.strict import Strict as _Strict

Kind = Literal["model_call", "mail", "portal_message", "team_notice", "write_back", "api_call"]
# A notice to the tenant's own people is counted and priced but never held back: that would be a missed escalation.
Budgeted = Literal["model_call", "mail", "portal_message", "write_back", "api_call"]


class Price(_Strict):
    """What one costs, in the tenant's currency; tokens are those a model's server says it used."""

    each: Decimal = Field(default=Decimal(0), ge=0)
    per_million_input_tokens: Decimal = Field(default=Decimal(0), ge=0)
    per_million_output_tokens: Decimal = Field(default=Decimal(0), ge=0)

    def of(self, input_tokens: int | None = None, output_tokens: int | None = None) -> Decimal:
        """Return the cost of one, to the millionth."""
        tokens = (input_tokens or 0) * self.per_million_input_tokens
        tokens += (output_tokens or 0) * self.per_million_output_tokens
        return (self.each + tokens / 1_000_000).quantize(Decimal("0.000001"))


class Budget(_Strict):
    """A hard stop: at most so many, or so much money, in any window of so many hours."""

    quantity: int | None = Field(default=None, ge=0)
    amount: Decimal | None = Field(default=None, ge=0)
    hours: int = Field(default=24, gt=0, le=24 * 31)

    @model_validator(mode="after")
    def _says_how_much(self) -> Budget:
        if self.quantity is None and self.amount is None:
            raise ValueError("a budget names a quantity, an amount, or both")
        return self


class Metering(_Strict):
    """Prices and budgets by kind of use, and the team that hears when a budget holds a message back."""

    prices: dict[Kind, Price] = {}
    budgets: dict[Budgeted, Budget] = {"model_call": Budget(quantity=2_000)}
    tells: str = "lead"
    assumption: str = "No prices are configured, so every cost reads as nothing."

    def price(self, kind: str) -> Price:
        """Return the price of a kind; nothing where none is configured."""
        return {str(name): price for name, price in self.prices.items()}.get(kind, Price())

    def budget(self, kind: str) -> Budget | None:
        """Return the budget of a kind, if it has one."""
        return {str(name): budget for name, budget in self.budgets.items()}.get(kind)
