"""The ranked queue over a million cases against the same over ten thousand: a page, its facets, count and money.

Both stores are asked in turn, so that a busy machine slows both. With a share of the cases open, the rest is
history: a real desk has years of it and some thousands of open cases; all open is the worst there could be.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from casework.canonical import plain
from casework.model import Grant, Principal, QueueFilter, Role, State
from casework.permissions import grants
from casework.queue.search import Place
from casework.service import Casework
from casework.store.tables import cases
from tests.bench.seeding import NOW, TYPES, seed
from tests.bench.stores import KINDS, door, urls

TENANT, LEAD, PLANNER, CARRIER, ADMIN = (
    "demo",
    "person:lead",
    "person:planner",
    "partner:carrier",
    "person:admin",
)
CARRIER_ID = "CAR-07"
SMALL, LARGE, OPEN_PERCENTS, REPEATS = 10_000, 1_000_000, (2, 100), 15


@dataclass(frozen=True)
class View:
    """What somebody asks of the queue."""

    name: str
    who: str
    wanted: QueueFilter


def views(casework: Casework, size: int) -> list[View]:
    """Return what is measured, for a store of so many cases."""
    deep = QueueFilter(after=_half_way(casework))
    return [
        View("the whole queue", LEAD, QueueFilter()),
        View("a page half way down", LEAD, deep),
        View("what nobody has", LEAD, QueueFilter(owner="-")),
        View("in one state", LEAD, QueueFilter(states=(State.TRIAGED,))),
        View("a rare severity", LEAD, QueueFilter(severities=("critical",))),
        View("awaiting approval", LEAD, QueueFilter(is_awaiting_approval=True)),
        View("a planner of one carrier and two types", PLANNER, QueueFilter()),
        View("a carrier", CARRIER, QueueFilter()),
        View("a search for one shipment", LEAD, QueueFilter(search=f"SH-{5_000_000 + size // 2}")),
        View("a search for what begins with 500", LEAD, QueueFilter(search="500")),
        View("with the ended ones", LEAD, QueueFilter(include_closed=True)),
    ]


def _half_way(casework: Casework) -> str | None:
    """Return where the page ends that lies half way down the queue."""
    lead = _who(casework, LEAD)
    with casework.desk.reading_across() as connection:
        of_queue = (cases.c.tenant_id == TENANT, cases.c.is_open, cases.c.merged_into.is_(None))
        total = connection.scalar(sa.select(sa.func.count()).select_from(cases).where(*of_queue)) or 0
        query = sa.select(cases.c.ranked_amount).where(*of_queue).order_by(cases.c.ranked_amount.desc())
        loss = connection.scalar(query.offset(total // 2).limit(1))
    page = casework.search(lead, TENANT, QueueFilter(limit=1))
    return None if page.next is None else _cursor(loss)


def _cursor(loss: Any) -> str:
    return Place(str(plain(loss)), "D-0000000", NOW).cursor()


def _who(casework: Casework, principal_id: str) -> Principal:
    with casework.desk.reading_across() as connection:
        return grants.current(connection, principal_id)


def filled(url: str, home: Path, size: int, open_percent: int) -> Casework:
    """Return the door of a store of so many cases, with a planner and a carrier who see a part of them."""
    casework = door(url, home)
    casework.bootstrap()
    seed(casework.engine, TENANT, size, open_percent)
    for who, grant in (
        (PLANNER, Grant(TENANT, Role.PLANNER, carrier_id=CARRIER_ID, exception_types=TYPES[:2])),
        (CARRIER, Grant(TENANT, Role.CARRIER, carrier_id=CARRIER_ID)),
    ):
        casework.revoke(who, TENANT, ADMIN)
        casework.give(who, grant, ADMIN)
    return casework


def measure(
    folder: Path, large: int, percents: Sequence[int], kinds: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield a comparison for each store, share of open cases and view."""
    for percent in percents:
        name = f"open_{percent}"
        with urls(folder / f"{name}_small") as small_urls, urls(folder / name) as large_urls:
            for kind in kinds:
                started = time.perf_counter()
                small = filled(small_urls[kind], folder / name / kind / "small", SMALL, percent)
                big = filled(large_urls[kind], folder / name / kind / "large", large, percent)
                seconds = round(time.perf_counter() - started)
                yield {
                    "what": f"seeding {SMALL:,} and {large:,} cases, {percent} % open, {kind}",
                    "seconds": seconds,
                }
                yield from _compared(small, big, large, f"{percent} % open, {kind}")
                small.engine.dispose()
                big.engine.dispose()


def _compared(small: Casework, big: Casework, large: int, where: str) -> Iterator[dict[str, Any]]:
    for few, many in zip(views(small, SMALL), views(big, large), strict=True):
        taken: tuple[list[float], list[float]] = ([], [])
        sides = ((small, few, taken[0]), (big, many, taken[1]))
        for repeat in range(REPEATS + 1):
            for casework, view, times in sides:
                seconds = _asked(casework, view)
                times += [seconds] if repeat else []
        ratios = [one / other for one, other in zip(taken[1], taken[0], strict=True)]
        page = big.search(_who(big, many.who), TENANT, many.wanted)
        yield {
            "what": f"{few.name}: {large:,} : {SMALL:,} cases, {where}",
            "ratio": round(statistics.median(ratios), 2),
            "milliseconds": [round(statistics.median(times) * 1000, 1) for times in taken],
            "total": f"{page.total:,}{'' if page.is_exact else '+'}",
            "peak_kib": [round(_peak(casework, view) / 1024) for casework, view, _ in sides],
        }
    yield {"what": f"greatest memory of the process, {where}", "mib": _resident()}


def _asked(casework: Casework, view: View) -> float:
    who = _who(casework, view.who)
    started = time.perf_counter()
    casework.search(who, TENANT, view.wanted)
    return time.perf_counter() - started


def _peak(casework: Casework, view: View) -> int:
    """Return the most memory that one answer takes in Python, in bytes."""
    tracemalloc.start()
    casework.search(_who(casework, view.who), TENANT, view.wanted)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Print every comparison as a line of JSON."""
    parser = argparse.ArgumentParser(description="The queue at scale, as ratios within one run.")
    parser.add_argument("--cases", type=int, default=LARGE, help="cases of the large store")
    parser.add_argument("--open", type=int, nargs="+", default=list(OPEN_PERCENTS), help="percent open")
    parser.add_argument("--stores", nargs="+", choices=KINDS, default=list(KINDS))
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        for found in measure(Path(name), asked.cases, asked.open, asked.stores):
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
