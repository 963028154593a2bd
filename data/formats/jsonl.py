"""JSON lines, strictly: one object a line, no repeated keys, no NaN, no deep nesting.

Numbers are kept as the text the producer wrote, so nothing is rounded on the way to the typed column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from data.contract.model import Contract
from data.formats.limits import check_row_count, check_size
from data.formats.lines import Line, lines_of, open_bytes, size_of
from data.records import Problem, Record, is_text, sentence, shortened

#: Rows are flat; a little nesting is answered with a clear message, more is not even parsed.
MAX_DEPTH = 32


class NotAnObject(ValueError):  # noqa: N818
    """A line that is not one strict JSON object; the text says why."""


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
    """The object on one line, its numbers as text; NotAnObject with the reason otherwise."""
    if _depth(text) > MAX_DEPTH:
        raise NotAnObject(f"it is nested more than {MAX_DEPTH} levels deep")
    try:
        found = STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise NotAnObject(
            f"it is not valid JSON at character {error.pos + 1} ({error.msg.lower()})"
        ) from error
    if not isinstance(found, dict):
        raise NotAnObject("it is valid JSON but not an object of named values")
    return found


def _record(contract: Contract, known: dict[str, str], row_number: int, line: Line) -> Record:
    raw = shortened(line.text.rstrip("\r\n"))
    if line.fault:
        return Record(row_number, line.number, raw, problem=Problem("encoding", sentence(line.fault)))
    try:
        found = parse_object(line.text.rstrip("\r\n"))
    except NotAnObject as error:
        return Record(row_number, line.number, raw, problem=Problem("json", f"Line {line.number}: {error}."))
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
    return Record(row_number, line.number, raw, values, problem, extras)


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


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings; cheap when there are few brackets at all."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    is_string = is_escaped = False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif is_string:
            is_escaped = character == "\\"
            is_string = character != '"'
        elif character == '"':
            is_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise NotAnObject(f"the key {shortened(repeated, 60)!r} appears more than once")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise NotAnObject(f"{name} is not a JSON number")


STRICT = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant, parse_float=str, parse_int=str
)
