"""Keys for services: a subset of what a service may do, within a scope, until a day.

Whoever manages accounts makes a key, but never sees it: its holder, somebody who may do himself all that the key
may, draws it once. So an administrator cannot come to read cases by making a key. Only the hash is stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select, update

from casework.access.administration import covers, managed
from casework.access.links import reasoned
from casework.canonical import sha256_hex
from casework.desk import Desk
from casework.errors import DetailsRefused, KeyRefused, NotFound, NotPermitted
from casework.model import Grant, Principal, Role
from casework.permissions import grants
from casework.permissions.policy import allows, carries, is_partner
from casework.permissions.scope import PARTY_COLUMNS
from casework.permissions.tenantwide import CONSOLE
from casework.permissions.visitors import KEY, key_grant
from casework.store import engine as store
from casework.store.tables import Values, api_keys, principals
from casework.store.work import Work, new_id

# What a service may be let do; a key carries some of it.
OFFERED = ("case:read", "evidence:export", "event:read", "feed:read", "quarantine:read")
LONGEST = timedelta(days=366)
USED_EVERY = timedelta(seconds=60)  # how finely the last use is known
PREFIX_LENGTH = 8

KeyState = Literal["to_draw", "live", "ended", "revoked"]


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is asked to be: its name, what it may do and where, until when, and who draws it."""

    key_name: str
    permissions: tuple[str, ...]
    expires_at: datetime  # aware
    holder: str | None = None  # a login; the command line draws its own
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    exception_types: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed: its prefix, never its secret."""

    tenant_id: str
    key_id: str
    key_name: str
    prefix: str
    permissions: tuple[str, ...]
    customer_id: str | None
    carrier_id: str | None
    facility_id: str | None
    exception_types: tuple[str, ...] | None
    holder: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    state: KeyState
    drawn_at: datetime | None
    last_used_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None
    revoke_reason: str | None


# --- making ----------------------------------------------------------------------------------------------


def make(desk: Desk, principal: Principal, tenant_id: str, asked: NewKey) -> ApiKey:
    """Make a key that its holder may draw; raise `NotPermitted` or `DetailsRefused` and make nothing."""
    name = reasoned(asked.key_name, "Name the service that will use the key.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        held = managed(work.connection, principal, tenant_id)
        wanted = _checked(desk, tenant_id, asked, work.now)
        if not covers(held, wanted):
            raise NotPermitted("This reaches further than what you manage. Narrow it, or ask for more.")
        row = {
            "tenant_id": tenant_id,
            "key_id": new_id(),
            "key_name": name,
            "prefix": f"tw_{secrets.token_hex(PREFIX_LENGTH // 2)}",
            "permissions": sorted(wanted.permissions or ()),
            **{column: getattr(wanted, column) for column in PARTY_COLUMNS},
            "exception_types": None if wanted.exception_types is None else list(wanted.exception_types),
            "holder": _holder(work.connection, principal, wanted, asked.holder),
            "made_by": principal.principal_id,
            "made_at": work.now,
            "expires_at": asked.expires_at,
        }
        work.connection.execute(api_keys.insert(), [row])
        told = {n: value for n, value in row.items() if n not in ("tenant_id", "made_by", "made_at")}
        work.say("key:created", object_id=row["key_id"], details=told, is_event=False)
        return _key(_row(work.connection, tenant_id, str(row["key_id"])), work.now)


def _checked(desk: Desk, tenant_id: str, asked: NewKey, now: datetime) -> Grant:
    """Return the grant that a key is asked to be."""
    unknown = [name for name in asked.permissions if name not in OFFERED or not allows(Role.SERVICE, name)]
    if unknown or not asked.permissions:
        raise DetailsRefused(
            f"A key may {', '.join(OFFERED)}; name some of these"
            + (f", not {', '.join(unknown)}." if unknown else "."),
            fields=unknown,
        )
    if asked.expires_at.tzinfo is None or not now < asked.expires_at <= now + LONGEST:
        raise DetailsRefused(
            f"A key ends at an instant with a time zone, at most {LONGEST.days} days from now.",
            field="expires_at",
        )
    types = set(asked.exception_types or ()) - set(desk.config.types)
    if types:
        raise DetailsRefused(f"Unknown exception types: {', '.join(sorted(types))}.", fields=sorted(types))
    scope = {column: getattr(asked, column) or None for column in PARTY_COLUMNS}
    kinds = asked.exception_types
    return Grant(
        tenant_id, Role.SERVICE, exception_types=kinds, permissions=frozenset(asked.permissions), **scope
    )


def _holder(connection: Connection, principal: Principal, wanted: Grant, login: str | None) -> str:
    """Return who may draw a key: somebody of the tenant who may do all of it already."""
    if principal.principal_id == CONSOLE and login is None:
        return CONSOLE
    query = select(principals.c.principal_id).where(principals.c.login == (login or "").strip().lower())
    holder = connection.scalar(query)
    if holder is None:
        raise DetailsRefused("Name the login of whoever is to draw the key.", field="holder")
    if not _may_all(grants.current(connection, holder), wanted):
        raise DetailsRefused(
            f"{login} may not do all of this here, so this key cannot be theirs. Name somebody who may.",
            field="holder",
        )
    return str(holder)


def _may_all(holder: Principal, wanted: Grant) -> bool:
    """Tell whether somebody of the tenant's own may do, within a scope, all that a key is to do there."""
    return all(
        any(
            not is_partner(mine.role) and carries(mine, permission) and covers((mine,), wanted)
            for mine in holder.grants
        )
        for permission in wanted.permissions or ()
    )


