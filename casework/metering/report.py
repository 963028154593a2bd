"""What use came to: by kind, by case or by customer, and how far each budget is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from casework.desk import Desk
from casework.metering import meter
from casework.model import Principal
from casework.permissions import grants, tenantwide
from casework.queue import one_case
from casework.store.tables import usage

By = Literal["kind", "case", "customer"]
COLUMN = {"kind": usage.c.kind, "case": usage.c.case_id, "customer": usage.c.customer_id}


@dataclass(frozen=True, slots=True)
class Line:
    """One case, customer or kind: how many of each kind, and what they cost in all."""

    name: str | None  # None: what belongs to no case or customer
    cost: Decimal
    quantities: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """One budget, and how much of its window is used now."""

    kind: str
    hours: int
    quantity: int | None
    amount: Decimal | None
    used: meter.Spent
    is_used_up: bool


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What a tenant used since an instant, dearest first; prices are the assumption that it states."""

    tenant_id: str
    by: By
    since: datetime | None
    currency_code: str
    lines: tuple[Line, ...]
    cost: Decimal
    assumption: str
    budgets: tuple[BudgetStanding, ...] = ()


def report(
    desk: Desk, principal: Principal, tenant_id: str, by: By = "kind", since: datetime | None = None
) -> UsageReport:
    """Return what the tenant used, for whoever may read it of the whole tenant; raise `NotPermitted`."""
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "usage:read")
        clause = () if since is None else (usage.c.started_at >= since,)
        return _added_up(connection, desk, tenant_id, by, since, clause, with_budgets=True)


def of_case(desk: Desk, principal: Principal, tenant_id: str, case_id: str) -> UsageReport | None:
    """Return what a case cost so far, by kind; None for a partner; raise `CaseNotFound` out of scope."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope, case = one_case.visible_case(connection, desk, reader, tenant_id, case_id)
        if scope.partner_role(case) is not None:
            return None
        return _added_up(connection, desk, tenant_id, "kind", None, (usage.c.case_id == case_id,))


def _added_up(
    connection: Connection,
    desk: Desk,
    tenant_id: str,
    by: By,
    since: datetime | None,
    clause: tuple[Any, ...],
    *,
    with_budgets: bool = False,
) -> UsageReport:
    column, tenant = COLUMN[by], desk.config.tenants[tenant_id]
    query = (
        select(column, usage.c.kind, func.sum(usage.c.quantity), func.sum(usage.c.cost))
        .where(usage.c.tenant_id == tenant_id, *clause)
        .group_by(column, usage.c.kind)
    )
    costs: dict[str | None, Decimal] = {}
    counts: dict[str | None, dict[str, int]] = {}
    rows: Any = connection.execute(query)
    for name, kind, quantity, cost in rows:
        costs[name] = costs.get(name, Decimal(0)) + cost
        counts.setdefault(name, {})[kind] = int(quantity)
    lines = [Line(name, cost, dict(sorted(counts[name].items()))) for name, cost in costs.items()]
    return UsageReport(
        tenant_id,
        by,
        since,
        tenant.currency_code,
        tuple(sorted(lines, key=lambda line: (-line.cost, line.name or ""))),
        sum(costs.values(), Decimal(0)),
        tenant.metering.assumption,
        _budgets(connection, desk, tenant_id) if with_budgets else (),
    )


def _budgets(connection: Connection, desk: Desk, tenant_id: str) -> tuple[BudgetStanding, ...]:
    now, found = desk.clock(), []
    for kind, budget in sorted(desk.config.tenants[tenant_id].metering.budgets.items()):
        used = meter.spent(connection, tenant_id, kind, now - timedelta(hours=budget.hours))
        is_used_up = meter.used_up(connection, desk.config, tenant_id, kind, now) is not None
        found.append(BudgetStanding(kind, budget.hours, budget.quantity, budget.amount, used, is_used_up))
    return tuple(found)
