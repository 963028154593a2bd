"""How feeds arrive, summed up from the ledger: how much, what was refused of late, what could not be read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, func, select

from casework.store.engine import reading
from casework.store.tables import ingested_files, quarantined_rows


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a feed of a tenant has arrived: all of it, what was refused of its recent rows, its last unread file."""

    feed: str
    file_count: int
    refused_file_count: int
    recent_row_count: int
    recent_refused_count: int = 0
    most_broken_rule: str | None = None
    most_broken_column: str | None = None
    refused_file_name: str | None = None
    refused_file_sha256: str | None = None
    refused_reason: str | None = None
    refused_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """Everything it says, by name."""
        return asdict(self)


def of_tenant(engine: Engine, tenant_id: str, since: datetime) -> list[Arrival]:
    """Return how each feed of a tenant has arrived, in name order; recent is what was taken in from `since` on.

    Of recent rows those count as refused that wait in quarantine now. A file that could not be read is told
    while none came after it that could.
    """
    with reading(engine, tenant_id) as connection:
        feeds = connection.execute(_totals(tenant_id)).all()
        recent = {row.feed: row.rows for row in connection.execute(_recent_rows(tenant_id, since))}
        broken = connection.execute(_broken_rules(tenant_id, since)).all()
        unread = {row.feed: row for row in connection.execute(_unread(tenant_id))}
    found = []
    for feed in feeds:
        rules = [row for row in broken if row.feed == feed.feed]
        worst, last = (rules[0] if rules else None), unread.get(feed.feed)
        stands = last is not None and (feed.last_loaded is None or last.landed_at >= feed.last_loaded)
        found.append(
            Arrival(
                feed.feed,
                feed.files,
                feed.refused,
                recent.get(feed.feed, 0),
                sum(row.count_ for row in rules),
                *((worst.rule, worst.column_name) if worst else (None, None)),
                *(
                    (last.file_name, last.file_sha256, last.error, last.recorded_at)
                    if last and stands
                    else ()
                ),
            )  # fmt: skip
        )
    return found


def newest_files(engine: Engine, tenant_id: str, feed: str, at_most: int) -> list[str]:
    """Return the hashes of a feed's files that landed last, of those that were loaded; the newest first."""
    c = ingested_files.c
    query = select(c.file_sha256).where(c.tenant_id == tenant_id, c.feed == feed, c.state == "loaded")
    with reading(engine, tenant_id) as connection:
        return list(connection.scalars(query.order_by(c.landed_at.desc()).limit(at_most)))


def _totals(tenant_id: str) -> Select[Any]:
    """Of each feed what an index alone tells, for it is asked about all that ever came."""
    c = ingested_files.c
    return (
        select(
            c.feed,
            func.count().label("files"),
            func.count().filter(c.state == "refused").label("refused"),
            func.max(c.landed_at).filter(c.state == "loaded").label("last_loaded"),
        )
        .where(c.tenant_id == tenant_id)
        .group_by(c.feed)
        .order_by(c.feed)
    )


def _recent_rows(tenant_id: str, since: datetime) -> Select[Any]:
    c = ingested_files.c
    rows = func.coalesce(func.sum(c.row_count), 0).label("rows")
    return select(c.feed, rows).where(c.tenant_id == tenant_id, c.recorded_at >= since).group_by(c.feed)


def _broken_rules(tenant_id: str, since: datetime) -> Select[Any]:
    q, f = quarantined_rows.c, ingested_files.c
    same = (q.tenant_id == f.tenant_id) & (q.feed == f.feed) & (q.file_sha256 == f.file_sha256)
    times = func.count().label("count_")
    return (
        select(q.feed, q.rule, q.column_name, times)
        .select_from(quarantined_rows.join(ingested_files, same))
        .where(q.tenant_id == tenant_id, f.recorded_at >= since, q.state == "quarantined")
        .group_by(q.feed, q.rule, q.column_name)
        .order_by(q.feed, times.desc(), q.rule, q.column_name)
    )


def _unread(tenant_id: str) -> Select[Any]:
    c = ingested_files.c
    columns = (c.feed, c.file_name, c.file_sha256, c.error, c.landed_at, c.recorded_at)
    query = select(*columns).where(c.tenant_id == tenant_id, c.state == "refused")
    return query.order_by(c.landed_at, c.file_name)  # the last of each feed is kept
