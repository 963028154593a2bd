"""Setting a store up: tenants and their clocks, addresses, the first accounts. Safe to repeat."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from casework import rows
from casework.access import accounts
from casework.access.granting import grant_of, principal_id_of, tenants_of
from casework.config import Account, Config
from casework.desk import Desk
from casework.evidence import configuration
from casework.model import Contact, NewAccount
from casework.store.tables import contacts, principals, tenant_clocks, tenants
from casework.store.work import Work, insert_new


def bootstrap(desk: Desk, now: datetime) -> list[NewAccount]:
    """Make what the configuration names and the store lacks; return only accounts made this time."""
    for tenant_id in desk.config.tenants:
        with desk.writing(tenant_id, "service:bootstrap", now) as work:
            _make_tenant(work, desk.config)
    configuration.record_first(desk, "service:bootstrap", now)
    made = []
    for account in desk.config.accounts.accounts:
        password = secrets.token_urlsafe(12)
        if _make_account(desk, account, password, now) and account.kind != "service":
            roles = sorted({grant.role for grant in account.grants})
            made.append(NewAccount(account.login, account.display_name, password, ", ".join(roles)))
    return made


def _make_tenant(work: Work, config: Config) -> None:
    tenant = config.tenants[work.tenant_id]
    row = {
        "tenant_id": tenant.tenant_id,
        "tenant_name": tenant.tenant_name,
        "currency_code": tenant.currency_code,
        "created_at": work.now,
    }
    clock = {
        "tenant_id": tenant.tenant_id,
        "mode": tenant.mode,
        "as_of": tenant.as_of,
        "set_at": work.now,
    }
    is_new = work.connection.execute(insert_new(work.connection, tenants).values(row)).rowcount == 1
    work.connection.execute(insert_new(work.connection, tenant_clocks).values(clock))
    for name, team in tenant.teams.items():
        save_contact(work, Contact(name, "mail", "team", name, team.mail, True))
    if is_new:
        work.say("tenant:created", object_id=tenant.tenant_id, details={"as_of": tenant.as_of})


def _make_account(desk: Desk, account: Account, password: str, now: datetime) -> bool:
    """Make one account with its grants in every tenant it is for; False when the login exists."""
    principal_id = principal_id_of(account.kind, account.login)
    with desk.reading(None) as connection:
        if connection.scalar(select(principals.c.login).where(principals.c.login == account.login)):
            return False
    row = {
        "principal_id": principal_id,
        "kind": account.kind,
        "login": account.login,
        "display_name": account.display_name,
        "password_hash": None if account.kind == "service" else accounts.hashed(password),
        "is_active": True,
        "created_at": now,
    }
    held = [(tenant, grant) for grant in account.grants for tenant in tenants_of(grant, desk.config)]
    with desk.writing_all([tenant for tenant, _grant in held], "service:bootstrap", now) as works:
        connection = next(iter(works.values())).connection
        if connection.execute(insert_new(connection, principals).values(row)).rowcount != 1:
            return False
        for tenant, grant in held:
            accounts.give_within(works[tenant], principal_id, grant_of(tenant, grant))
    return True


# --- addresses -----------------------------------------------------------------------------------------


def put_contacts(desk: Desk, tenant_id: str, given: Sequence[Contact], actor: str) -> int:
    """Save addresses from master data; return how many are new or changed."""
    with desk.writing(tenant_id, actor) as work:
        return sum(save_contact(work, contact) for contact in given)


def save_contact(work: Work, contact: Contact) -> bool:
    """Save one address and say so when it is new or changed."""
    key = (
        contacts.c.tenant_id == work.tenant_id,
        contacts.c.party_id == contact.party_id,
        contacts.c.channel == contact.channel,
    )
    known = work.connection.execute(select(contacts).where(*key)).first()
    if known is not None and rows.contact(known) == contact:
        return False
    values: dict[str, Any] = {
        "party_role": contact.party_role,
        "party_name": contact.party_name,
        "address": contact.address,
        "is_verified": contact.is_verified,
        "updated_at": work.now,
    }
    if known is None:
        identity = {
            "tenant_id": work.tenant_id,
            "party_id": contact.party_id,
            "channel": contact.channel,
        }
        work.connection.execute(contacts.insert(), [identity | values])
    else:
        work.connection.execute(update(contacts).where(*key).values(values))
    details = {"channel": contact.channel, "address": contact.address, "is_verified": contact.is_verified}
    work.say("contact:saved", object_id=contact.party_id, details=details, is_event=False)
    return True


def contacts_by_pattern(
    connection: Connection, config: Config, tenant_id: str, parties: Iterable[tuple[str, str, str]]
) -> list[Contact]:
    """Return addresses by the tenant's patterns where none is known for a party and channel."""
    wanted = sorted(set(parties))
    if not wanted:
        return []
    query = select(contacts.c.party_id, contacts.c.channel).where(
        contacts.c.tenant_id == tenant_id, contacts.c.party_id.in_([party for party, _, _ in wanted])
    )
    known = {(row.party_id, row.channel) for row in connection.execute(query)}
    return [
        Contact(party, channel, role, name, pattern.format(party_id=slug(party)), True)
        for party, role, name in wanted
        for channel, pattern in _patterns(config, tenant_id, role)
        if (party, channel) not in known
    ]


def _patterns(config: Config, tenant_id: str, role: str) -> list[tuple[Any, str]]:
    found = config.tenants[tenant_id].contacts.get(role)
    pairs = [("mail", found.mail), ("webhook", found.webhook)] if found else []
    return [(channel, pattern) for channel, pattern in pairs if pattern]


def slug(party_id: str) -> str:
    """Return a party's id as it may stand in a host name."""
    return re.sub(r"[^a-z0-9]+", "-", party_id.lower()).strip("-")[:60] or "party"
