"""Who asks, and whom a tenant may write to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from casework.model.states import Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within a scope; `None` in a scope field means any within the tenant."""

    tenant_id: str
    role: Role
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    exception_types: tuple[str, ...] | None = None
    case_id: str | None = None
    permissions: frozenset[str] | None = None  # only these of the role's; None means all of them
    approve_up_to: Decimal | None = None  # what may be at stake where this role approves


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, a service, a partner, a link or a key. Its grants are read again from the store in every call."""

    principal_id: str
    kind: str
    login: str
    display_name: str
    grants: tuple[Grant, ...] = ()
    visit_id: str | None = None  # which opening of a link this is

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants this principal holds any role in, in name order."""
        return tuple(sorted({grant.tenant_id for grant in self.grants}))


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account made at bootstrap; the password is shown once and stored nowhere."""

    login: str
    display_name: str
    password: str
    roles: str


@dataclass(frozen=True, slots=True)
class Contact:
    """An address a tenant may write to."""

    party_id: str
    channel: Literal["mail", "webhook"]
    party_role: str  # customer | carrier | vendor | team
    party_name: str
    address: str
    is_verified: bool
