"""Whether a column's cells could be one of ours, and how they would have to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache
from typing import Any

from data.contract.model import Column
from data.mapping.cells import (
    ISO_LOCAL,
    Moment,
    NotTranslated,
    has_time,
    has_zone,
    moment_of,
    number_of,
    shape_of,
)
from data.mapping.fits import misfit
from data.mapping.model import EPOCHS, UNDECIDED

#: More different codes than this are names or numbers, not codes.
MAX_CODES = 40
MAX_CELLS = 300
DAYS = [
    *(order.replace(" ", mark) for mark in "./-" for order in (
        "%d %m %Y", "%m %d %Y", "%Y %m %d", "%d %m %y", "%m %d %y", "%y %m %d",
    )),
    "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y",
]  # fmt: skip
CLOCKS = [
    "",
    *(f"{gap}{clock}{zone}" for gap in (" ", "T", ", ")
      for clock in ("%H:%M", "%H:%M:%S", "%H.%M") for zone in ("", "%z", " %z")),
    *(f"{gap}{clock}{half}" for gap in (" ", ", ") for clock in ("%I:%M", "%I:%M:%S") for half in (" %p", "%p")),
]  # fmt: skip
COMPACT = [f"%Y%m%d{clock}{zone}" for clock in ("%H%M", "%H%M%S", "T%H%M", "T%H%M%S") for zone in ("", "%z")]
FORMATS = [day + clock for day in DAYS for clock in CLOCKS] + COMPACT
#: Of instants counted since 1970; with other years, the digits are rather those of something else.
LIKELY_YEARS = range(2002, 2100)
#: How numbers are written: what a mapping says of it, the likelier first where a sample fits several.
NUMBERS: list[dict[str, Any]] = [
    {}, {"decimal_comma": True}, {"thousands": ","}, {"thousands": " "}, {"thousands": "'"},
    {"decimal_comma": True, "thousands": "'"},
]  # fmt: skip
GROUPED = re.compile(r"[+-]?\d{1,3}([.,])\d{3}")


@dataclass
class Content:
    """How far the cells keep the column's promises (0 to 1), what a mapping says of them, what is asked.

    `strength` is how much a fit tells: nearly anything fits a column of free text.
    """

    share: float
    strength: float
    reason: str
    says: dict[str, Any] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)


def content_of(column: Column, cells: list[str], file_format: str) -> Content:
    """The cells judged as this column."""
    some = tuple(dict.fromkeys(cells))[:MAX_CELLS]
    if not some:
        return Content(0.0, 0.0, "no cell is filled")
    if column.type in ("date", "timestamp"):
        return _moments(column, some)
    if column.type in ("integer", "decimal") and file_format == "csv":
        return _numbers(column, some)
    if column.enum or column.type == "boolean":
        return _codes(column, some)
    share = _share(column, some)
    strength = 1.0 if column.pattern or column.type != "string" else 0.5
    return Content(share, strength, f"{share:.0%} of its cells fit")


def _share(column: Column, cells: tuple[str, ...]) -> float:
    return sum(misfit(column, cell) is None for cell in cells) / len(cells)


def _codes(column: Column, cells: tuple[str, ...]) -> Content:
    share = _share(column, cells)
    if share == 1:
        return Content(1.0, 1.0, "every code is one of ours")
    if len(cells) > MAX_CODES:
        return Content(share, 1.0, f"{len(cells)} different cells are too many to be codes")
    ours = {code.casefold(): code for code in column.enum or []}
    values = {cell: ours.get(cell.casefold(), UNDECIDED) for cell in sorted(cells)}
    left = [cell for cell, code in values.items() if code == UNDECIDED]
    question = (
        f"What do these mean: {', '.join(left[:10])}? Ours are {', '.join(column.enum or ['true', 'false'])}."
    )
    says: dict[str, Any] = {"values": values}
    return Content(0.6, 1.0, f"{len(cells)} different codes", says, [question] if left else [])


def _numbers(column: Column, cells: tuple[str, ...]) -> Content:
    shares = [_share_as(column, cells, **said) for said in NUMBERS]
    share = max(shares)
    if share < 0.5:
        return Content(share, 1.0, "its cells are not numbers")
    marked = [cell for cell in cells if "," in cell or "." in cell]
    if marked and all(GROUPED.fullmatch(cell) for cell in marked):
        return _how_large(marked[0])
    says = NUMBERS[shares.index(share)]
    how = "".join(f", with {field.replace('_', ' ')}" for field in says)
    return Content(share, 1.0, f"{share:.0%} of its cells fit{how}", dict(says))


def _share_as(
    column: Column, cells: tuple[str, ...], thousands: str | None = None, decimal_comma: bool = False
) -> float:
    """How many cells keep the column's promises once they are read as numbers written so."""
    plain, fitting = number_of(thousands, decimal_comma), 0
    for cell in cells:
        with suppress(NotTranslated):
            fitting += misfit(column, plain(cell)) is None
    return fitting / len(cells)


