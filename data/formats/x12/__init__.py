"""ASC X12 interchanges to rows: the envelope, then one module a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from data.contract.model import Contract
from data.formats.limits import check_row_count
from data.formats.messages import record_of
from data.formats.x12 import freightbill, invoice, receipt, shipnotice, status, tender, warehouse
from data.formats.x12.envelope import TransactionSet, sets_of
from data.formats.x12.rows import Broken, Row
from data.records import Problem, Record

MESSAGES: dict[str, Callable[[TransactionSet], Iterator[Row]]] = {
    "204": tender.stops_of,
    "210": freightbill.rows_of,
    "214": status.rows_of,
    "810": invoice.rows_of,
    "856": shipnotice.rows_of,
    "940": warehouse.order_lines_of,
    "945": warehouse.advice_lines_of,
    "990": tender.response_of,
    "997": receipt.rows_of,
}


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Rows of the contract's message in an interchange file, in order.

    A set that is of another message, faulty or empty is one row with a problem; FileRefused where the file
    is no X12 or an interchange is incomplete, miscounted or a test.
    """
    row_number = 0
    for found in sets_of(contract, source):
        for record in _records(contract, found, row_number):
            row_number = record.row_number
            check_row_count(contract, row_number)
            yield record


def _records(contract: Contract, found: TransactionSet, row_number: int) -> Iterator[Record]:
    problem = _problem(contract, found)
    rows = [] if problem else list(MESSAGES[contract.message or ""](found))
    if not rows:
        problem = problem or Problem("message", f"The {found.kind} at {found.segments[0].name} says nothing.")
        yield record_of(contract, row_number + 1, found.segments[0].number, found.text, {}, problem)
    for number, row in enumerate(rows, start=row_number + 1):
        yield _record(contract, found, row, number)


def _record(contract: Contract, found: TransactionSet, row: Row, row_number: int) -> Record:
    cells: dict[str, str | None] = {}
    problem = None
    try:
        row.fill(cells)
    except Broken as error:
        problem = Problem("segment", str(error), error.column)
    raw = found.interchange.written(row.segment)
    return record_of(contract, row_number, row.segment.number, raw, cells, problem)


def _problem(contract: Contract, found: TransactionSet) -> Problem | None:
    """Why a whole set cannot be read, if so."""
    if found.kind != contract.message:
        told = (
            f"{found.segments[0].name} begins a {found.kind or 'message without a name'}, and this feed takes"
        )
        return Problem("message", f"{told[0].upper()}{told[1:]} {contract.message}.")
    if found.faults:
        fault = found.faults[0]
        return Problem("envelope", f"Segment {fault.number}: {fault.message}.")
    return None
