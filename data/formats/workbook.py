"""A workbook's parts, measured before anything opens them.

A workbook is a ZIP archive of XML: a small file may unpack into a huge one, one cell far out makes a sheet
of billions, one long text may be used a million times, and what the archive says of its sizes need not be
so. Each part is therefore unpacked once, within limits, looked through by a streaming parser, and packed
anew; the library that reads cells is given only that. ECMA-376 part 1 (SpreadsheetML), part 2 (packaging).
"""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from typing import IO, BinaryIO
from xml.parsers import expat

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_size
from data.records import Problem

MAX_PARTS = 2_000
#: Of the archive's own list of parts (bytes): some hundred for each.
MAX_DIRECTORY_BYTES = 1024 * 1024
#: Of one sheet, empty ones between the first and the last included.
MAX_CELLS = 5_000_000
MAX_COLUMNS = 1_000
#: Rows with cells that a person sees as errors; a sheet with more is broken as a whole.
MAX_UNREAD_ROWS = 100_000
#: Characters of all the texts of one sheet, each as often as it is used.
MAX_TEXT = 256 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
SHEET_PREFIX = "xl/"
ADVICE = "Ask the producer to send it again, or as CSV."


@dataclass
class Part:
    """What one XML part holds, as far as it matters here; `unread` are cells that read as empty but are not."""

    unread: dict[int, list[tuple[int, str]]] = field(default_factory=dict)  # by row: columns, and why
    rows: int = 0
    columns: int = 0
    cells: int = 0
    texts: list[int] = field(default_factory=list)
    used: Counter[int] = field(default_factory=Counter)
    sheets: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)

    def problem(self, line_number: int, unused: Set[int] = frozenset()) -> Problem | None:
        """What is wrong in one row of the sheet, outside columns that nobody uses (all counted from 1)."""
        found = [words for column, words in self.unread.get(line_number, ()) if column not in unused]
        if not found:
            return None
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        return Problem("error_cell", f"Row {line_number}: {'; '.join(found[:5])}{more}.")


@dataclass
class Parts:
    """Every part of a workbook by its name."""

    parts: dict[str, Part]

    def sheet(self, name: str) -> Part:
        """The part a sheet is in; KeyError where the workbook does not say it plainly."""
        reference = self.parts["xl/workbook.xml"].sheets[name]
        target = self.parts["xl/_rels/workbook.xml.rels"].targets[reference]
        path = target.removeprefix("/") if target.startswith(("/xl/", "xl/")) else f"{SHEET_PREFIX}{target}"
        return self.parts[path]


def repack(contract: Contract, stream: BinaryIO, target: IO[bytes]) -> Parts:
    """Write the workbook anew, uncompressed, with its XML parts alone; FileRefused where a limit is passed."""
    _check_directory(contract, stream)
    try:
        with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(target, "w") as packed:
            entries = _entries(contract, archive)
            found: dict[str, Part] = {}
            for entry in entries:
                found[entry.filename] = _measured(contract, archive, entry, packed)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        # A full disk is no fault of the file; a place before its beginning is.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = " ".join(str(error).split())[:160]
        raise FileRefused(
            contract.feed, "xlsx", f"it is not a readable Excel workbook ({reason}).", ADVICE
        ) from error
    _check_texts(contract, found)
    return Parts(found)


def _check_directory(contract: Contract, stream: BinaryIO) -> None:
    """Refuse an archive whose list of parts alone would not fit, before it is read."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 66_000))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        problem = "it is not an Excel workbook (.xlsx), or it is cut off."
        raise FileRefused(contract.feed, "xlsx", problem, ADVICE)
    listed = int.from_bytes(tail[end + 12 : end + 16], "little")
    if listed > MAX_DIRECTORY_BYTES or b"PK\x06\x07" in tail[max(0, end - 20) : end]:
        raise FileRefused(contract.feed, "max_parts", "its list of parts is too long for a workbook.", ADVICE)
    stream.seek(0)


def _entries(contract: Contract, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The parts to look at; macros, pictures and the like are left where they are."""
    entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith((".xml", ".rels"))]
    names = [entry.filename.lower() for entry in entries]
    if len(names) > MAX_PARTS or len(set(names)) != len(names):
        problem = f"it has more than {MAX_PARTS:,} parts, or the same part twice."
        raise FileRefused(contract.feed, "max_parts", problem, ADVICE)
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileRefused(contract.feed, "encrypted", "it is protected by a password.", "Ask for it without.")
    check_size(contract, sum(entry.file_size for entry in entries))
    return entries


def _measured(
    contract: Contract, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, packed: zipfile.ZipFile
) -> Part:
    measure = _Measure(contract)
    with archive.open(entry) as source, packed.open(entry.filename, "w") as target:
        while chunk := source.read(CHUNK_BYTES):
            measure.feed(chunk)
            target.write(chunk)
    measure.feed(b"", is_last=True)
    return measure.part


