"""Who holds what in a tenant, given and taken by its platform administrators, who read no case themselves.

Nobody changes their own grants, and nobody gives or takes what lies outside the scope they administer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from casework.access import accounts
from casework.access.links import reasoned
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted
from casework.model import PARTNER_ROLES, Grant, Principal, Role
from casework.permissions import grants
from casework.permissions.policy import carries
from casework.permissions.scope import OWN_PARTY, PARTY_COLUMNS
from casework.permissions.tenantwide import CONSOLE
from casework.store.tables import Values, principals, sessions
from casework.store.tables import grants as grants_table
from casework.store.work import Work

PERMISSION = "account:manage"


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """One role that an account holds, and since when."""

    grant_id: str
    grant: Grant
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as an administrator of one tenant sees it: what it holds there, nothing of elsewhere."""

    principal_id: str
    kind: str
    login: str
    display_name: str
    is_active: bool
    grants: tuple[HeldGrant, ...]


def managed(connection: Connection, principal: Principal, tenant_id: str) -> tuple[Grant, ...]:
    """Return the grants under which somebody administers a tenant, or raise `NotPermitted`."""
    held = _held(connection, principal, tenant_id)
    if not held:
        raise NotPermitted("You hold no role that manages accounts here.", permission=PERMISSION)
    return held


def _held(connection: Connection, principal: Principal, tenant_id: str) -> tuple[Grant, ...]:
    if principal.principal_id == CONSOLE:
        return (Grant(tenant_id, Role.PLATFORM_ADMIN),)
    reader = grants.current(connection, principal.principal_id)
    return tuple(g for g in reader.grants if g.tenant_id == tenant_id and carries(g, PERMISSION))


def covers(held: tuple[Grant, ...], grant: Grant) -> bool:
    """Tell whether a grant lies within what somebody administers, whole."""
    return any(_is_within(mine, grant) for mine in held)


def _is_within(mine: Grant, grant: Grant) -> bool:
    if mine.tenant_id != grant.tenant_id:
        return False
    if any(getattr(mine, name) not in (None, getattr(grant, name)) for name in PARTY_COLUMNS):
        return False
    if mine.exception_types is None:
        return True
    return grant.exception_types is not None and set(grant.exception_types) <= set(mine.exception_types)


def accounts_of(desk: Desk, principal: Principal, tenant_id: str) -> tuple[AccountView, ...]:
    """Return the accounts that hold or held a role in a tenant, as far as the caller administers it."""
    with desk.reading(tenant_id) as connection:
        held = managed(connection, principal, tenant_id)
        query = (
            select(principals, *[column.label(f"grant_{column.name}") for column in grants_table.c])
            .join(grants_table, grants_table.c.principal_id == principals.c.principal_id)
            .where(grants_table.c.tenant_id == tenant_id)
            .order_by(principals.c.login, grants_table.c.grant_id)
        )
        found: dict[str, list[RowMapping]] = {}
        for row in connection.execute(query).mappings():
            if covers(held, grants.grant_of(row)):
                found.setdefault(row["principal_id"], []).append(row)
    return tuple(_account(rows) for rows in found.values())


def _account(rows: list[RowMapping]) -> AccountView:
    first = rows[0]
    standing = tuple(
        HeldGrant(row["grant_grant_id"], grants.grant_of(row), row["grant_granted_at"])
        for row in rows
        if row["grant_revoked_at"] is None
    )
    names = ("principal_id", "kind", "login", "display_name", "is_active")
    return AccountView(**{name: first[name] for name in names}, grants=standing)


def give(desk: Desk, principal: Principal, login: str, grant: Grant) -> str:
    """Give an account a role within a scope; return the grant's id. Holding it already is refused."""
    with desk.writing(grant.tenant_id, principal.principal_id) as work:
        held = managed(work.connection, principal, grant.tenant_id)
        account = _named(work.connection, login)
        _refuse_own(principal, account)
        _refuse_wider(held, grant)
        _check(desk, account, grant)
        if any(held_by == grant for held_by in _standing(work.connection, account, grant.tenant_id)):
            raise DetailsRefused(f"{login} holds this role in this scope already.", login=login)
        return accounts.give_within(work, account["principal_id"], grant)


