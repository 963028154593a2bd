"""What readers of JSON events share: a value together with its path, and the first thing wrong with an event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data.records import Problem, is_text, shortened

# A moment as RFC 3339 writes it; the row split keeps microseconds, some senders write more digits.
MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:(\.[0-9]{1,6})[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
KINDS = {dict: "an object", list: "a list", bool: "true or false", str: "text", type(None): "nothing"}


@dataclass(slots=True)
class Findings:
    """What is wrong with one event: only the first finding is kept, as a row has one problem."""

    problem: Problem | None = None

    def note(self, rule: str, message: str, column: str | None = None) -> None:
        """Keep this finding where there is none yet; `column` is the contract's, where one is concerned."""
        if self.problem is None:
            self.problem = Problem(rule, message, column)


@dataclass(frozen=True, slots=True)
class Node:
    """One JSON object of an event, with its path (`$[3].transportCall`).

    What is absent or null reads as not given; what is of another kind than asked for is a finding.
    """

    path: str
    values: dict[str, Any]
    findings: Findings

    def at(self, name: str) -> str:
        """The path of one of its values."""
        return f"{self.path}.{name}"

    def text(self, name: str, column: str | None = None) -> str | None:
        """A value as text, numbers as they were written; None where it is not given."""
        return self._as_text(self.at(name), self.values.get(name), column)

    def needed(self, name: str, reason: str, column: str | None = None) -> str | None:
        """A value the event cannot be read without; `reason` completes the sentence when it is missing."""
        found = self.text(name, column)
        if not found or not found.strip():
            self.findings.note("required", f"{self.at(name)} is missing, {reason}.", column)
        return found

    def moment(self, name: str, column: str) -> str | None:
        """A moment with its zone, at most six digits of a second; None where it is not given."""
        written = self.text(name, column)
        if not written:
            return None
        found = MOMENT.fullmatch(written)
        if found and found[3]:
            return f"{found[1]}{found[2] or ''}{found[3]}"
        lack = "has no offset from UTC, so it could be any zone's" if found else "is not a moment"
        words = f"{self.at(name)} is {shortened(written, 80)!r}, which {lack}; it is written like"
        self.findings.note("type", f"{words} 2026-08-01T14:05:00+02:00.", column)
        return None

    def child(self, name: str) -> Node:
        """An object within this one; an empty one where it is not given."""
        found = self._of_kind(name, dict)
        return Node(self.at(name), found or {}, self.findings)

    def children(self, name: str) -> Iterator[Node]:
        """The objects of a list."""
        for number, found in enumerate(self._of_kind(name, list) or []):
            path = f"{self.at(name)}[{number}]"
            if isinstance(found, dict):
                yield Node(path, found, self.findings)
            else:
                self._mistyped(path, found, "an object")

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """The texts of a list, each with its path."""
        for number, found in enumerate(self._of_kind(name, list) or []):
            path = f"{self.at(name)}[{number}]"
            if text := self._as_text(path, found, None):
                yield path, text

    def _as_text(self, path: str, found: Any, column: str | None) -> str | None:
        if found is None:
            return None
        if not isinstance(found, str):
            self._mistyped(path, found, "text", column)
            return None
        if not is_text(found):
            words = "holds a character that is not text (a NUL or half of a surrogate pair)"
            self.findings.note("encoding", f"{path} {words}.", column)
            return None
        return found

    def _of_kind(self, name: str, kind: type) -> Any:
        found = self.values.get(name)
        if found is None or isinstance(found, kind):
            return found
        self._mistyped(self.at(name), found, KINDS[kind])
        return None

    def _mistyped(self, path: str, found: Any, expected: str, column: str | None = None) -> None:
        holds = KINDS.get(type(found), "another kind of value")
        self.findings.note("type", f"{path} holds {holds} where {expected} is expected.", column)


def raw_text(value: Any) -> str:
    """An event in its own words, for quarantine; numbers appear quoted, as they are kept as text."""
    return json.dumps(value, ensure_ascii=False)
