"""Opening a link: a token becomes a session, the opening is recorded, and nobody can guess for long."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from casework.canonical import clean_text, sha256_hex
from casework.desk import Desk
from casework.errors import LinkRefused
from casework.evidence.reads import OPENING, seen_by_link
from casework.permissions import grants
from casework.permissions.visitors import LINK, visit_of
from casework.store import engine as store
from casework.store.tables import partner_links, sessions, sign_in_failures
from casework.store.work import new_id

LONGEST_USER_AGENT = 120
ADDRESS = b"tidewaiter network address 1\n"


def open_link(desk: Desk, token: str, address: str | None = None, user_agent: str | None = None) -> str:
    """Begin a session of a link and return its token; the opening is recorded. Raises `LinkRefused`."""
    now, where = desk.clock(), _hashed(desk, address)
    token_sha256 = sha256_hex(token.encode("utf-8", "replace"))
    with desk.reading_across() as connection:
        if _guesses(connection, desk, where, now) >= desk.config.accounts.links.unknown_allowed:
            raise LinkRefused
        query = select(partner_links.c.tenant_id, partner_links.c.link_id)
        found = connection.execute(query.where(partner_links.c.token_sha256 == token_sha256)).first()
    if found is None:
        _count_guess(desk, where, now)
        raise LinkRefused
    session = secrets.token_urlsafe(32)
    session_hash = sha256_hex(session.encode("ascii"))
    principal_id = f"{LINK}:{found.link_id}"
    with desk.writing(found.tenant_id, principal_id, now) as work:
        visitor = grants.current(work.connection, principal_id)
        opened = {"session_hash": session_hash, "principal_id": principal_id}
        work.connection.execute(sessions.insert(), [opened | {"created_at": now, "last_seen_at": now}])
        visit = replace(visitor, visit_id=visit_of(session_hash))
        agent = visible_agent(user_agent)
        told = seen_by_link(work, visit, OPENING, None, address_hash=where, user_agent=agent)
        work.say("link:opened", object_id=found.link_id, details=told, is_event=False)
    return session


def visible_agent(user_agent: str | None) -> str | None:
    """Return a browser's name for itself, printable and cut short."""
    printable = "".join(mark for mark in user_agent or "" if mark.isprintable())
    return clean_text(printable, limit=LONGEST_USER_AGENT) or None


def _hashed(desk: Desk, address: str | None) -> str | None:
    """Return a network address as this installation alone can recognise it again, and nobody can read it."""
    return sha256_hex(desk.keys.sign(ADDRESS + address.encode("utf-8", "replace"))) if address else None


def _place(where: str | None) -> str:
    return sha256_hex(f"link from {where or 'nowhere'}".encode("ascii"))


def _guesses(connection: Connection, desk: Desk, where: str | None, now: datetime) -> int:
    since = now - timedelta(minutes=desk.config.accounts.links.within_minutes)
    query = select(func.count()).where(
        sign_in_failures.c.login_sha256 == _place(where), sign_in_failures.c.failed_at > since
    )
    return connection.scalar(query) or 0


def _count_guess(desk: Desk, where: str | None, now: datetime) -> None:
    row = {"failure_id": new_id(), "login_sha256": _place(where), "failed_at": now}
    old = now - timedelta(minutes=desk.config.accounts.links.within_minutes)
    with store.writing(desk.engine, None) as connection:
        connection.execute(sign_in_failures.insert(), [row])
        connection.execute(
            delete(sign_in_failures).where(
                sign_in_failures.c.login_sha256 == _place(where), sign_in_failures.c.failed_at < old
            )
        )
