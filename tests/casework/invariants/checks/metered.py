"""I14: everything is counted, and a budget that is used up is heard of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from casework.effects.adapter import Leased
from tests.casework.invariants.checks.common import DAY, HELD
from tests.casework.invariants.far_side import Receiver
from tests.casework.invariants.snapshot import Snapshot

KIND_OF = {"mail": "mail", "portal_webhook": "portal_message", "team_mail": "team_notice"}


def uncounted(seen: Snapshot, change: Leased) -> Iterator[str]:
    """I14: a transport is given something of which no row, or more than one, says that it is under way."""
    rows = [row for row in seen.usage if row["effect_id"] == change.effect_id and row["settled_at"] is None]
    if [(row["kind"], row["case_id"]) for row in rows] != [(KIND_OF[change.target], change.case_id)]:
        yield f"{len(rows)} rows of usage say so"


def unmetered(seen: Snapshot, receivers: Iterable[Receiver], most: Mapping[str, int]) -> Iterator[str]:
    """I14: attempts that are never settled or not counted, more than a budget allows, a message held in silence."""
    under_way = Counter(row["effect_id"] for row in seen.usage if row["settled_at"] is None)
    counted = Counter[str]()
    for row in seen.usage:
        counted[row["effect_id"]] += row["quantity"]
    taken = {key: times for far in receivers for key, times in far.taken.items()}
    for name, effect in seen.effects.items():
        if under_way[name] != int(effect["state"] == "claimed"):
            yield f"effect {name} is {effect['state']} with {under_way[name]} attempts under way in the usage"
        if effect["state"] != "claimed" and counted[name] < taken.get(effect["idempotency_key"], 0):
            yield f"effect {name} was taken more often than it was counted"
    for kind, allowed in most.items():
        rows = [row for row in seen.usage if row["kind"] == kind]
        for last in rows:
            window = [
                row for row in rows if last["started_at"] - DAY < row["started_at"] <= last["started_at"]
            ]
            if sum(row["quantity"] for row in window) > allowed:
                yield f"more than {allowed} ({kind}) left in a day"
    yield from _held_in_silence(seen, most)


def _held_in_silence(seen: Snapshot, most: Mapping[str, int]) -> Iterator[str]:
    told = Counter(entry["payload"]["details"].get("held_effect") for entry in seen.said("case:escalated"))
    notices = {
        entry["payload"]["details"]["held_effect"]: entry["payload"]["details"].get("effect_id")
        for entry in seen.said("case:escalated")
        if "held_effect" in entry["payload"]["details"]
    }
    for entry in seen.said(HELD):
        name = entry["object_id"]
        if not told[name] or notices[name] not in seen.effects:
            yield f"effect {name} is held for want of budget, and nobody was told"
        if KIND_OF[seen.effects[name]["target"]] not in most:
            yield f"effect {name} is held although no budget says so"
