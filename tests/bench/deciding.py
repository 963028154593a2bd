"""A decision against the bare transaction in it: the same rows under the same lock, and nothing else.

Both go through the store's own engine, with statements built beforehand. The bare one commits as durably, but
reads no grant, decides nothing, hashes and signs nothing, and leaves no checkpoint outside the store. Several
processes work on one tenant at once, each on a case of its own, so all of them want the same lock; the two
ways take turns, window by window.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from casework.model import Action, ExceptionRecord, Publication
from casework.permissions import grants
from casework.service import Casework
from casework.store.engine import writing
from casework.store.tables import cases, messages
from casework.store.work import HEAD, MOVE_HEAD, TELL, TOLD, new_id
from tests.bench.stores import KINDS, door, urls

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
TENANT, LEAD = "demo", "person:lead"
PROCESSES = (1, 4, 8)
WINDOWS, SECONDS = 5, 1.0
TOUCH = (
    sa.update(cases)
    .where(cases.c.tenant_id == sa.bindparam("of_tenant"), cases.c.case_id == sa.bindparam("named"))
    .values(version=cases.c.version + 1, updated_at=sa.bindparam("now"))
)


def exception(number: int) -> ExceptionRecord:
    """Return an exception of a shipment of its own."""
    nothing = Decimal("0.00")
    return ExceptionRecord(
        tenant_id=TENANT,
        exception_key=f"late_now:SH-{number}",
        exception_type="late_now",
        subject_type="shipment",
        subject=f"SH-{number}",
        shipment_id=f"SH-{number}",
        detected_at=NOW,
        severity="high",
        expected_loss=Decimal("10.00"),
        sla_penalty_amount=Decimal("10.00"),
        revenue_amount=nothing,
        inventory_amount=nothing,
        customer_tier_amount=nothing,
        currency_code="USD",
        customer_id="C1",
    )


def measure(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a comparison for each store and number of processes."""
    with urls(folder) as stores:
        for kind in KINDS:
            home = folder / kind
            casework = door(stores[kind], home)
            casework.bootstrap()
            casework.sync(TENANT, Publication("pub_bench"), [exception(n) for n in range(max(PROCESSES))])
            for processes in PROCESSES:
                yield _compared(kind, stores[kind], home, processes)


def _compared(kind: str, url: str, home: Path, processes: int) -> dict[str, Any]:
    """Let processes decide, then insert bare, window by window, and compare how many each got done."""
    spawning = multiprocessing.get_context("spawn")
    barrier, results = spawning.Barrier(processes), spawning.Queue()
    workers = [
        spawning.Process(target=_work, args=(url, home, number, barrier, results))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    done = [results.get(timeout=300) for _ in workers]
    for worker in workers:
        worker.join()
    decided, bare = (
        [sum(windows[way][index] for windows in done) / SECONDS for index in range(WINDOWS)] for way in (0, 1)
    )
    pairs = [one / other for one, other in zip(decided, bare, strict=True)]
    return {
        "what": f"perform() : bare transaction of the same rows, {kind}, {processes} processes",
        "ratio": statistics.median(pairs),
        "perform_per_second": round(statistics.median(decided)),
        "bare_per_second": round(statistics.median(bare)),
    }


def _work(url: str, home: Path, number: int, barrier: Barrier, results: Any) -> None:
    """Do one process' share: both ways in turn, each window begun by all processes together."""
    casework = door(url, home)
    with casework.desk.reading_across() as connection:
        key = {"of_tenant": TENANT, "named": f"late_now:SH-{number}"}
        query = sa.select(cases.c.case_id).where(
            cases.c.tenant_id == sa.bindparam("of_tenant"), cases.c.exception_key == sa.bindparam("named")
        )
        case_id = connection.scalar(query, key)
    ways = _deciding(casework, case_id), _bare(casework, case_id)
    for way in ways:
        for _ in range(5):
            way()
    counts: tuple[list[int], list[int]] = ([], [])
    for _ in range(WINDOWS):
        for way, found in zip(ways, counts, strict=True):
            barrier.wait(timeout=120)
            found.append(_many(way))
    results.put(counts)


def _many(way: Callable[[], None]) -> int:
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        way()
        count += 1
    return count


def _deciding(casework: Casework, case_id: str) -> Callable[[], None]:
    with casework.desk.reading_across() as connection:
        lead = grants.current(connection, LEAD)

    def decide() -> None:
        casework.perform(
            lead, TENANT, case_id, Action.COMMENT, text="a note of usual length, as people write"
        )

    return decide


def _bare(casework: Casework, case_id: str) -> Callable[[], None]:
    """Return a transaction that writes again what the newest decision about a case wrote, under new numbers."""
    _deciding(casework, case_id)()
    with casework.desk.reading_across() as connection:
        told = [dict(connection.execute(_newest(table, case_id)).mappings().one()) for table in TOLD]
        note = dict(connection.execute(_newest(messages, case_id)).mappings().one())

    def insert() -> None:
        with writing(casework.engine, TENANT) as connection:
            head = connection.execute(HEAD, {"of_tenant": TENANT}).one()
            moved = {"to_sequence": head.sequence + 1, "to_entry_hash": told[0]["entry_hash"]}
            moved |= {
                "to_fact_sequence": head.fact_sequence + 1,
                "to_event_sequence": head.event_sequence + 1,
            }
            connection.execute(TOUCH, {"of_tenant": TENANT, "named": case_id, "now": NOW})
            connection.execute(messages.insert(), [note | {"message_id": new_id()}])
            numbers = (moved["to_sequence"], moved["to_fact_sequence"], moved["to_event_sequence"])
            for statement, row, sequence in zip(TELL, told, numbers, strict=True):
                connection.execute(statement, [row | {"sequence": sequence}])
            connection.execute(MOVE_HEAD, moved | {"of_tenant": TENANT})

    return insert


def _newest(table: sa.Table, case_id: str) -> Any:
    named = table.c.subject if "subject" in table.c and table is not messages else table.c.case_id
    order = table.c.message_id if table is messages else table.c.sequence
    return (
        sa.select(table).where(table.c.tenant_id == TENANT, named == case_id).order_by(order.desc()).limit(1)
    )
