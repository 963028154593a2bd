"""What arrived: feed time, refused rows, and how feeds stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Clock:
    """A tenant's feed time."""

    tenant_id: str
    mode: Literal["replay", "live"]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One row that its feed's contract refused."""

    quarantine_id: str
    feed: str
    file_sha256: str
    file_name: str
    row_number: int
    column_name: str | None
    rule: str
    message: str
    raw: str
    values: dict[str, Any] | None
    state: str  # quarantined | corrected | replayed | ignored
    corrected_values: dict[str, Any] | None
    corrected_by: str | None
    corrected_at: datetime | None
    quarantined_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of quarantined rows, counts by feed and rule over all of them."""

    rows: tuple[QuarantinedRow, ...]
    total: int
    facets: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class CheckView:
    """The latest result of one check of one feed."""

    check_name: str
    passed: bool
    description: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How one feed of one tenant stands."""

    feed: str
    files: int
    files_waiting: int
    files_refused: int
    rows: int
    loaded: int
    quarantined: int
    duplicates: int
    quarantined_open: int  # rows still waiting for a correction or a decision
    duplicate_files: int
    last_landed_at: datetime | None  # desk time
    last_recorded_at: datetime | None  # feed time
    last_error: str | None
    checks: tuple[CheckView, ...]
