"""The smallest contract that lets something be sent safely, and the outcomes it may have.

An adapter gets only what the outbox leased (`Leased`), never a loose address or text, and says honestly what
it knows: sent, refused, not sent, or not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from casework.errors import CaseworkError


class Result(StrEnum):
    """What an attempt came to."""

    APPLIED = "applied"  # the receiver took it
    ALREADY_APPLIED = "already_applied"  # the receiver says it had it before
    REFUSED = "refused"  # the receiver will not take it; sending again changes nothing
    RETRY = "retry"  # certainly not taken; worth another attempt
    UNKNOWN = "unknown"  # it may have been taken


@dataclass(frozen=True)
class Outcome:
    """The result of one attempt, what the receiver said (bounded, plain), and how long it asks to wait."""

    result: Result
    detail: str
    receipt: dict[str, Any] = field(default_factory=dict)
    retry_after: timedelta | None = None


class LeaseLost(CaseworkError):  # noqa: N818 - named like the other refusals
    """Another worker holds this effect now; this one must not send it."""


_MADE_BY_THE_OUTBOX = object()


@dataclass(frozen=True)
class Leased:
    """One effect this worker may send now: approved, current, and leased to it alone.

    Only `outbox.lease` makes one. `pass_point_of_no_return` must be called right before the bytes that a
    receiver could act upon; it is durable when it returns, and raises LeaseLost when the lease is gone.
    """

    tenant_id: str
    effect_id: str
    case_id: str
    target: str
    recipient: str
    idempotency_key: str
    payload: dict[str, Any]
    attempt: int
    created_at: datetime
    token: str
    pass_point_of_no_return: Callable[[], None]
    _made: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Refuse to exist when not made by the outbox."""
        if self._made is not _MADE_BY_THE_OUTBOX:
            raise TypeError("Only the outbox leases effects; there is no other way to an adapter.")


@dataclass(frozen=True)
class Description:
    """What an adapter is and can do."""

    target: str
    is_idempotent: bool  # the receiver recognises a key it has seen, so an unknown outcome may be sent again
    can_read_back: bool
    destination: str  # for the person: where it really goes


class Adapter(Protocol):
    """Carries effects of one target."""

    def describe(self) -> Description:
        """Say what this adapter is and can do."""
        ...

    def apply(self, change: Leased, idempotency_key: str) -> Outcome:
        """Make one attempt; never raises for what the network or the receiver does."""
        ...

    def verify(self, change: Leased) -> bool | None:
        """Read back whether the receiver has it; None when it cannot be read back."""
        ...