def _check_texts(contract: Contract, parts: dict[str, Part]) -> None:
    """Refuse texts that are small in the file and huge in the sheet, each used many times."""
    texts = max((part.texts for part in parts.values()), key=len, default=[])
    for part in parts.values():
        used = sum(texts[index] * count for index, count in part.used.items() if index < len(texts))
        if used > MAX_TEXT:
            problem = f"the texts of one sheet are longer than {MAX_TEXT:,} characters together."
            raise FileRefused(contract.feed, "max_bytes", problem, "Ask the producer to send it in parts.")


class _Measure:
    """One XML part, read as a stream: how far its cells go, which of them are errors, what it names."""

    def __init__(self, contract: Contract) -> None:
        self.part = Part()
        self._contract = contract
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._cell: dict[str, str] | None = None
        self._value: list[str] = []
        self._is_value = self._is_formula = False
        self._length = -1
        self._at = self._next_column = 0

    def feed(self, chunk: bytes, is_last: bool = False) -> None:
        """Look through the next piece; FileRefused where it is not XML or a limit is passed."""
        try:
            self._parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            problem = f"one of its parts is not valid XML ({expat.errors.messages[error.code]})."
            raise FileRefused(self._contract.feed, "xlsx", problem, ADVICE) from error

    def _refuse_doctype(self, *_: object) -> None:
        problem = "one of its parts declares a document type, which no workbook does."
        raise FileRefused(self._contract.feed, "xlsx", problem, ADVICE)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._cell, self._value, self._is_formula = attributes, [], False
            self._place(attributes.get("r"))
        elif kind == "v":
            self._is_value = True
        elif kind == "f":
            self._is_formula = True
        elif kind == "row":
            self._row(attributes.get("r"))
        elif kind == "si":
            self._length = 0
        elif kind == "sheet" and (reference := _by_local_name(attributes, "id")):
            self.part.sheets[attributes.get("name", "")] = reference
        elif kind == "Relationship":
            self.part.targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def _end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind == "v":
            self._is_value = False
        elif kind == "si":
            self.part.texts.append(self._length)
            self._length = -1
        elif kind == "c" and self._cell is not None:
            self._judge(self._cell, "".join(self._value).strip())
            self._cell = None

    def _text(self, text: str) -> None:
        if self._length >= 0:
            self._length += len(text)
        elif self._is_value:
            self._value.append(text)

    def _row(self, reference: str | None) -> None:
        self._at = (
            int(reference) if reference and reference.isdecimal() and len(reference) < 8 else self._at + 1
        )
        self._next_column = 0
        self._reach(self._at, 0)

    def _place(self, reference: str | None) -> None:
        found = REFERENCE.fullmatch(reference or "")
        if reference and not found:
            problem = f"one of its cells is at {reference[:20]!r}, which is no place in a sheet."
            raise FileRefused(self._contract.feed, "xlsx", problem, ADVICE)
        column = self._next_column + 1
        if found:
            column, self._at = _column_number(found[1]), int(found[2])
        self._next_column = column
        self._reach(self._at, column)

    def _reach(self, row: int, column: int) -> None:
        part = self.part
        part.cells += 1
        part.rows, part.columns = max(part.rows, row), max(part.columns, column)
        if part.columns > MAX_COLUMNS or max(part.rows * part.columns, part.cells) > MAX_CELLS:
            problem = f"a sheet reaches over more than {MAX_COLUMNS:,} columns or {MAX_CELLS:,} cells."
            raise FileRefused(
                self._contract.feed, "max_rows", problem, "Ask the producer to send it in parts, or as CSV."
            )

    def _judge(self, cell: dict[str, str], value: str) -> None:
        kind, place = cell.get("t", "n"), cell.get("r", "a cell")
        if kind == "e":
            self._unread(f"{place} holds the error {value[:20]}")
        elif self._is_formula and not value and kind != "str":
            self._unread(f"{place} holds a formula whose value was never computed")
        elif kind == "s" and value.isdecimal() and len(value) < 10:
            self.part.used[int(value)] += 1

    def _unread(self, words: str) -> None:
        self.part.unread.setdefault(self._at, []).append((self._next_column, words))
        if len(self.part.unread) > MAX_UNREAD_ROWS:
            problem = f"more than {MAX_UNREAD_ROWS:,} rows hold errors or formulas that were never computed."
            raise FileRefused(self._contract.feed, "error_cell", problem, ADVICE)


def _by_local_name(attributes: dict[str, str], wanted: str) -> str | None:
    found = (value for name, value in attributes.items() if name.rpartition(":")[2] == wanted and ":" in name)
    return next(found, None)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
