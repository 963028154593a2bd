"""Which identity at a company's OpenID provider is which account here: an explicit list, and nothing else.

A provider says who somebody is (issuer and subject); what they may do is decided by the account's grants. An
e-mail address, a name or a group from a provider never maps to anything. Accounts belong to no tenant, so
neither do identities; linking is told in the audit chain of every tenant where the account holds a grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from casework.access import accounts
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted, SignInRefused
from casework.model import Principal
from casework.permissions import grants
from casework.store import engine as store
from casework.store.tables import identities, principals, sessions
from casework.store.work import insert_new

LONGEST_ISSUER, LONGEST_SUBJECT = 300, 255
UNKNOWN = (
    "Your company account is not linked to an active account here, so you were not signed in. "
    "Ask whoever looks after Tidewaiter to link it."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider knows them, and the account they sign in as."""

    issuer: str
    subject: str
    principal_id: str
    linked_at: datetime


def sign_in(desk: Desk, issuer: str, subject: str) -> tuple[str, Principal]:
    """Return a new session's token and its principal for an identity whose provider was already believed.

    Raises `SignInRefused`, in the same words for one that is not linked and one whose account is not active.
    """
    with desk.reading(None) as connection:
        principal_id = connection.scalar(select(identities.c.principal_id).where(*_key(issuer, subject)))
        try:
            if principal_id is None:
                raise NotPermitted(UNKNOWN)
            grants.current(connection, principal_id)
        except NotPermitted as unknown:
            raise SignInRefused(UNKNOWN) from unknown
    return accounts.open_session(desk, principal_id)


def link(desk: Desk, login: str, issuer: str, subject: str, actor: str) -> Identity:
    """Let an identity sign in as an account; linking it again changes nothing, to another account is refused."""
    if not issuer or not subject or len(issuer) > LONGEST_ISSUER or len(subject) > LONGEST_SUBJECT:
        raise DetailsRefused("Name the issuer's address and the subject exactly as the provider states them.")
    principal_id = _account(desk, login)
    row = {
        "issuer": issuer,
        "subject": subject,
        "principal_id": principal_id,
        "linked_by": actor,
        "linked_at": desk.clock(),
    }
    with store.writing(desk.engine, None) as connection:
        added = connection.execute(insert_new(connection, identities), [row]).rowcount
        found = connection.execute(select(identities).where(*_key(issuer, subject))).one()
    if found.principal_id != principal_id:
        raise DetailsRefused(
            f"This identity signs in as {found.principal_id} already; unlink it there first.",
            principal_id=found.principal_id,
        )
    if added:
        _say(desk, principal_id, actor, "account:identity:linked", {"issuer": issuer})
    return Identity(issuer, subject, principal_id, found.linked_at)


def unlink(desk: Desk, login: str, issuer: str, actor: str) -> int:
    """Take an account's identities at an issuer away and end its sessions; return how many there were."""
    principal_id = _account(desk, login)
    mine = (identities.c.principal_id == principal_id, identities.c.issuer == issuer)
    with store.writing(desk.engine, None) as connection:
        gone = connection.execute(delete(identities).where(*mine)).rowcount
        alive = (sessions.c.principal_id == principal_id, sessions.c.revoked_at.is_(None))
        connection.execute(update(sessions).where(*alive).values(revoked_at=desk.clock()))
    if gone:
        _say(desk, principal_id, actor, "account:identity:unlinked", {"issuer": issuer})
    return gone


def of_account(desk: Desk, login: str) -> list[Identity]:
    """Return the identities that sign in as an account."""
    principal_id = _account(desk, login)
    query = select(identities).where(identities.c.principal_id == principal_id)
    with desk.reading(None) as connection:
        found = connection.execute(query.order_by(identities.c.issuer, identities.c.subject))
        return [Identity(row.issuer, row.subject, row.principal_id, row.linked_at) for row in found]


def _key(issuer: str, subject: str) -> tuple[Any, Any]:
    return identities.c.issuer == issuer, identities.c.subject == subject


def _account(desk: Desk, login: str) -> str:
    query = select(principals.c.principal_id).where(
        principals.c.login == login.strip().lower(), principals.c.kind != "service"
    )
    with desk.reading(None) as connection:
        principal_id = connection.scalar(query)
    if principal_id is None:
        raise NotFound(f"There is no account {login!r}.", login=login)
    return principal_id


def _say(desk: Desk, principal_id: str, actor: str, fact: str, details: dict[str, str]) -> None:
    with desk.reading_across() as connection:
        tenant_ids = {grant.tenant_id for grant in grants.current(connection, principal_id).grants}
    with desk.writing_all(tenant_ids, actor) as works:
        for work in works.values():
            work.say(fact, object_id=principal_id, details=details, is_event=False)
