"""Cargo 2000 processes as a forwarder's feeds: bookings, legs and milestone messages on a calendar.

The public data set (A. Metzger et al., CC BY 4.0) has minutes but no dates, so a calendar is given to it,
always the same: process `nr` starts (earliest planned check-in) at 2013-01-07T00:00Z plus `nr` hours, and
is booked 24 hours before that. Each milestone lasts the minutes given; a leg's milestones follow each
other. Incoming legs start together at the process start; the outgoing leg starts when the last incoming leg
has ended (planned: by the plan; actual: by what happened). Planned milestones are reported at booking,
actual ones when they occur. A `?` is no milestone. RCS happens at the leg's origin and DLV at its
destination (the source names places for flights only).

One file a week per feed, daily for the last 14 days before as_of and for everything after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from data.contract import load_contract
from data.errors import FileRefused
from data.feeds.exports import Known, LayReport, Row, csv_bytes, iso, jsonl_bytes, lay_feed

EPOCH = datetime(2013, 1, 7, tzinfo=UTC)
BOOKED_BEFORE = timedelta(hours=24)
ROLES = {"i1": "incoming_1", "i2": "incoming_2", "i3": "incoming_3", "o": "outgoing"}
#: Milestones of one leg in order: the column's middle part, the code, the flight segment (0: no flight).
STEPS = (
    ("rcs", "RCS", 0),
    ("dep_1", "DEP", 1),
    ("rcf_1", "RCF", 1),
    ("dep_2", "DEP", 2),
    ("rcf_2", "RCF", 2),
    ("dep_3", "DEP", 3),
    ("rcf_3", "RCF", 3),
    ("dlv", "DLV", 0),
)
COLUMNS = (
    "nr",
    "legs",
    *(f"{leg}_{name}" for leg in ROLES for name in ("legid", "hops")),
    *(f"{leg}_{step}_{kind}" for leg in ROLES for step, _, _ in STEPS for kind in ("p", "e")),
    *(f"{leg}_{step}_place" for leg in ROLES for step, _, _ in STEPS[1:-1]),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One milestone of a leg: when it was planned and when it happened (None: not in the source)."""

    code: str
    segment: int
    place: str | None
    planned_at: datetime | None
    actual_at: datetime | None


@dataclass(frozen=True, slots=True)
class Leg:
    """One transport leg on the calendar."""

    leg_id: str
    role: str
    sequence: int
    hop_count: int
    planned_start_at: datetime
    steps: tuple[Step, ...]

    @property
    def origin(self) -> str:
        """Where the leg's first flight departs."""
        return next(step.place for step in self.steps if step.code == "DEP" and step.place)

    @property
    def destination(self) -> str:
        """Where the leg's last flight arrives."""
        return next(step.place for step in reversed(self.steps) if step.code == "RCF" and step.place)

    @property
    def planned_end_at(self) -> datetime:
        """Planned delivery of the leg."""
        return max(step.planned_at for step in self.steps if step.planned_at)

    @property
    def actual_end_at(self) -> datetime | None:
        """When the leg was delivered; None where the source does not say."""
        return self.steps[-1].actual_at if self.steps[-1].code == "DLV" else None


@dataclass(frozen=True, slots=True)
class Process:
    """One shipment: its incoming legs, then its outgoing leg."""

    nr: int
    started_at: datetime
    legs: tuple[Leg, ...]

    @property
    def shipment_ref(self) -> str:
        """Our name for the process: C2K-000123."""
        return f"C2K-{self.nr:06d}"

    @property
    def booked_at(self) -> datetime:
        """When plans became known."""
        return self.started_at - BOOKED_BEFORE


def lay(source_csv: Path, landing_dir: Path, upcoming_dir: Path, as_of: datetime) -> LayReport:
    """Write what is known at `as_of` (aware UTC) into landing and what becomes known later into upcoming.

    Deterministic and idempotent; both folders are the tenant's. FileRefused where the source is not C2K data.
    """
    rows = list(_rows(read_processes(source_csv)))
    processes = [process_of(row) for row in rows if is_placeable(row)]
    bookings, legs = _columns("booking"), _columns("leg")
    plans = (
        ("booking", "csv", bookings_of, lambda rows: csv_bytes(bookings, rows)),
        ("leg", "csv", legs_of, lambda rows: csv_bytes(legs, rows)),
        ("milestone", "jsonl", milestones_of, jsonl_bytes),
    )
    reports = {
        feed: lay_feed(
            feed,
            extension,
            (known for process in processes for known in rows_of(process)),
            to_bytes,
            landing_dir,
            upcoming_dir,
            as_of,
            "week",
        )
        for feed, extension, rows_of, to_bytes in plans
    }
    left_out = len(rows) - len(processes)
    return LayReport(reports, {"the plan of a leg is incomplete": left_out} if left_out else {})


def read_processes(source_csv: Path) -> pd.DataFrame:
    """One row per process, wide as published: minutes and places as numbers, `?` as NaN.

    FileRefused where columns of the data set are missing or a cell is neither a number nor `?`.
    """
    frame = pd.read_csv(source_csv, na_values=["?"], keep_default_na=False, dtype="str", encoding="utf-8-sig")
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise FileRefused("c2k", "missing_columns", f"it lacks {missing[0]!r}.", "Use c2k_data_comma.csv.")
    try:
        frame = frame.apply(pd.to_numeric)
    except ValueError as error:
        raise FileRefused(
            "c2k", "type", f"a cell is not a number ({error}).", "Use c2k_data_comma.csv."
        ) from error
    return frame.astype({"nr": "int64", "legs": "int64"})


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = list(frame.columns)
    return (dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False, name=None))


