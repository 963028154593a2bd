"""The clocks of a case: by when somebody must answer, and by when it must be resolved. Pure; desk time."""

from __future__ import annotations

from datetime import datetime, timedelta

from casework.config import ExceptionType
from casework.store.tables import Values


def deadlines(catalogue: ExceptionType, opened_at: datetime) -> dict[str, datetime]:
    """Return the instants by which a case opened now must be answered and resolved."""
    return {
        "first_response_due_at": opened_at + timedelta(minutes=catalogue.first_response_minutes),
        "resolution_due_at": opened_at + timedelta(minutes=catalogue.resolution_minutes),
    }


def pause(now: datetime, until: datetime) -> dict[str, datetime]:
    """Return the changes that stop the resolution clock."""
    return {"waiting_since": now, "waiting_until": until}


def resume(case: Values, now: datetime) -> dict[str, datetime | None]:
    """Return the changes that let the resolution clock run on: its deadline moves by the time waited."""
    changes: dict[str, datetime | None] = {"waiting_since": None, "waiting_until": None, "waiting_for": None}
    if case["waiting_since"] and case["resolution_due_at"]:
        changes["resolution_due_at"] = case["resolution_due_at"] + (now - case["waiting_since"])
    return changes


def left(due_at: datetime | None, now: datetime, waiting_since: datetime | None = None) -> timedelta | None:
    """Return the time left on a clock; a paused clock stands where it was stopped."""
    return None if due_at is None else due_at - (waiting_since or now)
