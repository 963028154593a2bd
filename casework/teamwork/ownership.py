"""Whose a case is: claimed, given, released, or transferred to a team's queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from casework.config import Config
from casework.desk import Desk
from casework.errors import DetailsRefused, NotPermitted, TransitionRefused
from casework.model import Action
from casework.permissions import grants, policy
from casework.store.tables import Values

ACTIONS = frozenset({Action.ASSIGN, Action.CLAIM, Action.RELEASE, Action.TRANSFER})


def decide(
    case: Values, action: Action, told: Mapping[str, Any], actor: str, config: Config
) -> dict[str, Any]:
    """Return the changes of an action that says whose a case is. Pure."""
    if action == Action.ASSIGN:
        return {"owner": told["owner"]}
    if action == Action.CLAIM:
        return {"owner": actor}
    if action == Action.RELEASE:
        return {"owner": None}
    # A team's queue is what nobody in it has taken yet.
    return {"owner": None, "team": team_named(told["team"], case["tenant_id"], config)}


def team_named(team: Any, tenant_id: str, config: Config) -> str:
    """Return a team of the tenant, or raise `DetailsRefused` that lists them."""
    teams = config.tenants[tenant_id].teams
    if team not in teams:
        raise DetailsRefused(f"There is no team {team!r}; use one of {', '.join(teams)}.", team=team)
    return str(team)


def check_free(connection: Connection, case: Values, actor: str) -> None:
    """Refuse a claim to a case that has an owner, and say who that is."""
    if case["owner"] is None:
        return
    if case["owner"] == actor:
        raise TransitionRefused("This case is yours already.", case_id=case["case_id"], owner=actor)
    name = grants.name_of(connection, case["owner"]).get(case["owner"], case["owner"])
    raise TransitionRefused(
        f"This case is with {name}. Ask them to release it, or have it assigned to you.",
        case_id=case["case_id"],
        owner=case["owner"],
    )


def can_own(connection: Connection, desk: Desk, case: Values, owner: Any) -> bool:
    """Whether somebody may work a case, by the grants they hold now."""
    if not isinstance(owner, str):
        return False
    try:
        candidate = grants.current(connection, owner)
    except NotPermitted:
        return False
    return policy.decide(candidate, "case:start", policy.case(case, desk.config))
