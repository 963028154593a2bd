"""Good rows from bad ones, by the contract alone: typed rows go on, every other row is kept with its reason.

Nothing is dropped and nothing is repaired: rows that came in = rows that go on + rows that are rejected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.contract.model import Contract
from data.contract.rules import Rule, Verdict, verdict_of
from data.contract.schema import arrow_schema
from data.errors import FileRefused
from data.records import Block, Problem, Record, is_text, shortened

#: Written beside every row: which way of reading made it.
LOADER_VERSION = "1"
BATCH_ROWS = 125_000
#: Fewer rows are judged together where their text comes to this (bytes): judging takes several times its memory, and
#: as many are read meanwhile.
BATCH_BYTES = 16 * 1024 * 1024
#: The engine works on some thousand rows at once, on no more than one stretch of them: long rows come in short ones.
STRETCH_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused row: the first broken rule, all of them in `message`, and the row as it came."""

    row_number: int
    column: str | None
    rule: str
    message: str
    raw: str
    values: dict[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """One file (or one corrected row) judged. `extra_columns` are names that were ignored, for the report."""

    rows: pa.Table
    rejected: list[Rejection]
    row_count: int
    extra_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """One file to be judged: its rows as its reader gives them, its hash, and two instants (UTC).

    `clock` is the tenant's feed time when the file came, `stamp` the one in the file's name.
    """

    records: Iterable[Record | Block]
    file_sha256: str
    clock: datetime
    stamp: datetime | None = None


def split(
    contract: Contract,
    records: Iterable[Record | Block],
    tenant_id: str,
    file_sha256: str,
    clock: datetime,
    stamp: datetime | None = None,
) -> Split:
    """Judge every record of one file; `clock` and `stamp` are those of `Arrived`.

    Propagates FileRefused from the reader; then nothing of the file has been accepted.
    """
    found = split_files(contract, [Arrived(records, file_sha256, clock, stamp)], tenant_id)[file_sha256]
    if isinstance(found, FileRefused):
        raise found
    return found


def split_files(
    contract: Contract, files: Sequence[Arrived], tenant_id: str
) -> dict[str, Split | FileRefused]:
    """Judge several files of one feed together, which costs little more than judging one.

    Returns each file's split, or why it cannot be read at all, by its hash. Memory is that of the rows of
    all the files, so give it a batch, not a history.
    """
    if any(at is not None and at.tzinfo is None for file in files for at in (file.clock, file.stamp)):
        raise ValueError("clock and stamp must carry a time zone")
    verdict = verdict_of(contract)
    tally = {file.file_sha256: _Tally() for file in files}
    with _engine().cursor() as engine:
        engine.execute("set TimeZone = 'UTC'")
        for batch in _read_ahead(_batches(_stretches(contract, files, tally))):
            _judge(engine, verdict, batch, tally)
    return {sha256: done.split(contract, tenant_id, sha256) for sha256, done in tally.items()}


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One engine for all files of this process; each is judged in a connection of its own."""
    return duckdb.connect(":memory:")


@dataclass(slots=True)
class _Tally:
    """What has become of one file's rows so far."""

    tables: list[pa.Table] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    extras: dict[str, None] = field(default_factory=dict)
    row_count: int = 0
    refused: FileRefused | None = None

    def split(self, contract: Contract, tenant_id: str, file_sha256: str) -> Split | FileRefused:
        if self.refused is not None:
            return self.refused
        empty = arrow_schema(contract).empty_table()
        lined = [_with_lineage(contract, table, tenant_id, file_sha256) for table in self.tables]
        rows = pa.concat_tables(lined) if lined else empty
        return Split(rows, self.rejected, self.row_count, tuple(self.extras))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Some rows of one file: cells as text by position, row numbers, and each row in its own words."""

    file: Arrived
    cells: pa.Table  # c0, c1, ... in the contract's order
    numbers: pa.Array
    unread: Sequence[int]  # which of them could not be read as rows
    records: Callable[[Sequence[int]], Iterable[Record]]
    extras: Iterable[str]

    def __len__(self) -> int:
        return int(self.cells.num_rows)


def _stretches(contract: Contract, files: Sequence[Arrived], tally: dict[str, _Tally]) -> Iterator[_Stretch]:
    """Every row, in order; a file that cannot be read ends there and is marked refused."""
    for file in files:
        waiting: list[Record] = []
        characters = 0
        try:
            for item in file.records:
                if isinstance(item, Block):
                    yield from _few(contract, file, waiting)
                    yield _block(contract, file, item)
                    waiting, characters = [], 0
                else:
                    waiting.append(item)
                    characters += sum(len(value) for value in item.values.values() if isinstance(value, str))
                    if len(waiting) == BATCH_ROWS or characters > STRETCH_CHARACTERS:
                        yield from _few(contract, file, waiting)
                        waiting, characters = [], 0
        except FileRefused as refused:
            tally[file.file_sha256].refused = refused
        yield from _few(contract, file, waiting)


def _few(contract: Contract, file: Arrived, records: Sequence[Record]) -> Iterator[_Stretch]:
    if not records:
        return
    # Cells of a row that is already lost are not looked at: they may belong to the wrong columns.
    given = [{} if record.problem else record.values for record in records]
    cells = {
        f"c{index}": pa.array([values.get(name) for values in given], pa.string())
        for index, name in enumerate(contract.columns)
    }
    yield _Stretch(
        file,
        pa.table(cells),
        pa.array([record.row_number for record in records], pa.int64()),
        [index for index, record in enumerate(records) if record.problem],
        lambda indices: (records[index] for index in indices),
        dict.fromkeys(name for record in records for name in record.extras),
    )


def _block(contract: Contract, file: Arrived, block: Block) -> _Stretch:
    given, nothing = set(block.cells.column_names), pa.nulls(len(block), pa.string())
    cells = {
        f"c{index}": block.cells.column(name) if name in given else nothing
        for index, name in enumerate(contract.columns)
    }
    numbers = pa.array(np.arange(block.first_row, block.first_row + len(block)))
    return _Stretch(file, pa.table(cells), numbers, (), block.records, block.extras)


def correct(
    contract: Contract,
    values: Mapping[str, str | None],
    *,
    tenant_id: str,
    file_sha256: str,
    row_number: int,
    clock: datetime,
    stamp: datetime | None = None,
    doubt: Problem | None = None,
) -> Split:
    """Judge one quarantined row again with its corrected cells, under the same file and row number.

    `values` are cells as text by our column names; a name the contract does not know rejects the row, and so does a
    `doubt` whether they are the row's own (see `doubt.unsettled`).
    """
    raw = shortened(json.dumps(dict(values), ensure_ascii=False, default=str))
    # A misspelt name is told once; kept, it would refuse every later correction too.
    known = {name: value for name, value in values.items() if name in contract.columns}
    record = Record(row_number, row_number, raw, known, doubt or _correction_problem(contract, values))
    return split(contract, [record], tenant_id, file_sha256, clock, stamp)


def _plain_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _correction_problem(contract: Contract, values: Mapping[str, Any]) -> Problem | None:
    for name, value in values.items():
        if name not in contract.columns:
            return Problem("extra_columns", f"{shortened(str(name), 60)!r} is not a column of this feed.")
        if value is not None and not isinstance(value, str):
            return Problem("type", f"{name} must be given as text.", name)
        if value and not is_text(value):
            return Problem("encoding", f"{name} holds a character that is not text.", name)
    return None


def _batches(stretches: Iterable[_Stretch]) -> Iterator[list[_Stretch]]:
    batch: list[_Stretch] = []
    rows = size = 0
    for stretch in stretches:
        rows, size = rows + len(stretch), size + stretch.cells.nbytes
        if batch and (rows > BATCH_ROWS or size > BATCH_BYTES):
            yield batch
            batch, rows, size = [], len(stretch), stretch.cells.nbytes
        batch.append(stretch)
    if batch:
        yield batch


def _read_ahead(batches: Iterator[list[_Stretch]]) -> Iterator[list[_Stretch]]:
    """Read the next batch while one is judged: reading is mostly one thread's work, and the engine's is not."""
    with ThreadPoolExecutor(1, "reading") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _judge(
    engine: duckdb.DuckDBPyConnection,
    verdict: Verdict,
    batch: list[_Stretch],
    tally: dict[str, _Tally],
) -> None:
    """Type one batch and add its good rows (with _row_number) and its rejections to each file's tally."""
    engine.register("records", _as_text_table(batch))
    # Into a table, because that is done by every processor; a result is fetched by one.
    engine.execute(f"create or replace temp table judged as {verdict.sql}", verdict.parameters)
    judged = _in_order(engine.execute("from judged").to_arrow_table())
    engine.unregister("records")
    row_numbers = pa.concat_arrays([stretch.numbers for stretch in batch])
    table = judged.drop_columns(["_number"]).append_column("_row_number", row_numbers)
    start = 0
    for stretch in batch:
        _count(tally[stretch.file.file_sha256], stretch, table.slice(start, len(stretch)), verdict)
        start += len(stretch)


def _in_order(judged: pa.Table) -> pa.Table:
    """Rows in the order they were given in: the engine keeps it where it can, and sorting costs more than looking."""
    numbers = judged.column("_number").to_numpy()
    return judged if (numbers[1:] > numbers[:-1]).all() else judged.sort_by("_number")


def _count(own: _Tally, stretch: _Stretch, judged: pa.Table, verdict: Verdict) -> None:
    broken = judged.column("_broken").combine_chunks()
    is_good = broken.is_null().to_numpy(zero_copy_only=False)
    is_good[list(stretch.unread)] = False
    own.row_count += len(stretch)
    own.extras.update(dict.fromkeys(stretch.extras))
    own.tables.append(judged.drop_columns(["_broken"]).filter(pa.array(is_good)))
    refused = (~is_good).nonzero()[0].tolist()
    numbers = broken.take(pa.array(refused, pa.int64())).to_pylist()
    own.rejected.extend(
        _rejection(record, [verdict.rules[number] for number in broken_by or ()])
        for record, broken_by in zip(stretch.records(refused), numbers, strict=True)
    )


def _as_text_table(batch: list[_Stretch]) -> pa.Table:
    cells = pa.concat_tables([stretch.cells for stretch in batch])
    instants = {
        "stamp": pa.concat_arrays([_instants(stretch.file.stamp, len(stretch)) for stretch in batch]),
        "clock": pa.concat_arrays([_instants(stretch.file.clock, len(stretch)) for stretch in batch]),
    }
    numbered = cells.append_column("n", pa.array(np.arange(len(cells))))
    for name, values in instants.items():
        numbered = numbered.append_column(name, values)
    return numbered


def _instants(moment: datetime | None, count: int) -> pa.Array:
    plain = _plain_utc(moment) if moment else None
    return pa.repeat(pa.scalar(plain, pa.timestamp("us")), count)


def _rejection(record: Record, broken: list[Rule]) -> Rejection:
    if record.problem:
        found = record.problem
        values = dict(record.values) if record.values else None
        return Rejection(record.row_number, found.column, found.rule, found.message, record.raw_text, values)
    message = " ".join(rule.message(record.values.get(rule.column)) for rule in broken)
    first = broken[0]
    return Rejection(
        record.row_number, first.column, first.name, message, record.raw_text, dict(record.values)
    )


def _with_lineage(contract: Contract, table: pa.Table, tenant_id: str, file_sha256: str) -> pa.Table:
    for name, value in (
        ("_tenant_id", tenant_id),
        ("_file_sha256", file_sha256),
        ("_loader_version", LOADER_VERSION),
    ):
        table = table.append_column(name, pc.cast(pa.repeat(pa.scalar(value), len(table)), pa.string()))
    schema = arrow_schema(contract)
    return table.select(schema.names).cast(schema)
