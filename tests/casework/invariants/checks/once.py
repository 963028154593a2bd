"""I3: at most once, and never forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.casework.invariants.checks.common import DAY, ENDED
from tests.casework.invariants.far_side import Receiver
from tests.casework.invariants.snapshot import Snapshot


def doubled_or_lost(seen: Snapshot, receivers: Iterable[Receiver]) -> Iterator[str]:
    """I3: a target that has more than one effect of a key, or an effect nobody would ever look at again."""
    keys = Counter(row["idempotency_key"] for row in seen.effects.values())
    if any(times > 1 for times in keys.values()):
        yield "two effects share a key"
    for far in receivers:
        yield from far.violations
        for key, times in far.taken.items():
            allowed = 1 if far.is_idempotent else 1 + far.resent[key]
            if times > allowed:
                yield f"{far.target} has {times} effects of key {key[:8]}"
            if key not in keys:
                yield f"{far.target} has an effect that nobody queued"
    for name, row in seen.effects.items():
        if row["state"] in ENDED:
            continue
        ahead = row["claimed_until"] if row["state"] == "claimed" else row["available_at"]
        if row["state"] not in ("pending", "claimed") or ahead is None or ahead > seen.now + DAY:
            yield f"effect {name} is {row['state']} with its next attempt at {ahead}"
        if row["attempts"] > 10:
            yield f"effect {name} was tried {row['attempts']} times"


def unsettled(seen: Snapshot, receivers: Iterable[Receiver]) -> Iterator[str]:
    """I3 in the end, when the far side has answered everything: done, or in front of a person; and as they have it."""
    taken = {key: times for far in receivers for key, times in far.taken.items()}
    # Whoever sends something again answers for what was before.
    again = {entry["object_id"] for entry in seen.said("writeback:queued:again")}
    for name, row in seen.effects.items():
        times = taken.get(row["idempotency_key"], 0)
        if row["state"] not in ENDED:
            yield f"effect {name} is still {row['state']}"
        if row["state"] == "applied" and not times and not (row["receipt"] or {}).get("confirmed_by"):
            yield f"effect {name} is applied, but its target has nothing"
        untaken = row["state"] in ("refused", "superseded", "dead")
        if untaken and times and name not in again:
            yield f"effect {name} is {row['state']}, but its target has it"
