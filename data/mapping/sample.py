"""What a sample file shows of itself: its format, encoding, delimiter, headings and some of its cells.

Only what the bytes prove is taken as known; what they merely suggest is kept as a question for a person.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from data.contract.model import Column, Contract
from data.errors import FileRefused
from data.formats import read
from data.formats.document import lists_in
from data.formats.jsonl import parse_object
from data.formats.limits import check_unwrapped
from data.formats.strict_json import NotStrict
from data.mapping.model import TableFormat
from data.records import Record

#: As much of a sample is looked at (bytes of text formats, rows of any).
SAMPLE_BYTES = 4 * 1024 * 1024
SAMPLE_ROWS = 1_000
#: So many lines of titles above the headings of a CSV file are looked for.
TITLE_ROWS = 20
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass
class Sample:
    """A partner's file as far as it speaks for itself; `options` are a mapping's words for how it is written.

    `cells` are each heading's cells that are not blank, in order; `questions` are for a person.
    """

    format: TableFormat
    options: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, list[str]] = field(default_factory=dict)
    rows: int = 0
    questions: list[str] = field(default_factory=list)

    @property
    def headings(self) -> list[str]:
        """The partner's headings in order."""
        return list(self.cells)


def sample_of(
    path: Path, sheet: str | None = None, header_row: int | None = None, rows_at: str | None = None
) -> Sample:
    """The file looked at; FileRefused where it is no table that a mapping could read, or holds no rows.

    `sheet` is of a workbook: which one of several. `header_row` (from 1) is where the headings of a workbook or a
    CSV file are; without it titles above those of a CSV file are looked for, and asked about.
    `rows_at` is of a JSON document: where its list of rows is, such as `data.events`.
    """
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    if len(head) == SAMPLE_BYTES:
        head = head[: head.rfind(b"\n") + 1] or head
    found = _without_cells(path, head, rows_at, header_row)
    if found.format == "xlsx":
        found.options = {"sheet": sheet} if sheet else {}
        found.options |= {"header_row": header_row} if header_row else {}
    if found.options.get("header_row") == 1:
        del found.options["header_row"]
    source: Path | bytes = head if found.format in ("csv", "jsonl") else path
    headings = list(dict.fromkeys(name for row in _rows(found, source, []) for name in row.extras))
    if not headings:
        raise _refused("empty", "it holds no rows to learn from.", "Give a sample with some real rows.")
    found.cells = {heading: [] for heading in headings}
    for row in _rows(found, source, headings):
        found.rows += 1
        for number, heading in enumerate(headings):
            if text := (row.values.get(f"c{number}") or "").strip():
                found.cells[heading].append(text)
    return found


def _without_cells(path: Path, head: bytes, rows_at: str | None, header_row: int | None) -> Sample:
    if head.startswith(b"PK\x03\x04"):
        return Sample("xlsx")
    if head.startswith(b"PAR1"):
        return Sample("parquet")
    if head.startswith(OLD_EXCEL):
        problem = "it is an old Excel file (.xls) or one with a password."
        raise _refused("xlsx", problem, "Save it as .xlsx or CSV, without a password.")
    check_unwrapped("sample", head)
    encoding = _encoding_of(head)
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if not text:
        raise _refused("empty", "it is empty.", "Give a sample with some real rows.")
    if text.startswith(("{", "[")):
        return _json(path, text, rows_at)
    found = Sample("csv")
    if encoding != "utf-8":
        found.options["encoding"] = encoding
    if encoding == "cp1252":
        found.questions.append("It is not UTF-8, so it is taken for cp1252: look at its accented letters.")
    _delimit(found, head, header_row)
    return found


def _json(path: Path, text: str, rows_at: str | None) -> Sample:
    """JSON lines, where the first of several lines is an object of its own; else one document."""
    first, _, rest = text.partition("\n")
    is_one_line = not rest.strip()
    if rows_at is None and not is_one_line and _is_object(first):
        return Sample("jsonl")
    places = [rows_at] if rows_at else [] if text.startswith("[") else lists_in(path)
    if not places:
        return Sample("jsonl" if is_one_line and text.startswith("{") else "json")
    found = Sample("json", {"rows_at": places[0]})
    if len(places) > 1:
        found.questions.append(
            f"Which list holds the rows: {', '.join(places[:8])}? The longest is taken; --rows-at says another."
        )
    return found


def _is_object(text: str) -> bool:
    try:
        parse_object(text)
    except NotStrict:
        return False
    return True