def _how_large(cell: str) -> Content:
    """A number that is a thousand times as large in one country as in another: only a person can know."""
    whole, small = re.sub("[.,]", "", cell), f"{float(cell.replace(',', '.')):g}"
    if "," in cell:
        says = {"thousands": UNDECIDED}
        answers = f'thousands: "," reads it as {whole}; decimal_comma: true in its place, as {small}'
    else:
        says = {"decimal_comma": UNDECIDED}
        answers = f"decimal_comma: true reads it as {whole}; left out, as {small}"
    return Content(1.0, 1.0, "numbers", says, [f"How large is {cell}? {answers}."])


def _moments(column: Column, cells: tuple[str, ...]) -> Content:
    share = _share(column, cells)
    if share == 1:
        return Content(1.0, 1.0, "every cell is written as ours")
    if all(ISO_LOCAL.fullmatch(cell) for cell in cells):
        return _local(column, None, cells)
    readings = readings_of(cells)
    if not readings and column.type == "timestamp" and (word := _epoch_of(cells)):
        return _since_1970(word, cells[0])
    if not readings:
        return _of_several(column, share, cells)
    if len(readings) > 1:
        examples = " or ".join(readings)
        question = (
            f"Which format is meant, {examples}? Every cell of the sample, such as {cells[0]}, allows both."
        )
        says: dict[str, Any] = {"formats": [UNDECIDED]} | _zone(column, readings[0])
        return Content(1.0, 1.0, "days whose order the sample leaves open", says, [question])
    return _local(column, readings[0], cells)


def _of_several(column: Column, share: float, cells: tuple[str, ...]) -> Content:
    """Cells of which no one format reads all: two that are written differently show a person why."""
    other = next((cell for cell in cells if _outline(cell) != _outline(cells[0])), None)
    such = f"{cells[0]} and {other}" if other else cells[0]
    question = f"No one format reads all its cells, such as {such}: which formats are meant, each on its own?"
    if column.type == "timestamp":
        question += " A time without its offset needs a zone too."
    return Content(share, 1.0, "no one date format reads its cells", {"formats": [UNDECIDED]}, [question])


def _outline(cell: str) -> str:
    return re.sub("[0-9]", "0", cell)


def _epoch_of(cells: tuple[str, ...]) -> str | None:
    """The count since 1970 by which every cell is an instant of our days."""
    for word in EPOCHS:
        years = [moment.day.year for moment in _read(cells, word)]
        if len(years) == len(cells) and all(year in LIKELY_YEARS for year in years):
            return word
    return None


def _since_1970(word: str, cell: str) -> Content:
    """Numbers of as many digits as such an instant has now; they may as well be those of orders."""
    [moment] = _read((cell,), word)
    question = (
        f"Is it counted since 1970, so that {cell} is {moment.at:%Y-%m-%d %H:%M:%S} UTC? Then say {word}."
    )
    return Content(1.0, 0.5, f"every cell reads as {word}", {"formats": [UNDECIDED]}, [question])


def _local(column: Column, date_format: str | None, cells: tuple[str, ...]) -> Content:
    """Cells whose format is known: what is left to ask is whose clock it is."""
    says: dict[str, Any] = {"formats": [date_format]} if date_format else {}
    says |= _zone(column, date_format)
    questions = ["By which zone's clock is it written, such as Europe/Berlin?"] if "zone" in says else []
    is_day = not has_time(date_format) if date_format else all(len(cell) == 10 for cell in cells)
    if is_day and column.type == "timestamp":
        says["day_only"] = UNDECIDED
        questions.append("It has no time: say day_only: midnight where the first moment of the day will do.")
    share = _midnights(date_format, cells) if column.type == "date" else 1.0
    which = (
        "every cell reads" if share == 1 else f"{share:.0%} of its cells are days, the others moments, read"
    )
    return Content(share, 1.0, f"{which} as {date_format or 'an ISO day or time'}", says, questions)


def _midnights(date_format: str | None, cells: tuple[str, ...]) -> float:
    """How many of the cells a column of days would take: those with a time of day would be set aside."""
    moments = list(_read(cells, date_format))
    return sum(moment.at is None or moment.at.time() == time() for moment in moments) / len(cells)


def _zone(column: Column, date_format: str | None) -> dict[str, Any]:
    is_needed = column.type == "timestamp" and not has_zone(date_format or "")
    return {"zone": UNDECIDED} if is_needed else {}


@lru_cache(maxsize=256)
def readings_of(cells: tuple[str, ...]) -> list[str]:
    """One format for each different way that all the cells can be read."""
    found: dict[tuple[Moment, ...], str] = {}
    for date_format in FORMATS:
        reading = tuple(_read(cells, date_format))
        if len(reading) == len(cells):
            found.setdefault(reading, date_format)
    return list(found.values())


def _read(cells: tuple[str, ...], date_format: str | None) -> Iterator[Moment]:
    shapes = [(shape_of(date_format), date_format)] if date_format else []
    for cell in cells:
        try:
            yield moment_of(cell, shapes, takes_iso=not shapes)
        except NotTranslated:
            return
