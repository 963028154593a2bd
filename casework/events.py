"""The event log as the outside reads it: CloudEvents in the tenant's order, from a cursor on.

Events are written by `Work.say` in the transaction of the decision; nothing is ever taken out, so a reader
that remembers the last sequence it handled misses nothing and may read again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, func, select

from casework.canonical import instant
from casework.store.engine import reading
from casework.store.tables import events

SOURCE = "tidewaiter"


def read(engine: Engine, tenant_id: str, after: int = 0, limit: int = 500) -> list[dict[str, Any]]:
    """Return up to `limit` events after a sequence number, as CloudEvents 1.0 with `tenant` and `sequence`."""
    query = (
        select(events)
        .where(events.c.tenant_id == tenant_id, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [_cloud_event(row) for row in connection.execute(query)]


def last(engine: Engine, tenant_id: str) -> int:
    """Return the sequence of the newest event, 0 when there is none."""
    query = select(func.max(events.c.sequence)).where(events.c.tenant_id == tenant_id)
    with reading(engine) as connection:
        return connection.scalar(query) or 0


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