def _columns(feed: str) -> list[str]:
    return list(load_contract("c2k", feed).columns)


def is_placeable(row: dict[str, Any]) -> bool:
    """Whether there is a way in and a way out, and every leg's plan has an end, places and a length."""
    legs = [leg for leg in ROLES if not pd.isna(row[f"{leg}_rcs_p"])]
    if "i1" not in legs or "o" not in legs:
        return False
    needed = [f"{leg}_{name}" for leg in legs for name in ("legid", "hops", "dlv_p", "dep_1_place")]
    if any(pd.isna(row[name]) for name in needed):
        return False
    return all(_place(row, leg, "dlv", int(row[f"{leg}_hops"])) for leg in legs)


def process_of(row: dict[str, Any]) -> Process:
    """One wide row on the calendar."""
    nr = int(row["nr"])
    start = EPOCH + timedelta(hours=nr)
    incoming = [
        _leg(row, leg, sequence, start, start)
        for sequence, leg in enumerate(("i1", "i2", "i3"), start=1)
        if not pd.isna(row[f"{leg}_rcs_p"])
    ]
    ends = [leg.actual_end_at for leg in incoming]
    actual_start = None if None in ends else max(end for end in ends if end)
    planned_start = max(leg.planned_end_at for leg in incoming)
    outgoing = _leg(row, "o", len(incoming) + 1, planned_start, actual_start)
    return Process(nr, start, (*incoming, outgoing))


def _leg(row: dict[str, Any], leg: str, sequence: int, planned: datetime, actual: datetime | None) -> Leg:
    """A leg from its planned and actual start; after a missing minute nothing later can be dated."""
    hop_count, started_at = int(row[f"{leg}_hops"]), planned
    steps = []
    for name, code, segment in STEPS:
        planned_minutes, actual_minutes = row[f"{leg}_{name}_p"], row[f"{leg}_{name}_e"]
        if pd.isna(planned_minutes) and pd.isna(actual_minutes):
            continue
        if not pd.isna(planned_minutes):
            planned += timedelta(minutes=float(planned_minutes))
        actual = (
            None
            if actual is None or pd.isna(actual_minutes)
            else actual + timedelta(minutes=float(actual_minutes))
        )
        steps.append(
            Step(
                code,
                hop_count if code == "DLV" else segment,
                _place(row, leg, name, hop_count),
                None if pd.isna(planned_minutes) else planned,
                actual,
            )
        )
    return Leg(str(int(row[f"{leg}_legid"])), ROLES[leg], sequence, hop_count, started_at, tuple(steps))


def _place(row: dict[str, Any], leg: str, name: str, hop_count: int) -> str | None:
    column = {"rcs": "dep_1", "dlv": f"rcf_{hop_count}"}.get(name, name)
    place = row.get(f"{leg}_{column}_place")
    return None if place is None or pd.isna(place) else str(int(place))


def bookings_of(process: Process) -> Iterator[Known]:
    """The booking of a process, as contract c2k/booking."""
    incoming, outgoing = process.legs[:-1], process.legs[-1]
    row: Row = {
        "process_nr": process.nr,
        "shipment_ref": process.shipment_ref,
        "booked_at": iso(process.booked_at),
        "incoming_leg_count": len(incoming),
        "planned_start_at": iso(process.started_at),
        "planned_delivery_at": iso(outgoing.planned_end_at),
        "origin_places": "|".join(dict.fromkeys(leg.origin for leg in incoming)),
        "hub_place": outgoing.origin,
        "destination_place": outgoing.destination,
        "hop_count": sum(leg.hop_count for leg in process.legs),
    }
    yield Known(process.booked_at, row)


def legs_of(process: Process) -> Iterator[Known]:
    """The legs of a process, as contract c2k/leg."""
    for leg in process.legs:
        row: Row = {
            "shipment_ref": process.shipment_ref,
            "leg_id": leg.leg_id,
            "leg_role": leg.role,
            "sequence": leg.sequence,
            "origin_place": leg.origin,
            "destination_place": leg.destination,
            "planned_start_at": iso(leg.planned_start_at),
            "planned_end_at": iso(leg.planned_end_at),
            "hop_count": leg.hop_count,
            "booked_at": iso(process.booked_at),
        }
        yield Known(process.booked_at, row)


def milestones_of(process: Process) -> Iterator[Known]:
    """The milestone messages of a process, planned and actual, as contract c2k/milestone."""
    for leg in process.legs:
        for step in leg.steps:
            if step.planned_at:
                yield _milestone(process, leg, step, "planned", step.planned_at, process.booked_at)
            if step.actual_at:
                yield _milestone(process, leg, step, "actual", step.actual_at, step.actual_at)


def _milestone(
    process: Process, leg: Leg, step: Step, classifier: str, occurred_at: datetime, reported_at: datetime
) -> Known:
    row: Row = {
        "event_id": f"{process.shipment_ref}-{leg.leg_id}-{step.code}{step.segment}-{classifier}",
        "shipment_ref": process.shipment_ref,
        "leg_id": leg.leg_id,
        "leg_role": leg.role,
        "milestone_code": step.code,
        "segment": step.segment,
        "place": step.place,
        "classifier": classifier,
        "occurred_at": iso(occurred_at),
        "reported_at": iso(reported_at),
    }
    return Known(reported_at, row)
