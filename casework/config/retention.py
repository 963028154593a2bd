"""How long each class of records keeps its content."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RecordClass = Literal[
    "case_messages", "case_evidence", "quarantined_rows", "link_views", "usage", "case_history"
]
# What a freight claim may rest on.
CLAIMED_ON: tuple[RecordClass, ...] = ("case_messages", "case_evidence", "case_history")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionRule(_Strict):
    """One class: how many days after its end; None for ever."""

    keep_days: int | None = Field(gt=0)


class Retention(_Strict):
    """The schedule; nothing a claim rests on may run out before the claim can."""

    minimum_days: int = Field(ge=275)
    classes: dict[RecordClass, RetentionRule]

    @model_validator(mode="after")
    def _claims_can_still_be_made(self) -> Retention:
        for name in CLAIMED_ON:
            rule = self.classes.get(name)
            if rule and rule.keep_days is not None and rule.keep_days < self.minimum_days:
                raise ValueError(
                    f"{name} would run out after {rule.keep_days} days, before a claim can no longer be made "
                    f"({self.minimum_days} days)"
                )
        history = self.classes.get("case_history")
        if history is not None and history.keep_days is not None:
            raise ValueError("case_history is kept for ever: it is what proves everything else")
        return self
