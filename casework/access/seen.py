"""What links there are and what was seen through them, for the tenant's own people whose scope holds them whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, func, select

from casework.desk import Desk
from casework.errors import NotPermitted
from casework.evidence.reads import OPENING
from casework.model import Principal, Role
from casework.permissions import grants
from casework.permissions.scope import OWN_PARTY, PARTY_COLUMNS, Reach, Scope
from casework.permissions.tenantwide import CONSOLE
from casework.store.tables import Values, cases, contacts, link_views, partner_links

MOST = 500

LinkState = Literal["open", "ended", "revoked"]


@dataclass(frozen=True, slots=True)
class PartnerLink:
    """A link as the tenant's own people see it: never its token."""

    tenant_id: str
    link_id: str
    party_role: Role
    party_id: str
    party_name: str
    case_id: str | None
    exception_types: tuple[str, ...] | None
    may_comment: bool
    reason: str
    made_by: str
    made_by_name: str
    made_at: datetime
    expires_at: datetime
    state: LinkState
    revoked_by_name: str | None
    revoked_at: datetime | None
    revoke_reason: str | None
    openings: int  # how often it was opened
    views: int  # cases looked at through it: each once an opening and quarter of an hour
    last_view_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkView:
    """One opening of a link, or one case looked at through it, with who it was as far as is known."""

    view_id: str
    link_id: str
    party_role: Role
    party_id: str
    kind: str  # opening | partner_view | as_known_at
    case_id: str | None
    viewed_at: datetime
    address_hash: str | None
    user_agent: str | None


def listing(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    case_id: str | None = None,
    *,
    include_ended: bool = False,
) -> tuple[PartnerLink, ...]:
    """Return the links within the reader's scope, newest first; of one case, all that opened it or can."""
    with desk.reading(tenant_id) as connection:
        now = desk.clock()
        mine = visible(connection, desk, principal, tenant_id, "link:read", case_id)
        chosen = [row for row in mine if include_ended or _state(row, now) == "open"]
        return tuple(_link(row, now) for row in _with_views(connection, tenant_id, chosen[:MOST]))


def views(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    *,
    link_id: str | None = None,
    case_id: str | None = None,
) -> tuple[LinkView, ...]:
    """Return what was seen through the links within the reader's scope, newest first.

    Of one case within the scope it is every look at it, also through a link that opens more than the reader sees.
    """
    with desk.reading(tenant_id) as connection:
        found_links = visible(connection, desk, principal, tenant_id, "link:read", case_id, of_looks=True)
        wanted = {row["link_id"]: row for row in found_links if link_id in (None, row["link_id"])}
        query = select(link_views).where(
            link_views.c.tenant_id == tenant_id, link_views.c.link_id.in_(sorted(wanted))
        )
        if case_id is not None:
            query = query.where(link_views.c.case_id == case_id)
        found = connection.execute(query.order_by(link_views.c.view_id.desc()).limit(MOST)).mappings().all()
        who = _openings(connection, tenant_id, found)
    return tuple(_view(row, wanted[row["link_id"]], who) for row in found)


def visible(
    connection: Connection,
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    permission: str,
    case_id: str | None = None,
    *,
    of_looks: bool = False,
) -> list[RowMapping]:
    """Return the links that lie within a reader's scope whole, newest first; the console sees all.

    `of_looks` asks for the links of a case whose looks the reader may know of: all, when the case is in scope.
    """
    query = select(partner_links).where(partner_links.c.tenant_id == tenant_id)
    if case_id is not None:
        query = query.where(partner_links.c.link_id.in_(_of_case(tenant_id, case_id)))
    query = query.order_by(partner_links.c.link_id.desc())
    found = list(connection.execute(query).mappings())
    if principal.principal_id == CONSOLE:
        return found
    reader = grants.current(connection, principal.principal_id)
    scope = Scope.of(reader, tenant_id, permission, desk.config)
    if scope.is_empty:
        raise NotPermitted("You hold no role that allows this here.", permission=permission)
    about = _cases(connection, tenant_id, {case_id, *(row["case_id"] for row in found)} - {None})
    if of_looks and case_id in about and scope.covers(about[case_id]):
        return found
    return [row for row in found if any(_holds(reach, row, about) for _role, reach in scope.reaches)]


def _of_case(tenant_id: str, case_id: str) -> Any:
    """Return the links made for a case, and those through which it was looked at."""
    made = select(partner_links.c.link_id).where(
        partner_links.c.tenant_id == tenant_id, partner_links.c.case_id == case_id
    )
    seen = select(link_views.c.link_id).where(
        link_views.c.tenant_id == tenant_id, link_views.c.case_id == case_id
    )
    return made.union(seen)


