"""Rows with the moment they became known, written as landing files: coarse history, daily lately and after.

A file is named `<feed>_<YYYYMMDDTHHMMSSZ>.<ext>` by the newest moment inside it, so name order is the order
in which things became known, and two files of a feed never share a name.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

#: This long before as_of (and always after it) a feed comes daily instead of in one file per period.
DAILY_BEFORE = timedelta(days=14)

Row = dict[str, Any]
Period = Literal["week", "month"]


@dataclass(frozen=True, slots=True)
class Known:
    """One row and the UTC moment its producer could first have sent it."""

    recorded_at: datetime
    row: Row


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What was laid of one feed: files and rows known at as_of (landing) and later (upcoming)."""

    landing_files: int
    landing_rows: int
    upcoming_files: int
    upcoming_rows: int
    written_files: int


@dataclass(frozen=True, slots=True)
class LayReport:
    """What was laid, by feed, and what of the source could not be placed in time (count by reason)."""

    feeds: dict[str, FeedReport]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def landing_files(self) -> int:
        """Files known at as_of, all feeds together."""
        return sum(feed.landing_files for feed in self.feeds.values())

    @property
    def upcoming_files(self) -> int:
        """Files that become known after as_of, all feeds together."""
        return sum(feed.upcoming_files for feed in self.feeds.values())


def csv_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """A UTF-8 CSV file with headings and CRLF line ends; the same rows always give the same bytes."""
    text = io.StringIO(newline="")
    # With CRLF the writer quotes every cell that holds either; with LF alone it would leave a CR bare.
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def jsonl_bytes(rows: Iterable[Row]) -> bytes:
    """One compact JSON object a line, in UTF-8."""
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def iso(moment: datetime) -> str:
    """The UTC moment as producers write it: 2013-01-07T00:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def lay_feed(
    feed: str,
    extension: str,
    rows: Iterable[Known],
    to_bytes: Callable[[list[Row]], bytes],
    landing_dir: Path,
    upcoming_dir: Path,
    as_of: datetime,
    period: Period,
    one_per: str | None = None,
) -> FeedReport:
    """Write one feed's files; existing files with the same bytes are left alone.

    A file that already arrived in landing is not put into upcoming again. With `one_per`, a file holds only
    the newest row for each value of that column.
    """
    files = _grouped(rows, as_of, period)
    file_counts, row_counts, written = Counter[bool](), Counter[bool](), 0
    for (is_upcoming, _), known in sorted(files.items()):
        stamp = known[-1].recorded_at
        if one_per:
            known = list({item.row[one_per]: item for item in known}.values())
        name = f"{feed}_{stamp:%Y%m%dT%H%M%SZ}.{extension}"
        file_counts[is_upcoming] += 1
        row_counts[is_upcoming] += len(known)
        if is_upcoming and (landing_dir / feed / name).exists():
            continue
        folder = (upcoming_dir if is_upcoming else landing_dir) / feed
        written += write_once(folder / name, to_bytes([item.row for item in known]))
    return FeedReport(file_counts[False], row_counts[False], file_counts[True], row_counts[True], written)


def _grouped(rows: Iterable[Known], as_of: datetime, period: Period) -> dict[tuple[bool, str], list[Known]]:
    """Rows by (after as_of?, file); a file closes at midnight, so midnight belongs to the day before."""
    files: dict[tuple[bool, str], list[Known]] = defaultdict(list)
    for item in sorted(rows, key=lambda known: known.recorded_at):
        day = item.recorded_at - timedelta(seconds=1)
        if item.recorded_at > as_of - DAILY_BEFORE:
            name = f"{day:%Y-%m-%d} daily"
        else:
            name = f"{day:%Y-%m}" if period == "month" else f"{day - timedelta(days=day.weekday()):%Y-%m-%d}"
        files[item.recorded_at > as_of, name].append(item)
    return files


def write_once(path: Path, content: bytes) -> bool:
    """Write the file whole or not at all; False where it is already there with these bytes."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".laying-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
