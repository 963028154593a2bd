"""May this grant do this to that? Asked of Cedar, in process, from the policies beside this file.

`policies.cedar` is the only place that says which role carries what. `decide` answers for one thing; for the rows
of a table the same grants become a where-clause (`scope`), which asks here which roles carry a permission.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cedarpy

from casework.config import Config
from casework.model import PARTNER_ROLES, Grant, Principal, Role, State
from casework.store.tables import Values

HERE = Path(__file__).parent
POLICIES, SCHEMA = HERE / "policies.cedar", HERE / "schema.cedarschema"
PARTIES = {"customer": "customer_id", "carrier": "carrier_id", "facility": "facility_id"}
PARTNER = "partner"
MOST_KEPT = 20_000  # answers

log = logging.getLogger("tidewaiter.permissions")
_KEPT: dict[tuple[Any, ...], bool] = {}


@dataclass(frozen=True)
class Resource:
    """What something is done to, as the policies know it."""

    kind: str  # Case | Tenant
    attributes: Mapping[str, Any]

    @cached_property
    def told(self) -> str:
        """Everything it is, as one text."""
        return json.dumps([self.kind, self.attributes], sort_keys=True)


def case(row: Values, config: Config) -> Resource:
    """Return a row of `cases` as the policies know it; raise `KeyError` where it lacks what they ask about."""
    kind = config.types.get(row["exception_type"])
    shared = frozenset(kind.shared_with) if kind else frozenset()
    parties = tuple(row[column] for column in PARTIES.values())
    keys = ("tenant_id", "case_id", "exception_type", "state")
    return _case(shared, row["owner"], parties, *(row[name] for name in keys))


@lru_cache(maxsize=MOST_KEPT)
def _case(
    shared: frozenset[str],
    owner: str | None,
    parties: tuple[str | None, ...],
    tenant_id: str,
    case_id: str,
    exception_type: str,
    state: str,
) -> Resource:
    known = {"owner": owner, **dict(zip(PARTIES, parties, strict=True))}
    return Resource(
        "Case",
        {
            "tenant": tenant_id,
            "number": case_id,
            "type": exception_type,
            "state": str(State(state)),
            "shared_with": _roles(sorted(Role(name) for name in shared)),
            **{name: value for name, value in known.items() if value is not None},
        },
    )


def tenant(tenant_id: str) -> Resource:
    """Return all of a tenant's records as the policies know them."""
    return Resource("Tenant", {"tenant": tenant_id})


def decide(identity: Principal, action: str, resource: Resource) -> bool:
    """Tell whether one of somebody's grants lets them do this; what is unknown, missing or wrong is denied."""
    return decide_many(identity, [action], resource)[0]


def decide_many(identity: Principal, actions: Sequence[str], resource: Resource) -> tuple[bool, ...]:
    """Answer for many actions of one person on one thing at once, in the order they were asked about.

    An answer follows from the grants and the thing as given and from nothing else, so it is kept for a while:
    whoever does something to a case has mostly just looked at what they may do to it.
    """
    try:
        keys = {action: (identity.principal_id, identity.grants, resource.told, action) for action in actions}
        kept = {action: _KEPT.get(key) for action, key in keys.items()}
        new = _asked(identity, [action for action, answer in kept.items() if answer is None], resource)
    except Exception:
        log.exception("Policies could not be asked; it is refused.")
        return (False,) * len(actions)
    if len(_KEPT) > MOST_KEPT:
        _KEPT.clear()
    _KEPT.update((keys[action], answer) for action, answer in new.items())
    return tuple(bool(kept[action]) or new.get(action, False) for action in actions)


def _asked(identity: Principal, actions: Sequence[str], resource: Resource) -> dict[str, bool]:
    """Ask about every grant; where those in the thing's own tenant let it, the others need not be."""
    allowed = dict.fromkeys(actions, False)
    if not allowed:
        return allowed
    for held in _nearest_first(identity, resource.attributes["tenant"]):
        still = [action for action in allowed if not allowed[action]]
        if held and still:
            allowed |= zip(still, _answered(held, still, resource), strict=True)
    return allowed


