"""What must be approved by whom: tiers by money at stake, audience and kind, and how far a role's word reaches."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from casework.config.strict import Strict
from casework.model import AUDIENCES, PARTNER_ROLES, DraftKind, Role

Audience = Literal["customer", "carrier", "warehouse", "internal"]
LONGEST_HOURS = 7 * 24


def _inside(role: Role) -> Role:
    if role in PARTNER_ROLES:
        raise ValueError(f"{role.value} is a partner's role, and partners approve nothing")
    return role


InsideRole = Annotated[Role, AfterValidator(_inside)]


class ApprovalTier(Strict):
    """One band: for which drafts it is, how many must approve, in which roles, and how long that holds."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,39}$")
    exposure_from: Decimal = Field(default=Decimal(0), ge=0)  # the case's expected loss, this much or more
    audiences: tuple[Audience, ...] = ()  # none is any
    kinds: tuple[DraftKind, ...] = ()  # none is any
    approvals: int = Field(default=1, ge=1, le=5)  # of so many different people
    roles: tuple[InsideRole, ...] = Field(min_length=1)
    must_include: InsideRole | None = None  # one of them in this role
    own_edit_by: tuple[InsideRole, ...] = ()  # may approve what they wrote last themselves; none is four eyes
    expires_hours: int = Field(default=24, ge=1, le=LONGEST_HOURS)
    longest_hours: int | None = Field(default=None, ge=1, le=LONGEST_HOURS)  # that an approver may ask for

    @model_validator(mode="after")
    def _can_be_met(self) -> ApprovalTier:
        if self.must_include is not None and self.must_include not in self.roles:
            raise ValueError("must_include is one of the tier's roles")
        if not set(self.own_edit_by) <= set(self.roles):
            raise ValueError("own_edit_by names roles that are among the tier's roles")
        if self.longest_hours is not None and self.longest_hours < self.expires_hours:
            raise ValueError("longest_hours is expires_hours or more")
        if self.own_edit_by and self.approvals > 1:
            raise ValueError("where two must approve nobody approves their own edit: leave own_edit_by out")
        return self

    def is_for(self, kind: DraftKind) -> bool:
        """Whether the tier is for drafts of this kind."""
        return (not self.kinds or kind in self.kinds) and (
            not self.audiences or AUDIENCES[kind] in self.audiences
        )

    @property
    def rank(self) -> tuple[Decimal, bool, bool]:
        """Which of several tiers counts: the one that starts highest, then the one that says most exactly."""
        return self.exposure_from, bool(self.kinds), bool(self.audiences)


ONE_APPROVER = ApprovalTier(name="routine", roles=(Role.APPROVER, Role.OPS_LEAD))


class ApprovalRules(Strict):
    """A tenant's tiers, up to how much a role may approve at all, and how long a right may be lent."""

    tiers: tuple[ApprovalTier, ...] = Field(default=(ONE_APPROVER,), min_length=1)
    limits: dict[InsideRole, Annotated[Decimal, Field(ge=0)]] = {}
    longest_delegation_days: int = Field(default=30, ge=1, le=366)

    @model_validator(mode="after")
    def _every_draft_has_one_tier(self) -> ApprovalRules:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) != len(names):
            raise ValueError("two tiers have the same name")
        for kind in DraftKind:
            mine = sorted(self._for(kind), key=lambda tier: tier.rank)
            if not mine or mine[0].exposure_from > 0:
                raise ValueError(f"no tier is for a {kind.value} from 0 on; give one exposure_from: 0")
            for lower, higher in pairwise(mine):
                if lower.rank == higher.rank:
                    raise ValueError(f"{lower.name} and {higher.name} are both for the same {kind.value}")
            bands = {tier.exposure_from: tier for tier in mine}  # the most exact one of each
            for lower, higher in pairwise(bands.values()):
                if higher.approvals < lower.approvals:
                    raise ValueError(
                        f"{higher.name} asks for fewer approvals of a {kind.value} than {lower.name}, "
                        "with more at stake"
                    )
        return self

    def _for(self, kind: DraftKind) -> Iterator[ApprovalTier]:
        return (tier for tier in self.tiers if tier.is_for(kind))

    def tier(self, kind: DraftKind, exposure: Decimal) -> ApprovalTier:
        """Return the tier of a draft of this kind with so much at stake."""
        return max(
            (tier for tier in self._for(kind) if tier.exposure_from <= exposure), key=lambda tier: tier.rank
        )
