"""How far the approvals of a draft have come, for the screen: what is asked, who gave it, who still could."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from casework.approvals import tiers
from casework.approvals.approvers import Right
from casework.approvals.tiers import Asked, Bound
from casework.store.tables import Values


@dataclass(frozen=True, slots=True)
class Given:
    """One approval that was given to this version; `why_not` says why it does not count any more."""

    approver: str
    approver_name: str
    on_behalf_of: str | None
    on_behalf_of_name: str | None
    role: str | None
    decided_at: datetime
    expires_at: datetime
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who approves such cases, perhaps for another; `why_not` says why it would not help now."""

    principal_id: str
    name: str
    role: str
    on_behalf_of: str | None
    on_behalf_of_name: str | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the approvals of one version have come."""

    tier: str
    asks: str  # in words
    still_needed: str  # in words
    approvals: int
    missing: int
    given: tuple[Given, ...]
    candidates: tuple[Candidate, ...]

    def ways_of(self, principal_id: str) -> tuple[Candidate, ...]:
        """Return the ways in which one person approves, those that help now first."""
        mine = [one for one in self.candidates if one.principal_id == principal_id]
        return tuple(sorted(mine, key=lambda one: (one.why_not is not None, one.on_behalf_of is not None)))


def standing(
    asked: Asked,
    signed: Sequence[Values],
    held: Mapping[str, Sequence[Right]],
    bound: Bound,
    names: Mapping[str, str],
    now: datetime,
) -> Standing:
    """Return how far the approvals have come; `held` is what everybody may approve of the case. Pure."""
    verdict = tiers.judge(asked, signed, held, bound, now)
    problems = {one["sign_off_id"]: problem for one, problem in verdict.refused}
    return Standing(
        tier=asked.tier.name,
        asks=tiers.sentence(asked),
        still_needed=tiers.still_needed(asked, verdict),
        approvals=asked.tier.approvals,
        missing=verdict.missing(asked),
        given=tuple(_given(one, problems.get(one["sign_off_id"]), names) for one in signed),
        candidates=tuple(_candidates(asked, verdict, held, bound, names, now)),
    )


def _given(one: Values, problem: str | None, names: Mapping[str, str]) -> Given:
    lender = one["on_behalf_of"]
    return Given(
        one["approver"],
        names.get(one["approver"], one["approver"]),
        lender,
        lender and names.get(lender, lender),
        one["role"],
        one["decided_at"],
        one["expires_at"],
        problem,
    )


def _candidates(
    asked: Asked,
    verdict: tiers.Verdict,
    held: Mapping[str, Sequence[Right]],
    bound: Bound,
    names: Mapping[str, str],
    now: datetime,
) -> Iterator[Candidate]:
    for person, rights in held.items():
        for right in rights:
            problem = _why_no_help(asked, verdict, held, bound, person, right, now)
            lender = right.on_behalf_of
            yield Candidate(
                person,
                names.get(person, person),
                right.role.value,
                lender,
                lender and names.get(lender, lender),
                problem,
            )


def _why_no_help(
    asked: Asked,
    verdict: tiers.Verdict,
    held: Mapping[str, Sequence[Right]],
    bound: Bound,
    person: str,
    right: Right,
    now: datetime,
) -> str | None:
    """Return why an approval by this right would bring the draft no further, or None."""
    if any(one["approver"] == person for one in verdict.counted):
        return "Has approved this version already."
    problem = tiers.why_not_by(asked, person, [right], right.on_behalf_of, right.delegation_id)
    if problem is not None:
        return problem
    more: dict[str, Any] = {
        "approver": person,
        "on_behalf_of": right.on_behalf_of,
        "delegation_id": right.delegation_id,
        "expires_at": now + timedelta(hours=1),
        **dict(zip(("content_sha256", "recipients_sha256", "facts_version"), bound, strict=True)),
    }
    after = tiers.judge(asked, [*verdict.counted, more], held, bound, now)
    if after.missing(asked) < verdict.missing(asked):
        return None
    return f"Would not count beside those there are. {tiers.still_needed(asked, verdict)}"


def of_draft(
    connection: Connection,
    asked: Asked,
    draft: Values,
    held: Mapping[str, Sequence[Right]],
    bound: Bound,
    names: Mapping[str, str],
    now: datetime,
) -> Standing:
    """Return how far the approvals of a draft's current version have come, as the store stands."""
    signed = tiers.of_version(connection, draft["tenant_id"], draft["draft_id"], draft["current_version"])
    return standing(asked, signed, held, bound, names, now)
