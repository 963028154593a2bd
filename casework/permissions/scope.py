"""From grants to rows: the one place where a scope becomes a where-clause.

A grant becomes a set of allowed values per column of `cases`; from that same set come the SQL clause and the
answer for a single case. A partner's grant must name its own party, and reaches only the types shared with
its role; without a party it reaches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, or_, true

from casework.config import Config
from casework.model import Grant, Principal, Role
from casework.permissions.policy import carries, is_partner
from casework.store.tables import Values, cases

OWN_PARTY = {
    Role.CUSTOMER: "customer_id",
    Role.CARRIER: "carrier_id",
    Role.WAREHOUSE: "facility_id",
}
PARTY_COLUMNS = ("customer_id", "carrier_id", "facility_id")

Reach = Mapping[str, frozenset[str]]  # column of `cases` -> allowed values


def reach_of(grant: Grant, config: Config) -> Reach | None:
    """Return the rows a grant reaches within its tenant, or None for none at all."""
    reach: dict[str, frozenset[str]] = {"tenant_id": frozenset({grant.tenant_id})}
    for column in PARTY_COLUMNS:
        value = getattr(grant, column)
        if value is not None:
            reach[column] = frozenset({value})
    if grant.case_id is not None:
        reach["case_id"] = frozenset({grant.case_id})
    if grant.exception_types is not None:
        reach["exception_type"] = frozenset(grant.exception_types)
    if not is_partner(grant.role):
        return reach
    if OWN_PARTY[grant.role] not in reach:
        return None
    shared = frozenset(config.shared_types(grant.role.value))
    reach["exception_type"] = reach.get("exception_type", shared) & shared
    return reach


@dataclass(frozen=True, slots=True)
class Scope:
    """The cases of one tenant that one permission of one principal reaches."""

    tenant_id: str
    reaches: tuple[tuple[Role, Reach], ...]

    @classmethod
    def of(cls, principal: Principal, tenant_id: str, permission: str, config: Config) -> Scope:
        """Compile a principal's grants for one tenant and permission."""
        found = []
        for grant in principal.grants:
            if grant.tenant_id != tenant_id or not carries(grant, permission):
                continue
            reach = reach_of(grant, config)
            if reach is not None:
                found.append((grant.role, reach))
        return cls(tenant_id, tuple(found))

    @property
    def is_empty(self) -> bool:
        """Whether no grant gives this permission at all."""
        return not self.reaches

    @property
    def is_whole(self) -> bool:
        """Whether some grant reaches every case of the tenant."""
        return any(set(reach) == {"tenant_id"} for _role, reach in self.reaches)

    def where(self) -> ColumnElement[bool]:
        """Return the clause that every query over `cases` carries."""
        clauses = [
            and_(
                true(),
                *(cases.c[name].in_(sorted(values)) for name, values in reach.items() if name != "tenant_id"),
            )
            for _role, reach in self.reaches
        ]
        return and_(cases.c.tenant_id == self.tenant_id, or_(false(), *clauses))

    def covers(self, case: Values) -> bool:
        """Tell whether one case is within the scope; the same answer as `where` gives."""
        return any(_reaches(reach, case) for _role, reach in self.reaches)

    def inside_of(self, case: Values) -> bool:
        """Tell whether a case is within the scope through a role of the tenant's own people."""
        return any(not is_partner(role) and _reaches(reach, case) for role, reach in self.reaches)

    def partner_role(self, case: Values) -> Role | None:
        """Return the partner role through which alone a case is seen; None when seen from inside."""
        if self.inside_of(case):
            return None
        return next((role for role, reach in self.reaches if _reaches(reach, case)), None)

    @property
    def has_partners(self) -> bool:
        """Whether any part of the scope comes from a partner's role."""
        return any(is_partner(role) for role, _reach in self.reaches)


def _reaches(reach: Reach, case: Values) -> bool:
    return all(case[column] in values for column, values in reach.items())
