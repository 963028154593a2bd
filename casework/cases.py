"""Doing something to a case: authorise, decide purely, then save and say it in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from casework import changes, lifecycle, rows, telemetry
from casework.canonical import clean_text
from casework.config import Config, ExceptionType
from casework.deadlines import acknowledgement, clocks, waiting
from casework.desk import Desk
from casework.errors import CaseChanged, DetailsRefused, NotPermitted, TransitionRefused
from casework.escalations import escalation
from casework.incidents import merging
from casework.model import OPEN_STATES, Action, CaseView, Principal, Role, State
from casework.permissions import grants, masks, policy
from casework.permissions.scope import OWN_PARTY, Scope
from casework.queue import one_case
from casework.ranking import weights
from casework.store.tables import Values, cases
from casework.teamwork import ownership

# What each action must be told, and what it may be told.
NEEDS: dict[Action, tuple[frozenset[str], frozenset[str]]] = {
    Action.WAIT: (frozenset({"until", "reason"}), frozenset({"until_event"})),
    Action.RESOLVE: (frozenset({"resolution_code", "root_cause_code"}), frozenset({"note"})),
    Action.DISMISS: (frozenset({"reason"}), frozenset()),
    Action.REOPEN: (frozenset({"reason"}), frozenset()),
    Action.ASSIGN: (frozenset({"owner"}), frozenset()),
    Action.RELEASE: (frozenset({"reason"}), frozenset()),
    Action.TRANSFER: (frozenset({"team", "reason"}), frozenset()),
    Action.ACKNOWLEDGE: (frozenset(), frozenset({"until", "minutes", "note"})),
    Action.COMMENT: (frozenset({"text"}), frozenset()),
    Action.ESCALATE: (frozenset({"reason"}), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What an action does to a case: its changed columns, and what is said about it."""

    changes: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@telemetry.traced("case.perform", "tenant_id", "case_id", "action")
def perform(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    case_id: str,
    action: Action,
    expected_version: int | None,
    details: Mapping[str, Any],
) -> CaseView:
    """Do one action to one case, or raise and change nothing."""
    told = checked(action, details)
    with desk.writing(tenant_id, principal.principal_id) as work:
        scope, case = _allowed(work.connection, desk, principal, tenant_id, case_id, action)
        if expected_version is not None and expected_version != case["version"]:
            raise CaseChanged(case_id, expected_version, case["version"])
        decision = _decided(work.connection, desk, principal, case, action, told, work.now)
        ranked = weights.ranked_now(work, case) if action == Action.REOPEN else {}
        saved = changes.touch(work, case, **decision.changes, **ranked)
        role = scope.partner_role(case)
        _follow_up(work, desk, case, saved, action, decision, role)
        came_in = {"direction": "in"} if action == Action.COMMENT and role else {}
        work.say(lifecycle.FACTS[action], case=saved, details=decision.details | came_in)
        stands = (rows.case_row(work.connection, tenant_id, case_id) if desk.react(work) else None) or saved
        return masks.case_view(stands, role, grants.name_of(work.connection, stands["owner"]))


def foresee(
    desk: Desk, principal: Principal, tenant_id: str, case_id: str, action: Action, details: Mapping[str, Any]
) -> CaseView:
    """Return a case as an action would leave it, or raise what doing it would raise; changes nothing."""
    told = checked(action, details)
    with desk.reading(tenant_id) as connection:
        scope, case = _allowed(connection, desk, principal, tenant_id, case_id, action)
        decision = _decided(connection, desk, principal, case, action, told, desk.clock())
        after = {**case, **decision.changes}
        return masks.case_view(after, scope.partner_role(case), grants.name_of(connection, after["owner"]))


def _allowed(
    connection: Connection, desk: Desk, principal: Principal, tenant_id: str, case_id: str, action: Action
) -> tuple[Scope, Values]:
    """Return a case within the caller's sight, and the scope it is seen through, if the action is theirs to do."""
    actor = grants.current(connection, principal.principal_id)
    scope, case = one_case.visible_case(connection, desk, actor, tenant_id, case_id)
    _authorise(desk, actor, case, action)
    return scope, case


