"""Rows become files in landing folders: cut into windows of recorded time, written as the same bytes each
time.

Up to `as_of` minus 14 days a feed has a file a week, then a file a day; after `as_of` shipment and
milestone have one every 6 hours and the others one a day. A file's stamp is the newest recorded time in
it, and a window without rows has no file.
"""

from __future__ import annotations

import csv
import io
import json
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.simulate.exports import FEED_FORMATS, Row
from data.simulate.network import dice
from data.simulate.world import Clock

DAILY_HOURS = 14 * 24.0
_LINE_ENDS = {"order": "\r\n", "commitment": "\r\n"}
_INVENTORY = pa.schema(
    [
        ("facility_code", pa.string()),
        ("sku", pa.string()),
        ("on_hand_quantity", pa.int64()),
        ("safety_stock_quantity", pa.int64()),
        ("daily_demand_quantity", pa.int64()),
        ("unit_value", pa.float64()),
        ("as_of_date", pa.date32()),
        ("exported_at", pa.timestamp("us", tz="UTC")),
    ]
)


def window_ends(clock: Clock, as_of_hour: float, feed: str) -> list[float]:
    """Ends of the windows of a feed's files, in hours of the world, in order; `as_of_hour` is one of them."""
    daily = max(0.0, as_of_hour - DAILY_HOURS)
    ends = []
    end = daily
    while end > 0:
        ends.append(end)
        end -= 7 * 24
    ends.reverse()
    day = daily
    while day < as_of_hour - 1e-9:
        day = min(day + 24, as_of_hour)
        ends.append(day)
    step = 6.0 if feed in ("shipment", "milestone") else 24.0
    hour = as_of_hour
    while hour < clock.span - 1e-9:
        hour += step
        ends.append(min(hour, clock.span))
    return ends


def windows(
    rows: list[Row], clock: Clock, as_of_hour: float, seed: int
) -> dict[tuple[str, float], list[Row]]:
    """Rows by feed and window end.

    A copy for a later file goes to the next windows that have rows of their own, on the same side of `as_of`;
    where there is none it is left out.
    """
    ends = {feed: window_ends(clock, as_of_hour, feed) for feed in FEED_FORMATS}
    cut: dict[tuple[str, float], list[Row]] = defaultdict(list)
    copies: list[tuple[Row, float]] = []
    for row in rows:
        end = ends[row.feed][bisect_left(ends[row.feed], row.recorded - 1e-9)]
        if row.files_later:
            copies.append((row, end))
        else:
            cut[(row.feed, end)].append(row)
    used = {feed: sorted(end for name, end in cut if name == feed) for feed in FEED_FORMATS}
    for row, own in copies:
        limit = as_of_hour if own <= as_of_hour + 1e-9 else clock.span
        later = [end for end in used[row.feed] if own < end <= limit + 1e-9]
        if later:
            cut[(row.feed, later[min(row.files_later, len(later)) - 1])].append(row)
    return {key: _in_order(key, cut[key], seed) for key in sorted(cut)}


def _in_order(key: tuple[str, float], rows: list[Row], seed: int) -> list[Row]:
    """Rows in the order of their time, roughly: some systems write their queue as it comes."""
    draw = dice(seed, "order", *key)
    return sorted(rows, key=lambda row: row.recorded + (draw.uniform(0, 12) if draw.random() < 0.1 else 0.0))


def file_name(clock: Clock, feed: str, rows: list[Row]) -> str:
    """`<feed>_<newest recorded time>.<ext>`; copies of rows of earlier files do not count."""
    newest = max(row.recorded for row in rows if not row.files_later)
    return f"{feed}_{clock.at(newest).strftime('%Y%m%dT%H%M%SZ')}.{FEED_FORMATS[feed]}"


def content(feed: str, rows: list[Row]) -> bytes:
    """The bytes of a file."""
    kind = FEED_FORMATS[feed]
    if kind == "parquet":
        return _parquet(rows)
    return _csv(feed, rows) if kind == "csv" else _json_lines(rows)


def write(path: Path, data: bytes) -> bool:
    """Write a file whole or not at all; False when it is there with the same bytes and was left untouched."""
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
    return True


def _csv(feed: str, rows: list[Row]) -> bytes:
    end = _LINE_ENDS.get(feed, "\n")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(rows[0].values)
    for row in rows:
        if row.text is not None:
            text.write(row.text + end)
        else:
            writer.writerow("" if value is None else value for value in row.values.values())
    return text.getvalue().encode()


def _json_lines(rows: list[Row]) -> bytes:
    lines = (json.dumps(row.values, ensure_ascii=False) if row.text is None else row.text for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _parquet(rows: list[Row]) -> bytes:
    columns: dict[str, list[Any]] = {name: [row.values[name] for row in rows] for name in _INVENTORY.names}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_INVENTORY), sink, compression="snappy")
    return sink.getvalue()