def draw(desk: Desk, principal: Principal, tenant_id: str, key_id: str) -> str:
    """Return the key itself, once, to its holder."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        holder = grants.current(work.connection, principal.principal_id)
        row = _row(work.connection, tenant_id, key_id)
        if row is None or row["holder"] != principal.principal_id:
            raise NotFound(f"There is no key {key_id!r} for you to draw.", key_id=key_id)
        if _state(row, work.now) != "to_draw":
            raise DetailsRefused(
                f"The key {row['key_name']} was drawn before, has ended or was taken back. Ask for a new one.",
                key_id=key_id,
            )
        if principal.principal_id != CONSOLE and not _may_all(holder, key_grant(row)):
            raise NotPermitted("You may no longer do all that this key may. Ask for a narrower one.")
        secret = f"{row['prefix']}_{secrets.token_urlsafe(32)}"
        drawn = {"secret_sha256": sha256_hex(secret.encode("ascii")), "drawn_at": work.now}
        work.connection.execute(update(api_keys).where(*_here(tenant_id, key_id)).values(drawn))
        details = {"key_id": key_id, "secret_sha256": drawn["secret_sha256"]}
        work.say("key:drawn", object_id=key_id, details=details, is_event=False)
    return secret


# --- using -----------------------------------------------------------------------------------------------


def principal_of_key(desk: Desk, key: str) -> Principal:
    """Return the service that a key stands for, or raise `KeyRefused`; the door takes it like any principal."""
    secret_sha256 = sha256_hex(key.strip().encode("utf-8", "replace"))
    now = desk.clock()
    with desk.reading_across() as connection:
        query = select(api_keys).where(api_keys.c.secret_sha256 == secret_sha256)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise KeyRefused
        service = grants.current(connection, f"{KEY}:{row['key_id']}")
    if row["last_used_at"] is None or now - row["last_used_at"] >= USED_EVERY:
        with store.writing(desk.engine, row["tenant_id"]) as connection:
            here = _here(row["tenant_id"], row["key_id"])
            connection.execute(update(api_keys).where(*here).values(last_used_at=now))
    return service


# --- keeping ---------------------------------------------------------------------------------------------


def listing(desk: Desk, principal: Principal, tenant_id: str) -> tuple[ApiKey, ...]:
    """Return the keys of a tenant that the caller administers, newest first."""
    with desk.reading(tenant_id) as connection:
        held = managed(connection, principal, tenant_id)
        found = _rows(connection, api_keys.c.tenant_id == tenant_id)
        return tuple(_key(row, desk.clock()) for row in found if covers(held, key_grant(row)))


def to_draw(desk: Desk, principal: Principal, tenant_id: str) -> tuple[ApiKey, ...]:
    """Return the keys that wait for the caller to draw them."""
    with desk.reading(tenant_id) as connection:
        mine = grants.current(connection, principal.principal_id).principal_id
        clause = (api_keys.c.tenant_id == tenant_id, api_keys.c.holder == mine)
        found = [_key(row, desk.clock()) for row in _rows(connection, *clause)]
    return tuple(key for key in found if key.state == "to_draw")


def revoke(desk: Desk, principal: Principal, tenant_id: str, key_id: str, reason: str) -> ApiKey:
    """Take a key back, and say why; it opens nothing from the next call on. Doing it twice is fine."""
    said = reasoned(reason, "Say why the key is taken back.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        held = managed(work.connection, principal, tenant_id)
        row = _row(work.connection, tenant_id, key_id)
        if row is None or not covers(held, key_grant(row)):
            raise NotFound(f"There is no key {key_id!r} here that you manage.", key_id=key_id)
        if row["revoked_at"] is None:
            _end(work, row, said)
        return _key(_row(work.connection, tenant_id, key_id), work.now)


def _end(work: Work, row: Values, reason: str) -> None:
    ended = {"revoked_by": work.actor, "revoked_at": work.now, "revoke_reason": reason}
    work.connection.execute(update(api_keys).where(*_here(work.tenant_id, row["key_id"])).values(ended))
    details = {"key_id": row["key_id"], "revoke_reason": reason}
    work.say("key:revoked", object_id=row["key_id"], details=details, is_event=False)


def _here(tenant_id: str, key_id: str) -> tuple[Any, ...]:
    return (api_keys.c.tenant_id == tenant_id, api_keys.c.key_id == key_id)


def _rows(connection: Connection, *clause: Any) -> list[RowMapping]:
    query = select(api_keys).where(*clause).order_by(api_keys.c.key_id.desc())
    return list(connection.execute(query).mappings())


def _row(connection: Connection, tenant_id: str, key_id: str) -> RowMapping | None:
    return next(iter(_rows(connection, *_here(tenant_id, key_id))), None)


def _state(row: Values, now: datetime) -> KeyState:
    if row["revoked_at"] is not None:
        return "revoked"
    if now >= row["expires_at"]:
        return "ended"
    return "live" if row["secret_sha256"] else "to_draw"


def _key(row: Values | None, now: datetime) -> ApiKey:
    assert row is not None
    types = row["exception_types"]
    values = {name: value for name, value in row.items() if name != "secret_sha256"} | {
        "permissions": tuple(row["permissions"]),
        "exception_types": None if types is None else tuple(types),
        "state": _state(row, now),
    }
    return ApiKey(**values)
