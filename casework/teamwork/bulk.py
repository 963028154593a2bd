"""One action on many cases: previewed without a trace, then done case by case, each with its own result.

There is no transaction over all of them: a case that somebody else changed meanwhile does not undo the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casework import cases
from casework.desk import Desk
from casework.errors import CaseworkError, DetailsRefused
from casework.model import Action, Principal

MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case, or would: the sentence says why not."""

    case_id: str
    is_done: bool
    sentence: str


def perform_many(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    case_ids: Sequence[str],
    action: Action,
    details: Mapping[str, Any],
    *,
    is_dry_run: bool,
) -> tuple[Result, ...]:
    """Do an action to each case in the order given; refuse as a whole only what no case could be told."""
    wanted = list(dict.fromkeys(case_ids))
    if len(wanted) > MOST_AT_ONCE:
        raise DetailsRefused(f"At most {MOST_AT_ONCE} cases at once; you chose {len(wanted)}.")
    cases.checked(action, details)
    return tuple(
        _one(desk, principal, tenant_id, case_id, action, details, is_dry_run=is_dry_run)
        for case_id in wanted
    )


def _one(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    case_id: str,
    action: Action,
    details: Mapping[str, Any],
    *,
    is_dry_run: bool,
) -> Result:
    try:
        if is_dry_run:
            after = cases.foresee(desk, principal, tenant_id, case_id, action, details)
        else:
            after = cases.perform(desk, principal, tenant_id, case_id, action, None, details)
    except CaseworkError as refused:
        return Result(case_id, False, refused.message)
    return Result(case_id, True, f"{case_id} is {after.state.value.replace('_', ' ')}.")
