"""Good rows from bad ones, by the contract alone: typed rows go on, every other row is kept with its reason.

Nothing is dropped and nothing is repaired: rows that came in = rows that go on + rows that are rejected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from data.contract.model import Contract
from data.contract.rules import Rule, Verdict, verdict_of
from data.contract.schema import arrow_schema
from data.errors import FileRefused
from data.records import Problem, Record, is_text, shortened

#: Written beside every row: which way of reading made it.
LOADER_VERSION = "1"
BATCH_ROWS = 20_000


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
    """One file to be judged: its records as its reader gives them, its hash, the stamp in its name (UTC)."""

    records: Iterable[Record]
    file_sha256: str
    stamp: datetime | None = None


def split(
    contract: Contract,
    records: Iterable[Record],
    tenant_id: str,
    file_sha256: str,
    clock_as_of: datetime,
    stamp: datetime | None = None,
) -> Split:
    """Judge every record; `clock_as_of` is the tenant's feed time (UTC), `stamp` the one in the file's name.

    Propagates FileRefused from the reader; then nothing of the file has been accepted.
    """
    found = split_files(contract, [Arrived(records, file_sha256, stamp)], tenant_id, clock_as_of)[file_sha256]
    if isinstance(found, FileRefused):
        raise found
    return found


def split_files(
    contract: Contract, files: Sequence[Arrived], tenant_id: str, clock_as_of: datetime
) -> dict[str, Split | FileRefused]:
    """Judge several files of one feed together, which costs little more than judging one.

    Returns each file's split, or why it cannot be read at all, by its hash. Memory is that of the rows of
    all the files, so give it a batch, not a history.
    """
    if clock_as_of.tzinfo is None or any(file.stamp and file.stamp.tzinfo is None for file in files):
        raise ValueError("clock_as_of and stamp must carry a time zone")
    verdict = verdict_of(contract)
    parameters = verdict.parameters | {"clock": _plain_utc(clock_as_of)}
    tally = {file.file_sha256: _Tally() for file in files}
    with duckdb.connect(":memory:") as engine:
        engine.execute("set TimeZone = 'UTC'")
        for batch in _batches(_tagged(files, tally)):
            _judge(engine, contract, verdict, parameters, batch, tally)
    return {sha256: done.split(contract, tenant_id, sha256) for sha256, done in tally.items()}


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


def _tagged(files: Sequence[Arrived], tally: dict[str, _Tally]) -> Iterator[tuple[Arrived, Record]]:
    """Every record beside its file; a file that cannot be read ends there and is marked refused."""
    for file in files:
        try:
            for record in file.records:
                yield file, record
        except FileRefused as refused:
            tally[file.file_sha256].refused = refused


def correct(
    contract: Contract,
    values: Mapping[str, str | None],
    *,
    tenant_id: str,
    file_sha256: str,
    row_number: int,
    clock_as_of: datetime,
    stamp: datetime | None = None,
) -> Split:
    """Judge one quarantined row again with its corrected cells, under the same file and row number.

    `values` are cells as text by our column names; a name the contract does not know rejects the row.
    """
    raw = shortened(json.dumps(dict(values), ensure_ascii=False, default=str))
    record = Record(row_number, row_number, raw, dict(values), _correction_problem(contract, values))
    return split(contract, [record], tenant_id, file_sha256, clock_as_of, stamp)


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


def _batches(records: Iterable[tuple[Arrived, Record]]) -> Iterator[list[tuple[Arrived, Record]]]:
    source = iter(records)
    while batch := list(islice(source, BATCH_ROWS)):
        yield batch


def _judge(
    engine: duckdb.DuckDBPyConnection,
    contract: Contract,
    verdict: Verdict,
    parameters: dict[str, Any],
    batch: list[tuple[Arrived, Record]],
    tally: dict[str, _Tally],
) -> None:
    """Type one batch and add its good rows (with _row_number) and its rejections to each file's tally."""
    engine.register("records", _as_text_table(contract, batch))
    judged = engine.execute(verdict.sql, parameters).to_arrow_table()
    engine.unregister("records")
    broken = judged.column("broken").to_pylist()
    row_numbers = pa.array([record.row_number for _, record in batch], pa.int64())
    table = judged.drop_columns(["n", "broken"]).append_column("_row_number", row_numbers)
    start = 0
    for file, group in groupby(batch, key=lambda pair: pair[0]):
        records = [record for _, record in group]
        end, own = start + len(records), tally[file.file_sha256]
        _count(own, records, broken[start:end], table.slice(start, len(records)), verdict)
        start = end


def _count(
    own: _Tally, records: list[Record], broken: list[list[int]], table: pa.Table, verdict: Verdict
) -> None:
    is_good = [
        record.problem is None and not numbers for record, numbers in zip(records, broken, strict=True)
    ]
    own.row_count += len(records)
    own.extras.update(dict.fromkeys(name for record in records for name in record.extras))
    own.tables.append(table.filter(pa.array(is_good, pa.bool_())))
    own.rejected.extend(
        _rejection(record, [verdict.rules[number] for number in numbers])
        for record, numbers, good in zip(records, broken, is_good, strict=True)
        if not good
    )


def _as_text_table(contract: Contract, batch: list[tuple[Arrived, Record]]) -> pa.Table:
    # Cells of a row that is already lost are not looked at: they may belong to the wrong columns.
    cells = [{} if record.problem else record.values for _, record in batch]
    columns = {
        f"c{index}": pa.array([values.get(name) for values in cells], pa.string())
        for index, name in enumerate(contract.columns)
    }
    stamps = [_plain_utc(file.stamp) if file.stamp else None for file, _ in batch]
    numbers = pa.array(range(len(batch)), pa.int64())
    return pa.table({"n": numbers, "stamp": pa.array(stamps, pa.timestamp("us")), **columns})


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
