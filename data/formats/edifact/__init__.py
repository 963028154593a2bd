"""UN/EDIFACT interchanges (ISO 9735, syntax versions 1 to 4): IFTSTA and IFTMIN of directories D.95B to D.21B."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from data.contract.model import Contract
from data.errors import ContractBroken
from data.formats.edifact import instruction, status
from data.formats.edifact.envelope import Message, messages, opened
from data.formats.edifact.rows import Row
from data.formats.limits import check_row_count, check_size
from data.formats.lines import open_bytes, size_of
from data.formats.messages import record_of
from data.records import Record

#: How each type of message that can be read becomes rows; a contract's `message` names one.
MESSAGES: dict[str, Callable[[Message], Iterator[Row]]] = {"IFTMIN": instruction.rows, "IFTSTA": status.rows}


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of the messages of each interchange, in order; a record's line number is its segment's.

    FileRefused where the file is too large, or an interchange is not decodable, no EDIFACT, cut off, a test, or its
    envelope does not hold; then no row of it has been given. A message or a status that cannot be read is one problem.
    """
    if contract.message not in MESSAGES:
        known = " or ".join(MESSAGES)
        raise ContractBroken(f"{contract.source}/{contract.feed}.yml", f"message must be {known}")
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        found = opened(contract, stream.read(contract.max_bytes + 1))
    row_number = 0
    for message in messages(found, contract.message):
        for row in _rows(contract.message, message):
            row_number += 1
            check_row_count(contract, row_number)
            yield record_of(contract, row_number, row.number, row.raw_text, row.cells, row.problem)


def _rows(message_type: str, message: Message) -> Iterator[Row]:
    if message.problem:
        return iter([Row(message.number, message.raw_text, {}, message.problem)])
    return MESSAGES[message_type](message)
