"""What the door says about getting in: sessions, links for partners, keys for services, grants.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from casework.access import accounts, administration, api_keys, identities, links, opening, seen
from casework.access.administration import AccountView
from casework.access.api_keys import ApiKey, NewKey
from casework.access.links import NewLink
from casework.access.seen import LinkView, PartnerLink
from casework.desk import Desk
from casework.model import Grant, Principal


class AccessDoor:
    """The part of the door that is about who gets in."""

    desk: Desk

    # --- people, by a session -------------------------------------------------------------------------

    def sign_in(self, login: str, password: str) -> tuple[str, Principal]:
        """Return a session token and who it names; raise `SignInRefused`."""
        return accounts.sign_in(self.desk, login, password)

    def sign_in_as(self, issuer: str, subject: str) -> tuple[str, Principal]:
        """Return a session token for an identity that its provider vouched for; raise `SignInRefused`."""
        return identities.sign_in(self.desk, issuer, subject)

    def link_identity(self, login: str, issuer: str, subject: str, actor: str) -> identities.Identity:
        """Let an identity at an OpenID provider sign in as an account; raise `NotFound`, `DetailsRefused`."""
        return identities.link(self.desk, login, issuer, subject, actor)

    def unlink_identity(self, login: str, issuer: str, actor: str) -> int:
        """Take an account's identities at a provider away and end its sessions; return how many."""
        return identities.unlink(self.desk, login, issuer, actor)

    def identities_of(self, login: str) -> list[identities.Identity]:
        """Return the identities that sign in as an account."""
        return identities.of_account(self.desk, login)

    def session(self, token: str) -> Principal:
        """Return whom a token names, with grants as they are now; raise `SessionEnded`."""
        return accounts.session(self.desk, token)

    def sign_out(self, token: str) -> None:
        """End a session; ending it twice is fine."""
        accounts.sign_out(self.desk, token)

    # --- partners, by a link --------------------------------------------------------------------------

    def make_link(self, principal: Principal, tenant_id: str, asked: NewLink) -> tuple[PartnerLink, str]:
        """Make a link for one party and return it with its token, once; it reaches no further than its maker.

        Raises `NotPermitted`, `CaseNotFound` or `DetailsRefused`.
        """
        return links.make(self.desk, principal, tenant_id, asked)

    def open_link(self, token: str, address: str | None = None, user_agent: str | None = None) -> str:
        """Return a new session's token for a link's; the opening is recorded. Raises `LinkRefused`."""
        return opening.open_link(self.desk, token, address, user_agent)

    def revoke_link(self, principal: Principal, tenant_id: str, link_id: str, reason: str) -> PartnerLink:
        """Take a link back, and say why; what it opened is closed with the next request."""
        return links.revoke(self.desk, principal, tenant_id, link_id, reason)

    def partner_links(
        self,
        principal: Principal,
        tenant_id: str,
        case_id: str | None = None,
        *,
        include_ended: bool = False,
    ) -> tuple[PartnerLink, ...]:
        """Return the links within the reader's scope with how often each was used, newest first."""
        return seen.listing(self.desk, principal, tenant_id, case_id, include_ended=include_ended)

    def link_views(
        self,
        principal: Principal,
        tenant_id: str,
        *,
        link_id: str | None = None,
        case_id: str | None = None,
    ) -> tuple[LinkView, ...]:
        """Return what was opened and looked at through links, newest first; of one link or one case."""
        return seen.views(self.desk, principal, tenant_id, link_id=link_id, case_id=case_id)

    # --- services, by a key ---------------------------------------------------------------------------

    def make_key(self, principal: Principal, tenant_id: str, asked: NewKey) -> ApiKey:
        """Make a key for a service, to be drawn by its holder. Raises `NotPermitted` or `DetailsRefused`."""
        return api_keys.make(self.desk, principal, tenant_id, asked)

    def draw_key(self, principal: Principal, tenant_id: str, key_id: str) -> str:
        """Return a key itself, once, to its holder."""
        return api_keys.draw(self.desk, principal, tenant_id, key_id)

    def keys_to_draw(self, principal: Principal, tenant_id: str) -> tuple[ApiKey, ...]:
        """Return the keys that wait for the caller."""
        return api_keys.to_draw(self.desk, principal, tenant_id)

    def api_keys(self, principal: Principal, tenant_id: str) -> tuple[ApiKey, ...]:
        """Return the keys that the caller administers, newest first; never a secret."""
        return api_keys.listing(self.desk, principal, tenant_id)

    def revoke_key(self, principal: Principal, tenant_id: str, key_id: str, reason: str) -> ApiKey:
        """Take a key back, and say why; it opens nothing from the next call on."""
        return api_keys.revoke(self.desk, principal, tenant_id, key_id, reason)

    def principal_of_key(self, key: str) -> Principal:
        """Return the service a key stands for, narrowed to the key's scope; raise `KeyRefused`."""
        return api_keys.principal_of_key(self.desk, key)

    # --- accounts -------------------------------------------------------------------------------------

    def accounts(self, principal: Principal, tenant_id: str) -> tuple[AccountView, ...]:
        """Return the accounts of a tenant with what they hold there, as far as the caller administers it."""
        return administration.accounts_of(self.desk, principal, tenant_id)

    def give_grant(self, principal: Principal, login: str, grant: Grant) -> str:
        """Give an account a role within the scope the caller administers; nobody gives one to themselves."""
        return administration.give(self.desk, principal, login, grant)

    def take_grant(self, principal: Principal, tenant_id: str, grant_id: str, reason: str) -> None:
        """Take one grant away, and say why."""
        administration.take(self.desk, principal, tenant_id, grant_id, reason)

    def deactivate_account(self, principal: Principal, tenant_id: str, login: str, reason: str) -> None:
        """Let an account act no more and end its sessions; for whoever administers all of its tenants."""
        administration.set_active(self.desk, principal, tenant_id, login, reason, is_active=False)

    def activate_account(self, principal: Principal, tenant_id: str, login: str, reason: str) -> None:
        """Let an account act again, with the grants it still holds."""
        administration.set_active(self.desk, principal, tenant_id, login, reason, is_active=True)
