"""What arrived, as people see it: feed health, quarantined rows and their corrections, the feed clocks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, update

from casework.canonical import clean_text, plain
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted
from casework.model import CheckView, Clock, FeedHealth, Principal, QuarantinedRow, QuarantinePage
from casework.permissions import grants, policy
from casework.store.tables import (
    acknowledgements,
    check_results,
    duplicate_files,
    ingested_files,
    quarantined_rows,
    tenant_clocks,
)

MAX_PAGE = 500
FACETS = ("feed", "rule", "column_name", "state")


def _may(connection: Connection, principal: Principal, tenant_id: str, permission: str) -> None:
    """Raise the same `NotPermitted` for any tenant in which the caller does not hold this for all of it."""
    caller = grants.current(connection, principal.principal_id)
    if not policy.decide(caller, permission, policy.tenant(tenant_id)):
        raise NotPermitted("You hold no role that allows this here.", permission=permission)


def quarantine(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    feed: str | None,
    state: str | None,
    rule: str | None,
    limit: int,
    offset: int,
) -> QuarantinePage:
    """Return one page of quarantined rows, newest first."""
    table = quarantined_rows
    clause: list[ColumnElement[bool]] = [table.c.tenant_id == tenant_id]
    for column, wanted in (("feed", feed), ("state", state), ("rule", rule)):
        if wanted is not None:
            clause.append(table.c[column] == wanted)
    with desk.reading(tenant_id) as connection:
        _may(connection, principal, tenant_id, "quarantine:read")
        order = (table.c.quarantined_at.desc(), table.c.file_name, table.c.row_number)
        page = select(table).where(*clause).order_by(*order)
        page = page.limit(max(0, min(limit, MAX_PAGE))).offset(max(0, offset))
        found = tuple(_row(row) for row in connection.execute(page).mappings())
        total = connection.scalar(select(func.count()).select_from(table).where(*clause)) or 0
        facets = {name: _facet(connection, name, clause) for name in FACETS}
    return QuarantinePage(found, total, facets)


def _facet(connection: Connection, name: str, clause: list[ColumnElement[bool]]) -> dict[str, int]:
    column = quarantined_rows.c[name]
    counted = select(column, func.count()).where(*clause).group_by(column).order_by(func.count().desc())
    return {row[0] or "-": row[1] for row in connection.execute(counted)}


def _row(row: RowMapping) -> QuarantinedRow:
    hidden = {"tenant_id", "replayed_at", "replayed_as_of"}
    return QuarantinedRow(**{key: value for key, value in row.items() if key not in hidden})


def correct(
    desk: Desk, principal: Principal, tenant_id: str, quarantine_id: str, values: Mapping[str, Any]
) -> QuarantinedRow:
    """Save corrected cells; the row is checked against its contract again when it is loaded."""
    cells = {str(key): clean_text(str(value)) for key, value in values.items() if value is not None}
    if not cells:
        raise DetailsRefused("A correction names at least one cell.", fields=[])
    return _decide(
        desk,
        principal,
        tenant_id,
        quarantine_id,
        {"state": "corrected", "corrected_values": cells},
        "quarantine:corrected",
        {"values": cells},
    )


def ignore(
    desk: Desk, principal: Principal, tenant_id: str, quarantine_id: str, reason: str
) -> QuarantinedRow:
    """Leave a row out for good, and say why."""
    said = clean_text(reason).strip()
    if not said:
        raise DetailsRefused("Say why this row may be left out.", fields=["reason"])
    return _decide(
        desk,
        principal,
        tenant_id,
        quarantine_id,
        {"state": "ignored"},
        "quarantine:ignored",
        {"reason": said},
    )


def _decide(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    quarantine_id: str,
    changed: dict[str, Any],
    fact: str,
    details: dict[str, Any],
) -> QuarantinedRow:
    table = quarantined_rows
    key = (table.c.tenant_id == tenant_id, table.c.quarantine_id == quarantine_id)
    with desk.reading(tenant_id) as connection:
        _may(connection, principal, tenant_id, "quarantine:correct")
    with desk.writing(tenant_id, principal.principal_id) as work:
        _may(work.connection, principal, tenant_id, "quarantine:correct")
        row = work.connection.execute(select(table).where(*key)).mappings().first()
        if row is None:
            raise NotFound("There is no such quarantined row.", quarantine_id=quarantine_id)
        if row["state"] not in ("quarantined", "corrected"):
            raise DetailsRefused(
                f"Row {row['row_number']} of {row['file_name']} is already {row['state']}.",
                quarantine_id=quarantine_id,
            )
        stamp = {"corrected_by": principal.principal_id, "corrected_at": work.now}
        work.connection.execute(update(table).where(*key).values(changed | stamp))
        where = {"feed": row["feed"], "file_name": row["file_name"], "row_number": row["row_number"]}
        work.say(fact, object_id=quarantine_id, details=where | details)
        return _row(work.connection.execute(select(table).where(*key)).mappings().one())


def read_again(
    desk: Desk, principal: Principal, tenant_id: str, feed: str, file_sha256: str, reason: str
) -> str:
    """Let a file that could not be read be tried once more; return its name."""
    said, c = clean_text(reason).strip(), ingested_files.c
    key = (c.tenant_id == tenant_id, c.feed == feed, c.file_sha256 == file_sha256)
    with desk.reading(tenant_id) as connection:
        _may(connection, principal, tenant_id, "quarantine:correct")
    if not said:
        raise DetailsRefused("Say why the file can be read now.", fields=["reason"])
    with desk.writing(tenant_id, principal.principal_id) as work:
        _may(work.connection, principal, tenant_id, "quarantine:correct")
        row = work.connection.execute(select(ingested_files).where(*key).with_for_update()).mappings().first()
        if row is None:
            raise NotFound("There is no such file.", feed=feed, file_sha256=file_sha256)
        name = str(row["file_name"])
        if row["state"] != "refused":
            raise DetailsRefused(f"{name} was not refused; it is {row['state']}.", file_sha256=file_sha256)
        if _was_answered(work.connection, tenant_id, feed, file_sha256):
            raise DetailsRefused(
                f"The sender of {name} was told that it was rejected. Ask for it anew, under another control number.",
                file_sha256=file_sha256,
            )
        known_at = as_of(work.connection, tenant_id, work.now)  # nobody knew what is in it before
        again = {"state": "landed", "attempts": 0, "error": None, "loaded_at": None, "recorded_at": known_at}
        work.connection.execute(update(ingested_files).where(*key).values(again))
        details = {"feed": feed, "file_name": name, "refused_for": row["error"], "reason": said}
        work.say("file:read_again", object_id=file_sha256, details=details)
    return name


def _was_answered(connection: Connection, tenant_id: str, feed: str, file_sha256: str) -> bool:
    c = acknowledgements.c
    query = select(func.count()).where(
        c.tenant_id == tenant_id, c.feed == feed, c.file_sha256 == file_sha256, c.kind != "none"
    )
    return bool(connection.scalar(query))


# --- feeds -----------------------------------------------------------------------------------------------


def feed_health(desk: Desk, principal: Principal, tenant_id: str) -> list[FeedHealth]:
    """Return how every feed of the tenant stands, in name order."""
    with desk.reading(tenant_id) as connection:
        _may(connection, principal, tenant_id, "feed:read")
        waiting = _counts(connection, quarantined_rows, tenant_id, quarantined_rows.c.state == "quarantined")
        again = _counts(connection, duplicate_files, tenant_id)
        checks = _checks(connection, tenant_id)
        errors = _errors(connection, tenant_id)
        rows = list(connection.execute(_by_feed(tenant_id)).mappings())
    known = {row["feed"] for row in rows}
    return [
        FeedHealth(
            **row,
            quarantined_open=waiting.get(row["feed"], 0),
            duplicate_files=again.get(row["feed"], 0),
            last_error=errors.get(row["feed"]),
            checks=tuple(checks.get(row["feed"], ())),
        )
        for row in rows
    ] + [_silent(feed, found) for feed, found in sorted(checks.items()) if feed not in known]


def _silent(feed: str, checks: list[CheckView]) -> FeedHealth:
    return FeedHealth(feed, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, None, None, tuple(checks))


def _by_feed(tenant_id: str) -> Any:
    table = ingested_files
    return (
        select(
            table.c.feed,
            func.count().label("files"),
            func.count().filter(table.c.state.in_(("landed", "loading"))).label("files_waiting"),
            func.count().filter(table.c.state == "refused").label("files_refused"),
            func.coalesce(func.sum(table.c.row_count), 0).label("rows"),
            func.coalesce(func.sum(table.c.loaded_count), 0).label("loaded"),
            func.coalesce(func.sum(table.c.quarantined_count), 0).label("quarantined"),
            func.coalesce(func.sum(table.c.duplicate_count), 0).label("duplicates"),
            func.max(table.c.landed_at).label("last_landed_at"),
            func.max(table.c.recorded_at).label("last_recorded_at"),
        )
        .where(table.c.tenant_id == tenant_id)
        .group_by(table.c.feed)
        .order_by(table.c.feed)
    )


def _counts(
    connection: Connection, table: Any, tenant_id: str, *clause: ColumnElement[bool]
) -> dict[str, int]:
    query = select(table.c.feed, func.count()).where(table.c.tenant_id == tenant_id, *clause)
    return {row[0]: row[1] for row in connection.execute(query.group_by(table.c.feed))}


def _checks(connection: Connection, tenant_id: str) -> dict[str, list[CheckView]]:
    table = check_results
    query = select(table).where(table.c.tenant_id == tenant_id).order_by(table.c.feed, table.c.check_name)
    found: dict[str, list[CheckView]] = {}
    for row in connection.execute(query):
        view = CheckView(row.check_name, bool(row.passed), row.description, row.checked_at)
        found.setdefault(row.feed, []).append(view)
    return found


def _errors(connection: Connection, tenant_id: str) -> dict[str, str]:
    """Return the newest error of each feed that has one."""
    table = ingested_files
    query = (
        select(table.c.feed, table.c.error)
        .where(table.c.tenant_id == tenant_id, table.c.error.is_not(None))
        .order_by(table.c.landed_at, table.c.file_name)
    )
    return {row.feed: row.error for row in connection.execute(query)}


# --- clocks ----------------------------------------------------------------------------------------------


def clock_of(desk: Desk, tenant_id: str) -> Clock:
    """Return a tenant's feed time; in live mode it is desk time."""
    query = select(tenant_clocks).where(tenant_clocks.c.tenant_id == tenant_id)
    with desk.reading(tenant_id) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"There is no tenant {tenant_id!r}.", tenant_id=tenant_id)
    mode = cast(Literal["replay", "live"], row.mode)
    return Clock(tenant_id, mode, desk.clock() if mode == "live" else row.as_of)


