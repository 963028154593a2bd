"""The queue: what is asked of it, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from casework.model.case import CaseView
from casework.model.states import State

if TYPE_CHECKING:
    from casework.ranking.time_to_act import WaitingCost


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What to show of the queue. Empty tuples and None mean any."""

    states: tuple[State, ...] = ()
    exception_types: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owner: str | None = None  # principal_id, or "-" for unassigned
    team: str | None = None  # or "-" for none
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    parent_case_id: str | None = None
    search: str = ""
    is_awaiting_approval: bool | None = None
    response_due_before: datetime | None = None  # unanswered and due before this instant
    opened_since: datetime | None = None
    include_closed: bool = False
    include_merged: bool = False  # cases merged into another are worked there, so the queue leaves them out
    sort: Literal["ranked", "waiting"] = "ranked"  # or by what waiting until the next shift costs
    limit: int = 50
    after: str | None = None  # the `next` of the page before; the first page when not given


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the queue, and what the whole answer holds.

    Where `is_exact` is False there is more than could be counted at once: total, facets and loss are the least
    they can be. The 500 most frequent values of a facet are given.
    """

    cases: tuple[CaseView, ...]
    total: int
    facets: dict[str, dict[str, int]]  # exception_type, state, severity, owner, team, customer_id, …
    total_expected_loss: Decimal | None
    currency_code: str | None
    is_exact: bool = True
    next: str | None = None  # to ask for the page after this one; None on the last page
    waiting: Mapping[str, WaitingCost | None] = field(default_factory=dict)  # by case; empty for partners
