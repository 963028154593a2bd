"""Comma-separated values, strictly as the contract says; nothing about the file is guessed.

A row that cannot be read is a record with a problem, never a silent repair. Where an opening quote has no
end, only its first line is set aside and reading goes on with the next, so one stray quote costs one row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats import plain
from data.formats.limits import check_columns, check_row_count, check_size
from data.formats.lines import (
    CHUNK_BYTES,
    UTF8_BOM,
    Line,
    PushbackLines,
    Readable,
    RowTooLong,
    lines_of,
    open_bytes,
    size_of,
)
from data.formats.plain import Names
from data.formats.utf16 import Utf16
from data.records import Block, Problem, Record, one_by_one, sentence, shortened


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a CSV file in order; FileRefused where its headings or size break the contract."""
    return one_by_one(read_in_blocks(contract, source))


def read_in_blocks(contract: Contract, source: Path | bytes) -> Iterator[Record | Block]:
    """The same rows, by the thousand where the file is plain (`plain` says what that is), else row by row."""
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        _check_encoding(contract, stream)
        pieces, encoding = (
            _Pieces(_as_bytes_of_text(contract, stream), contract.header_row),
            _encoding(contract),
        )
        slow = rows_of(islice(lines_of(pieces, encoding), contract.header_row - 1, None), contract.delimiter)
        names, last_line = _heading(contract, slow)
        row_number = 0
        while True:
            # Where the headings go on beyond their line, so does the reader that goes row by row.
            for cells, lines, problem in slow if last_line < pieces.line_count else ():
                row_number, last_line = row_number + 1, lines[-1].number
                check_row_count(contract, row_number)
                yield _record(row_number, names, cells, lines, problem)
                if last_line == pieces.line_count:
                    break
            before, piece = pieces.line_count, pieces.read()
            if not piece:
                return
            first = (before + 1, row_number + 1)
            if block := plain.block_of(names, piece, encoding, contract.delimiter, first):
                row_number, last_line = row_number + len(block), pieces.line_count
                check_row_count(contract, row_number)
                yield block
            else:
                pieces.give_back(piece)
                slow, last_line = rows_of(lines_of(pieces, encoding, before + 1), contract.delimiter), -1


class _Pieces:
    """A file in stretches of whole lines (or what comes nearest), at first one by one until the headings."""

    def __init__(self, stream: Readable, header_row: int) -> None:
        self._stream, self._header_row = stream, header_row
        self._given_back: list[bytes] = []
        self._rest = b""
        self.line_count = 0  # of what was given so far; not less than it has

    def read(self, _size: int = -1) -> bytes:
        """The next stretch; nothing at the end of the file."""
        piece = self._given_back.pop() if self._given_back else self._next()
        self.line_count += _line_count(piece)
        return piece

    def give_back(self, piece: bytes) -> None:
        """Give the same stretch again next time."""
        self._given_back.append(piece)
        self.line_count -= _line_count(piece)

    def _next(self) -> bytes:
        is_alone = self.line_count < self._header_row
        found = self._rest
        if not (is_alone and b"\n" in found):
            found += self._stream.read(CHUNK_BYTES)
        end = (found.find(b"\n") if is_alone else found.rfind(b"\n")) + 1
        piece, self._rest = found[: end or len(found)], found[end or len(found) :]
        return piece


def _line_count(piece: bytes) -> int:
    lengths = plain.line_lengths(piece)
    return len(piece.splitlines()) if lengths is None else len(lengths)


def _as_bytes_of_text(contract: Contract, stream: BinaryIO) -> Readable:
    return Utf16(contract.feed, stream) if contract.encoding == "utf-16" else stream


def _check_encoding(contract: Contract, stream: BinaryIO) -> None:
    """Refuse a file that says of itself that it is in another encoding than was agreed."""
    mark, agreed = stream.read(len(UTF8_BOM)), contract.encoding
    stream.seek(0)
    if mark == UTF8_BOM and agreed != "utf-8":
        problem = f"it begins with the mark of UTF-8, and the encoding agreed on is {agreed}."
        raise FileRefused(contract.feed, "encoding", problem, "Ask for it as agreed, or agree on UTF-8.")


def _encoding(contract: Contract) -> str:
    return "utf-8" if contract.encoding == "utf-16" else contract.encoding


def rows_of(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[list[str], list[Line], Problem | None]]:
    """(cells, the lines they came from, what is wrong) for every row that is not blank."""
    source = PushbackLines(lines)
    parser = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(parser)
        except StopIteration:
            return
        except (csv.Error, RowTooLong) as error:
            taken = source.back_to_second_line()
            yield [], taken, _quote_problem(taken[0], error)
            continue
        taken = source.row_done()
        if cells:
            fault = next((line.fault for line in taken if line.fault), None)
            yield cells, taken, Problem("encoding", sentence(fault)) if fault else None


def _quote_problem(line: Line, error: Exception) -> Problem:
    reason = "a cell is quoted wrongly or its closing quote is missing"
    if isinstance(error, csv.Error) and "quote" not in str(error) and "expected" not in str(error):
        reason = f"it is not valid CSV ({error})"
    return Problem("csv", f"Line {line.number}: {reason}.")


def _heading(
    contract: Contract, rows: Iterator[tuple[list[str], list[Line], Problem | None]]
) -> tuple[Names, int]:
    first = next(rows, None)
    if first is None:
        beyond = f" from line {contract.header_row} on" if contract.header_row > 1 else ""
        words = f"it is empty{beyond}, without even a line of headings."
        raise FileRefused(contract.feed, "empty", words, "Ask for the file again.")
    cells, lines, problem = first
    if problem:
        raise FileRefused(
            contract.feed,
            problem.rule,
            f"its headings cannot be read. {problem.message}",
            "Ask for it again.",
        )
    found = [name.strip() for name in cells]
    check_columns(contract, [name for name in found if name])
    ours = tuple(contract.by_source_name.get(name) for name in found)
    extras = tuple(name for name, own in zip(found, ours, strict=True) if name and own is None)
    unnamed = tuple(at for at, name in enumerate(found) if not name)
    return Names(ours, extras, unnamed, contract.extra_columns == "refuse"), lines[-1].number


def _record(
    row_number: int, names: Names, cells: list[str], lines: list[Line], problem: Problem | None
) -> Record:
    raw = lines[0].text if len(lines) == 1 else "".join(line.text for line in lines)
    raw = shortened(raw.rstrip("\r\n"))
    if problem is None and len(cells) != len(names.ours):
        problem = Problem("cells", _cell_count(lines[0].number, len(cells), len(names.ours)))
    extras = names.extras
    if problem is None and (nameless := next((cells[at] for at in names.unnamed if cells[at].strip()), None)):
        extras = (*extras, "")
        if names.refuses_unnamed:
            words = f"Line {lines[0].number} has a cell without a heading: {shortened(nameless, 60)!r}."
            problem = Problem("cells", words)
    values: dict[str, str | None] = {
        name: cell for name, cell in zip(names.ours, cells, strict=False) if name is not None
    }
    return Record(row_number, lines[0].number, raw, values, problem, extras)


def _cell_count(line_number: int, found: int, expected: int) -> str:
    kind = "too few" if found < expected else "too many"
    return f"Line {line_number} has {kind} cells: {found} where the headings name {expected}."
