"""Counting: a row is begun before the thing is done, settled after it, and refused where a budget is used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from casework.config import Config
from casework.errors import OverBudget
from casework.store.engine import writing
from casework.store.tables import usage
from casework.store.work import new_id

MODEL_CALL, API_CALL = "model_call", "api_call"
UNITS = {MODEL_CALL: "call", API_CALL: "call"}


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that is counted: what, for what purpose, for which case and customer."""

    kind: str
    purpose: str  # a draft's kind, an effect's target, the name of a call
    case_id: str | None = None
    customer_id: str | None = None
    model: str | None = None
    effect_id: str | None = None
    caller: str | None = None  # the program that called, by the id of its key


@dataclass(frozen=True, slots=True)
class Spent:
    """How much of a budget's window is used."""

    quantity: int
    amount: Decimal


def spent(connection: Connection, tenant_id: str, kind: str, since: datetime) -> Spent:
    """Return what was used of a kind since an instant, what is under way included."""
    query = select(func.coalesce(func.sum(usage.c.quantity), 0), func.sum(usage.c.cost)).where(
        usage.c.tenant_id == tenant_id, usage.c.kind == kind, usage.c.started_at > since
    )
    row: Any = connection.execute(query).one()
    return Spent(int(row[0]), row[1] or Decimal(0))


def used_up(connection: Connection, config: Config, tenant_id: str, kind: str, now: datetime) -> str | None:
    """Return why one more of a kind is over the tenant's budget, as a sentence; None when it is not."""
    metering = config.tenants[tenant_id].metering
    budget, price = metering.budget(kind), metering.price(kind).of()
    if budget is None:
        return None
    so_far = spent(connection, tenant_id, kind, now - timedelta(hours=budget.hours))
    words, window = kind.replace("_", " "), f"in {budget.hours} hours"
    if budget.quantity is not None and so_far.quantity >= budget.quantity:
        return f"The budget of {budget.quantity} ({words}) {window} is used up."
    is_spent = budget.amount is not None and (
        so_far.amount >= budget.amount or so_far.amount + price > budget.amount
    )
    if is_spent:
        currency = config.tenants[tenant_id].currency_code
        return f"The budget of {currency} {budget.amount} ({words}) {window} is used up."
    return None


def begin(connection: Connection, config: Config, tenant_id: str, use: Use, now: datetime) -> str:
    """Write the row of something that is about to be done, at its price, and return its id."""
    tenant, usage_id = config.tenants[tenant_id], new_id()
    row: dict[str, Any] = {
        "tenant_id": tenant_id,
        "usage_id": usage_id,
        "kind": use.kind,
        "purpose": use.purpose[:40],
        "case_id": use.case_id,
        "customer_id": use.customer_id,
        "effect_id": use.effect_id,
        "caller": use.caller,
        "model": use.model and use.model[:120],
        "quantity": 1,
        "unit": UNITS.get(use.kind, "message"),
        "cost": tenant.metering.price(use.kind).of(),
        "currency_code": tenant.currency_code,
        "started_at": now,
    }
    connection.execute(insert(usage), [row])
    return usage_id


def _one_at_a_time(connection: Connection, tenant_id: str) -> None:
    """Let nobody else count the tenant's calls before this one is in; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        lock = text("select pg_advisory_xact_lock(hashtext(:name))")
        connection.execute(lock, {"name": f"usage:{tenant_id}"})


class Recorder(Protocol):
    """Where model calls are recorded; `started` raises OverBudget when no further call may be made."""

    def started(self, tenant_id: str, use: Use) -> str:
        """Record a call before it is made and return its id."""
        ...

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """Record what became of the call."""
        ...


class Unmetered:
    """Records nothing; for a drafter without a store."""

    def started(self, tenant_id: str, use: Use) -> str:
        """Allow the call."""
        return ""

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """Forget the call."""


class Meter:
    """Records calls in the operational store, each in a transaction of its own.

    Must not be used inside another write transaction of the same process: SQLite has one writer.
    """

    def __init__(
        self, engine: Engine, config: Config, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Record into this store, by these prices and budgets."""
        self._engine = engine
        self._config = config
        self._clock = clock

    def started(self, tenant_id: str, use: Use) -> str:
        """Ask the budget and write the row in one transaction, so that calls under way count too."""
        now = self._clock()
        with writing(self._engine, tenant_id) as connection:
            _one_at_a_time(connection, tenant_id)
            refusal = used_up(connection, self._config, tenant_id, use.kind, now)
            if refusal:
                raise OverBudget(refusal, kind=use.kind)
            return begin(connection, self._config, tenant_id, use, now)

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """Settle one call: what became of it, and its cost by the tokens it used."""
        mine = (usage.c.tenant_id == tenant_id) & (usage.c.usage_id == usage_id)
        values: dict[str, Any] = {"outcome": outcome[:40]}
        values |= {"input_tokens": input_tokens, "output_tokens": output_tokens}
        with writing(self._engine, tenant_id) as connection:
            kind = connection.scalar(select(usage.c.kind).where(mine)) or MODEL_CALL
            price = self._config.tenants[tenant_id].metering.price(kind)
            values["cost"] = price.of(input_tokens, output_tokens)
            connection.execute(update(usage).where(mine).values(**values, settled_at=self._clock()))

    def called(self, tenant_id: str, caller: str, purpose: str) -> None:
        """Count one call of a program by its key, before it is answered; raises OverBudget to refuse it."""
        usage_id = self.started(tenant_id, Use(API_CALL, purpose, caller=caller))
        self.settled(tenant_id, usage_id, outcome="admitted")
