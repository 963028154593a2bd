"""What a draft's tier asks, and whether the approvals that gathered on one version satisfy it now.

An approval counts while it has not run out, binds the content, recipients and facts in question, and its
approver may still give it: the role and its value band, the right that was lent, and not their own last edit
where the tier wants other eyes. People who act for one another are one pair of eyes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from casework.approvals import approvers
from casework.approvals.approvers import Right
from casework.canonical import canonical_sha256
from casework.config import Config
from casework.config.approval import ApprovalTier
from casework.errors import NotPermitted
from casework.model import DraftKind, Role
from casework.permissions import grants
from casework.store.tables import Values, sign_offs

ROLE_WORDS = {Role.OPS_LEAD: "operations lead"}
Bound = tuple[str, str, int]  # content hash, hash of the recipients, version of the facts


@dataclass(frozen=True, slots=True)
class Asked:
    """What has to be approved: the tier of a draft, how much is at stake, and who wrote the text last."""

    tier: ApprovalTier
    exposure: Decimal
    currency_code: str
    author: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the approvals of a version amount to."""

    counted: tuple[Values, ...]
    refused: tuple[tuple[Values, str], ...]  # with the reason why each does not count
    eyes: int  # how many different people they are of
    lacks_role: Role | None  # the tier's must_include, where nobody has it

    def missing(self, asked: Asked) -> int:
        """Return how many people still have to approve."""
        return max(asked.tier.approvals - self.eyes, 1 if self.lacks_role else 0)

    def is_enough(self, asked: Asked) -> bool:
        """Whether the tier is satisfied."""
        return self.missing(asked) == 0


def asked_of(config: Config, case: Values, kind: str, version: Values) -> Asked:
    """Return what a version of a draft of a case must have, as the case and the configuration stand."""
    exposure = case["expected_loss"]  # as the warehouse states it: a tenant's weights lower no tier
    tier = config.tenants[case["tenant_id"]].approval.tier(DraftKind(kind), exposure)
    return Asked(tier, exposure, case["currency_code"], version["author"])


def recipients_sha256(recipients: Any) -> str:
    """Return the hash of the recipients a decision names, each with the hash of its message."""
    return canonical_sha256(list(recipients))


def bound_by(row: Values) -> Bound:
    """Return what an approval binds."""
    return row["content_sha256"], row["recipients_sha256"], row["facts_version"]


# --- may this person --------------------------------------------------------------------------------------


def why_not_by(
    asked: Asked, person: str, held: Iterable[Right], on_behalf_of: str | None, delegation_id: str | None
) -> str | None:
    """Return why an approval by a person, perhaps for another, does not count, or None."""
    tier, used = asked.tier, _used(held, on_behalf_of, delegation_id)
    if not used:
        return "Its approver may no longer approve this."
    of_tier = [right for right in used if right.role in tier.roles]
    if not of_tier:
        return f"It needs {words(tier.roles)}; {words({right.role for right in used})} does not do."
    within = [right for right in of_tier if right.reaches(asked.exposure)]
    if not within:
        highest = max(right.up_to for right in of_tier if right.up_to is not None)
        return (
            f"{asked.currency_code} {asked.exposure:,.2f} is at stake; "
            f"{words({right.role for right in of_tier})} approves up to {highest:,.2f} here."
        )
    if asked.author not in (person, on_behalf_of):
        return None
    if on_behalf_of is None and any(right.role in tier.own_edit_by for right in within):
        return None
    whom = "the approver" if asked.author == person else "whom it is approved for"
    return f"This version was written by {whom}. Somebody else has to approve it."


def _used(held: Iterable[Right], on_behalf_of: str | None, delegation_id: str | None) -> list[Right]:
    return [r for r in held if (r.on_behalf_of, r.delegation_id) == (on_behalf_of, delegation_id)]


def words(roles: Iterable[Role]) -> str:
    """Return roles as a person says them."""
    named = sorted(ROLE_WORDS.get(role, role.value.replace("_", " ")) for role in roles)
    return " or ".join(named)


