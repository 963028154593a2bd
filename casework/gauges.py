"""How the whole store stands, in numbers for whoever watches it: backlogs, ages, open cases, budgets, events.

Every question is answered from an index over what is open, due or new; none grows with history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from casework.desk import Desk
from casework.metering import meter
from casework.model import EffectState
from casework.store.tables import cases, effects, escalations, event_consumers, events, heartbeats

WAITING = (EffectState.PENDING.value, EffectState.CLAIMED.value, EffectState.NEEDS_HUMAN.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """The store at one instant; each row begins with its labels."""

    effects: Sequence[tuple[str, str, str, int]]  # tenant, target, state, how many
    oldest_effect_seconds: float  # since the longest due effect was due
    escalations_due: Mapping[str, int]
    oldest_escalation_seconds: float
    open_cases: Sequence[tuple[str, str, int]]  # tenant, state, how many
    budgets: Sequence[tuple[str, str, int, float]]  # tenant, kind, quantity and amount used in its window
    heartbeat_seconds: Mapping[str, float]
    consumers_behind: Sequence[tuple[str, str, int]]  # tenant, consumer, events not handled


def standing(desk: Desk, now: datetime) -> Standing:
    """Return how the store stands at an instant."""
    with desk.reading_across() as connection:
        due = (escalations.c.state == "due", escalations.c.due_at <= now)
        overdue = _rows(
            connection,
            select(escalations.c.tenant_id, func.count(), func.min(escalations.c.due_at))
            .where(*due)
            .group_by(escalations.c.tenant_id),
        )
        return Standing(
            effects=[tuple(row) for row in _rows(connection, _BY_STATE)],
            oldest_effect_seconds=_age(connection.scalar(_OLDEST_EFFECT.where(_is_due(now))), now),
            escalations_due={row[0]: row[1] for row in overdue},
            oldest_escalation_seconds=max((_age(row[2], now) for row in overdue), default=0.0),
            open_cases=[tuple(row) for row in _rows(connection, _OPEN_CASES)],
            budgets=_budgets(connection, desk, now),
            heartbeat_seconds={row[0]: _age(row[1], now) for row in _rows(connection, _HEARTBEATS)},
            consumers_behind=_behind(connection),
        )


_BY_STATE = (
    select(effects.c.tenant_id, effects.c.target, effects.c.state, func.count())
    .where(effects.c.state.in_(WAITING))
    .group_by(effects.c.tenant_id, effects.c.target, effects.c.state)
)
_OLDEST_EFFECT = select(func.min(effects.c.available_at))
_OPEN_CASES = (
    select(cases.c.tenant_id, cases.c.state, func.count())
    .where(cases.c.is_open)
    .group_by(cases.c.tenant_id, cases.c.state)
)
_HEARTBEATS = select(heartbeats.c.process, heartbeats.c.beat_at)


def _is_due(now: datetime) -> Any:
    return (effects.c.state == EffectState.PENDING.value) & (effects.c.available_at <= now)


def _rows(connection: Connection, query: Any) -> Sequence[Any]:
    return connection.execute(query).all()


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _budgets(connection: Connection, desk: Desk, now: datetime) -> list[tuple[str, str, int, float]]:
    found = []
    for tenant_id, tenant in sorted(desk.config.tenants.items()):
        for kind, budget in sorted(tenant.metering.budgets.items()):
            used = meter.spent(connection, tenant_id, kind, now - timedelta(hours=budget.hours))
            found.append((tenant_id, str(kind), used.quantity, float(used.amount)))
    return found


def _behind(connection: Connection) -> list[tuple[str, str, int]]:
    newest = heads(connection)
    query = select(event_consumers.c.tenant_id, event_consumers.c.consumer, event_consumers.c.position)
    return [
        (row[0], row[1], newest.get(row[0], 0) - row[2])
        for row in _rows(connection, query.order_by(event_consumers.c.tenant_id, event_consumers.c.consumer))
    ]


def heads(connection: Connection) -> dict[str, int]:
    """Return the sequence of each tenant's newest event."""
    query = select(events.c.tenant_id, func.max(events.c.sequence)).group_by(events.c.tenant_id)
    return {row[0]: row[1] for row in _rows(connection, query)}


def events_since(desk: Desk, positions: Mapping[str, int], limit: int) -> list[tuple[str, int, str]]:
    """Return tenant, sequence and type of up to `limit` events of each tenant after its position."""
    found: list[tuple[str, int, str]] = []
    with desk.reading_across() as connection:
        for tenant_id, position in sorted(positions.items()):
            query = (
                select(events.c.sequence, events.c.type)
                .where(events.c.tenant_id == tenant_id, events.c.sequence > position)
                .order_by(events.c.sequence)
                .limit(limit)
            )
            found += [(tenant_id, row[0], row[1]) for row in _rows(connection, query)]
    return found
