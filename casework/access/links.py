"""Links for partners: an expiring, revocable view of one party's cases, masked like the party's account.

A link is shown once and kept as the hash of its token. How one is opened is in `opening`, what was seen through
it in `seen`; what it gives is decided in every call by `permissions.visitors`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from casework import rows
from casework.access import seen
from casework.access.seen import PartnerLink
from casework.canonical import clean_text, sha256_hex
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted
from casework.model import PARTNER_ROLES, Principal, Role
from casework.permissions import grants
from casework.permissions.scope import OWN_PARTY, PARTY_COLUMNS, Reach, Scope
from casework.permissions.visitors import LINK
from casework.queue import one_case
from casework.store.tables import Values, cases, partner_links, sessions
from casework.store.work import Work, new_id

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a link is asked to open, for whom and why. Without a party it is for the one the case names."""

    party_role: Role
    reason: str
    expires_at: datetime  # aware
    case_id: str | None = None  # None: every case of the party
    party_id: str | None = None
    exception_types: tuple[str, ...] | None = None
    may_comment: bool = False


# --- making ----------------------------------------------------------------------------------------------


def make(desk: Desk, principal: Principal, tenant_id: str, asked: NewLink) -> tuple[PartnerLink, str]:
    """Make a link and return it with its token, which is stored nowhere.

    It reaches no further than the grant it is made under. Raises `NotPermitted`, `CaseNotFound` or
    `DetailsRefused`, and makes nothing.
    """
    reason = reasoned(asked.reason, "Say why the link is made; it stays with it.")
    token = secrets.token_urlsafe(32)
    with desk.writing(tenant_id, principal.principal_id) as work:
        maker = grants.current(work.connection, principal.principal_id)
        scope = _making(desk, maker, tenant_id)
        _check_end(desk, tenant_id, asked.expires_at, work.now)
        case = _case(work.connection, desk, maker, tenant_id, scope, asked)
        row = {
            "tenant_id": tenant_id,
            "link_id": new_id(),
            "token_sha256": sha256_hex(token.encode("ascii")),
            "party_role": asked.party_role.value,
            **_reach(work.connection, desk, scope, case, asked),
            "case_id": asked.case_id,
            "may_comment": asked.may_comment,
            "reason": reason,
            "made_by": principal.principal_id,
            "made_at": work.now,
            "expires_at": asked.expires_at,
        }
        work.connection.execute(partner_links.insert(), [row])
        told = {name: value for name, value in row.items() if name not in ("tenant_id", "made_by", "made_at")}
        work.say("link:created", case=case, object_id=row["link_id"], details=told)
        return seen.one(work.connection, tenant_id, str(row["link_id"]), work.now), token


def reasoned(reason: str, sentence: str) -> str:
    """Return a reason as it may be stored, or raise `DetailsRefused` with a sentence."""
    said = clean_text(reason or "", limit=LONGEST_REASON).strip()
    if not said:
        raise DetailsRefused(sentence, field="reason")
    return said


def _making(desk: Desk, maker: Principal, tenant_id: str) -> Scope:
    """Return the cases for which somebody may make links: by their grants, and by the tenant's own rule."""
    scope = Scope.of(maker, tenant_id, "link:create", desk.config)
    tenant = desk.config.tenants.get(tenant_id)
    allowed = tenant.links.made_by if tenant else ()
    kept = tuple((role, reach) for role, reach in scope.reaches if role.value in allowed)
    if not kept:
        raise NotPermitted(
            "Your role does not let you make links here. Ask an operations lead.", permission="link:create"
        )
    return Scope(tenant_id, kept)


def _check_end(desk: Desk, tenant_id: str, ends: datetime, now: datetime) -> None:
    longest = desk.config.tenants[tenant_id].links.longest_days
    if ends.tzinfo is None or not now < ends <= now + timedelta(days=longest):
        raise DetailsRefused(
            f"A link ends at an instant with a time zone, from now to {longest} days from now.",
            field="expires_at",
        )


def _case(
    connection: Connection, desk: Desk, maker: Principal, tenant_id: str, scope: Scope, asked: NewLink
) -> Values | None:
    """Return the one case a link is for, or None for a link to all of a party's."""
    if asked.party_role not in PARTNER_ROLES:
        raise DetailsRefused("A link is for a customer, a carrier or a warehouse.", field="party_role")
    if asked.case_id is None:
        return None
    _seen, case = one_case.visible_case(connection, desk, maker, tenant_id, asked.case_id)
    if not scope.covers(case):
        raise NotPermitted(
            "Your role does not let you share this case. Ask an operations lead.", permission="link:create"
        )
    return case