# --- do these approvals do --------------------------------------------------------------------------------


def judge(
    asked: Asked, signed: Iterable[Values], held: Mapping[str, Sequence[Right]], bound: Bound, now: datetime
) -> Verdict:
    """Return which approvals of a version count, and what they amount to. Pure."""
    counted: list[Values] = []
    refused: list[tuple[Values, str]] = []
    for one in signed:
        problem = _why_not_counted(asked, one, held.get(one["approver"], ()), bound, now)
        if problem is None:
            counted.append(one)
        else:
            refused.append((one, problem))
    needed = asked.tier.must_include
    has_role = needed is None or any(needed in _roles(asked, one, held[one["approver"]]) for one in counted)
    return Verdict(tuple(counted), tuple(refused), pairs_of_eyes(counted), None if has_role else needed)


def _why_not_counted(
    asked: Asked, one: Values, held: Sequence[Right], bound: Bound, now: datetime
) -> str | None:
    if now >= one["expires_at"]:
        return "Its approval has expired."
    if bound_by(one) != bound:
        return "It was approved with another content, other recipients or other facts."
    return why_not_by(asked, one["approver"], held, one["on_behalf_of"], one["delegation_id"])


def _roles(asked: Asked, one: Values, held: Sequence[Right]) -> set[Role]:
    used = _used(held, one["on_behalf_of"], one["delegation_id"])
    return {right.role for right in used if right.reaches(asked.exposure)}


def pairs_of_eyes(signed: Iterable[Values]) -> int:
    """Return how many different people approvals are of; whoever acted for somebody is one with them."""
    groups: list[set[str]] = []
    for one in signed:
        people = {one["approver"]} | ({one["on_behalf_of"]} if one["on_behalf_of"] else set())
        same = [group for group in groups if group & people]
        groups = [group for group in groups if not group & people]
        groups.append(people.union(*same))
    return len(groups)


def sentence(asked: Asked) -> str:
    """Return what a tier asks, in words."""
    tier = asked.tier
    how_many = "one approval" if tier.approvals == 1 else f"{tier.approvals} approvals by different people"
    said = f"It needs {how_many}, by {words(tier.roles)}"
    if tier.must_include is not None and tier.approvals > 1:
        said += f", one of them by {words([tier.must_include])}"
    if not tier.own_edit_by:
        return said + "; nobody approves their own last edit."
    return said + f"; only {words(tier.own_edit_by)} may approve their own last edit."


def still_needed(asked: Asked, verdict: Verdict) -> str:
    """Return what is missing, in words."""
    missing = verdict.missing(asked)
    if not missing:
        return "Nothing more is needed."
    count = "one more approval" if missing == 1 else f"{missing} more approvals"
    role = f", one of them by {words([verdict.lacks_role])}" if verdict.lacks_role and missing > 1 else ""
    only = f" by {words([verdict.lacks_role])}" if verdict.lacks_role and missing == 1 else ""
    return f"It still needs {count}{only}{role}."


# --- as they stand in the store ---------------------------------------------------------------------------


def of_version(connection: Connection, tenant_id: str, draft_id: str, version: int) -> Sequence[RowMapping]:
    """Return the approvals that gathered on one version of a draft, oldest first."""
    query = select(sign_offs).where(
        sign_offs.c.tenant_id == tenant_id,
        sign_offs.c.draft_id == draft_id,
        sign_offs.c.draft_version == version,
    )
    return connection.execute(query.order_by(sign_offs.c.sign_off_id)).mappings().all()


def held_by(
    connection: Connection, signed: Iterable[Values], case: Values, config: Config, now: datetime
) -> dict[str, tuple[Right, ...]]:
    """Return approver -> what each may approve of a case now; nothing for an account that is not active."""
    found: dict[str, tuple[Right, ...]] = {}
    for name in {one["approver"] for one in signed}:
        try:
            person = grants.current(connection, name)
        except NotPermitted:
            found[name] = ()
        else:
            found[name] = approvers.rights(connection, person, case, config, now)
    return found
