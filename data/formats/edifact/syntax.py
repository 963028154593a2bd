"""EDIFACT syntax (ISO 9735): service characters, character sets, and a file's text cut into segments.

The cutting is our own although pydifact has a tokenizer. That one begins anew at any `'UNA` inside a text, lets
two terminators in a row swallow the tag after them, and neither bounds a segment nor says which one is wrong. On
well-formed files the tests hold the two against each other.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import MAX_LINE_BYTES
from data.formats.lines import UTF8_BOM

#: Data element 0001 and the encoding it stands for (UN/EDIFACT service code list; ISO 9735-1).
CHARACTER_SETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
#: A file of more segments than this is refused: a real one has ten characters and more in each.
MAX_SEGMENTS = 2_000_000
#: Blanks, and the sign by which DOS ends a file where nothing else follows it.
BETWEEN_SEGMENTS = re.compile(r"[ \t\r\n]*+(?:\x1a[\x1a \t\r\n]*+\Z)?")
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
TAG = re.compile(r"[A-Z][A-Z0-9]{2}")
#: What may separate: signs of ASCII, and its four information separators (ISO 9735, level B).
SEPARATORS = frozenset(string.punctuation + "\x1c\x1d\x1e\x1f")
DEFAULT_CHARACTERS = ":+.? '"
ASK_AGAIN = "Ask the sender for the file again."


class Raw(NamedTuple):
    """A segment as it was sent: its number in the file (the first UNB is 1; UNA is not counted), its tag, its text."""

    number: int
    tag: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment taken apart. Elements and components count from 1; element 0 is the tag."""

    number: int
    tag: str
    elements: tuple[tuple[str, ...], ...]

    def value(self, element: int, component: int = 1) -> str:
        """One component without outer blanks; "" where it was not sent."""
        if element >= len(self.elements) or component > len(self.elements[element]):
            return ""
        return self.elements[element][component - 1].strip(" ")

    def components(self, element: int) -> tuple[str, ...]:
        """Every component of an element; none where it was not sent."""
        return self.elements[element] if element < len(self.elements) else ()


class Syntax:
    """The service characters of one interchange and what they make of its text."""

    def __init__(self, characters: str, version: str) -> None:
        """`characters` are the six after UNA; `version` is data element 0002 (only in 4 is the fifth one in use)."""
        self.component, self.element, self.terminator = characters[0], characters[1], characters[5]
        release, repetition = characters[3], characters[4]
        self.release = release if release != " " else ""
        self.repetition = repetition if version == "4" and repetition != " " else ""
        one = f"{re.escape(self.release)}." if self.release else r"(?!)"
        ends = re.escape(self.release + self.terminator)
        self._segment = re.compile(f"((?:[^{ends}]++|{one})*+){re.escape(self.terminator)}", re.DOTALL)
        self._tag = re.compile(f"[^{re.escape(self.element + self.component)}]*+")
        self._released = re.compile(
            f"{re.escape(self.release)}(.)" if self.release else r"(?!)(.)", re.DOTALL
        )
        self._pieces = {at: self._pieces_at(at, one) for at in (self.element, self.component)}
        self._repeated = self._pieces_at(self.repetition, one) if self.repetition else None

    def _pieces_at(self, at: str, one: str) -> re.Pattern[str]:
        kept = re.escape(self.release + at)
        return re.compile(f"(?:^|{re.escape(at)})((?:[^{kept}]++|{one})*+)", re.DOTALL)

    def cut(self, text: str, feed: str, number: int = 0) -> Iterator[Raw]:
        """Segments in order, one at a time, numbered after `number`; FileRefused where one has no end or there are
        too many.
        """
        position = _after_blanks(text, 0)
        while position < len(text):
            number += 1
            found = self._segment.match(text, position)
            if found is None:
                begins = text[position : position + 3]
                raise refused(
                    feed, number, begins, None, f"has no end ({self.terminator}): the file was cut off"
                )
            if number > MAX_SEGMENTS:
                raise refused(
                    feed, number, "", None, f"is one more than the {MAX_SEGMENTS:,} a file may have"
                )
            words = found[1]
            yield Raw(number, self._tag.match(words)[0][:20], words)  # type: ignore[index]
            position = _after_blanks(text, found.end())

    def end(self, text: str, position: int) -> tuple[int, int]:
        """Where the interchange ends that begins here, blanks after it included, and how many segments it has.

        That is where the text ends if no UNZ comes.
        """
        count = 0
        while found := self._segment.match(text, position):
            position, count = _after_blanks(text, found.end()), count + 1
            if self._tag.match(found[1])[0] == "UNZ":  # type: ignore[index]
                return position, count
        return len(text), count

    def ended(self, text: str) -> int:
        """How many segments end in this text."""
        count = position = 0
        while found := self._segment.match(text, position):
            position, count = found.end(), count + 1
        return count

    def parse(self, raw: Raw) -> Segment:
        """The segment taken apart and its released characters given back."""
        return Segment(
            raw.number,
            raw.tag,
            tuple(
                tuple(self._plain(piece) for piece in self._split(element, self.component))
                for element in self._split(raw.text, self.element)
            ),
        )

    def fault(self, raw: Raw) -> str | None:
        """What makes the segment unreadable, as the end of a sentence; None where nothing does."""
        if not raw.text:
            return "is empty: two terminators follow each other"
        if not TAG.fullmatch(raw.tag):
            return "does not begin with a tag of three capital letters"
        if len(raw.text) > MAX_LINE_BYTES:
            return f"is longer than {MAX_LINE_BYTES:,} characters: a terminator is missing"
        if odd := CONTROL_CHARACTER.search(self._without_service_characters(raw.text)):
            return f"holds the control character {ord(odd[0]):#04x}, which no EDIFACT character set has"
        if self._repeated and self.repetition in raw.text and len(self._repeated.findall(raw.text)) > 1:
            return "repeats an element, which is not read here"
        return None

    def _without_service_characters(self, text: str) -> str:
        return text.replace(self.element, "").replace(self.component, "")

    def _split(self, text: str, at: str) -> list[str]:
        if not self.release or self.release not in text:
            return text.split(at)
        return self._pieces[at].findall(text)

    def _plain(self, text: str) -> str:
        return self._released.sub(r"\1", text) if self.release and self.release in text else text


