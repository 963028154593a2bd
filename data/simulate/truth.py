"""What really happened and why: the intervals in which each exception was true, and a score against them.

Every definition below is about the true world, not about what the systems exported of it. An interval is
`[starts_at, ends_at)`; `ends_at` is null when it is still open at the world's end. A cancelled shipment has
nothing beyond its cancellation. *In transit* means truly departed from the origin and not delivered.

predicted_late, subject shipment_no
    A shipment that is truly delivered after its promise; from its booking, and from 7 days before the planned
    departure at the earliest, until the promise passes.
late_now, subject shipment_no
    From the promise until it is delivered.
late_departure, subject shipment_no
    From 12 h after the planned departure until it departs from its origin, or is cancelled.
tracking_silent, subject shipment_no
    In transit, and the carrier has sent no message of any kind (planned, estimated, actual) for 72 h; until
    the next message or the delivery.
facility_dwell, subject shipment_no
    Its stay at a port or hub, without the hours customs held it, exceeds the planned stay by 48 h; until it
    leaves.
customs_hold, subject shipment_no
    From the moment customs takes it aside until it is released.
trade_document_missing, subject shipment_no:document_type
    From 24 h before the planned arrival, while a required BOL or CUSTOMS paper has not been received (a
    rejected one does not count); until it is received, or the shipment delivered or cancelled.
pod_missing, subject shipment_no
    From 24 h after the delivery until a POD is received.
stock_out_before_inbound, subject facility:sku
    A morning's snapshot whose stock on hand, at the mean daily demand, reaches zero within 14 days and before
    the first of the open inbound shipments truly is delivered; until that delivery, or the first snapshot on
    which it is not so. A place with nothing inbound does not count.
disruption, subject alert_id
    A port closure of any severity, or a severe storm, with at least 3 shipments whose planned or true stay at
    the place (origin and destination included) overlaps it; from its true start to its true end.

`cause` says why: for lateness whatever cost most hours, otherwise what the simulator did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from data.simulate.intervals import Interval, disruption, of_shipment, stock_outs
from data.simulate.movement import World

EXCEPTION_TYPES = (
    "predicted_late",
    "late_now",
    "late_departure",
    "tracking_silent",
    "facility_dwell",
    "customs_hold",
    "trade_document_missing",
    "pod_missing",
    "stock_out_before_inbound",
    "disruption",
)


def intervals(world: World) -> list[Interval]:
    """All exceptions of a played and reported world that begin before its end, in order of their start."""
    found = [interval for shipment in world.shipments for interval in of_shipment(world, shipment)]
    found += stock_outs(world)
    found += [i for alert in world.episodes.alerts if alert.is_disruption for i in disruption(world, alert)]
    end = world.clock.span
    kept = (i for i in found if i.starts < end and (i.ends is None or i.ends > i.starts))
    return sorted((_cut(i, end) for i in kept), key=lambda i: (i.starts, i.exception_type, i.subject))


def lines(world: World, found: Iterable[Interval]) -> Iterator[str]:
    """Intervals as JSON lines with instants in UTC."""
    for item in found:
        yield json.dumps(
            {
                "exception_type": item.exception_type,
                "subject": item.subject,
                "shipment_no": item.shipment_no,
                "starts_at": world.clock.at(item.starts).isoformat(),
                "ends_at": None if item.ends is None else world.clock.at(item.ends).isoformat(),
                "cause": item.cause,
                "details": item.details,
            },
            ensure_ascii=False,
        )


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a truth file, as `lay` wrote it."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def compare(
    exceptions: Iterable[Mapping[str, Any]], truth: Iterable[Mapping[str, Any]], as_of: datetime
) -> list[dict[str, Any]]:
    """Score exceptions found at `as_of` (exception_type, subject, detected_at) against truth lines.

    An exception is matched when an interval of its type and subject holds at `as_of`. A row has
    `exception_type`, `detected`, `true`, `matched`, `stale` (found, but over by `as_of`), `precision` and
    `recall` (0-1; None where there is nothing to divide by), `median_delay_hours` (true start to `detected_at`;
    negative when foreseen) and `missed` (subjects not found). Instants may be aware datetimes or ISO text.
    """
    found: dict[str, dict[str, datetime | None]] = {}
    for row in exceptions:
        subjects = found.setdefault(str(row["exception_type"]), {})
        subjects[str(row["subject"])] = _instant(row.get("detected_at"))
    holding: dict[str, dict[str, datetime]] = {}
    over: dict[str, set[str]] = {}
    for row in truth:
        kind, subject = str(row["exception_type"]), str(row["subject"])
        starts, ends = _instant(row["starts_at"]), _instant(row["ends_at"])
        if starts is None or starts > as_of:
            continue
        if ends is None or ends > as_of:
            holding.setdefault(kind, {})[subject] = starts
        else:
            over.setdefault(kind, set()).add(subject)
    return [
        _score(kind, found.get(kind, {}), holding.get(kind, {}), over.get(kind, set()))
        for kind in sorted({*found, *holding})
    ]


def _score(
    kind: str, found: dict[str, datetime | None], holding: dict[str, datetime], over: set[str]
) -> dict[str, Any]:
    matched = sorted(found.keys() & holding.keys())
    delays = [
        (seen - holding[subject]).total_seconds() / 3600
        for subject in matched
        if (seen := found[subject]) is not None
    ]
    return {
        "exception_type": kind,
        "detected": len(found),
        "true": len(holding),
        "matched": len(matched),
        "stale": len((found.keys() - holding.keys()) & over),
        "precision": len(matched) / len(found) if found else None,
        "recall": len(matched) / len(holding) if holding else None,
        "median_delay_hours": round(median(delays), 2) if delays else None,
        "missed": sorted(holding.keys() - found.keys()),
    }


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _cut(item: Interval, end: float) -> Interval:
    """An interval that outlasts the world is open."""
    return item if item.ends is None or item.ends <= end else replace(item, ends=None)
