"""Who acts without an account: a partner's link, a service's key; each is a role, narrowed to what was allowed.

Read in every call like the grants of an account, against the instant of the call's own transaction, so that
taking one back and its end act on the next call. Whatever is wrong with one, it is refused in the same words.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, select

from casework.errors import KeyRefused, LinkRefused
from casework.model import Grant, Principal, Role
from casework.permissions.scope import OWN_PARTY, PARTY_COLUMNS
from casework.store.engine import instant_of
from casework.store.tables import Table, Values, api_keys, partner_links

LINK, KEY = "link", "key"
LOOKING = frozenset({"case:read"})
VISIT_LENGTH = 26
COMMENTING = LOOKING | {"case:comment"}


def link(connection: Connection, link_id: str) -> Principal:
    """Return whom a link stands for now, or raise `LinkRefused`."""
    row = _row(connection, partner_links, partner_links.c.link_id == link_id)
    if row is None or not is_live(connection, row):
        raise LinkRefused
    return Principal(f"{LINK}:{link_id}", LINK, link_id, link_name(row), (link_grant(row),))


def key(connection: Connection, key_id: str) -> Principal:
    """Return the service a key stands for now, or raise `KeyRefused`."""
    row = _row(connection, api_keys, api_keys.c.key_id == key_id)
    if row is None or row["secret_sha256"] is None or not is_live(connection, row):
        raise KeyRefused
    return Principal(f"{KEY}:{key_id}", "service", row["prefix"], row["key_name"], (key_grant(row),))


READERS = {LINK: link, KEY: key}


def is_link(principal: Principal) -> bool:
    """Tell whether somebody is here by a link."""
    return principal.principal_id.startswith(f"{LINK}:")


def visit_of(session_hash: str) -> str:
    """Return the name of an opening: a part of its session's hash, which opens nothing."""
    return session_hash[:VISIT_LENGTH]


def is_live(connection: Connection, row: Values) -> bool:
    """Tell whether a link or key has neither ended nor been taken back; without an instant it has ended."""
    now = instant_of(connection)
    return now is not None and row["revoked_at"] is None and now < row["expires_at"]


def link_grant(row: Values) -> Grant:
    """Return what a link gives: its party's role, to look or to look and comment."""
    permissions = COMMENTING if row["may_comment"] else LOOKING
    return Grant(**_scope(row), role=Role(row["party_role"]), case_id=row["case_id"], permissions=permissions)


def key_grant(row: Values) -> Grant:
    """Return what a key gives: some of what a service may do."""
    return Grant(**_scope(row), role=Role.SERVICE, permissions=frozenset(row["permissions"]))


def link_name(row: Values) -> str:
    """Return how a link is called wherever somebody who acted is named."""
    party = row[OWN_PARTY[Role(row["party_role"])]]
    return f"{row['party_role'].capitalize()} {party}, by link"


def names(connection: Connection, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name of every link of a tenant that may say something."""
    query = select(partner_links).where(partner_links.c.tenant_id == tenant_id, partner_links.c.may_comment)
    return {f"{LINK}:{row['link_id']}": link_name(row) for row in connection.execute(query).mappings()}


def _scope(row: Values) -> dict[str, Any]:
    types = row["exception_types"]
    scope = {name: row[name] for name in ("tenant_id", *PARTY_COLUMNS)}
    return scope | {"exception_types": None if types is None else tuple(types)}


def _row(connection: Connection, table: Table, clause: Any) -> RowMapping | None:
    return connection.execute(select(table).where(clause)).mappings().first()
