"""One row on its way from a file to the row split, with the row's own words kept for quarantine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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


def shortened(text: str, limit: int = MAX_RAW_CHARACTERS) -> str:
    """The text, cut with a visible mark where it is longer than the limit."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def sentence(text: str) -> str:
    """The words as a sentence: a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def is_text(value: str) -> bool:
    """Whether every character can be stored as text: no NUL, no half of a surrogate pair."""
    return NOT_TEXT.search(value) is None