def _reach(
    connection: Connection, desk: Desk, scope: Scope, case: Values | None, asked: NewLink
) -> dict[str, Any]:
    """Return the scope columns of a link: its party and types, within the first grant that reaches them."""
    column, role = OWN_PARTY[asked.party_role], asked.party_role.value
    party = case[column] if case is not None else asked.party_id
    if not party or (asked.party_id is not None and asked.party_id != party):
        named = f"Case {asked.case_id} does not name this {role}" if case else f"Name the {role}"
        raise DetailsRefused(f"{named}, so there is nobody to share it with.", field="party_id")
    shared = desk.config.shared_types(role)
    types = (case["exception_type"],) if case is not None else (asked.exception_types or ())
    hidden = sorted(set(types) - set(shared))
    if hidden:
        raise DetailsRefused(f"A {role} is not shown exceptions of type {', '.join(hidden)}.", fields=hidden)
    for reach in sorted((reach for _role, reach in scope.reaches), key=len):  # the widest first
        found = _narrowed(reach, column, party, case, asked)
        if found is not None and (case is not None or _is_known(connection, scope.tenant_id, found)):
            return found
    raise DetailsRefused(
        f"No case that you may share names the {role} {party!r}. Check the name.", field="party_id"
    )


def _narrowed(
    reach: Reach, column: str, party: str, case: Values | None, asked: NewLink
) -> dict[str, Any] | None:
    """Return a link's scope under one grant of its maker, or None when that grant does not reach the party."""
    if party not in reach.get(column, {party}):
        return None
    if case is not None and not all(case[name] in values for name, values in reach.items()):
        return None
    only = reach.get("exception_type")
    types = asked.exception_types if asked.exception_types is not None else only
    if types is not None and only is not None:
        types = tuple(name for name in types if name in only)
    scope = {name: next(iter(reach[name]), None) if name in reach else None for name in PARTY_COLUMNS}
    return scope | {column: party, "exception_types": None if types is None else sorted(types)}


def _is_known(connection: Connection, tenant_id: str, scope: Values) -> bool:
    """Tell whether a party has any case: a mistyped name would open nothing, and one day somebody's cases."""
    named = [cases.c[name] == scope[name] for name in PARTY_COLUMNS if scope[name] is not None]
    query = select(cases.c.case_id).where(cases.c.tenant_id == tenant_id, *named)
    return connection.scalar(query.limit(1)) is not None


# --- taking back ----------------------------------------------------------------------------------------


def revoke(desk: Desk, principal: Principal, tenant_id: str, link_id: str, reason: str) -> PartnerLink:
    """Take a link back, and say why: what it opened is closed with the next request. Doing it twice is fine."""
    said = reasoned(reason, "Say why the link is taken back.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        mine = seen.visible(work.connection, desk, principal, tenant_id, "link:revoke")
        row = next((row for row in mine if row["link_id"] == link_id), None)
        if row is None:
            raise NotFound(f"There is no link {link_id!r} that you can see.", link_id=link_id)
        if row["revoked_at"] is None:
            _end(work, row, said)
        return seen.one(work.connection, tenant_id, link_id, work.now)


def revoke_all_of(work: Work, party_id: str, reason: str) -> int:
    """Take every standing link of a party back in the caller's transaction; return how many."""
    mine = partner_links.c
    of_party = or_(
        *(and_(mine.party_role == role.value, mine[name] == party_id) for role, name in OWN_PARTY.items())
    )
    standing = select(partner_links).where(
        mine.tenant_id == work.tenant_id, of_party, mine.revoked_at.is_(None), mine.expires_at > work.now
    )
    found = work.connection.execute(standing.order_by(mine.link_id)).mappings().all()
    for row in found:
        _end(work, row, reason)
    return len(found)


def _end(work: Work, row: Values, reason: str) -> None:
    ended = {"revoked_by": work.actor, "revoked_at": work.now, "revoke_reason": reason}
    here = (partner_links.c.tenant_id == work.tenant_id, partner_links.c.link_id == row["link_id"])
    work.connection.execute(update(partner_links).where(*here).values(ended))
    mine = (sessions.c.principal_id == f"{LINK}:{row['link_id']}", sessions.c.revoked_at.is_(None))
    work.connection.execute(update(sessions).where(*mine).values(revoked_at=work.now))
    case = rows.case_row(work.connection, work.tenant_id, row["case_id"]) if row["case_id"] else None
    details = {"link_id": row["link_id"], "revoke_reason": reason}
    work.say("link:revoked", case=case, object_id=row["link_id"], details=details)
