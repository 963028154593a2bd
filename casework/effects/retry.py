"""When to try again: a decision as a value, the same every time for the same key and attempt."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

# Waiting times after attempts 1 to 9, as Standard Webhooks recommends; ten attempts in about 75 hours.
SCHEDULE = tuple(timedelta(seconds=s) for s in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
MAX_ATTEMPTS = len(SCHEDULE) + 1
LONGEST = timedelta(hours=24)
JITTER = 0.1  # up to this share earlier, so that many effects of one moment spread out


def next_attempt(
    attempt: int, key: str, now: datetime, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after this attempt (1 is the first), or None when it was the last.

    A receiver's Retry-After is honoured where it is longer than our own wait, up to 24 hours.
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    digest = hashlib.sha256(f"{key}:{attempt}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    wait = SCHEDULE[max(attempt, 1) - 1] * (1 - JITTER * share)
    return now + min(max(wait, retry_after or timedelta(0)), LONGEST)