def take(desk: Desk, principal: Principal, tenant_id: str, grant_id: str, reason: str) -> None:
    """Take one grant away, and say why; whatever its holder does next is decided without it."""
    said = reasoned(reason, "Say why the role is taken away.")
    with desk.writing(tenant_id, principal.principal_id) as work:
        held = managed(work.connection, principal, tenant_id)
        query = select(*[column.label(f"grant_{column.name}") for column in grants_table.c]).where(
            grants_table.c.grant_id == grant_id,
            grants_table.c.tenant_id == tenant_id,
            grants_table.c.revoked_at.is_(None),
        )
        row = work.connection.execute(query).mappings().first()
        if row is None or not covers(held, grants.grant_of(row)):
            raise NotFound(f"There is no grant {grant_id!r} here that you manage.", grant_id=grant_id)
        _refuse_own(principal, {"principal_id": row["grant_principal_id"]})
        here = (grants_table.c.grant_id == grant_id, grants_table.c.tenant_id == tenant_id)
        work.connection.execute(update(grants_table).where(*here).values(revoked_at=work.now))
        details = {"role": row["grant_role"], "grant_id": grant_id, "reason": said, "count": 1}
        work.say("grant:revoked", object_id=row["grant_principal_id"], details=details, is_event=False)


def set_active(
    desk: Desk, principal: Principal, tenant_id: str, login: str, reason: str, *, is_active: bool
) -> None:
    """Let an account act or not, and say why; one that may not loses its sessions at once.

    An account acts in every tenant it holds a role in, so whoever does this administers all of them whole.
    """
    said = reasoned(reason, "Say why.")
    with desk.reading_across() as connection:
        managed(connection, principal, tenant_id)
        account = _named(connection, login)
        tenants = {tenant_id} | _tenants(connection, account)
    with desk.writing_all(tenants, principal.principal_id) as works:
        connection = works[tenant_id].connection
        _refuse_own(principal, account)
        _refuse_elsewhere(connection, principal, account, tenant_id)
        here = principals.c.principal_id == account["principal_id"]
        connection.execute(update(principals).where(here).values(is_active=is_active))
        if not is_active:
            mine = (sessions.c.principal_id == account["principal_id"], sessions.c.revoked_at.is_(None))
            connection.execute(update(sessions).where(*mine).values(revoked_at=works[tenant_id].now))
        for work in works.values():
            _say_active(work, account, said, is_active)


def _say_active(work: Work, account: Values, reason: str, is_active: bool) -> None:
    fact = "account:activated" if is_active else "account:deactivated"
    work.say(fact, object_id=account["principal_id"], details={"reason": reason}, is_event=False)


def _named(connection: Connection, login: str) -> RowMapping:
    query = select(principals).where(principals.c.login == login.strip().lower())
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"There is no account {login!r}.", login=login)
    return row


def _tenants(connection: Connection, account: Values) -> set[str]:
    """Return the tenants an account holds a role in."""
    mine = (grants_table.c.principal_id == account["principal_id"], grants_table.c.revoked_at.is_(None))
    return set(connection.scalars(select(grants_table.c.tenant_id).where(*mine).distinct()))


def _standing(connection: Connection, account: Values, tenant_id: str) -> list[Grant]:
    query = select(*[column.label(f"grant_{column.name}") for column in grants_table.c]).where(
        grants_table.c.principal_id == account["principal_id"],
        grants_table.c.tenant_id == tenant_id,
        grants_table.c.revoked_at.is_(None),
    )
    return [grants.grant_of(row) for row in connection.execute(query).mappings()]


def _refuse_own(principal: Principal, account: Values) -> None:
    if account["principal_id"] == CONSOLE:
        raise NotPermitted("The command line's own account is not managed here.", login="operator")
    if account["principal_id"] == principal.principal_id:
        raise NotPermitted("Nobody changes what they may do themselves. Ask another administrator.")


def _refuse_wider(held: tuple[Grant, ...], grant: Grant) -> None:
    if not covers(held, grant):
        raise NotPermitted("This reaches further than what you manage. Narrow it, or ask for more.")


def _refuse_elsewhere(connection: Connection, principal: Principal, account: Values, tenant_id: str) -> None:
    for name in {tenant_id} | _tenants(connection, account):
        held = _held(connection, principal, name)
        if not held or not all(covers(held, grant) for grant in _standing(connection, account, name)):
            raise NotPermitted(
                "This account acts beyond what you manage. Take its roles here away instead.",
                permission=PERMISSION,
            )


def _check(desk: Desk, account: Values, grant: Grant) -> None:
    """Refuse a grant that makes no sense: a partner's without its party, a person's role for a partner."""
    is_partner = grant.role in PARTNER_ROLES
    if is_partner != (account["kind"] == "partner"):
        who = "a partner's account" if is_partner else "one of the tenant's own accounts"
        raise DetailsRefused(
            f"The role {grant.role} is for {who}; {account['login']} is not one.", field="role"
        )
    if is_partner and getattr(grant, OWN_PARTY[grant.role]) is None:
        raise DetailsRefused(f"Name the {grant.role} whose shipments are meant.", field=OWN_PARTY[grant.role])
    unknown: set[Any] = set(grant.exception_types or ()) - set(desk.config.types)
    if unknown:
        raise DetailsRefused(
            f"Unknown exception types: {', '.join(sorted(unknown))}.", fields=sorted(unknown)
        )
