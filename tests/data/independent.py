"""A second reading of a file, by the standard library and pyarrow alone; nothing of ours but the contract's words.

It is slow and plain on purpose: what the readers and the row split accept must be what this reads.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.contract import Column, Contract

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
NOT_STORABLE = re.compile("[\\0\\ud800-\\udfff]")
INTEGER, DECIMAL = (
    r"[+-]?[0-9]{1,19}(\.(0{1,2}|0{4,}))?",
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?",
)
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
MIDNIGHT = rf"[T ]00:00(:00(\.0{{1,9}})?)?{OFFSET}?"
MOMENT = DAY + r"[T ][0-9:]{8}(\.[0-9]{1,9})?" + OFFSET
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is written as agreed; classes are ASCII, and a vertical tab is no space there."""
    return re.fullmatch(pattern.replace(r"\s", r"\t\n\f\r "), text, re.ASCII) is not None


class Found(NamedTuple):
    """One row: the line (or row) it starts on, its typed cells by our names, or None where it is no good row."""

    line: int
    values: dict[str, Any] | None


class Unreadable(Exception):  # noqa: N818
    """The file as a whole cannot be read."""


def rows_of(contract: Contract, content: bytes) -> list[Found]:
    """Every row of the file; Unreadable where it has none to give."""
    return list(READINGS[contract.format](contract, content))


def _csv(contract: Contract, content: bytes) -> Iterator[Found]:
    raw = LINE.findall(content.removeprefix(b"\xef\xbb\xbf"))
    lines = [line.decode(contract.encoding, "surrogateescape") for line in raw]
    rows = _csv_rows(lines, contract.delimiter)
    _, heading = next(rows, (0, None))
    if heading is None or any(NOT_STORABLE.search(name) for name in heading):
        raise Unreadable
    names = [name.strip() for name in heading]
    _check_names(contract, names)
    for line, cells in rows:
        fits = cells is not None and len(cells) == len(names)
        yield Found(line, typed_row(contract, dict(zip(names, cells or [], strict=True))) if fits else None)


def _csv_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """(line, cells) of every row; a line at which nothing can be read is None, and the next line is tried."""
    at = 0
    while at < len(lines):
        reader = csv.reader(iter(lines[at:]), delimiter=delimiter, strict=True)
        try:
            cells: list[str] | None = next(reader)
            taken = reader.line_num
        except csv.Error:
            cells, taken = None, 1
        if cells != []:
            yield at + 1, cells
        at += taken


def _check_names(contract: Contract, names: list[str]) -> None:
    known = {column.source_name for column in contract.columns.values()}
    needed = {column.source_name for column in contract.columns.values() if column.required}
    unknown = set(names) - known if contract.extra_columns == "refuse" else set()
    if len(set(names)) != len(names) or needed - set(names) or unknown:
        raise Unreadable


def _json_lines(contract: Contract, content: bytes) -> Iterator[Found]:
    for number, raw in enumerate(LINE.findall(content.removeprefix(b"\xef\xbb\xbf")), start=1):
        if raw.strip(b" \t\r\n"):
            yield Found(number, _json_line(contract, raw))


def _json_line(contract: Contract, raw: bytes) -> dict[str, Any] | None:
    try:
        cells = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unrepeated,
            parse_constant=_refuse,
            parse_float=str,
            parse_int=str,
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(cells, dict):
        return None
    known = {column.source_name for column in contract.columns.values()}
    if contract.extra_columns == "refuse" and not set(cells) <= known:
        return None
    return typed_row(contract, {key: value for key, value in cells.items() if key in known})


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated")
    return dict(pairs)


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _parquet(contract: Contract, content: bytes) -> Iterator[Found]:
    try:
        table = pq.read_table(io.BytesIO(content))
        names = table.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Unreadable from error
    _check_names(contract, names)
    known = {column.source_name for column in contract.columns.values()}
    columns = {name: _cells(table[name]) for name in names if name in known}
    for row in range(table.num_rows):
        yield Found(row + 1, typed_row(contract, {name: cells[row] for name, cells in columns.items()}))


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """Each value alone: one that Python cannot hold must not hide the others."""
    found: list[Any] = []
    for value in column:
        try:
            found.append(value.as_py())
        except (ValueError, ArithmeticError, LookupError):
            found.append("\0")
    return found


READINGS: dict[str, Callable[[Contract, bytes], Iterator[Found]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "parquet": _parquet,
}


def typed_row(contract: Contract, cells: dict[str, Any]) -> dict[str, Any] | None:
    """The row's values by our names and types, or None where a cell breaks its column's promise."""
    row = {}
    for name, column in contract.columns.items():
        found = cells.get(column.source_name)
        value = None if found is None or found in ("", *column.null_values) else _typed(column, found)
        if value is BROKEN or (value is None and column.required):
            return None
        row[name] = value
    return row


BROKEN: Any = object()


def _typed(column: Column, found: Any) -> Any:
    """One given cell in the column's type; BROKEN where it is not of it or breaks a limit."""
    if isinstance(found, bool):
        found = "true" if found else "false"
    elif isinstance(found, datetime):
        found = (found.astimezone(UTC) if found.tzinfo else found).isoformat()
    elif isinstance(found, float) and abs(found) >= 1e15:
        return BROKEN  # of such a one not all digits were kept
    elif isinstance(found, (int, float, Decimal, date)):
        found = str(found)
    if not isinstance(found, str) or NOT_STORABLE.search(found):
        return BROKEN
    if column.type == "string":
        is_kept = not column.pattern or matches(column.pattern, found)
        return (
            found
            if is_kept and len(found) <= column.max_length and found in (column.enum or [found])
            else BROKEN
        )
    try:
        value = TYPES[column.type](column, found)
    except (ValueError, OverflowError, KeyError):
        return BROKEN
    low, high = column.minimum, column.maximum
    return BROKEN if (low is not None and value < low) or (high is not None and value > high) else value


def _whole(_: Column, text: str) -> int:
    whole = int(text.partition(".")[0]) if re.fullmatch(INTEGER, text) else 2**63
    if not -(2**63) <= whole < 2**63:
        raise ValueError(text)
    return whole


def _number(_: Column, text: str) -> float:
    if not re.fullmatch(DECIMAL, text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def _day(column: Column, text: str) -> date:
    if not column.formats:
        if not re.fullmatch(f"{DAY}({MIDNIGHT})?", text):
            raise ValueError(text)
        text = text[:10]
    for shape in column.formats or ["%Y-%m-%d"]:
        try:
            return _likely(datetime.strptime(text, shape)).date()
        except ValueError:
            continue
    raise ValueError(text)


def _moment(_: Column, text: str) -> datetime:
    if not re.fullmatch(MOMENT, text):
        raise ValueError(text)
    return _likely(datetime.fromisoformat(text).astimezone(UTC))


def _likely(moment: datetime) -> datetime:
    if not 1900 <= moment.year <= 2199:
        raise ValueError(moment)
    return moment


TYPES: dict[str, Callable[[Column, str], Any]] = {
    "integer": _whole,
    "decimal": _number,
    "boolean": lambda _, text: TRUTH[text.lower()],
    "date": _day,
    "timestamp": _moment,
}
