"""JSON lines, strictly: one object a line, no repeated keys, no NaN, no deep nesting.

A value of an object within the row goes by both names, as `event.code`; an object that is null or empty gives none
of them. Numbers are kept as the text the producer wrote, so nothing is rounded on the way to the typed column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from data.contract.model import Contract
from data.formats.limits import check_row_count, check_size
from data.formats.lines import Line, lines_of, open_bytes, size_of
from data.formats.strict_json import NotStrict, parse
from data.records import Problem, Record, is_text, sentence, shortened

#: A longer name belongs to no column (a mapping's headings end there), so nothing is looked for under it: the names
#: of many values under a long one would take much more room than the file.
MAX_NAME = 300


@dataclass(frozen=True, slots=True)
class Names:
    """The names a row's values may go by: our column for each, and for every object on the way those within it."""

    columns: Mapping[str, str]
    within: Mapping[str, tuple[str, ...]]


def names_of(contract: Contract) -> Names:
    """The names of a contract's columns; made once a file."""
    columns = contract.by_source_name
    within: dict[str, tuple[str, ...]] = {}
    for name in columns:
        for path in _ways(name)[:-1]:
            within[path] = (*within.get(path, ()), name)
    return Names(columns, within)


def _ways(name: str) -> list[str]:
    """A name after those of the objects it may stand in: a, a.b, a.b.c."""
    return list(accumulate(name.split("."), "{}.{}".format))


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a JSON lines file in order; blank lines are not rows."""
    check_size(contract, size_of(source))
    names = names_of(contract)
    with open_bytes(source) as stream:
        row_number = 0
        for line in lines_of(stream, "utf-8"):
            if not line.text.strip(" \t\r\n"):
                continue
            row_number += 1
            check_row_count(contract, row_number)
            yield _record(contract, names, row_number, line)


def parse_object(text: str) -> dict[str, Any]:
    """The object on one line, its numbers as text; NotStrict with the reason otherwise."""
    found = parse(text)
    if not isinstance(found, dict):
        raise NotStrict("it is valid JSON but not an object of named values")
    return found


def _record(contract: Contract, names: Names, row_number: int, line: Line) -> Record:
    raw = shortened(line.text.rstrip("\r\n"))
    if line.fault:
        return Record(row_number, line.number, raw, problem=Problem("encoding", sentence(line.fault)))
    try:
        found = parse_object(line.text.rstrip("\r\n"))
    except NotStrict as error:
        words = f"Line {line.number}: {error}.{_hint(line.text) if row_number == 1 else ''}"
        return Record(row_number, line.number, raw, problem=Problem("json", words))
    return record_of(contract, names, found, row_number, line.number, raw)


def _hint(first: str) -> str:
    """What to do where a file's first line, which is no row, is how one JSON document begins."""
    if not (first.lstrip().startswith("[") or first.strip() == "{"):
        return ""
    return " The file looks like one JSON document and not like JSON lines; a mapping with format: json reads it."


def record_of(
    contract: Contract,
    names: Names,
    row: dict[str, Any],
    row_number: int,
    line: int,
    raw: str,
    around: Around | None = None,
) -> Record:
    """The record of an object, its numbers as text; `raw` are its own words, `around` what is told of every row."""
    try:
        own = flat(names, row)
        found = around.added_to(own) if around else own
    except NotStrict as error:
        return Record(row_number, line, raw, problem=Problem("json", f"Line {line}: {error}."))
    extras = tuple(key for key in own if key not in names.columns)
    if around:
        extras += around.unknown(row_number)
    values, problem = _cells(names, found)
    if extras and contract.extra_columns == "refuse" and problem is None:
        problem = Problem("extra_columns", f"The row names unknown columns: {_listed(extras)}.")
    return Record(row_number, line, raw, values, problem, extras)


def _cells(names: Names, found: dict[str, Any]) -> tuple[dict[str, str | None], Problem | None]:
    """The cells of our columns as text, and what is wrong with the first that is no text."""
    values: dict[str, str | None] = {}
    problem: Problem | None = None
    for key, value in found.items():
        if (name := names.columns.get(key)) is None:
            continue
        text, fault = _cell(value)
        if name in values:  # the same letters, once composed and once apart
            fault = ("json", "is a key that appears more than once")
        values[name] = text
        if fault and problem is None:
            problem = Problem(fault[0], f"{shortened(key, 60)} {fault[1]}.", name)
    return values, problem


class Around:
    """What stands around the rows, by its names: looked through once, whatever the number of rows.

    The first row names all that nobody knows, the others `NAMED` of it: each with all of it would make a small file a
    large one.
    """

    NAMED = 8

    def __init__(self, names: Names, found: dict[str, Any], ignores: Callable[[str], bool]) -> None:
        """`found` is one object, the rows left out; where two of its values share a name, no row can be told it.

        Names that it `ignores` are told of no row, so that none of `NAMED` is one of them.
        """
        self.fault: str | None = None
        told: dict[str, Any] = {}
        try:
            told = flat(names, found)
        except NotStrict as error:
            self.fault = str(error)
        self._known = {name: value for name, value in told.items() if name in names.columns}
        self._unknown = tuple(name for name in told if name not in names.columns and not ignores(name))
        self._some = self._unknown[: self.NAMED]

    def added_to(self, found: dict[str, Any]) -> dict[str, Any]:
        """A row's values together with what it is told; its own are nearer and meant where both have a name."""
        if self.fault:
            raise NotStrict(self.fault)
        return found | {name: value for name, value in self._known.items() if name not in found}

    def unknown(self, row_number: int) -> tuple[str, ...]:
        """The names that nobody knows, as far as this row carries them."""
        return self._unknown if row_number == 1 else self._some


def flat(names: Names, row: dict[str, Any]) -> dict[str, Any]:
    """The values of an object and of the objects within it, by their names; NotStrict where two share one.

    An object under a name that is known, or one without values, stays as it is.
    """
    found: dict[str, Any] = {}
    for name, value in _named(row, names, ""):
        if name in found:
            raise NotStrict(f"the key {shortened(name, 60)!r} appears more than once")
        found[name] = value
    return found


def _named(row: dict[str, Any], names: Names, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if name in names.columns:
            yield name, value
        elif value in (None, {}) and name in names.within:
            # An object that is not there: the values it would hold are not given.
            yield from ((inner, None) for inner in names.within[name])
        elif isinstance(value, dict) and value and len(name) <= MAX_NAME:
            yield from _named(value, names, f"{name}.")
        else:
            yield name, value


def _cell(value: Any) -> tuple[str | None, tuple[str, str] | None]:
    """The value as text, and what is wrong with it."""
    if value is None:
        return None, None
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    if isinstance(value, str):
        if not is_text(value):
            return None, (
                "encoding",
                "holds a character that is not text (a NUL or half of a surrogate pair)",
            )
        return value, None
    return None, ("type", "holds a list or an object where one value is expected")


def _listed(names: tuple[str, ...]) -> str:
    text = ", ".join(repr(shortened(name, 60)) for name in names[:8])
    return text if len(names) <= 8 else f"{text} and {len(names) - 8} more"
