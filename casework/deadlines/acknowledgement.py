"""Seen, not answered: for a while nobody is called because a case is unanswered. Pure.

An acknowledgement is neither a wait (the case stays where it is and its clocks go on) nor an answer (its
first response is still owed). When it runs out, the steps it held back fire as they were due.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from casework.errors import DetailsRefused, TransitionRefused
from casework.store.tables import Values

LONGEST = timedelta(hours=24)
NONE: dict[str, Any] = {"acknowledged_until": None, "acknowledged_by": None}


def decide(case: Values, told: Mapping[str, Any], actor: str, now: datetime) -> dict[str, Any]:
    """Return the changes of an acknowledgement; raise where there is no call for an answer to hold back."""
    if case["first_response_at"] is not None:
        raise TransitionRefused(
            "This case has been answered, so nobody is called about it any more. "
            "To put it off, start it and let it wait.",
            case_id=case["case_id"],
        )
    return {"acknowledged_until": until(told, now), "acknowledged_by": actor}


def until(told: Mapping[str, Any], now: datetime) -> datetime:
    """Return when it runs out: at an instant, or so many minutes from now; within a day."""
    at, minutes = told.get("until"), told.get("minutes")
    if (at is None) == (minutes is None):
        raise DetailsRefused("To acknowledge a case say until when, or for how many minutes.")
    if minutes is not None:
        is_count = isinstance(minutes, int) and not isinstance(minutes, bool)
        if not is_count or not 0 < minutes <= LONGEST // timedelta(minutes=1):
            raise DetailsRefused("An acknowledgement holds for 1 to 1440 minutes.", minutes=minutes)
        return now + timedelta(minutes=minutes)
    if not isinstance(at, datetime) or at.tzinfo is None or not now < at <= now + LONGEST:
        raise DetailsRefused(
            "An acknowledgement holds until an instant within the next 24 hours, with a time zone. "
            "To put a case off for longer, let it wait.",
            until=at,
        )
    return at


def holds(case: Any, now: datetime) -> bool:
    """Whether an acknowledgement stands: it has not run out, and nobody has answered since."""
    return bool(case.acknowledged_until and case.acknowledged_until > now and not case.first_response_at)
