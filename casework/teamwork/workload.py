"""How the open work of a desk is spread: by owner and by team, in one reading of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from casework.desk import Desk
from casework.errors import NotPermitted
from casework.model import Principal, State
from casework.permissions import grants
from casework.queue import search
from casework.store.tables import cases

BREACHING_WITHIN = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Load:
    """What lies with one owner or one team; `name` is None for what nobody has."""

    key: str | None
    name: str | None
    open: int
    breaching: int  # its running clock is over, or will be within the hour
    waiting: int
    at_stake: Decimal  # each shipment and each incident counts once


@dataclass(frozen=True, slots=True)
class Workload:
    """The open cases a reader may see, by owner and by team, the most at stake first."""

    by_owner: tuple[Load, ...]
    by_team: tuple[Load, ...]
    currency_code: str


def workload(desk: Desk, principal: Principal, tenant_id: str) -> Workload:
    """Return who has how much; for the tenant's own people only."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope = search.reading_scope(reader, tenant_id, desk)
        if scope.has_partners:
            raise NotPermitted("You cannot see who works here.", tenant_id=tenant_id)
        clause, at = and_(scope.where(), cases.c.is_open, cases.c.merged_into.is_(None)), desk.clock()
        names = grants.names(connection, tenant_id)
        return Workload(
            by_owner=_loads(connection, cases.c.owner, clause, at, names),
            by_team=_loads(connection, cases.c.team, clause, at, {}),
            currency_code=desk.config.tenants[tenant_id].currency_code,
        )


def _loads(
    connection: Connection,
    column: ColumnElement[Any],
    clause: ColumnElement[bool],
    now: datetime,
    names: dict[str, str],
) -> tuple[Load, ...]:
    waiting = cases.c.state == State.WAITING.value
    counted = select(
        column, func.count(), _how_many(_is_breaching(now) & ~waiting), _how_many(waiting)
    ).where(clause)
    stakes = search.at_stake_by(connection, column, clause)
    loads = [
        Load(row[0], names.get(row[0], row[0]), row[1], row[2], row[3], stakes[row[0]])
        for row in connection.execute(counted.group_by(column))
    ]
    return tuple(sorted(loads, key=lambda load: (-load.at_stake, load.key is None, load.key or "")))


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _is_breaching(now: datetime) -> ColumnElement[bool]:
    """Whether the clock that runs is over or nearly: first the answer's, then the end's."""
    soon = now + BREACHING_WITHIN
    return or_(
        and_(cases.c.first_response_at.is_(None), cases.c.first_response_due_at <= soon),
        and_(cases.c.first_response_at.is_not(None), cases.c.resolution_due_at <= soon),
    )
