"""Signing in: passwords, server-side sessions, and patience with nobody who guesses.

A session is a row; the token a page holds merely names it and is stored only as its hash. Roles are read
with every call, so a session never carries a right that was taken away.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, func, select, update

from casework.canonical import clean_text, sha256_hex
from casework.config import SignInRules
from casework.desk import Desk
from casework.errors import LinkRefused, NotFound, NotPermitted, SessionEnded, SignInRefused
from casework.model import Grant, Principal, Role
from casework.permissions import grants
from casework.permissions.tenantwide import CONSOLE
from casework.permissions.visitors import LINK, is_link, visit_of
from casework.store import engine as store
from casework.store.tables import grants as grants_table
from casework.store.tables import principals, sessions, sign_in_failures
from casework.store.work import Work, new_id

# RFC 9106's second recommended option (64 MiB), argon2-cffi's default.
HASHER = PasswordHasher()
LONGEST_PASSWORD = 1024
SEEN_EVERY = timedelta(seconds=60)  # how often a page's calls move the idle clock


def hashed(password: str) -> str:
    """Return a password's argon2 hash."""
    return HASHER.hash(password)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that no password matches, so that an unknown login takes as long as a known one."""
    return hashed(secrets.token_urlsafe(32))


def sign_in(desk: Desk, login: str, password: str) -> tuple[str, Principal]:
    """Return a new session's token and its principal; refuse in the same words whatever is wrong."""
    now = desk.clock()
    name = login.strip().lower()
    login_hash = sha256_hex(name.encode("utf-8", "replace"))
    known = principals.c.login == (name if clean_text(name) == name else "")
    with desk.reading(None) as connection:
        row = connection.execute(select(principals).where(known, principals.c.is_active)).first()
        is_slowed = _failures(connection, desk, login_hash, now) >= _rules(desk).failures_allowed
    stored = row.password_hash if row is not None and row.password_hash else _nobody()
    matches = _matches(stored, password) and row is not None
    if is_slowed or not matches:
        _count_failure(desk, login_hash, now, is_slowed)
        raise SignInRefused(
            "That login and password do not match, or there were too many attempts. "
            f"Wait {_rules(desk).within_minutes} minutes after several failures.",
        )
    assert row is not None
    return open_session(desk, row.principal_id, login_hash)


def _rules(desk: Desk) -> SignInRules:
    return desk.config.accounts.sign_in


def _failures(connection: Connection, desk: Desk, login_hash: str, now: datetime) -> int:
    since = now - timedelta(minutes=_rules(desk).within_minutes)
    query = select(func.count()).where(
        sign_in_failures.c.login_sha256 == login_hash, sign_in_failures.c.failed_at > since
    )
    return connection.scalar(query) or 0


def _matches(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


def _count_failure(desk: Desk, login_hash: str, now: datetime, is_slowed: bool) -> None:
    """Remember a failure; attempts while a login is slowed do not prolong the wait."""
    if is_slowed:
        return
    row = {"failure_id": new_id(), "login_sha256": login_hash, "failed_at": now}
    old = now - timedelta(minutes=_rules(desk).within_minutes)
    with store.writing(desk.engine, None) as connection:
        connection.execute(sign_in_failures.insert(), [row])
        connection.execute(delete(sign_in_failures).where(sign_in_failures.c.failed_at < old))


def open_session(desk: Desk, principal_id: str, login_hash: str | None = None) -> tuple[str, Principal]:
    """Return a new session's token and its principal; the failures of a login that got in are forgotten."""
    now, token = desk.clock(), secrets.token_urlsafe(32)
    row = {
        "session_hash": sha256_hex(token.encode("ascii")),
        "principal_id": principal_id,
        "created_at": now,
        "last_seen_at": now,
    }
    with store.writing_across(desk.engine) as connection:
        connection.execute(sessions.insert(), [row])
        if login_hash:
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.login_sha256 == login_hash))
        return token, grants.current(connection, principal_id)


