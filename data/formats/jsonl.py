"""JSON lines, strictly: one object a line, no repeated keys, no NaN, no deep nesting.

A value of an object within the row goes by both names, as `event.code`. Numbers are kept as the text the producer
wrote, so nothing is rounded on the way to the typed column.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from data.contract.model import Contract
from data.formats.limits import check_row_count, check_size
from data.formats.lines import Line, lines_of, open_bytes, size_of
from data.formats.strict_json import NotStrict, parse
from data.records import Problem, Record, is_text, sentence, shortened


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a JSON lines file in order; blank lines are not rows."""
    check_size(contract, size_of(source))
    known = contract.by_source_name
    with open_bytes(source) as stream:
        row_number = 0
        for line in lines_of(stream, "utf-8"):
            if not line.text.strip(" \t\r\n"):
                continue
            row_number += 1
            check_row_count(contract, row_number)
            yield _record(contract, known, row_number, line)


def parse_object(text: str) -> dict[str, Any]:
    """The object on one line, its numbers as text; NotStrict with the reason otherwise."""
    found = parse(text)
    if not isinstance(found, dict):
        raise NotStrict("it is valid JSON but not an object of named values")
    return found


def _record(contract: Contract, known: dict[str, str], row_number: int, line: Line) -> Record:
    raw = shortened(line.text.rstrip("\r\n"))
    if line.fault:
        return Record(row_number, line.number, raw, problem=Problem("encoding", sentence(line.fault)))
    try:
        found = parse_object(line.text.rstrip("\r\n"))
    except NotStrict as error:
        return Record(row_number, line.number, raw, problem=Problem("json", f"Line {line.number}: {error}."))
    return record_of(contract, known, found, row_number, line.number, raw)


def record_of(
    contract: Contract,
    known: dict[str, str],
    row: dict[str, Any],
    row_number: int,
    line: int,
    raw: str,
    around: dict[str, Any] | None = None,
) -> Record:
    """The record of an object, its numbers as text; `raw` are its own words, `around` what is told of every row."""
    try:
        found = flat(known, row, around or {})
    except NotStrict as error:
        return Record(row_number, line, raw, problem=Problem("json", f"Line {line}: {error}."))
    values: dict[str, str | None] = {}
    problem: Problem | None = None
    for key, value in found.items():
        if (name := known.get(key)) is None:
            continue
        values[name], fault = _cell(value)
        if fault and problem is None:
            problem = Problem(fault[0], f"{shortened(key, 60)} {fault[1]}.", name)
    extras = tuple(key for key in found if key not in known)
    if extras and contract.extra_columns == "refuse" and problem is None:
        problem = Problem("extra_columns", f"The row names unknown columns: {_listed(extras)}.")
    return Record(row_number, line, raw, values, problem, extras)


def flat(known: Container[str], *objects: dict[str, Any]) -> dict[str, Any]:
    """The values of some objects and of the objects within them, by their names; NotStrict where two share one.

    An object under a name that is known, or one without values, stays as it is.
    """
    found: dict[str, Any] = {}
    for name, value in chain.from_iterable(_named(each, known, "") for each in objects):
        if name in found:
            raise NotStrict(f"the key {shortened(name, 60)!r} appears more than once")
        found[name] = value
    return found


def _named(row: dict[str, Any], known: Container[str], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and name not in known:
            yield from _named(value, known, f"{name}.")
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