def _decided(
    connection: Connection,
    desk: Desk,
    principal: Principal,
    case: Values,
    action: Action,
    told: Mapping[str, Any],
    now: datetime,
) -> Decision:
    """Return what the action does to the case, unless the case or other rows forbid it."""
    _refuse_if_merged(case, action)
    catalogue = desk.catalogue(case["exception_type"])
    decision = decide(case, action, told, principal.principal_id, now, catalogue, desk.config)
    _check_against_others(connection, desk, case, action, decision)
    return decision


def _authorise(desk: Desk, actor: Principal, case: Values, action: Action) -> None:
    permission = f"case:{action}"
    if policy.decide(actor, permission, policy.case(case, desk.config)):
        return
    if action == Action.RELEASE and case["owner"] != actor.principal_id:
        raise NotPermitted(
            "You can only release a case of your own; to take it from somebody, assign it.",
            permission=permission,
        )
    raise NotPermitted(
        f"Your role does not let you {action} this case. Ask an operations lead.", permission=permission
    )


def _refuse_if_merged(case: Values, action: Action) -> None:
    """A merged case is worked where it was merged into; only what people say of it stays its own."""
    if case["merged_into"] and action != Action.COMMENT:
        raise TransitionRefused(
            f"This case was merged into {case['merged_into']}. Work that one, or take this one out of it first.",
            merged_into=case["merged_into"],
        )


