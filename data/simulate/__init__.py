"""A seeded, any-size simulator of a supply-chain network and of the systems that report on it.

`lay` writes a world's files into landing folders and what really happened into a truth file. The path:
`network` and `booking` (who ships what), `movement` (what happens to it), `reports` (what carriers and
papers say), `exports` (what systems say), `noise` (what goes wrong), `landing` (files), `truth` (what was
so). `lay` never looks at a wall clock: the same arguments give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data.simulate import identities, landing, truth
from data.simulate.exports import Row, export
from data.simulate.movement import World, run
from data.simulate.noise import disturb
from data.simulate.reports import report
from data.simulate.world import Clock

STARTS_AT = datetime(2026, 6, 1, tzinfo=UTC)
ENDS_AT = datetime(2026, 9, 30, tzinfo=UTC)


class SimulationError(ValueError):
    """The arguments make no world; the sentence says which and what to give instead."""


@dataclass(frozen=True)
class LayReport:
    """What was laid: counts by feed and by exception type; shares are of 1."""

    landing_files: int
    upcoming_files: int
    written_files: int
    rows: dict[str, int]
    landing_rows: dict[str, int]
    bad_rows: dict[str, int]
    bad_share: float
    open_shipments: int
    late_share: float
    truth_total: dict[str, int]
    truth_open: dict[str, int]


def play(
    seed: int = 7, shipments: int = 900, starts_at: datetime = STARTS_AT, ends_at: datetime = ENDS_AT
) -> World:
    """A played and reported world. Raises SimulationError when the arguments make none."""
    if shipments < 1:
        raise SimulationError(f"A world of {shipments} shipments is empty; give at least 1.")
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise SimulationError("starts_at and ends_at need a time zone; give aware instants, best in UTC.")
    clock = Clock(starts_at.astimezone(UTC), ends_at.astimezone(UTC))
    if clock.span < 48:
        raise SimulationError("A world needs at least two days between starts_at and ends_at.")
    world = run(seed, shipments, clock)
    report(world)
    return world


def lay(
    landing_dir: Path,
    upcoming_dir: Path,
    truth_path: Path,
    as_of: datetime,
    seed: int = 7,
    shipments: int = 900,
    starts_at: datetime = STARTS_AT,
    ends_at: datetime = ENDS_AT,
) -> LayReport:
    """Play a world and write its files: rows recorded up to `as_of` to landing, later ones to upcoming.

    Files are `<dir>/<feed>/<feed>_<stamp>.<ext>`; those already there with the same bytes are left untouched.
    Raises SimulationError when `as_of` has no time zone or lies outside the world.
    """
    if as_of.tzinfo is None or not starts_at < as_of <= ends_at:
        raise SimulationError(
            f"as_of is {as_of}; it must be an aware instant after {starts_at} and up to {ends_at}."
        )
    world = play(seed, shipments, starts_at, ends_at)
    hour = world.clock.hours(as_of)
    rows = disturb(world, export(world))
    batches = landing.windows(rows, world.clock, hour, seed)
    files, written = [0, 0], 0
    for (feed, end), batch in batches.items():
        later = end > hour + 1e-9
        folder = Path(upcoming_dir if later else landing_dir) / feed
        name = landing.file_name(world.clock, feed, batch)
        written += landing.write(folder / name, landing.content(feed, batch))
        files[later] += 1
    rows = [row for batch in batches.values() for row in batch]
    found = truth.intervals(world)
    landing.write(Path(truth_path), "".join(f"{line}\n" for line in truth.lines(world, found)).encode())
    who = "".join(f"{line}\n" for line in identities.lines(world))
    landing.write(identities_path(Path(truth_path)), who.encode())
    return _report(world, rows, found, hour, (files[0], files[1], written))


def identities_path(truth_path: Path) -> Path:
    """Where the truth about identities lies: beside the truth about exceptions."""
    return truth_path.with_stem(f"{truth_path.stem}_identities")


def _report(
    world: World, rows: list[Row], found: list[truth.Interval], hour: float, files: tuple[int, int, int]
) -> LayReport:
    bad = Counter(row.feed for row in rows if row.fault)
    outcomes = [shipment.is_late for shipment in world.shipments if shipment.is_late is not None]
    return LayReport(
        *files,
        rows=dict(sorted(Counter(row.feed for row in rows).items())),
        landing_rows=dict(sorted(Counter(row.feed for row in rows if row.recorded <= hour).items())),
        bad_rows=dict(sorted(bad.items())),
        bad_share=round(bad.total() / max(1, len(rows)), 5),
        open_shipments=sum(shipment.open_at(hour) for shipment in world.shipments),
        late_share=round(sum(outcomes) / max(1, len(outcomes)), 4),
        truth_total=dict(sorted(Counter(item.exception_type for item in found).items())),
        truth_open=dict(
            sorted(Counter(item.exception_type for item in found if item.holds_at(hour)).items())
        ),
    )
