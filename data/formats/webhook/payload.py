"""A posted body, walked with the path of every value at hand, so that whatever is wrong can name its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from data.formats.messages import MOST_REFERENCE_CHARACTERS, Cells, references
from data.records import is_text, shortened

#: No cell but the references is longer; a shared one is repeated in every row of a body, so it must be bounded.
MAX_TEXT_CHARACTERS = 2_000
ADVICE = "Ask the provider to send it again, or correct the row by hand."


class Broken(Exception):  # noqa: N818
    """A value that cannot be read; the text is a sentence that begins with its path."""

    def __init__(self, rule: str, path: str, words: str) -> None:
        """`rule` is the broken promise in one word, `words` say what is wrong with the value at `path`."""
        self.rule, self.path = rule, path
        super().__init__(f"{path} {words}. {ADVICE}")


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value (numbers as the text they were written in) and where it stands, as in `$.msg.events[2]`."""

    path: str
    found: Any

    def at(self, *names: str) -> Value:
        """The member of this object, and of that one, ...; a member of nothing is nothing."""
        value = self
        for name in names:
            members = value._as(dict, "an object of named values") or {}
            value = Value(f"{value.path}.{name}", members.get(name))
        return value

    def items(self) -> list[Value]:
        """The values of this list; none where it is not given."""
        found = self._as(list, "a list") or []
        return [Value(f"{self.path}[{index}]", item) for index, item in enumerate(found)]

    def given(self, words: str) -> Value:
        """This value itself; Broken with the words (why it is needed) where it is not given."""
        if self.found is None:
            raise Broken("required", self.path, f"is missing, and {words}")
        return self

    def text(self) -> str | None:
        """This value as text, None where it is not given or blank; Broken where it is not one short text."""
        if self.found is None:
            return None
        if not isinstance(self.found, str):
            raise Broken("type", self.path, f"holds {_kind(self.found)} where one value is expected")
        if len(self.found) > MAX_TEXT_CHARACTERS:
            raise Broken("max_length", self.path, f"is longer than {MAX_TEXT_CHARACTERS:,} characters")
        if not is_text(self.found):
            raise Broken(
                "encoding",
                self.path,
                "holds a character that is not text (a NUL or half of a surrogate pair)",
            )
        return self.found if self.found.strip() else None

    def needed(self, words: str) -> str:
        """This value as text; Broken with the words (why it is needed) where it is not given."""
        found = self.text()
        if found is None:
            raise Broken("required", self.path, f"is missing, and {words}")
        return found

    def _as(self, kind: type, words: str) -> Any:
        if self.found is not None and not isinstance(self.found, kind):
            raise Broken("type", self.path, f"holds {_kind(self.found)} where {words} is expected")
        return self.found


@dataclass(frozen=True, slots=True)
class Reading:
    """One event of a body: where it stands, and how to read its cells (which raises Broken)."""

    value: Value
    cells: Callable[[], Cells]


def guarded(value: Value, readings: Callable[[Value], Iterator[Reading]]) -> Iterator[Reading]:
    """The events in a value; what breaks it as a whole costs one more reading that says so."""
    try:
        yield from readings(value)
    except Broken as error:
        yield Reading(value, partial(_fail, error))


def identity(provider: str, *parts: str | None) -> str:
    """An event's identity where the provider numbers none: its content, so that sent again it is the same."""
    content = json.dumps(parts, ensure_ascii=False).encode("utf-8")
    return f"{provider}:{hashlib.sha256(content).hexdigest()}"


def named(*values: Value) -> list[tuple[str, str | None]]:
    """Each value beside the last name of its path, as references are kept."""
    return [(value.path.rpartition(".")[2], value.text()) for value in values]


def reference_list(value: Value, pairs: list[tuple[str, str | None]]) -> str:
    """The references of a shipment as JSON; Broken at the value where there are none or too many to keep."""
    found = references(pairs)
    if found is None:
        raise Broken("required", value.path, "names no shipment, and an event must be of one")
    if len(found) > MOST_REFERENCE_CHARACTERS:
        raise Broken(
            "max_length",
            value.path,
            f"holds more than {MOST_REFERENCE_CHARACTERS:,} characters of references",
        )
    return found


def quoted(text: str) -> str:
    """A value as a sentence shows it."""
    return repr(shortened(text, 60))


def _kind(found: Any) -> str:
    if isinstance(found, bool):
        return "true or false"
    if isinstance(found, dict):
        return "an object"
    return "a list" if isinstance(found, list) else "one value"


def _fail(error: Broken) -> NoReturn:
    raise error
