"""One row on its way from a file to the row split, with the row's own words kept for quarantine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

#: How much of a row's raw text is kept when it cannot be read (characters).
MAX_RAW_CHARACTERS = 20_000
NOT_TEXT = re.compile("[\\0\\ud800-\\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one row cannot be read as a row: the broken rule and a sentence."""

    rule: str
    message: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One row as it came.

    `row_number` counts rows from 1 (headings and blank lines are not rows), `line_number` is the line of the
    file it starts on, `values` are its cells as text under our column names, `extras` the names the contract
    does not know. With a `problem` the values are empty or partial and must not be used.
    """

    row_number: int
    line_number: int
    raw_text: str
    values: dict[str, str | None] = field(default_factory=dict)
    problem: Problem | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of one file that can all be read, as columns: what nearly all of a large file is.

    `cells` holds text under our column names, `lines` the rows' own words with the line each starts on, and
    `first_row` is the number of the first row. A row becomes a `Record` only where somebody asks for it.
    """

    first_row: int
    cells: pa.Table
    lines: Lines
    extras: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many rows."""
        return int(self.cells.num_rows)

    def records(self, indices: Sequence[int] | None = None) -> Iterator[Record]:
        """Every row, or those at some places, as a reader that goes row by row would give them."""
        chosen = range(len(self)) if indices is None else indices
        cells = self.cells if indices is None else self.cells.take(pa.array(indices, pa.int64()))
        for index, values in zip(chosen, cells.to_pylist(), strict=True):
            number, text = self.lines[index]
            yield Record(self.first_row + index, number, shortened(text), values, None, self.extras)


class Lines:
    """The lines of some bytes that are not blank, found when the first is asked for; numbered from `first`."""

    def __init__(self, first: int, content: bytes, encoding: str) -> None:
        """`content` has LF or CRLF line ends, and one at its end."""
        self._first, self._content, self._encoding = first, content, encoding
        self._found: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __getitem__(self, index: int) -> tuple[int, str]:
        """The number and the words of a line."""
        if self._found is None:
            self._found = self._spans()
        numbers, starts, ends = self._found
        text = self._content[starts[index] : ends[index]].decode(self._encoding)
        return int(numbers[index]), text.rstrip("\r")

    def _spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        signs = np.frombuffer(self._content, np.uint8)
        ends = np.flatnonzero(signs == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        told = (ends > starts) & ~((ends == starts + 1) & (signs[starts] == ord("\r")))
        numbers = np.arange(self._first, self._first + len(ends))
        return numbers[told], starts[told], ends[told]


def one_by_one(found: Iterable[Record | Block]) -> Iterator[Record]:
    """Every row as a record of its own."""
    for item in found:
        if isinstance(item, Block):
            yield from item.records()
        else:
            yield item


def shortened(text: str, limit: int = MAX_RAW_CHARACTERS) -> str:
    """The text, cut with a visible mark where it is longer than the limit."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def sentence(text: str) -> str:
    """The words as a sentence: a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def composed(name: str) -> str:
    """The name by which a heading is known: ü may be written as one sign or as two, and no eye tells them apart."""
    return unicodedata.normalize("NFC", name)


def is_text(value: str) -> bool:
    """Whether every character can be stored as text: no NUL, no half of a surrogate pair."""
    return NOT_TEXT.search(value) is None
