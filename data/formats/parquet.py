"""Parquet: typed cells back to text, so that the same rules judge every format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_columns, check_row_count, check_size
from data.formats.lines import size_of
from data.records import Problem, Record, shortened

BATCH_ROWS = 10_000


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a Parquet file in order; FileRefused where it is damaged, too large or shaped otherwise."""
    check_size(contract, size_of(source))
    try:
        with pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
            _check_shape(contract, file)
            yield from _records(contract, file)
    except (pa.ArrowException, OSError) as error:
        raise FileRefused(
            contract.feed,
            "parquet",
            f"it is not a readable Parquet file ({shortened(str(error).splitlines()[0], 160)}).",
            "Ask the producer to send it again.",
        ) from error


def _check_shape(contract: Contract, file: pq.ParquetFile) -> None:
    check_columns(contract, file.schema_arrow.names)
    check_row_count(contract, file.metadata.num_rows)
    groups = range(file.metadata.num_row_groups)
    # A small file may unpack into a huge one.
    check_size(contract, sum(file.metadata.row_group(group).total_byte_size for group in groups))


def _records(contract: Contract, file: pq.ParquetFile) -> Iterator[Record]:
    known = contract.by_source_name
    extras = tuple(name for name in file.schema_arrow.names if name not in known)
    row_number = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        for row in batch.to_pylist():
            row_number += 1
            yield _record(known, extras, row_number, row)


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
    if isinstance(value, (int, float, Decimal, date)):
        return str(value), None
    return None, f"holds a {type(value).__name__} where one plain value is expected"