def as_of(connection: Connection, tenant_id: str, now: datetime) -> datetime:
    """Return a tenant's feed time in the caller's transaction; desk time for a live one, or one without a clock."""
    query = select(tenant_clocks.c.mode, tenant_clocks.c.as_of).where(tenant_clocks.c.tenant_id == tenant_id)
    row = connection.execute(query).first()
    return now if row is None or row.mode == "live" else row.as_of


def set_clock(desk: Desk, tenant_id: str, as_of: datetime, actor: str, mode: str) -> Clock:
    """Move a tenant's feed time forward; raise `DetailsRefused` when it would go back."""
    if mode not in ("replay", "live"):
        raise DetailsRefused("A clock's mode is replay or live.", mode=mode)
    now = clock_of(desk, tenant_id)
    if mode == "replay" and as_of < now.as_of:
        raise DetailsRefused(
            f"The feed time of {tenant_id} is {plain(now.as_of)}; it cannot go back to {plain(as_of)}.",
            as_of=as_of,
        )
    _save_clock(desk, tenant_id, as_of, actor, mode)
    return clock_of(desk, tenant_id)


def begin_clock(desk: Desk, tenant_id: str, as_of: datetime, actor: str) -> Clock:
    """Set where a tenant's feed time begins; refused once anything has arrived under it."""
    clock_of(desk, tenant_id)
    with desk.reading(tenant_id) as connection:
        arrived = select(ingested_files.c.file_name).where(ingested_files.c.tenant_id == tenant_id).limit(1)
        if connection.scalar(arrived):
            raise DetailsRefused(
                f"Files have arrived for {tenant_id}, so its feed time can only move forward.", as_of=as_of
            )
    _save_clock(desk, tenant_id, as_of, actor, "replay")
    return clock_of(desk, tenant_id)


def _save_clock(desk: Desk, tenant_id: str, as_of: datetime, actor: str, mode: str) -> None:
    with desk.writing(tenant_id, actor) as work:
        work.connection.execute(
            update(tenant_clocks)
            .where(tenant_clocks.c.tenant_id == tenant_id)
            .values(mode=mode, as_of=as_of, set_at=work.now)
        )
        work.say("clock:set", object_id=tenant_id, details={"mode": mode, "as_of": as_of})
