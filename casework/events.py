"""The event log as the outside reads it: CloudEvents in the tenant's order, from a cursor on.

Events are written by `Work.say` in the transaction of the decision; nothing is ever taken out, so a reader
that remembers the last sequence it handled misses nothing and may read again. A named consumer's position is
kept here: it reads, handles, then advances, so each event reaches it at least once and in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select, update

from casework.canonical import instant
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound
from casework.model import Principal
from casework.permissions import tenantwide
from casework.store.engine import reading, writing
from casework.store.tables import event_consumers, events
from casework.store.work import insert_new

SOURCE = "tidewaiter"
MOST = 5_000
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named reader of a tenant's events, and the last sequence it has handled."""

    tenant_id: str
    consumer: str
    position: int
    behind: int  # how many events it has not handled
    moved_at: datetime


def read(engine: Engine, tenant_id: str, after: int = 0, limit: int = 500) -> list[dict[str, Any]]:
    """Return up to `limit` events after a sequence number, as CloudEvents 1.0 with `tenant` and `sequence`."""
    query = (
        select(events)
        .where(events.c.tenant_id == tenant_id, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    with reading(engine, tenant_id) as connection:
        return [_cloud_event(row) for row in connection.execute(query)]


def last(engine: Engine, tenant_id: str) -> int:
    """Return the sequence of the newest event, 0 when there is none."""
    query = select(func.max(events.c.sequence)).where(events.c.tenant_id == tenant_id)
    with reading(engine, tenant_id) as connection:
        return connection.scalar(query) or 0


def listing(desk: Desk, principal: Principal, tenant_id: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return events after a sequence number to whoever may read them."""
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "event:read")
    return read(desk.engine, tenant_id, max(0, after), max(1, min(limit, MOST)))


def follow(desk: Desk, principal: Principal, tenant_id: str, consumer: str, after: int = 0) -> Consumer:
    """Name a consumer that begins after a sequence number; one that exists stays where it is."""
    if not NAME.fullmatch(consumer):
        raise DetailsRefused(
            "Name a consumer with lower-case letters, digits, dots and dashes, for example `erp-bridge`.",
            consumer=consumer,
        )
    with writing(desk.engine, tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "event:read")
        now = desk.clock()
        row = {
            "tenant_id": tenant_id,
            "consumer": consumer,
            "position": max(0, min(after, _last(connection, tenant_id))),
            "created_at": now,
            "moved_at": now,
        }
        connection.execute(insert_new(connection, event_consumers), [row])
        return _found(connection, tenant_id, consumer)


def consumers(desk: Desk, principal: Principal, tenant_id: str) -> list[Consumer]:
    """Return a tenant's consumers by name, and how far behind each is."""
    query = select(event_consumers.c.consumer).where(event_consumers.c.tenant_id == tenant_id)
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "event:read")
        names: list[str] = list(connection.scalars(query.order_by(event_consumers.c.consumer)))
        return [_found(connection, tenant_id, name) for name in names]


def pending(
    desk: Desk, principal: Principal, tenant_id: str, consumer: str, limit: int = 500
) -> list[dict[str, Any]]:
    """Return what a consumer has not handled yet, oldest first; reading moves nothing."""
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "event:read")
        position = _found(connection, tenant_id, consumer).position
    return read(desk.engine, tenant_id, position, max(1, min(limit, MOST)))


def advance(desk: Desk, principal: Principal, tenant_id: str, consumer: str, through: int) -> Consumer:
    """Record that everything up to a sequence was handled; never goes back, so saying it twice is fine."""
    with writing(desk.engine, tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "event:read")
        _found(connection, tenant_id, consumer)
        newest = _last(connection, tenant_id)
        if through > newest:
            raise DetailsRefused(
                f"There is no event {through} yet; the newest is {newest}. Advance to what you have handled.",
                through=through,
            )
        ahead = event_consumers.c.position < through
        moved = update(event_consumers).where(*_key(tenant_id, consumer), ahead)
        connection.execute(moved.values(position=through, moved_at=desk.clock()))
        return _found(connection, tenant_id, consumer)


def replay(desk: Desk, principal: Principal, tenant_id: str, consumer: str, after: int) -> Consumer:
    """Let a consumer read again from after a sequence number; told in the audit chain."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        tenantwide.require(work.connection, principal, tenant_id, "event:read")
        before = _found(work.connection, tenant_id, consumer).position
        to = max(0, min(after, before))
        moved = update(event_consumers).where(*_key(tenant_id, consumer))
        work.connection.execute(moved.values(position=to, moved_at=work.now))
        work.say("event:replayed", object_id=consumer, details={"from": before, "to": to}, is_event=False)
        return _found(work.connection, tenant_id, consumer)


def _key(tenant_id: str, consumer: str) -> tuple[Any, Any]:
    return event_consumers.c.tenant_id == tenant_id, event_consumers.c.consumer == consumer


def _last(connection: Connection, tenant_id: str) -> int:
    return connection.scalar(select(func.max(events.c.sequence)).where(events.c.tenant_id == tenant_id)) or 0


def _found(connection: Connection, tenant_id: str, consumer: str) -> Consumer:
    row = connection.execute(select(event_consumers).where(*_key(tenant_id, consumer))).first()
    if row is None:
        raise NotFound(f"There is no consumer {consumer!r} here; begin with `follow`.", consumer=consumer)
    behind = _last(connection, tenant_id) - row.position
    return Consumer(tenant_id, consumer, row.position, behind, row.moved_at)


def _cloud_event(row: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": row.event_id,
        "source": f"/{SOURCE}/{row.tenant_id}",
        "type": row.type,
        "subject": row.subject,
        "time": instant(row.occurred_at),
        "datacontenttype": "application/json",
        "tenant": row.tenant_id,
        "sequence": row.sequence,
        "data": row.data,
    }
