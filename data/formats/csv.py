"""Comma-separated values, strictly as the contract says; nothing about the file is guessed.

A row that cannot be read is a record with a problem, never a silent repair. Where an opening quote has no
end, only its first line is set aside and reading goes on with the next, so one stray quote costs one row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_columns, check_row_count, check_size
from data.formats.lines import Line, PushbackLines, RowTooLong, lines_of, open_bytes, size_of
from data.formats.utf16 import Utf16
from data.records import Problem, Record, sentence, shortened


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a CSV file in order; FileRefused where its headings or size break the contract."""
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        rows = rows_of(_lines(contract, stream), contract.delimiter)
        heading = _heading(contract, rows)
        names = [contract.by_source_name.get(name) for name in heading]
        extras = tuple(name for name, ours in zip(heading, names, strict=True) if ours is None)
        for row_number, (cells, lines, problem) in enumerate(rows, start=1):
            check_row_count(contract, row_number)
            yield _record(row_number, names, extras, cells, lines, problem)


def _lines(contract: Contract, stream: BinaryIO) -> Iterator[Line]:
    if contract.encoding == "utf-16":
        return lines_of(Utf16(contract.feed, stream), "utf-8")
    return lines_of(stream, contract.encoding)


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


def _heading(contract: Contract, rows: Iterator[tuple[list[str], list[Line], Problem | None]]) -> list[str]:
    first = next(rows, None)
    if first is None:
        raise FileRefused(
            contract.feed, "empty", "it is empty, without even a line of headings.", "Ask for the file again."
        )
    cells, _, problem = first
    if problem:
        raise FileRefused(
            contract.feed,
            problem.rule,
            f"its headings cannot be read. {problem.message}",
            "Ask for it again.",
        )
    names = [name.strip() for name in cells]
    check_columns(contract, names)
    return names


def _record(
    row_number: int,
    names: list[str | None],
    extras: tuple[str, ...],
    cells: list[str],
    lines: list[Line],
    problem: Problem | None,
) -> Record:
    raw = lines[0].text if len(lines) == 1 else "".join(line.text for line in lines)
    raw = shortened(raw.rstrip("\r\n"))
    if problem is None and len(cells) != len(names):
        problem = Problem("cells", _cell_count(lines[0].number, len(cells), len(names)))
    values: dict[str, str | None] = {
        name: cell for name, cell in zip(names, cells, strict=False) if name is not None
    }
    return Record(row_number, lines[0].number, raw, values, problem, extras)


def _cell_count(line_number: int, found: int, expected: int) -> str:
    kind = "too few" if found < expected else "too many"
    return f"Line {line_number} has {kind} cells: {found} where the headings name {expected}."
