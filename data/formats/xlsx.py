"""Excel workbooks: one sheet of plain values under one row of headings.

The workbook is measured and packed anew before it is opened (see `workbook`), days and times come as ISO text
without a zone, and what a person sees but a program cannot read is told instead of read as empty: error
cells, formulas that were never computed, merged cells, sheets that are hidden.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats import numbers
from data.formats.limits import check_columns, check_row_count, check_size
from data.formats.lines import open_bytes, size_of
from data.formats.workbook import Part, repack
from data.records import Problem, Record, is_text, shortened

#: What Excel itself allows in a cell (characters).
MAX_CELL_CHARACTERS = 32_767
ADVICE = "Ask the producer to send it again, or as CSV."


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of one sheet in order; FileRefused where the workbook is damaged, too large or shaped otherwise.

    `contract.sheet` names the sheet, else it is the only visible one; `contract.header_row` counts from 1.
    Rows whose every cell is empty are not rows.
    """
    check_size(contract, size_of(source))
    with open_bytes(source) as stream, NamedTemporaryFile(suffix=".xlsx") as packed:
        parts = repack(contract, stream, packed)
        packed.flush()
        try:
            with CalamineWorkbook.from_path(packed.name) as workbook:
                name = _sheet_name(contract, workbook)
                part = parts.sheet(name)
                sheet = workbook.get_sheet_by_name(name)
        except (CalamineError, ValueError, KeyError) as error:
            raise _unreadable(contract, error) from error
    yield from _records(contract, sheet, part)


def _unreadable(contract: Contract, error: Exception) -> FileRefused:
    reason = shortened(" ".join(str(error).split()), 160)
    return FileRefused(contract.feed, "xlsx", f"it is not a readable Excel workbook ({reason}).", ADVICE)


def _sheet_name(contract: Contract, workbook: CalamineWorkbook) -> str:
    """The sheet to read: the one named, else the only one a person would see."""
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    if contract.sheet is not None:
        if contract.sheet in [sheet.name for sheet in sheets]:
            return contract.sheet
        problem = f"it has no sheet {contract.sheet!r}; its visible sheets are {_listed(visible)}."
        raise FileRefused(contract.feed, "sheet", problem, "Ask for the agreed sheet, or name another.")
    if len(visible) != 1:
        problem = f"it has {len(visible)} visible sheets ({_listed(visible)}), and only one can be read."
        raise FileRefused(contract.feed, "sheet", problem, "Name the sheet in the mapping or the contract.")
    return visible[0]


def _listed(names: list[str]) -> str:
    return ", ".join(repr(shortened(name, 40)) for name in names[:10]) or "none"


def _records(contract: Contract, sheet: CalamineSheet, part: Part) -> Iterator[Record]:
    rows: Iterator[tuple[int, list[Any]]] = iter(enumerate(sheet.iter_rows(), start=1))
    names = _headings(contract, rows, part, merged := _Merged(sheet))
    known = contract.by_source_name
    extras = tuple(name for name in names if name and name not in known)
    first = sheet.start[1] + 1 if sheet.start else 1
    unused = {at for at, name in enumerate(names, start=first) if name and name not in known}
    row_number = 0
    for line_number, cells in chain(rows, _below(sheet, part, len(names))):
        if all(cell == "" for cell in cells) and line_number not in part.unread:
            continue
        row_number += 1
        check_row_count(contract, row_number)
        problem = merged.problem(line_number) or part.problem(line_number, unused)
        yield _record(known, names, extras, (row_number, line_number), cells, problem)


def _last_row(sheet: CalamineSheet) -> int:
    return sheet.end[0] + 1 if sheet.end else 0


def _below(sheet: CalamineSheet, part: Part, width: int) -> Iterator[tuple[int, list[Any]]]:
    """Rows under everything the library reads that hold only formulas without a value."""
    return ((number, [""] * width) for number in sorted(part.unread) if number > _last_row(sheet))


def _headings(
    contract: Contract, rows: Iterator[tuple[int, list[Any]]], part: Part, merged: _Merged
) -> list[str]:
    """The headings, "" over a column without one."""
    cells = next((cells for number, cells in rows if number == contract.header_row), None)
    if cells is None or all(cell == "" for cell in cells):
        problem = f"row {contract.header_row} of the sheet, where its headings should be, is empty."
        raise FileRefused(
            contract.feed, "empty", problem, "Ask for the file again, or name another header_row."
        )
    if problem_found := merged.problem(contract.header_row) or part.problem(contract.header_row):
        problem = f"its headings cannot be read. {problem_found.message}"
        raise FileRefused(contract.feed, problem_found.rule, problem, ADVICE)
    names = [" ".join((_cell(cell)[0] or "").split()) for cell in cells]
    check_columns(contract, [name for name in names if name])
    return names


def _record(
    known: dict[str, str],
    names: list[str],
    extras: tuple[str, ...],
    numbers: tuple[int, int],
    cells: list[Any],
    problem: Problem | None,
) -> Record:
    row_number, line_number = numbers
    values: dict[str, str | None] = {}
    shown: dict[str, str | None] = {}
    for position, (heading, cell) in enumerate(zip(names, cells, strict=True), start=1):
        text, fault = _cell(cell)
        shown[heading or f"column {position}"] = text
        if not heading and cell != "" and problem is None:
            problem = Problem(
                "cells", f"Row {line_number} has a cell without a heading: {shortened(str(cell), 60)!r}."
            )
        if (name := known.get(heading)) is None:
            continue
        values[name] = text
        if fault and problem is None:
            problem = Problem(fault[0], f"Row {line_number}: {shortened(heading, 60)} {fault[1]}.", name)
    raw = shortened(json.dumps(shown, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
    return Record(row_number, line_number, raw, values, problem, extras)


def _cell(value: Any) -> tuple[str | None, tuple[str, str] | None]:
    """The value as the text a person would have typed, and what is wrong with it."""
    if isinstance(value, str):
        if len(value) > MAX_CELL_CHARACTERS:
            return None, ("max_length", f"holds more than {MAX_CELL_CHARACTERS:,} characters")
        if not is_text(value):
            return None, ("encoding", "holds a character that is not text")
        return value or None, None
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    if isinstance(value, (int, float)):
        text, fault = numbers.text_of(float(value))
        return text, ("type", fault) if fault else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(), None
    if isinstance(value, timedelta):
        return str(value), None
    return None, ("type", f"holds a {type(value).__name__} where one plain value is expected")


class _Merged:
    """Which rows have merged cells, however many ranges a workbook claims."""

    def __init__(self, sheet: CalamineSheet) -> None:
        ranges = sheet.merged_cell_ranges or []
        height = _last_row(sheet)
        self._rows: set[int] = set()
        covered = 0
        # Sorted, so that overlapping ranges cost no more than the sheet has rows.
        for (first, _), (last, _) in sorted(ranges):
            start, end = max(first, covered), min(last + 1, height)
            self._rows.update(range(start + 1, end + 1))
            covered = max(covered, end)

    def problem(self, line_number: int) -> Problem | None:
        """Why the row cannot be read, if it is."""
        if line_number not in self._rows:
            return None
        words = f"Row {line_number} has merged cells, so it cannot be told to which columns they belong."
        return Problem("merged", words)
