"""The row split against the same rules in hand-written SQL: type, test, keep the good and the refused apart.

The hand-written one knows this feed alone. It keeps of a refused row its first reason and its cells; no hash of
the content, no lineage, no row in its own words, no word about a file that is broken.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from data.contract import load_contract, split
from data.formats import read_in_blocks
from tests.bench.warehouse import tell

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
ROWS, WRONG = 1_000_000, 100  # every so many rows one is refused
REPEATS = 3
BY_HAND = """
create table cells as select * from read_csv(?, header = true, all_varchar = true, nullstr = '');
create table judged as
select
    *,
    try_cast(order_line as bigint) as line,
    try_cast(quantity as bigint) as pieces,
    try_cast(unit_price as double) as price,
    try_cast(requested_delivery_at as timestamptz) as requested_at,
    try_cast(promised_delivery_at as timestamptz) as promised_at,
    try_cast(ordered_at as timestamptz) as placed_at,
    try_cast(exported_at as timestamptz) as told_at,
    case
        when order_no is null or not regexp_full_match(order_no, 'SO-[0-9]{6,8}') then 'order_no'
        when line is null or line not between 1 and 999 then 'order_line'
        when customer_ref is null or not regexp_full_match(customer_ref, 'C[0-9]{7}') then 'customer_ref'
        when sku is null or not regexp_full_match(sku, '[A-Z]{3}-[0-9]{3,6}') or length(sku) > 24 then 'sku'
        when pieces is null or pieces not between 1 and 1000000 then 'quantity'
        when price is null or price not between 0 and 1000000 then 'unit_price'
        when currency_code is null or currency_code <> 'USD' then 'currency_code'
        when requested_at is null then 'requested_delivery_at'
        when promised_at is null then 'promised_delivery_at'
        when placed_at is null then 'ordered_at'
        when told_at is null then 'exported_at'
    end as reason
from cells;
create table good as
select order_no, line, customer_ref, sku, pieces, price, currency_code, requested_at, promised_at, placed_at, told_at
from judged where reason is null;
create table refused as select * from judged where reason is not null;
"""


def measure(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the comparison for a file without quotes and for one that quotes every cell."""
    folder.mkdir(parents=True, exist_ok=True)
    for quoting, words in ((csv.QUOTE_MINIMAL, "plain"), (csv.QUOTE_ALL, "quoted")):
        path = folder / f"{words}.csv"
        _write(path, quoting)
        ours, by_hand = _in_turn(lambda path=path: _judged(path), lambda path=path: _by_hand(path))
        yield {
            "what": f"row split and quarantine : the same rules in SQL by hand, {ROWS:,} rows, {words}",
            "ratio": ours / by_hand,
            "rows_per_second": round(ROWS / ours),
        }


def _in_turn(one: Callable[[], int], other: Callable[[], int]) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for work, found in zip((one, other), taken, strict=True):
            began = time.perf_counter()
            refused = work()
            found.append(time.perf_counter() - began)
            assert refused == ROWS // WRONG, f"{refused} rows were refused"
    return statistics.median(taken[0]), statistics.median(taken[1])


def _judged(path: Path) -> int:
    """By the contract, and the good rows into a table, as loading does."""
    contract = load_contract("network", "order")
    found = split(contract, read_in_blocks(contract, path), "demo", "0" * 64, NOW)
    with duckdb.connect(":memory:") as engine:
        engine.register("incoming", found.rows)
        engine.execute("create table good as select * from incoming")
    return len(found.rejected)


def _by_hand(path: Path) -> int:
    with duckdb.connect(":memory:") as engine:
        first, *others = [part for part in BY_HAND.split(";") if part.strip()]
        engine.execute(first, [str(path)])
        for statement in others:
            engine.execute(statement)
        return int(engine.execute("select count(*) from refused").fetchall()[0][0])


def _write(path: Path, quoting: Any) -> None:
    names = list(load_contract("network", "order").columns)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, quoting=quoting)
        writer.writerow(names)
        for number in range(ROWS):
            quantity = "none" if number % WRONG == 7 else str(1 + number % 90)
            cells = (f"SO-{number:07d}", "1", f"C{number % 999:07d}", "PMP-001", quantity, "10.5", "USD")
            day = f"2026-08-{1 + number % 28:02d}T{number % 24:02d}:00:00Z"
            writer.writerow((*cells, day, day, day, day))


if __name__ == "__main__":
    tell(measure)
