"""An X12 file as segments (ASC X12.5 and X12.6): its separators, its text cut at them, and where it breaks off.

Tokens are ours, because a file may hold several interchanges with separators of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_size
from data.formats.lines import UTF8_BOM, open_bytes, size_of
from data.records import shortened

ISA_LENGTH = 106
#: Widths of the sixteen elements of an ISA segment (X12.5, ISA): it is the one segment of fixed length.
ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
#: pyx12 reads a segment within one buffer of 8 KiB; no segment of freight comes near it.
LONGEST_SEGMENT = 8_000
#: Blanks, and the sign by which DOS ends a file where nothing else follows it.
BLANKS = re.compile(r"[ \t\r\n]*+(?:\x1a[\x1a \t\r\n]*+\Z)?")
#: Every segment is kept in memory until its interchange ends.
MOST_SEGMENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its number in the file (from 1), its tag and its elements as sent."""

    number: int
    tag: str
    elements: tuple[str, ...]

    def get(self, place: int) -> str | None:
        """Element `place` (from 1) without blanks around it; None where it is not given."""
        text = self.elements[place - 1].strip() if 0 < place <= len(self.elements) else ""
        return text or None

    @property
    def name(self) -> str:
        """How a sentence speaks of it: segment 14 (AT7)."""
        return f"segment {self.number} ({self.tag})"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a segment: `level` is isa, gs, st or seg.

    `code` is that of the acknowledgement which tells the sender: I18 (TA1) for isa, 716 for gs, 718 for st, 720
    for seg.
    """

    number: int
    level: str
    code: str
    message: str


def refused(contract: Contract, reason: str) -> FileRefused:
    """The refusal of a whole X12 file."""
    return FileRefused(
        contract.feed, "envelope", f"{reason}.", "Ask the partner to send the interchange again."
    )


def text_of(contract: Contract, source: Path | bytes) -> str:
    """The file as text; FileRefused where it is too large or is no text."""
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        content = stream.read(contract.max_bytes + 1).removeprefix(UTF8_BOM)
    try:
        text = content.decode(contract.encoding)
    except UnicodeDecodeError as error:
        raise _not_decoded(contract, content, error.start) from error
    if "\0" in text:
        raise refused(contract, f"character {text.index(chr(0)) + 1} is a NUL")
    return text


def _not_decoded(contract: Contract, content: bytes, place: int) -> FileRefused:
    """The refusal of a file at the first byte that is no text: it names the segment, and what can be done."""
    number = _ended(contract, content[:place].decode("latin-1")) + 1
    words = f"byte {place + 1:,}, in segment {number:,}, is not valid {contract.encoding.upper()}."
    path = f"data/contracts/{contract.source}/{contract.feed}.yml"
    advice = (
        f"Ask the partner to write UTF-8, or set encoding in {path} to what they write (cp1252 or latin-1)."
    )
    return FileRefused(contract.feed, "encoding", words, advice)


def _ended(contract: Contract, text: str) -> int:
    """How many segments end in the beginning of a file."""
    number, begin, fault = 0, past_blanks(text, 0), False
    while begin < len(text) and not fault:
        try:
            marks = separators(contract, text, begin, number)
        except FileRefused:
            break
        found, end, faults = segments_of(text, begin, number, marks)
        number, begin, fault = number + len(found), past_blanks(text, end), bool(faults)
    return number


def past_blanks(text: str, place: int) -> int:
    """The next place that is no blank and no line end: only they may stand between interchanges."""
    return BLANKS.match(text, place).end()  # type: ignore[union-attr]


def separators(contract: Contract, text: str, begin: int, number: int) -> tuple[str, str, str]:
    """Element, component and segment separators, which the ISA itself declares by its fixed length."""
    head = text[begin : begin + ISA_LENGTH]
    where = f"segment {number + 1}"
    if not head.startswith("ISA"):
        raise refused(contract, f"{where} should begin an interchange with ISA, and begins {head[:12]!r}")
    if len(head) < ISA_LENGTH:
        raise refused(contract, f"{where}: the ISA has {len(head)} of its {ISA_LENGTH} characters")
    element, component, terminator = head[3], head[104], head[105]
    widths = tuple(len(part) for part in head[4:105].split(element))
    if widths != ISA_WIDTHS or terminator in head[:105]:
        raise refused(contract, f"{where}: the ISA is not written in its fixed widths")
    marks = {element, component, terminator}
    if len(marks) < 3 or any(mark.isalnum() or mark == " " for mark in marks):
        raise refused(contract, f"{where}: the separators of the ISA are not three different signs")
    return element, component, terminator


def segments_of(
    text: str, begin: int, number: int, marks: tuple[str, str, str]
) -> tuple[list[Segment], int, tuple[Fault, ...]]:
    """Segments from an ISA to its IEA, where they end, and the fault at which they break off, if so."""
    element, _, terminator = marks
    found: list[Segment] = []
    while not found or found[-1].tag != "IEA":
        number += 1
        end = text.find(terminator, begin, begin + LONGEST_SEGMENT)
        if end < 0:
            return found, begin, (_no_end(text, begin, number),)
        tag, *elements = text[begin:end].lstrip(" \t\r\n").split(element)
        if not (2 <= len(tag) <= 3 and tag.isascii() and tag.isalnum() and tag.isupper()):
            told = f"it has no segment name: {shortened(text[begin:end].strip(), 40)!r}"
            return found, begin, (Fault(number, "isa", "024", told),)
        if len(found) == MOST_SEGMENTS:
            told = f"the interchange holds more than {MOST_SEGMENTS:,} segments and must be sent in parts"
            return found, begin, (Fault(number, "isa", "024", told),)
        found.append(Segment(number, tag, tuple(elements)))
        begin = end + len(terminator)
    return found, begin, ()


def _no_end(text: str, begin: int, number: int) -> Fault:
    rest = text[begin : begin + LONGEST_SEGMENT]
    if not rest.strip():
        told = "the file ends before the trailer IEA: a part of it is missing"
        return Fault(number, "isa", "023", told)
    if len(rest) >= LONGEST_SEGMENT:
        told = f"the segment is longer than {LONGEST_SEGMENT:,} characters: {shortened(rest.strip(), 40)!r}"
        return Fault(number, "isa", "024", told)
    told = f"the segment has no end: {shortened(rest.strip(), 40)!r}; a part of the file is missing"
    return Fault(number, "isa", "023", told)