def _nearest_first(identity: Principal, tenant_id: str) -> Iterator[list[dict[str, Any]]]:
    """Yield somebody's grants in a tenant, then all others. What any of them lets is for the policies to say."""
    for is_far in (False, True):
        yield [
            _grant(number, identity, grant)
            for number, grant in enumerate(identity.grants)
            if (grant.tenant_id != tenant_id) is is_far
        ]


def _answered(held: Sequence[dict[str, Any]], actions: Sequence[str], resource: Resource) -> tuple[bool, ...]:
    thing = _entity(resource.kind, "this")
    requests = [
        {
            "principal": grant["uid"],
            "action": _entity("Action", action),
            "resource": thing,
            "context": {"permission": action},
        }
        for action in actions
        for grant in held
    ]
    entities = [*held, {"uid": thing, "attrs": resource.attributes, "parents": []}]
    # The schema turns what it does not know, or what lacks something, into an error instead of an answer.
    answers = cedarpy.is_authorized_batch(requests, _policies(), entities, _schema())
    # A policy that cannot be evaluated is skipped, and it may have been the one that forbids.
    allowed = [answer.allowed and not answer.diagnostics.errors for answer in answers]
    return tuple(any(allowed[at : at + len(held)]) for at in range(0, len(allowed), len(held)))


@lru_cache(maxsize=1)
def _policies() -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_str(POLICIES.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(SCHEMA.read_text(encoding="utf-8"))


def _grant(number: int, identity: Principal, grant: Grant) -> dict[str, Any]:
    scope = {name: getattr(grant, column) for name, column in PARTIES.items()}
    scope["types"] = None if grant.exception_types is None else list(grant.exception_types)
    scope["case"] = grant.case_id
    scope["permissions"] = None if grant.permissions is None else sorted(grant.permissions)
    roles = [str(grant.role), PARTNER] if is_partner(grant.role) else [str(grant.role)]
    return {
        "uid": _entity("Grant", str(number)),
        "attrs": {
            "holder": identity.principal_id,
            "tenant": grant.tenant_id,
            **{name: value for name, value in scope.items() if value is not None},
        },
        "parents": [_entity("Role", role) for role in roles],
    }


def _roles(roles: Iterable[Role]) -> list[dict[str, Any]]:
    return [{"__entity": _entity("Role", role.value)} for role in roles]


def _entity(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


# --- what a role carries, read off the policies ----------------------------------------------------------


@lru_cache(maxsize=4096)
def allows(role: Role, permission: str) -> bool:
    """Tell whether a role carries a permission at all: for something well within its scope that is its own."""
    whole = role not in PARTNER_ROLES
    grant = Grant("tenant", role) if whole else Grant("tenant", role, "party", "party", "party")
    known = {"tenant": "tenant", "number": "number", "type": "type", "owner": "somebody"}
    known |= {"state": State.IN_PROGRESS.value}
    parties = dict.fromkeys(PARTIES, "party")
    own = Resource("Case", known | parties | {"shared_with": _roles(sorted(PARTNER_ROLES))})
    somebody = Principal("somebody", "person", "somebody", "Somebody", (grant,))
    return decide(somebody, permission, own) or decide(somebody, permission, tenant("tenant"))


def roles_with(permission: str) -> tuple[Role, ...]:
    """Return the roles that carry a permission."""
    return tuple(role for role in Role if allows(role, permission))


def permissions() -> tuple[str, ...]:
    """Return every action that some policy permits, in the order of the policies."""
    found = json.loads(cedarpy.policies_to_json_str(POLICIES.read_text(encoding="utf-8")))["staticPolicies"]
    scopes = [rule["action"] for rule in found.values() if rule["effect"] == "permit"]
    named = [scope.get("entities") or [scope["entity"]] for scope in scopes]
    return tuple(dict.fromkeys(entity["id"] for entities in named for entity in entities))


def table() -> list[tuple[str, tuple[Role, ...]]]:
    """Return each permission with the roles that carry it."""
    return [(permission, roles_with(permission)) for permission in permissions()]


def carries(grant: Grant, permission: str) -> bool:
    """Tell whether a grant carries a permission: its role does, and it was not narrowed to others."""
    is_kept = grant.permissions is None or permission in grant.permissions
    return is_kept and allows(grant.role, permission)


def is_partner(role: Role) -> bool:
    """Tell whether a role belongs to somebody outside the tenant."""
    return role in PARTNER_ROLES