def checked(action: Action, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action's details as they may be stored; raise `DetailsRefused`, naming what is wrong."""
    needed, allowed = NEEDS.get(action, (frozenset(), frozenset()))
    missing = needed - set(details)
    unknown = set(details) - needed - allowed
    if missing or unknown:
        what = [f"needs {', '.join(sorted(missing))}"] if missing else []
        what += [f"does not take {', '.join(sorted(unknown))}"] if unknown else []
        raise DetailsRefused(f"To {action} a case {' and '.join(what)}.", missing=missing, unknown=unknown)
    told = {key: clean_text(value) if isinstance(value, str) else value for key, value in details.items()}
    for key in needed - {"owner", "until"}:
        if not isinstance(told[key], str) or not told[key].strip():
            raise DetailsRefused(f"To {action} a case say its {key.replace('_', ' ')}.", missing={key})
    return told


def decide(
    case: Values,
    action: Action,
    told: Mapping[str, Any],
    actor: str,
    now: datetime,
    catalogue: ExceptionType,
    config: Config,
) -> Decision:
    """Return what an action does to a case. Pure: the case as it stands and the time are arguments."""
    before = State(case["state"])
    after = lifecycle.advance(before, action)
    changed: dict[str, Any] = {}
    said = dict(told)
    if after != before or action not in lifecycle.STAYING:
        changed |= {"state": after.value, "is_open": after in OPEN_STATES}
        said |= {"from": before.value, "to": after.value}
    if before == State.WAITING:
        changed |= clocks.resume(config, case, now) if after != State.WAITING else {}
    if action in lifecycle.ANSWERS and case["first_response_at"] is None:
        changed |= {"first_response_at": now} | acknowledgement.NONE
    changed |= _particular(case, action, told, actor, now, catalogue, config)
    if action in ownership.ACTIONS:
        said |= {"was_owner": case["owner"]}
    if action == Action.ACKNOWLEDGE:
        said |= {"until": changed["acknowledged_until"]}
    return Decision(changed, said)


def _particular(
    case: Values,
    action: Action,
    told: Mapping[str, Any],
    actor: str,
    now: datetime,
    catalogue: ExceptionType,
    config: Config,
) -> dict[str, Any]:
    """Return the changes that belong to one action alone."""
    if action == Action.START:
        return {} if case["owner"] else {"owner": actor}
    if action == Action.ACKNOWLEDGE:
        return acknowledgement.decide(case, told, actor, now)
    if action in ownership.ACTIONS:
        return ownership.decide(case, action, told, actor, config)
    if action == Action.WAIT:
        event = waiting.event_named(told.get("until_event"))
        return clocks.pause(now, _until(told["until"], now)) | {"waiting_for": event and event.value}
    if action == Action.RESOLVE:
        return _resolution(told, catalogue, config)
    if action in (Action.CLOSE, Action.DISMISS):
        return {"closed_at": now}
    if action == Action.REOPEN:
        restart: dict[str, Any] = clocks.deadlines(config, case, now)
        del restart["first_response_due_at"]  # how soon somebody answered is history
        return restart | {"closed_at": None, "resolution_code": None, "root_cause_code": None}
    return {}


def _until(until: Any, now: datetime) -> datetime:
    if not isinstance(until, datetime) or until.tzinfo is None or until <= now:
        raise DetailsRefused("A case waits until an instant in the future, with a time zone.", until=until)
    return until


def _resolution(told: Mapping[str, Any], catalogue: ExceptionType, config: Config) -> dict[str, str]:
    code, cause = told["resolution_code"], told["root_cause_code"]
    if code not in catalogue.resolution_codes:
        options = ", ".join(catalogue.resolution_codes)
        raise DetailsRefused(f"{code!r} is no way this type of case ends; use one of {options}.", code=code)
    if cause not in config.codes.root_cause_codes:
        options = ", ".join(config.codes.root_cause_codes)
        raise DetailsRefused(f"{cause!r} is no known root cause; use one of {options}.", code=cause)
    return {"resolution_code": code, "root_cause_code": cause}


def _check_against_others(
    connection: Connection, desk: Desk, case: Values, action: Action, decision: Decision
) -> None:
    """Refuse what other rows forbid: an owner who cannot work here, a second open case of one exception."""
    owner = decision.changes.get("owner")
    if action == Action.ASSIGN and owner is not None and not ownership.can_own(connection, desk, case, owner):
        raise DetailsRefused(f"{owner!r} cannot work this case; pick somebody from the list.", owner=owner)
    if action == Action.CLAIM:
        ownership.check_free(connection, case, decision.changes["owner"])
    if action == Action.REOPEN:
        query = select(cases.c.case_id).where(
            cases.c.tenant_id == case["tenant_id"],
            cases.c.exception_key == case["exception_key"],
            cases.c.is_open,
        )
        other = connection.scalar(query)
        if other:
            raise TransitionRefused(
                f"Case {other} is already open for the same exception; work that one.", case_id=other
            )


def _follow_up(
    work: Any,
    desk: Desk,
    before: Values,
    saved: Values,
    action: Action,
    decision: Decision,
    role: Role | None,
) -> None:
    """Write what comes with the action: its message, its deadlines, and what must no longer leave."""
    if action == Action.COMMENT:
        _comment(work, saved, decision.details["text"], role)
    if action == Action.WAIT:
        escalation.await_end(work, saved)
    elif before["waiting_since"] and not saved["waiting_since"]:
        escalation.end_wait(work, desk.config, before, work.now)
    if action == Action.REOPEN:
        escalation.restart(work, desk.config, saved)
    escalation.cancel(work, saved, desk.config)
    if before["is_open"] != saved["is_open"] or action == Action.CLOSE:
        merging.follow(work, saved, decision.changes, lifecycle.FACTS[action])
    if action in (Action.CLOSE, Action.DISMISS):
        changes.void_unfinished(work, [saved["case_id"]])
        changes.withdraw(work, saved, f"The case was {saved['state']}.")


def _comment(work: Any, case: Values, text: str, role: Role | None) -> None:
    """A comment from inside is a note; from a partner it is a message that came in through the portal."""
    if role is None:
        changes.add_message(work, case, direction="note", channel="desk", body=text)
        return
    party = case[OWN_PARTY[role]]
    changes.add_message(work, case, direction="in", channel="portal", party_id=party, body=text)
