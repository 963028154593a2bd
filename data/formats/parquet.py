"""Parquet: typed cells back to text, so that the same rules judge every format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats import numbers
from data.formats.limits import check_columns, check_row_count, check_size
from data.formats.lines import size_of
from data.records import Problem, Record, shortened

BATCH_ROWS = 10_000
TEXTS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a row for a value that Python cannot hold, and why."""

    reason: str

    def __str__(self) -> str:
        """As it is shown in the row's raw text."""
        return f"(unreadable: {self.reason})"


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a Parquet file in order; FileRefused where it is damaged, too large or shaped otherwise."""
    check_size(contract, size_of(source))
    try:
        with _opened(source) as whole:
            leaves = [whole.schema.column(number).path for number in range(len(whole.schema))]
        # Unpacked, a text that a small file repeats would fill the memory before it could be measured.
        with _opened(source, read_dictionary=leaves) as file:
            _check_shape(contract, file)
            yield from _records(contract, file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileRefused(
            contract.feed,
            "parquet",
            f"it is not a readable Parquet file ({_first_line(error)}).",
            "Ask the producer to send it again.",
        ) from error


def _opened(source: Path | bytes, **options: Any) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source, **options)


def _check_shape(contract: Contract, file: pq.ParquetFile) -> None:
    check_columns(contract, file.schema_arrow.names)
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    row_count = sum(group.num_rows for group in groups)
    check_row_count(contract, row_count)
    # A small file may unpack into a huge one, and values of one fixed length say at once how long they are.
    fixed = sum(file.schema.column(number).length or 0 for number in range(len(file.schema)))
    check_size(contract, max(sum(group.total_byte_size for group in groups), row_count * fixed))


def _records(contract: Contract, file: pq.ParquetFile) -> Iterator[Record]:
    known = contract.by_source_name
    extras = tuple(name for name in file.schema_arrow.names if name not in known)
    row_number = unpacked = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        unpacked += sum(_size(column) for column in batch.columns)
        check_size(contract, unpacked)
        for row in _rows(batch):
            row_number += 1
            yield _record(known, extras, row_number, row)


def _size(column: pa.Array) -> int:
    """Bytes of a column's values once each stands for itself."""
    kind = column.type
    if pa.types.is_map(kind):
        return _size(column.keys) + _size(column.items)
    if pa.types.is_nested(kind):
        parts = column.flatten()
        return sum(_size(part) for part in (parts if isinstance(parts, list) else [parts]))
    if pa.types.is_dictionary(kind) and kind.value_type in TEXTS:
        return int(pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0)
    return int(column.nbytes)


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch; a value that Python cannot hold costs its own row only."""
    try:
        return batch.to_pylist()
    except (ValueError, ArithmeticError, LookupError):
        columns = [[_held(value) for value in column] for column in batch.columns]
        return [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]


def _held(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, ArithmeticError, LookupError) as error:
        return Unreadable(_first_line(error))


def _first_line(error: Exception) -> str:
    return shortened(str(error).partition("\n")[0] or type(error).__name__, 160)


def _record(known: dict[str, str], extras: tuple[str, ...], row_number: int, row: dict[str, Any]) -> Record:
    raw = shortened(json.dumps(row, default=str, ensure_ascii=False))
    values: dict[str, str | None] = {}
    problem = None
    for key, value in row.items():
        if (name := known.get(key)) is None:
            continue
        values[name], fault = _cell(value)
        if fault and problem is None:
            problem = Problem("type", f"Row {row_number}: {shortened(key, 60)} {fault}.", name)
    return Record(row_number, row_number, raw, values, problem, extras)


def _cell(value: Any) -> tuple[str | None, str | None]:
    """The value as the text a person would have typed, and what is wrong with it."""
    if value is None:
        return None, None
    if isinstance(value, str):
        return (None, "holds a NUL character") if "\0" in value else (value, None)
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    if isinstance(value, datetime):
        # Without a zone the text stays without one, and the timestamp rule refuses it.
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(), None
    if isinstance(value, (float, Decimal)):
        return numbers.text_of(value)
    if isinstance(value, (int, date)):
        return str(value), None
    if isinstance(value, Unreadable):
        return None, f"holds a value that cannot be read ({value.reason})"
    return None, f"holds a {type(value).__name__} where one plain value is expected"