def interchanges(contract: Contract, content: bytes) -> Iterator[tuple[Syntax, str, int]]:
    """For each interchange of a file how it is written, its text from UNB on, and how many segments are before it.

    FileRefused where one is not EDIFACT or not decodable. Each says its own service characters and character set.
    """
    # Every character set is ASCII where it separates, so places found in bytes hold in the text too.
    content = content.removeprefix(UTF8_BOM)
    signs = content.decode("latin-1")
    position = number = 0
    while not number or position < len(signs):
        characters, start = _service_characters(contract, signs, position, number)
        name, version = _character_set(contract, signs[start : start + 60], characters, number)
        syntax = Syntax(characters, version)
        position, count = syntax.end(signs, start)
        yield syntax, _decoded(contract, content[start:position], name, syntax, start, number), number
        number += max(count, 1)


def _decoded(contract: Contract, content: bytes, name: str, syntax: Syntax, start: int, before: int) -> str:
    try:
        return content.decode(CHARACTER_SETS[name])
    except UnicodeDecodeError as error:
        number = before + syntax.ended(content[: error.start].decode("latin-1")) + 1
        words = f"byte {start + error.start + 1:,}, in segment {number:,}, is not a character of {name}"
        advice = "Ask the sender to declare the character set it writes (UNOC, or UNOY for UTF-8)."
        raise FileRefused(contract.feed, "encoding", f"{words}.", advice) from error


def refused(feed: str, number: int, tag: str, element: int | None, words: str) -> FileRefused:
    """A refusal that names the segment, and the element where one is at fault."""
    return FileRefused(feed, "envelope", f"{where(number, tag, element)} {words}.", ASK_AGAIN)


def where(number: int, tag: str, element: int | None = None) -> str:
    """A place in the file as people say it: segment 4 (DTM), element 1,."""
    named = f"segment {number:,} ({tag})" if TAG.fullmatch(tag) else f"segment {number:,}"
    return f"{named}, element {element}," if element else named


def _service_characters(contract: Contract, signs: str, position: int, number: int) -> tuple[str, int]:
    """The six service characters of the interchange that begins here, and where its UNB begins."""
    start = _after_blanks(signs, position)
    if start == len(signs):
        raise FileRefused(contract.feed, "empty", "it is empty.", ASK_AGAIN)
    if not signs.startswith("UNA", start):
        # Syntax version 4 has a repetition separator of its own where UNA does not say another.
        return (":+.?*'" if signs[start + 9 : start + 10] == "4" else DEFAULT_CHARACTERS), start
    characters = signs[start + 3 : start + 9]
    release = characters[3:4]
    used = [*characters[:2], *characters[5:], *([release] if release != " " else [])]
    is_told_apart = len(used) == len(set(used)) and characters[4:5] not in used and len(characters) == 6
    if not is_told_apart or not all(one in SEPARATORS for one in used):
        of = f" before segment {number + 1:,}" if number else ""
        words = (
            f"the six characters after UNA{of} ({characters!r}) cannot be told from text or from each other"
        )
        raise FileRefused(contract.feed, "envelope", f"{words}.", ASK_AGAIN)
    return characters, _after_blanks(signs, start + 9)


def _after_blanks(text: str, position: int) -> int:
    return BETWEEN_SEGMENTS.match(text, position).end()  # type: ignore[union-attr]


def _character_set(contract: Contract, head: str, characters: str, before: int) -> tuple[str, str]:
    """Data elements 0001 and 0002: the character set and the version of the syntax."""
    component, element = characters[0], characters[1]
    if not head.startswith(f"UNB{element}"):
        words = f"it begins with {head[:9]!r} and not with UNA or UNB{element}: it is no EDIFACT interchange"
        if before:
            words = f"{where(before + 1, head[:3])} comes after the end of the interchange (UNZ) and begins no other"
        raise FileRefused(contract.feed, "envelope", f"{words}.", ASK_AGAIN)
    name, _, version = head[4:].split(element)[0].partition(component)
    if name not in CHARACTER_SETS:
        known = f"known are {', '.join(sorted(CHARACTER_SETS))}"
        words = f"names the character set {name[:10]!r}; {known}"
        raise refused(contract.feed, before + 1, "UNB", 1, words)
    if version.partition(component)[0] not in ("1", "2", "3", "4"):
        words = f"names the syntax version {version[:10]!r}; known are 1 to 4"
        raise refused(contract.feed, before + 1, "UNB", 1, words)
    return name, version[0]
