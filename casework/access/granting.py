"""Roles as the files say them and as they are held: what is missing is given, what is more is only shown.

Nothing is taken away without being asked for (`prune`): somebody may have been given a role at the door for a
reason. Services keep theirs in any case, for nobody signs in as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from casework.access import accounts
from casework.config import AccountGrant, Config
from casework.model import Grant, Role
from casework.store.tables import grants, principals
from casework.store.work import Work


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody holds; without an id, one that the files want."""

    principal_id: str
    grant: Grant
    grant_id: str | None = None
    was_revoked_at: datetime | None = None  # the files want it again after somebody took it away


@dataclass(frozen=True, slots=True)
class Differences:
    """What the files and the store say differently about who holds what."""

    missing: tuple[Held, ...]  # in the files and not held: given when applied
    more: tuple[Held, ...]  # held and not in the files: taken away only by pruning
    accounts: tuple[str, ...]  # accounts that are not there yet; setting the store up makes them

    @property
    def tenants(self) -> set[str]:
        """Whose roles differ."""
        return {held.grant.tenant_id for held in (*self.missing, *self.more)}


def principal_id_of(kind: str, login: str) -> str:
    """Return the id of an account: readable wherever an actor is named."""
    return f"{kind}:{login}"


def tenants_of(grant: AccountGrant, config: Config) -> Iterable[str]:
    """Return the tenants a grant in the files is for."""
    return config.tenants if grant.tenants == "all" else grant.tenants


def grant_of(tenant_id: str, given: AccountGrant) -> Grant:
    """Return a grant in the files as it is held in one tenant."""
    return Grant(
        tenant_id,
        Role(given.role),
        given.customer_id,
        given.carrier_id,
        given.facility_id,
        given.exception_types,
        approve_up_to=given.approve_up_to,
    )


def differences(connection: Connection, config: Config) -> Differences:
    """Return how the roles that are held differ from those in the files."""
    known: set[str] = set(connection.scalars(select(principals.c.principal_id)))
    wanted = dict.fromkeys(_wanted(config))
    held = list(_held(connection))
    standing = {(one.principal_id, one.grant) for one in held if one.was_revoked_at is None}
    revoked = {(one.principal_id, one.grant): one.was_revoked_at for one in held if one.was_revoked_at}
    return Differences(
        missing=tuple(
            Held(*key, was_revoked_at=revoked.get(key))
            for key in wanted
            if key not in standing and key[0] in known
        ),
        more=tuple(
            one
            for one in held
            if one.was_revoked_at is None
            and (one.principal_id, one.grant) not in wanted
            and one.grant.tenant_id in config.tenants
            and one.grant.role != Role.SERVICE
        ),
        accounts=tuple(sorted({key[0] for key in wanted} - known)),
    )


def _wanted(config: Config) -> Iterator[tuple[str, Grant]]:
    for account in config.accounts.accounts:
        for given in account.grants:
            for tenant_id in sorted(set(tenants_of(given, config)) & set(config.tenants)):
                yield principal_id_of(account.kind, account.login), grant_of(tenant_id, given)


def _held(connection: Connection) -> Iterator[Held]:
    for row in connection.execute(select(grants).order_by(grants.c.grant_id)).mappings():
        types = row["exception_types"]
        grant = Grant(
            row["tenant_id"],
            Role(row["role"]),
            row["customer_id"],
            row["carrier_id"],
            row["facility_id"],
            None if types is None else tuple(types),
            row["approve_up_to"],
        )
        yield Held(row["principal_id"], grant, row["grant_id"], row["revoked_at"])


def reconcile(works: Mapping[str, Work], found: Differences, *, prune: bool) -> None:
    """Give what is missing and, only when asked to, take away what is more; each is told in its tenant's log."""
    for one in found.missing:
        accounts.give_within(works[one.grant.tenant_id], one.principal_id, one.grant)
    for one in found.more if prune else ():
        _take_away(works[one.grant.tenant_id], one)


def _take_away(work: Work, one: Held) -> None:
    mine = (grants.c.tenant_id == work.tenant_id, grants.c.grant_id == one.grant_id)
    work.connection.execute(update(grants).where(*mine).values(revoked_at=work.now))
    details: dict[str, Any] = {
        "role": one.grant.role,
        "count": 1,
        "grant_id": one.grant_id,
        "why": "not in the files",
    }
    work.say("grant:revoked", object_id=one.principal_id, details=details, is_event=False)


def words(found: Differences, *, prune: bool) -> list[str]:
    """Return the differences as sentences."""
    said = []
    for one in found.missing:
        again = (
            f" again: it was taken away at {one.was_revoked_at:%Y-%m-%d %H:%M}Z" if one.was_revoked_at else ""
        )
        said.append(
            f"{one.grant.tenant_id}: {one.principal_id} would get the role {_role(one.grant)}{again}."
        )
    for one in found.more:
        kept = "would lose it" if prune else "keeps it; --prune takes it away"
        said.append(
            f"{one.grant.tenant_id}: {one.principal_id} holds the role {_role(one.grant)}, which is not in the "
            f"files, and {kept}."
        )
    said += [
        f"The account {name} is not there yet; setting the store up makes it." for name in found.accounts
    ]
    return said


def _role(grant: Grant) -> str:
    scope = {
        "customer": grant.customer_id,
        "carrier": grant.carrier_id,
        "facility": grant.facility_id,
        "types": grant.exception_types and ", ".join(grant.exception_types),
        "up to": grant.approve_up_to and f"{grant.approve_up_to:,.2f}",
    }
    narrowed = ", ".join(f"{name} {value}" for name, value in scope.items() if value)
    return f"{grant.role.value} ({narrowed})" if narrowed else grant.role.value
