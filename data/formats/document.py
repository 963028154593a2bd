"""JSON documents of rows: a list of objects, alone or within an object, or one object that is the one row.

The text is walked strictly, and of its rows one is held at a time. What stands around the list is told of every row,
each value by its keys from the top of the document, where the row has none of that name itself. Numbers are kept as
the text the producer wrote, and values within a row go by their keys, as in JSON lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from json import JSONDecodeError
from pathlib import Path
from typing import Any, NoReturn

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.jsonl import Around, names_of, record_of
from data.formats.limits import check_row_count, check_size
from data.formats.lines import UTF8_BOM, open_bytes, size_of
from data.formats.strict_json import MAX_DEPTH, STRICT, NotStrict, depth_of
from data.records import Problem, Record, shortened

#: The text of a document is in memory while its rows are read; JSON lines have no such limit.
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
#: How far down a list of rows is looked for; a mapping may name one that lies deeper.
SEARCHED_LEVELS = 4
BLANKS = re.compile(r"[ \t\n\r]*")


def _none_of(_name: str) -> bool:
    """Ignore no name."""
    return False


def read(
    contract: Contract, source: Path | bytes, ignores: Callable[[str], bool] = _none_of
) -> Iterator[Record]:
    """Records of the list at `rows_at` in order; FileRefused where the document is not JSON or has no such list.

    Of the names around the list that no column has, those that it `ignores` are told nobody. What follows the last
    row is read too: a document that was cut off is refused, whatever it held before.
    """
    text, names, path = _text(contract, source), names_of(contract), _path(contract.rows_at)
    line, begin = 1, 0
    try:
        around = Around(names, Walk(text).around(path), ignores) if path else None
        for row_number, (start, end, value) in enumerate(Walk(text).rows(path), start=1):
            check_row_count(contract, row_number)
            line, begin = line + text.count("\n", begin, start), start
            raw = shortened(text[start:end])
            if isinstance(value, dict):
                yield record_of(contract, names, value, row_number, line, raw, around)
            else:
                problem = Problem("json", f"Row {row_number} is no object of named values.")
                yield Record(row_number, line, raw, problem=problem)
    except NotStrict as error:
        raise _refused(contract, str(error)) from error


def lists_in(source: Path) -> list[str]:
    """Where in a document lists of objects stand, the longest first; FileRefused where it is no JSON document."""
    try:
        found = sorted(Walk(_text(None, source)).lists(SEARCHED_LEVELS), key=lambda place: -place[1])
    except NotStrict as error:
        raise _refused(None, str(error)) from error
    return [path for path, _count in found]


def _path(rows_at: str | None) -> list[str]:
    return rows_at.split(".") if rows_at else []


def _text(contract: Contract | None, source: Path | bytes) -> str:
    if contract:
        check_size(contract, size_of(source))
    if size_of(source) > MAX_DOCUMENT_BYTES:
        reason = f"it holds {size_of(source):,} bytes, and a document may hold {MAX_DOCUMENT_BYTES:,}"
        raise _refused(contract, reason, "Ask the producer for JSON lines, one object a line.")
    with open_bytes(source) as stream:
        content = stream.read(MAX_DOCUMENT_BYTES + 1).removeprefix(UTF8_BOM)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(contract, f"byte {error.start + 1} is not valid UTF-8") from error
    if depth_of(text) > MAX_DEPTH:
        raise _refused(contract, f"it is nested more than {MAX_DEPTH} levels deep")
    return text


def _refused(
    contract: Contract | None,
    reason: str,
    advice: str = "Ask the producer to send it again, whole and as agreed.",
) -> FileRefused:
    problem = f"it is no JSON document of rows as agreed: {reason}."
    return FileRefused(contract.feed if contract else "sample", "json", problem, advice)


class Walk:
    """One way through a JSON text, from its beginning to its end; NotStrict where it cannot be gone."""

    def __init__(self, text: str) -> None:
        """Stand before the first character."""
        self._text, self._at = text, 0

    def rows(self, path: Sequence[str]) -> Iterator[tuple[int, int, Any]]:
        """Where each row of the list at a path begins and ends, with its value; an object there is the one row."""
        yield from self._enter(path, "", {})
        if self._next():
            self._lost("something follows its end")

    def around(self, path: Sequence[str]) -> dict[str, Any]:
        """What stands in the objects on the way to a list, as one object; the list itself is not held."""
        found: dict[str, Any] = {}
        for _row in self._enter(path, "", found):
            pass
        return found

    def lists(self, limit: int) -> Iterator[tuple[str, int]]:
        """The lists of objects that stand within objects, at most so many levels down: path and length."""
        _, _, value = self._value()
        if self._next():
            self._lost("something follows its end")
        yield from _lists(value, "", limit)

    def _enter(
        self, path: Sequence[str], gone: str, around: dict[str, Any]
    ) -> Iterator[tuple[int, int, Any]]:
        if not path:
            yield from self._items() if self._next() == "[" else [self._value()]
            return
        if self._next() != "{":
            raise NotStrict(f"there is no object {gone or 'at its top'} in which {path[0]!r} could be")
        seen: set[str] = set()
        for name in self._names():
            if name in seen:
                raise NotStrict(f"{name!r} appears more than once")
            seen.add(name)
            if name != path[0]:
                around[name] = self._value()[2]
                continue
            within: dict[str, Any] = {}
            yield from self._enter(path[1:], f"{gone}.{name}".removeprefix("."), within)
            around |= {name: within} if within else {}
        if path[0] not in seen:
            raise NotStrict(f"there is no {path[0]!r} {'in ' + gone if gone else 'at its top'}")

    def _items(self) -> Iterator[tuple[int, int, Any]]:
        for _ in self._parts("]"):
            yield self._value()

    def _names(self) -> Iterator[str]:
        for _ in self._parts("}"):
            if self._next() != '"':
                self._lost("a name in quotes is expected")
            _, _, name = self._value()
            if self._next() != ":":
                self._lost("a colon is expected")
            self._at += 1
            yield name

    def _parts(self, closing: str) -> Iterator[None]:
        """Stand before each part of a list or an object in turn; behind it in the end."""
        self._at += 1
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            found = self._next()
            self._at += 1
            if found == closing:
                return
            if found != ",":
                self._at -= 1
                self._lost(f"a comma or {closing} is expected")

    def _next(self) -> str:
        """The next character that is not blank; nothing at the end."""
        blanks = BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at
        return self._text[self._at : self._at + 1]

    def _value(self) -> tuple[int, int, Any]:
        self._next()
        begin = self._at
        try:
            value, self._at = STRICT.raw_decode(self._text, begin)
        except JSONDecodeError as error:
            self._at = error.pos
            self._lost(error.msg.lower())
        except NotStrict as error:
            # Where in the value it is, the decoder does not say; a row is seldom more than a line.
            raise NotStrict(f"in what begins on line {self._line(begin)}, {error}") from error
        return begin, self._at, value

    def _lost(self, reason: str) -> NoReturn:
        raise NotStrict(f"line {self._line(self._at)}, character {self._at + 1}: {reason}")

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1


def _lists(value: Any, path: str, limit: int) -> Iterator[tuple[str, int]]:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield path, len(value)
    elif isinstance(value, dict) and limit:
        for name, found in value.items():
            if "." not in name:
                yield from _lists(found, f"{path}.{name}".removeprefix("."), limit - 1)
