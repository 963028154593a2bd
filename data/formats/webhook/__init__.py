"""What carriers and visibility providers post, to the canonical event: one module a provider.

Codes stay as sent, beside a list named for the provider; an estimate is a row of its own. Where a provider
numbers its events that number is the identity, else the content is, so an event that is posted again is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from data.contract.model import Contract
from data.formats.limits import check_row_count
from data.formats.messages import Cells, record_of
from data.formats.webhook import aftership, fedex, flexport, project44, ship24, terminal49
from data.formats.webhook.bodies import Body, bodies_of
from data.formats.webhook.payload import Broken, Reading, Value, guarded
from data.records import Problem, Record

PROVIDERS: dict[str, Callable[[Value], Iterator[Reading]]] = {
    "aftership": aftership.events_of,
    "fedex": fedex.events_of,
    "flexport": flexport.events_of,
    "project44": project44.events_of,
    "ship24": ship24.events_of,
    "terminal49": terminal49.events_of,
}


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """One row for each event of each body, in order; the contract's `message` names the provider.

    A body whose documented list of events is there and empty gives no row. What cannot be read is a row with a
    problem that names its path. Raises FileRefused where the file is neither a body nor lines of bodies.
    """
    row_number = 0
    for body in bodies_of(contract, source):
        for record in _records(contract, body, row_number):
            row_number = record.row_number
            check_row_count(contract, row_number)
            yield record


def _records(contract: Contract, body: Body, before: int) -> Iterator[Record]:
    if body.problem:
        yield record_of(contract, before + 1, body.line_number, body.text, {}, body.problem)
        return
    readings = guarded(Value("$", body.found), PROVIDERS[contract.message or ""])
    for row_number, reading in enumerate(readings, start=before + 1):
        yield _record(contract, body, reading, row_number)


def _record(contract: Contract, body: Body, reading: Reading, row_number: int) -> Record:
    cells: Cells = {}
    problem = None
    try:
        cells = {**reading.cells(), "position": f"{body.where}{reading.value.path}"}
    except Broken as error:
        problem = Problem(error.rule, f"{body.where.capitalize()}{error}")
    raw = json.dumps(reading.value.found, ensure_ascii=False)
    return record_of(contract, row_number, body.line_number, raw, cells, problem)
