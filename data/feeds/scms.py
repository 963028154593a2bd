"""SCMS delivery history as nightly delta exports: what the programme office would have sent, when it knew it.

The public data set is one row per line item with its outcome. A line became known when its purchase order
(else its quote) was sent, and known as delivered when the delivery was recorded; so each line is exported
up to twice, first with blank delivery columns. An export is taken at midnight UTC after the day, so a day's
rows are known at 00:00 of the next day. One file a month (the last state of each line in it), daily for the
last 14 days before as_of and for everything after it. Cells are the source's own text, untouched.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from data.contract import Contract, load_contract
from data.errors import FileRefused
from data.feeds.exports import Known, LayReport, Row, csv_bytes, lay_feed
from data.formats.limits import check_columns

FEED = "line_item"
DATE_FORMATS = ("%d-%b-%y", "%m/%d/%y")
PO_SENT, PQ_SENT = "PO Sent to Vendor Date", "PQ First Sent to Client Date"
DELIVERED, RECORDED = "Delivered to Client Date", "Delivery Recorded Date"


def lay(source_csv: Path, landing_dir: Path, upcoming_dir: Path, as_of: datetime) -> LayReport:
    """Write the line item exports known at `as_of` (aware UTC) into landing and the later ones into upcoming.

    Deterministic and idempotent; both folders are the tenant's. FileRefused where the source is not SCMS
    data.
    """
    columns, rows = _read(source_csv)
    left_out: Counter[str] = Counter()
    known = [export for row in rows for export in _exports(row, left_out)]
    report = lay_feed(
        FEED,
        "csv",
        known,
        lambda found: csv_bytes(columns, found),
        landing_dir,
        upcoming_dir,
        as_of,
        "month",
        one_per="ID",
    )
    return LayReport({FEED: report}, dict(left_out))


def read_line_items(source_csv: Path) -> pd.DataFrame:
    """One row per line item of the public file (either edition), typed, under the contract's column names.

    Dates are UTC midnights; a text status in a date column is NaT. `weight_kg` and `freight_usd` are the
    row's own numbers, NaN where the cell says something else (then the text is in weight_kilograms,
    freight_cost_usd).
    """
    contract = _contract()
    columns, rows = _read(source_csv)
    text = pd.DataFrame(rows, columns=columns, dtype="str").rename(columns=contract.by_source_name)
    frame = pd.DataFrame({name: _typed(text[name], contract, name) for name in contract.columns})
    frame["weight_kg"] = pd.to_numeric(text["weight_kilograms"], errors="coerce")
    frame["freight_usd"] = pd.to_numeric(text["freight_cost_usd"], errors="coerce")
    return frame


def day(text: str) -> datetime | None:
    """The UTC midnight a date cell names, in either of the source's two spellings; None for a text status."""
    for date_format in DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _contract() -> Contract:
    return load_contract("scms", FEED)


def _read(source_csv: Path) -> tuple[list[str], list[Row]]:
    """Headings and rows as text; knows both editions (a BOM and lone CRs in the full original)."""
    content = source_csv.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    try:
        cells = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise _refused("csv", f"it is not valid CSV ({error}).") from error
    columns = cells[0] if cells else []
    check_columns(_contract(), columns)
    if len(columns) != len(_contract().columns):
        raise _refused("missing_columns", f"it has {len(columns)} columns, not {len(_contract().columns)}.")
    rows = [row for row in cells[1:] if row]
    if ragged := next((number for number, row in enumerate(rows, 1) if len(row) != len(columns)), None):
        raise _refused("cells", f"row {ragged} does not have {len(columns)} cells.")
    return columns, [dict(zip(columns, row, strict=True)) for row in rows]


def _refused(rule: str, problem: str) -> FileRefused:
    return FileRefused(FEED, rule, problem, "Use the data set's original CSV file.")


def _exports(row: Row, left_out: Counter[str]) -> Iterator[Known]:
    sent = day(row[PO_SENT]) or day(row[PQ_SENT])
    recorded = day(row[RECORDED])
    if sent and (recorded is None or sent < recorded):
        yield Known(_export_after(sent), row | {DELIVERED: "", RECORDED: ""})
    if recorded:
        yield Known(_export_after(recorded), row)
    if not sent and not recorded:
        left_out["neither sent nor recorded on a known day"] += 1


def _export_after(known_on: datetime) -> datetime:
    return known_on + timedelta(days=1)


def _typed(text: pd.Series, contract: Contract, name: str) -> pd.Series:
    kind = contract.columns[name].type
    if kind == "date" or name in ("po_sent_to_vendor_date", "pq_first_sent_to_client_date"):
        return pd.to_datetime(text.map(day), utc=True)
    if kind in ("integer", "decimal"):
        return pd.to_numeric(text, errors="coerce")
    return text.where(text != "")
