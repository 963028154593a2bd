"""What the queue adds up to."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from tests.casework.invariants.snapshot import Snapshot

FACETS = ("state", "exception_type", "severity", "owner", "team", "customer_id", "carrier_id", "facility_id")


def queue_counted(seen: Snapshot) -> tuple[int, dict[str, dict[str, int]], Decimal, int]:
    """How many cases the queue holds, of which kinds, what is at stake in them, and how many cases ever were."""
    queue = [case for case in seen.cases.values() if case["is_open"] and case["merged_into"] is None]
    facets = {name: dict(Counter(case[name] or "-" for case in queue)) for name in FACETS}
    greatest: dict[str, Decimal] = {}
    for case in queue:
        group = case["parent_case_id"] or case["shipment_id"] or case["case_id"]
        greatest[group] = max(case["expected_loss"], greatest.get(group, Decimal(0)))
    return len(queue), facets, sum(greatest.values(), Decimal("0.00")), len(seen.cases)
