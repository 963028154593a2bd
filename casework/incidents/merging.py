"""Several cases that are one problem: people make them one, take some out again, or all.

A merged case keeps its row, its facts and its history; it is worked where it was merged into, so its own clocks
stand still and nothing of its own is sent. It ends when that one ends. The oldest case stays: its owner and its
clock count from the beginning of the trouble. Nothing merges across customers: a message about one would speak
of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from casework import changes
from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotPermitted, TransitionRefused
from casework.escalations import escalation
from casework.model import CaseView, DraftState, Principal, State
from casework.permissions import grants, masks
from casework.permissions.scope import Scope
from casework.queue import one_case
from casework.store.tables import Values, cases
from casework.store.work import Work

MOST_AT_ONCE = 500


def merge(desk: Desk, principal: Principal, tenant_id: str, case_ids: Sequence[str], reason: str) -> CaseView:
    """Make cases one; return the one that stays, the oldest."""
    why = _reason(reason)
    with desk.writing(tenant_id, principal.principal_id) as work:
        chosen = _chosen(work, desk, principal, tenant_id, case_ids)
        if len(chosen) < 2:
            raise DetailsRefused("Choose at least two different cases to merge.", case_ids=list(case_ids))
        _refuse_unlike(chosen)
        stays, *others = sorted(chosen, key=lambda case: (case["opened_at"], case["case_id"]))
        joining = [*others, *_members(work, [case["case_id"] for case in others])]
        for case in joining:
            _join(work, case, stays["case_id"], why)
        owner = next((case["owner"] for case in (stays, *others) if case["owner"]), None)
        saved = changes.touch(work, stays, owner=owner)
        details = {"case_ids": [case["case_id"] for case in joining], "reason": why}
        work.say("case:merged:others", case=saved, details=details)
        return masks.case_view(saved, None, grants.name_of(work.connection, saved["owner"]))


def split(
    desk: Desk, principal: Principal, tenant_id: str, case_id: str, case_ids: Sequence[str], reason: str
) -> CaseView:
    """Take some cases out of the one they were merged into, together; return the one they are now worked in.

    A single one stands alone again; of several the oldest stays and the others are merged into it.
    """
    why = _reason(reason)
    with desk.writing(tenant_id, principal.principal_id) as work:
        leaving = _chosen(work, desk, principal, tenant_id, case_ids)
        strangers = [case["case_id"] for case in leaving if case["merged_into"] != case_id]
        if strangers or not leaving:
            named = ", ".join(strangers) or "no case"
            raise DetailsRefused(
                f"You chose {named}, which is not merged into {case_id}.", case_ids=strangers
            )
        stays, *others = sorted(leaving, key=lambda case: (case["opened_at"], case["case_id"]))
        saved = _stand_alone(work, desk, stays, why)
        for case in others:
            moved = changes.touch(work, case, merged_into=stays["case_id"])
            details = {"from": case_id, "into": stays["case_id"], "reason": why}
            work.say("case:merged", case=moved, details=details)
        return masks.case_view(saved, None, grants.name_of(work.connection, saved["owner"]))


def unmerge(desk: Desk, principal: Principal, tenant_id: str, case_id: str, reason: str) -> CaseView:
    """Let a merged case stand alone again, with its clocks begun anew."""
    why = _reason(reason)
    with desk.writing(tenant_id, principal.principal_id) as work:
        (case,) = _chosen(work, desk, principal, tenant_id, [case_id])
        if not case["merged_into"]:
            raise TransitionRefused(f"Case {case_id} is not merged into another.", case_id=case_id)
        saved = _stand_alone(work, desk, case, why)
        return masks.case_view(saved, None, grants.name_of(work.connection, saved["owner"]))


def follow(work: Work, case: Values, changed: Mapping[str, Any], fact: str) -> None:
    """Let the cases that were merged into one end, or open again, with it.

    A member whose exception has a newer open case by now stays ended: there is one open case per exception.
    """
    followed = {name: value for name, value in changed.items() if name in FOLLOWED}
    members = _members(work, [case["case_id"]])
    taken = _open_keys(work, members) if case["is_open"] else set()
    for member in members:
        if member["exception_key"] in taken:
            continue
        saved = changes.touch(work, member, **followed)
        work.say(fact, case=saved, details={"with": case["case_id"], "to": saved["state"]})


FOLLOWED = ("state", "is_open", "resolution_code", "root_cause_code", "closed_at")


def _reason(text: str) -> str:
    why = clean_text(text).strip()
    if not why:
        raise DetailsRefused("Say why.", missing={"reason"})
    return why


def _chosen(
    work: Work, desk: Desk, principal: Principal, tenant_id: str, case_ids: Iterable[str]
) -> list[Values]:
    """Return the cases asked for, each within sight and within the right to merge; refuse at the first that is not."""
    wanted = sorted(set(case_ids))
    if len(wanted) > MOST_AT_ONCE:
        raise DetailsRefused(f"At most {MOST_AT_ONCE} cases can be merged at once.", count=len(wanted))
    actor = grants.current(work.connection, principal.principal_id)
    scope = Scope.of(actor, tenant_id, "case:merge", desk.config)
    found = [one_case.visible_case(work.connection, desk, actor, tenant_id, case_id)[1] for case_id in wanted]
    if not all(scope.covers(case) for case in found):
        raise NotPermitted("Your role does not let you merge these cases. Ask an operations lead.")
    return found


def _refuse_unlike(chosen: Sequence[Values]) -> None:
    """Refuse what must not become one: ended or merged cases, cases of different customers."""
    for case in chosen:
        if not case["is_open"]:
            raise TransitionRefused(f"Case {case['case_id']} is {case['state']}; only open cases merge.")
        if case["merged_into"]:
            raise TransitionRefused(
                f"Case {case['case_id']} is already merged into {case['merged_into']}; choose that one.",
                case_id=case["case_id"],
            )
    if len({case["customer_id"] for case in chosen}) > 1:
        raise DetailsRefused(
            "These cases belong to different customers, and a message about one would speak of the other. "
            "Merge the cases of one customer at a time."
        )


def joined(work: Work, case_ids: Sequence[str]) -> set[str]:
    """Return which of these cases others were merged into that are still open."""
    query = select(cases.c.merged_into).where(
        cases.c.tenant_id == work.tenant_id, cases.c.merged_into.in_(case_ids), cases.c.is_open
    )
    return set(work.connection.scalars(query))


def _members(work: Work, case_ids: Sequence[str]) -> list[Values]:
    query = select(cases).where(cases.c.tenant_id == work.tenant_id, cases.c.merged_into.in_(case_ids))
    # sorted here: asked for an order, SQLite would read the tenant's cases by their numbers instead
    return sorted(work.connection.execute(query).mappings(), key=lambda case: str(case["case_id"]))


def _open_keys(work: Work, members: Sequence[Values]) -> set[str]:
    keys = sorted({member["exception_key"] for member in members})
    query = select(cases.c.exception_key).where(
        cases.c.tenant_id == work.tenant_id, cases.c.exception_key.in_(keys), cases.c.is_open
    )
    return set(work.connection.scalars(query))


def _join(work: Work, case: Values, into: str, why: str) -> None:
    """Move a case into another: its deadlines and what waits to leave are that one's business now."""
    saved = changes.touch(work, case, merged_into=into)
    escalation.cancel_all(work, [case["case_id"]])
    changes.void_unfinished(work, [case["case_id"]])
    withdrawn = changes.withdraw(work, saved, f"The case was merged into {into}.")
    changes.set_drafts(work, [case["case_id"]], DraftState.APPROVED, DraftState.VOID)
    details = {"into": into, "reason": why, "effects_withdrawn": withdrawn}
    work.say("case:merged", case=saved, details=details)


def _stand_alone(work: Work, desk: Desk, case: Values, why: str) -> dict[str, Any]:
    saved = changes.touch(work, case, merged_into=None)
    if saved["is_open"]:
        escalation.restart(work, desk.config, saved)
    if saved["state"] == State.WAITING:
        escalation.await_end(work, saved)
    work.say("case:unmerged", case=saved, details={"from": case["merged_into"], "reason": why})
    return saved