def session(desk: Desk, token: str) -> Principal:
    """Return the principal of a live session with the grants it holds now, and keep the session awake."""
    now, rules = desk.clock(), desk.config.accounts.sessions
    session_hash = sha256_hex(token.encode("utf-8", "replace"))
    with desk.reading_across() as connection:
        row = connection.execute(select(sessions).where(sessions.c.session_hash == session_hash)).first()
        if (
            row is None
            or row.revoked_at is not None
            or now - row.last_seen_at > timedelta(minutes=rules.idle_minutes)
            or now - row.created_at > timedelta(hours=rules.absolute_hours)
        ):
            raise _ended(row)
        try:
            principal = grants.current(connection, row.principal_id)
        except NotPermitted as problem:
            raise _ended(row) from problem
    if now - row.last_seen_at > SEEN_EVERY:
        with store.writing(desk.engine, None) as connection:
            connection.execute(
                update(sessions).where(sessions.c.session_hash == session_hash).values(last_seen_at=now)
            )
    return replace(principal, visit_id=visit_of(session_hash)) if is_link(principal) else principal


def _ended(row: Row[Any] | None) -> SessionEnded | LinkRefused:
    """Return what to tell whose session is over: where a link had begun it, nothing of signing in."""
    if row is not None and row.principal_id.startswith(f"{LINK}:"):
        return LinkRefused()
    return SessionEnded("Your session has ended. Sign in again.")


def sign_out(desk: Desk, token: str) -> None:
    """End a session for good."""
    session_hash = sha256_hex(token.encode("utf-8", "replace"))
    with store.writing(desk.engine, None) as connection:
        connection.execute(
            update(sessions)
            .where(sessions.c.session_hash == session_hash, sessions.c.revoked_at.is_(None))
            .values(revoked_at=desk.clock())
        )


# --- keeping accounts ------------------------------------------------------------------------------------

OPERATOR = CONSOLE


def operator(desk: Desk) -> Principal:
    """Return the principal of whoever runs commands on this machine; nobody can sign in as it."""
    with desk.reading_across() as connection:
        return grants.current(connection, OPERATOR)


def reset_password(desk: Desk, login: str) -> str:
    """Give an account a new password and end its sessions; return the password once."""
    password = secrets.token_urlsafe(12)
    with desk.reading_across() as connection:
        query = select(principals.c.principal_id).where(
            principals.c.login == login.strip().lower(), principals.c.kind != "service"
        )
        principal_id = connection.scalar(query)
        if principal_id is None:
            raise NotFound(f"There is no account {login!r}.", login=login)
        tenant_ids = {grant.tenant_id for grant in grants.current(connection, principal_id).grants}
    mine = principals.c.principal_id == principal_id
    with store.writing(desk.engine, None) as connection:
        connection.execute(update(principals).where(mine).values(password_hash=hashed(password)))
        connection.execute(
            update(sessions)
            .where(sessions.c.principal_id == principal_id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=desk.clock())
        )
    with desk.writing_all(tenant_ids, OPERATOR) as works:
        for work in works.values():
            work.say("account:password:reset", object_id=principal_id, is_event=False)
    return password


def give(desk: Desk, principal_id: str, grant: Grant, actor: str) -> str:
    """Give a principal a role within a scope; return the grant's id."""
    with desk.writing(grant.tenant_id, actor) as work:
        return give_within(work, principal_id, grant)


def give_within(work: Work, principal_id: str, grant: Grant) -> str:
    """Give a role in the caller's transaction."""
    scope = {
        "customer_id": grant.customer_id,
        "carrier_id": grant.carrier_id,
        "facility_id": grant.facility_id,
        "exception_types": None if grant.exception_types is None else list(grant.exception_types),
        "approve_up_to": grant.approve_up_to,
    }
    grant_id = new_id()
    row = scope | {
        "grant_id": grant_id,
        "principal_id": principal_id,
        "tenant_id": grant.tenant_id,
        "role": grant.role.value,
        "granted_at": work.now,
    }
    work.connection.execute(grants_table.insert(), [row])
    details = scope | {"role": grant.role, "grant_id": grant_id}
    work.say("grant:given", object_id=principal_id, details=details, is_event=False)
    return grant_id


def revoke(desk: Desk, principal_id: str, tenant_id: str, actor: str, role: Role | None = None) -> int:
    """Take roles away; whatever the principal does next is decided without them. Return how many."""
    clause = [
        grants_table.c.principal_id == principal_id,
        grants_table.c.tenant_id == tenant_id,
        grants_table.c.revoked_at.is_(None),
    ]
    if role is not None:
        clause.append(grants_table.c.role == role.value)
    with desk.writing(tenant_id, actor) as work:
        result = work.connection.execute(update(grants_table).where(*clause).values(revoked_at=work.now))
        details = {"role": role, "count": result.rowcount}
        work.say("grant:revoked", object_id=principal_id, details=details, is_event=False)
        return result.rowcount