def _encoding_of(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        problem = "it holds NULs: it is UTF-16 without its byte order mark, or no text."
        raise _refused("encoding", problem, "Ask for it as UTF-8.")
    for encoding in ("utf-8", "cp1252"):
        try:
            head.decode(encoding)
        except UnicodeDecodeError as error:
            # A character cut by the end of the sample is not the file's fault.
            if encoding == "utf-8" and error.start >= SAMPLE_BYTES - 4:
                return encoding
            continue
        return encoding
    raise _refused("encoding", "it is neither UTF-8 nor cp1252.", "Ask the producer which encoding it is in.")


def _delimit(found: Sample, head: bytes, header_row: int | None) -> None:
    """Find the one delimiter that gives every row as many cells as there are headings, and where those are."""
    fitting = _below_titles(found, head) if header_row is None else _fitting(found, head, header_row)
    if not fitting and len(head.split()) and not head.strip().count(b"\n"):
        problem = "it has one line: headings without rows, or rows without headings."
        raise _refused("csv", problem, "Give a sample with its headings and some real rows.")
    if not fitting:
        listed = ", ".join(DELIMITERS.values())
        problem = f"none of {listed} cuts its rows into the columns of its headings."
        advice = "Give a sample whose first line is the headings, or say with --header-row which one is."
        raise _refused("csv", problem, advice)
    found.options["delimiter"] = max(fitting, key=lambda delimiter: len(fitting[delimiter]))
    if len(fitting) > 1:
        words = " and ".join(DELIMITERS[delimiter] for delimiter in fitting)
        found.questions.append(f"Both {words} would cut its rows evenly: the one with more columns is taken.")


def _fitting(found: Sample, head: bytes, header_row: int) -> dict[str, set[str]]:
    """The names of columns by each delimiter that cuts every row as it cuts this one; "" is one without a name."""
    fitting: dict[str, set[str]] = {}
    found.options["header_row"] = header_row
    for delimiter in DELIMITERS:
        found.options["delimiter"] = delimiter
        try:
            rows = _rows(found, head, [])[:200]
        except FileRefused as refused:
            if refused.rule == "repeated_columns":
                raise
            continue
        if rows and len(rows[0].extras) > 1 and not any(row.problem for row in rows):
            fitting[delimiter] = {name for row in rows for name in row.extras}
    return fitting


def _below_titles(found: Sample, head: bytes) -> dict[str, set[str]]:
    """What fits the first line, or else what fits the first one below lines that are titles and no rows."""
    first = _fitting(found, head, 1)
    if any("" not in names for names in first.values()):
        return first
    text = io.StringIO(head.decode(found.options.get("encoding", "utf-8"), "replace"), newline=None)
    lines = list(islice(text, TITLE_ROWS + 1))
    for row in (row for row, line in enumerate(lines, start=1) if row > 1 and line.strip()):
        try:
            fitting = _fitting(found, head, row)
        except FileRefused:  # names that repeat are what rows have, not headings
            continue
        fitting = {
            delimiter: names
            for delimiter, names in fitting.items()
            if "" not in names and all(_is_title(line, delimiter, len(names)) for line in lines[: row - 1])
        }
        if fitting:
            found.questions.append(
                f"Lines 1 to {row - 1} are taken for titles: are its headings in line {row}?"
            )
            return fitting
    found.options["header_row"] = 1
    return first


def _is_title(line: str, delimiter: str, width: int) -> bool:
    """Whether a line fills half of the columns at most; headings and rows fill more."""
    return 2 * sum(bool(cell.strip(' "\n')) for cell in line.split(delimiter)) <= width


def _rows(found: Sample, source: Path | bytes, headings: list[str]) -> list[Record]:
    return list(islice(read(_as_contract(found, headings), source), SAMPLE_ROWS))


def _as_contract(found: Sample, headings: list[str]) -> Contract:
    """The sample as a contract of nothing but text."""
    columns = {
        f"c{number}": Column(source_name=heading, type="string") for number, heading in enumerate(headings)
    }
    return Contract(
        feed="sample",
        source="sample",
        producer="",
        description="",
        format=found.format,
        columns=columns or {"c": Column(source_name="(none)", type="string")},
        key=[next(iter(columns), "c")],
        recorded_at="file_stamp",
        cadence=timedelta(days=1),
        lateness=timedelta(days=1),
        extra_columns="ignore",
        **found.options,
    )


def _refused(rule: str, problem: str, advice: str) -> FileRefused:
    return FileRefused("sample", rule, problem, advice)
