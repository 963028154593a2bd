"""Escalation policies as configured: which cases a rule is for, and its steps in order.

A step is due at a share of its clock, at so much working time left on it, or so much after its deadline;
`wait` puts the next step so long after the one before, `repeat` says the step before again.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from casework.config.calendar import SEVERITIES, Severity
from casework.config.strict import Strict
from casework.model import Role

ClockName = Literal["first_response", "next_update", "resolution"]
ANCHORS = ("share", "left_minutes", "after_minutes")
# What each action must be told beside when it is due, and what it may be told.
TOLD: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "notify": (frozenset({"team"}), frozenset({"on_call"})),
    "webhook": (frozenset({"team"}), frozenset()),
    "reassign": (frozenset({"role"}), frozenset()),
    "wait": (frozenset({"minutes"}), frozenset()),
    "repeat": (frozenset({"every_minutes", "times"}), frozenset()),
}
DETAILS = ("team", "on_call", "role", "minutes", "every_minutes", "times")


class EscalationStep(Strict):
    """One step: when it is due, what it does, and what it says."""

    share: float | None = Field(default=None, gt=0, le=1)
    left_minutes: int | None = Field(default=None, ge=0)
    after_minutes: int | None = Field(default=None, ge=0)
    action: Literal["notify", "reassign", "webhook", "wait", "repeat"]
    team: str | None = None
    on_call: bool | None = None  # tell whoever is on call in the team instead of its mailbox
    role: Role | None = None
    minutes: int | None = Field(default=None, gt=0)
    every_minutes: int | None = Field(default=None, gt=0)
    times: int | None = Field(default=None, gt=0, le=100)
    note: str = ""

    @property
    def anchors(self) -> list[str]:
        """What the step's instant is counted from, by itself."""
        return [name for name in ANCHORS if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _is_told_what_it_needs(self) -> EscalationStep:
        needed, allowed = TOLD[self.action]
        told = {name for name in DETAILS if getattr(self, name) is not None}
        if needed - told or told - needed - allowed:
            raise ValueError(
                "notify and webhook name a team; reassign names a role; wait names minutes; "
                "repeat names every_minutes and times"
            )
        if self.action in ("wait", "repeat"):
            if self.anchors or self.note:
                raise ValueError(f"{self.action} follows the step before it and says nothing itself")
        elif not self.note:
            raise ValueError(f"{self.action} says something: give it a note")
        return self


class When(Strict):
    """Which cases a rule is for; what is not said is any."""

    minimum_expected_loss: float = 0
    minimum_inventory_amount: float = 0
    minimum_revenue_amount: float = 0
    customer_tiers: tuple[str, ...] = ()
    exception_types: tuple[str, ...] = ()
    severity_from: Severity = SEVERITIES[0]


class EscalationRule(Strict):
    """One rule of the policy: which clock, for which cases, and its steps in order."""

    clock: ClockName
    cancelled_by: Literal["answered", "ended"]
    when: When = When()
    steps: tuple[EscalationStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> EscalationRule:
        before: str | None = None
        for step in self.steps:
            if step.action in ("wait", "repeat"):
                if before is None or before == step.action:
                    raise ValueError(f"{step.action} follows a step that does something")
            elif len(step.anchors) != (0 if before in ("wait", "repeat") and not step.anchors else 1):
                raise ValueError(
                    "name exactly one of share and after_minutes (or left_minutes), or put a wait before it"
                )
            before = step.action
        if before == "wait":
            raise ValueError("after a wait comes a step")
        return self


class Reminder(Strict):
    """What is said of a case that is still open when all steps are past: to whom, how often, until it ends."""

    every_minutes: int = Field(gt=0)  # of the case's working time
    team: str
    on_call: bool | None = None
    note: str = Field(min_length=1)


class EscalationPolicy(Strict):
    """All rules, and how late a step may fire, or a notice be delivered, before it counts as missed."""

    rules: dict[str, EscalationRule]
    reminder: Reminder
    missed_after_seconds: int = 60
    undelivered_after_seconds: int = 900