def _cases(connection: Connection, tenant_id: str, case_ids: Iterable[str | None]) -> dict[str, RowMapping]:
    query = select(cases).where(cases.c.tenant_id == tenant_id, cases.c.case_id.in_(list(case_ids)))
    return {row["case_id"]: row for row in connection.execute(query).mappings()}


def _holds(reach: Reach, link: Values, about: Mapping[str, Values]) -> bool:
    """Tell whether a reach holds all that a link opens: its one case, or whatever its scope may come to hold."""
    if link["case_id"]:
        case = about.get(link["case_id"])
        return case is not None and all(case[name] in values for name, values in reach.items())
    types = reach.get("exception_type")
    if types is not None and not (link["exception_types"] and set(link["exception_types"]) <= types):
        return False
    return all(link[name] in reach[name] for name in PARTY_COLUMNS if name in reach)


def _with_views(connection: Connection, tenant_id: str, links: Iterable[RowMapping]) -> list[dict[str, Any]]:
    """Return links with their counts, their party's name and the names of who made and ended them."""
    found = list(links)
    ids = [row["link_id"] for row in found]
    is_opening = link_views.c.kind == OPENING
    query = (
        select(
            link_views.c.link_id,
            func.count().filter(is_opening).label("openings"),
            func.count().filter(~is_opening).label("views"),
            func.max(link_views.c.viewed_at).label("last_view_at"),
        )
        .where(link_views.c.tenant_id == tenant_id, link_views.c.link_id.in_(ids))
        .group_by(link_views.c.link_id)
    )
    counts = {row["link_id"]: dict(row) for row in connection.execute(query).mappings()}
    names, parties = grants.names(connection, tenant_id), _party_names(connection, tenant_id, found)
    none = {"openings": 0, "views": 0, "last_view_at": None}
    return [
        {**row, **none, **counts.get(row["link_id"], {})}
        | {
            "party_name": parties.get(_party(row), _party(row)),
            "made_by_name": names.get(row["made_by"], row["made_by"]),
            "revoked_by_name": row["revoked_by"] and names.get(row["revoked_by"], row["revoked_by"]),
        }
        for row in found
    ]


def _party(row: Values) -> str:
    return str(row[OWN_PARTY[Role(row["party_role"])]])


def _party_names(connection: Connection, tenant_id: str, links: Iterable[Values]) -> dict[str, str]:
    wanted = sorted({_party(row) for row in links})
    query = select(contacts.c.party_id, contacts.c.party_name).where(
        contacts.c.tenant_id == tenant_id, contacts.c.party_id.in_(wanted)
    )
    return {row.party_id: row.party_name for row in connection.execute(query)}


def _state(row: Values, now: datetime) -> LinkState:
    if row["revoked_at"] is not None:
        return "revoked"
    return "open" if now < row["expires_at"] else "ended"


def _link(row: Values, now: datetime) -> PartnerLink:
    hidden = ("token_sha256", *PARTY_COLUMNS, "revoked_by")
    types = row["exception_types"]
    values = {name: value for name, value in row.items() if name not in hidden} | {
        "party_role": Role(row["party_role"]),
        "party_id": _party(row),
        "exception_types": None if types is None else tuple(types),
        "state": _state(row, now),
    }
    return PartnerLink(**values)


def one(connection: Connection, tenant_id: str, link_id: str, now: datetime) -> PartnerLink:
    """Return one link of a tenant, whoever asks."""
    query = select(partner_links).where(
        partner_links.c.tenant_id == tenant_id, partner_links.c.link_id == link_id
    )
    (row,) = _with_views(connection, tenant_id, connection.execute(query).mappings())
    return _link(row, now)


def _openings(connection: Connection, tenant_id: str, found: Iterable[RowMapping]) -> dict[str, RowMapping]:
    """Return the opening that each view belongs to, by visit."""
    query = select(link_views).where(
        link_views.c.tenant_id == tenant_id,
        link_views.c.link_id.in_({row["link_id"] for row in found}),
        link_views.c.kind == OPENING,
        link_views.c.visit_id.in_({row["visit_id"] for row in found}),
    )
    return {row["visit_id"]: row for row in connection.execute(query).mappings()}


def _view(row: Values, link: Values, openings: Mapping[str, Values]) -> LinkView:
    opening = openings.get(row["visit_id"], row)
    return LinkView(
        view_id=row["view_id"],
        link_id=row["link_id"],
        party_role=Role(link["party_role"]),
        party_id=_party(link),
        kind=row["kind"],
        case_id=row["case_id"],
        viewed_at=row["viewed_at"],
        address_hash=opening["address_hash"],
        user_agent=opening["user_agent"],
    )
