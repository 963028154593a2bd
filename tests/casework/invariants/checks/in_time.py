"""I7: what is due happens once, at its time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.casework.invariants.checks.common import OPEN
from tests.casework.invariants.snapshot import Snapshot


def misfired(seen: Snapshot) -> Iterator[str]:
    """I7: a step fired twice, early, or without a trace; an open case that nothing would ever wake."""
    told = Counter(
        entry["object_id"] for entry in seen.audit if entry["object_id"] in seen.steps and entry["case_id"]
    )
    when = {entry["object_id"]: entry["occurred_at"] for entry in seen.audit if entry["object_id"]}
    for name, step in seen.steps.items():
        has_fired = step["state"] == "fired"
        if told[name] != int(has_fired):
            yield f"step {name} is {step['state']} and was told {told[name]} times"
        if has_fired != (step["fired_at"] is not None):
            yield f"step {name} is {step['state']} with the instant {step['fired_at']}"
        if has_fired and (step["fired_at"] < step["due_at"] or when[name] < step["due_at"]):
            yield f"step {name} fired before its time"
    ahead = Counter(step["case_id"] for step in seen.steps.values() if step["state"] == "due")
    reminded = {
        step["case_id"]
        for step in seen.steps.values()
        if step["rule"] == "still_open" and step["state"] == "due"
    }
    for case_id, case in seen.cases.items():
        if case["state"] not in OPEN:
            if ahead[case_id]:
                yield f"case {case_id} is {case['state']} and still has {ahead[case_id]} steps due"
        elif case["resolution_due_at"] is None:
            yield f"case {case_id} is open without a deadline"
        elif case_id not in reminded and case["merged_into"] is None:
            yield f"case {case_id} is open, and the day would come when nothing wakes it"
        if case["state"] == "waiting" and not _wakes(seen, case_id):
            yield f"case {case_id} waits, and nothing would end it"


def _wakes(seen: Snapshot, case_id: str) -> bool:
    waits = [
        step
        for step in seen.steps.values()
        if step["case_id"] == case_id and step["rule"] == "wait_over" and step["state"] == "due"
    ]
    return [step["due_at"] for step in waits] == [seen.cases[case_id]["waiting_until"]]


def overdue(seen: Snapshot) -> Iterator[str]:
    """I7 after a worker's round: nothing that is due has been left."""
    for name, step in seen.steps.items():
        case = seen.cases[step["case_id"]]
        runs_on = step["rule"] == "wait_over" or step["clock"] in ("wait", "next_update")
        is_held = step["rule"] == "unanswered" and (case["acknowledged_until"] or seen.now) > seen.now
        stands_still = is_held or (case["state"] == "waiting" and not runs_on)  # its clock is stopped
        if step["state"] == "due" and step["due_at"] <= seen.now and not stands_still:
            yield f"step {name} was due at {step['due_at']} and did not fire"


def moved_earlier(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """I7: an instant once set is never brought forward, and what fired stays fired."""
    for name, step in before.steps.items():
        if after.steps[name]["due_at"] < step["due_at"]:
            yield f"step {name} was brought forward"
        if step["state"] == "fired" and after.steps[name] != step:
            yield f"step {name} had fired and was changed"
