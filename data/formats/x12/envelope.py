"""An X12 file's interchanges, groups and transaction sets, and what is wrong with each (ASC X12.5 and X12.6).

Counts, control numbers and loops of the envelope are judged by pyx12. What is wrong with one set stays with that
set, what is wrong with a group is wrong with each of its sets, and a broken interchange refuses the file.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pyx12.errors import EngineError, X12Error
from pyx12.x12file import X12Reader

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.x12.segments import Fault, Segment, past_blanks, refused, segments_of, separators, text_of
from data.records import shortened

__all__ = [
    "Fault",
    "FunctionalGroup",
    "Interchange",
    "Segment",
    "TransactionSet",
    "groups_of",
    "interchanges_of",
    "refused",
    "sets_of",
    "whole_file",
]

#: Groups and sets of one interchange: pyx12 looks each control number up in a list, so that the time a set takes
#: grows with the sets before it.
MOST_SETS = 5_000
#: Element I14 (ISA15): the interchange is a test.
TEST = "T"
#: How many faults of a group are kept beside each of its sets.
MOST_FAULTS = 20
#: Versions whose envelope pyx12 knows; the others differ in nothing that it checks.
KNOWN_VERSIONS = ("00401", "00501")
#: Segments that stand outside of transaction sets.
ENVELOPE = {"ISA", "TA1", "GS", "SE", "GE", "IEA"}
# Faults that pyx12 names and trading partners live with: separators at a segment's end.
TOLERATED = {"SEG1"}


@dataclass(frozen=True, slots=True)
class Interchange:
    """One ISA to its IEA: separators, segments and faults."""

    element: str
    component: str
    terminator: str
    segments: tuple[Segment, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def head(self) -> Segment:
        """The ISA segment."""
        return self.segments[0]

    @property
    def refusal(self) -> Fault | None:
        """Why nothing of it may be taken, if so: what is wrong with it as a whole, or that it is only a test.

        A test is no fault of its envelope: our own answer to one is a test as well.
        """
        fault = next((fault for fault in self.faults if fault.level == "isa"), None)
        if fault is None and self.head.get(15) == TEST:
            told = "ISA15 is T: the interchange is a test, which is no news of a shipment; a real one says P"
            fault = Fault(self.head.number, "isa", "020", told)
        return fault

    @property
    def repetition(self) -> str | None:
        """The sign between repetitions of an element (ISA11), from version 00402 on."""
        sign = self.head.get(11)
        return None if sign is None or sign.isalnum() else sign

    def written(self, *segments: Segment) -> str:
        """Segments as they were sent."""
        joined = (self.element.join([segment.tag, *segment.elements]) for segment in segments)
        return "".join(text + self.terminator for text in joined)


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """One ST to its SE with the envelope around it; `faults` are its own and its group's."""

    interchange: Interchange
    group: Segment
    segments: tuple[Segment, ...]
    faults: tuple[Fault, ...] = field(default=())

    @property
    def kind(self) -> str:
        """Which message it is: 214, 204, ..."""
        return self.segments[0].get(1) or ""

    @property
    def sender(self) -> str:
        """The interchange sender (ISA06)."""
        return self.interchange.head.get(6) or ""

    @property
    def identity(self) -> str:
        """Its place in the sender's numbering: control numbers start anew, so the interchange's time is part."""
        head = self.interchange.head
        parts = (head.get(9), head.get(10), head.get(13), self.group.get(6), self.segments[0].get(2))
        return ":".join([self.sender, *(part or "" for part in parts)])

    @property
    def text(self) -> str:
        """Its segments as they were sent."""
        return self.interchange.written(*self.segments)


@dataclass(frozen=True, slots=True)
class FunctionalGroup:
    """One GS to its GE, which may be missing, with its sets; `faults` are its own."""

    head: Segment
    trailer: Segment | None
    sets: tuple[TransactionSet, ...]
    faults: tuple[Fault, ...]


def sets_of(contract: Contract, source: Path | bytes) -> Iterator[TransactionSet]:
    """Every transaction set of a file in order; FileRefused where an interchange cannot be trusted."""
    for interchange in interchanges_of(contract, source):
        if fault := interchange.refusal:
            raise refused(contract, f"at segment {fault.number}: {fault.message}")
        for group in groups_of(interchange):
            yield from group.sets


def interchanges_of(contract: Contract, source: Path | bytes) -> Iterator[Interchange]:
    """Every interchange of a file in order, with its faults; one that breaks off is the last.

    FileRefused where not even an ISA can be read.
    """
    text = text_of(contract, source)
    begin, number = past_blanks(text, 0), 0
    if begin == len(text):
        raise refused(contract, "it is empty")
    while begin < len(text):
        marks = separators(contract, text, begin, number)
        segments, end, fault = segments_of(text, begin, number, marks)
        yield Interchange(*marks, tuple(segments), fault or _faults(text[begin:end], segments, marks))
        if fault:
            return
        number = segments[-1].number
        begin = past_blanks(text, end)


def whole_file(contract: Contract, source: Path | bytes) -> tuple[list[Interchange], bool]:
    """The interchanges whose ISA can be read, and whether the file is refused for any of them.

    FileRefused where not even the first can be read.
    """
    found: list[Interchange] = []
    is_refused = False
    try:
        found.extend(interchanges_of(contract, source))
    except FileRefused:
        if not found:
            raise
        is_refused = True
    return found, is_refused or any(interchange.refusal for interchange in found)


def groups_of(interchange: Interchange) -> Iterator[FunctionalGroup]:
    """The functional groups of an interchange with their sets, faulty ones among them."""
    segments = interchange.segments
    faults = sorted(interchange.faults, key=lambda fault: fault.number)
    heads = [place for place, segment in enumerate(segments) if segment.tag == "GS"]
    for begin, end in pairwise([*heads, len(segments)]):
        group = segments[begin:end]
        around = tuple(fault for fault in _within(faults, group) if fault.level == "gs")[:MOST_FAULTS]
        trailer = next((segment for segment in group if segment.tag == "GE"), None)
        sets = tuple(_sets_of_group(interchange, group, around, faults))
        yield FunctionalGroup(group[0], trailer, sets, around)


def _version_known(text: str) -> str:
    """The interchange as pyx12 reads it."""
    return text if text[84:89] in KNOWN_VERSIONS else f"{text[:84]}{KNOWN_VERSIONS[0]}{text[89:]}"


def _faults(text: str, segments: list[Segment], marks: tuple[str, str, str]) -> tuple[Fault, ...]:
    """What is wrong with a whole interchange, each fault at its segment's number in the file."""
    begun = [segment for segment in segments if segment.tag in ("GS", "ST")]
    if len(begun) > MOST_SETS:
        told = f"the interchange holds more than {MOST_SETS:,} groups and sets and must be sent in parts"
        return (Fault(begun[MOST_SETS].number, "isa", "024", told),)
    return (
        *_strays(segments),
        *_unnumbered(segments),
        *_judged(_without_tree(_version_known(text), *marks), segments),
    )


def _without_tree(text: str, element: str, _: str, terminator: str) -> str:
    """The interchange as pyx12 should see it: its hierarchy (HL) as plain segments.

    pyx12 refuses a tree that does not count from 1, which the standard allows, and walks one in a time that
    grows with its square; the message that has a tree judges it.
    """
    found = re.compile(rf"({re.escape(terminator)}\s*)HL(?={re.escape(element)}|{re.escape(terminator)})")
    return found.sub(r"\1NTE", text)


def _judged(text: str, segments: list[Segment]) -> Iterator[Fault]:
    """What pyx12 finds."""
    read = 0
    try:
        reader = X12Reader(io.StringIO(text))
        for read, _ in enumerate(reader, start=1):
            yield from _told(segments[read - 1], reader)
        reader.cleanup()
        yield from _told(segments[-1], reader)
    except (IndexError, EngineError, X12Error):
        # pyx12 closes what was never opened: a trailer without its header.
        at = segments[min(read, len(segments) - 1)]
        yield Fault(at.number, "isa", "024", f"{at.tag} ends or begins what the envelope does not hold")
    else:
        if read != len(segments):
            yield Fault(segments[read].number, "isa", "024", "nothing can be read from here on")


def _strays(segments: list[Segment]) -> Iterator[Fault]:
    """Segments that belong to no transaction set: nobody would ever read them."""
    is_inside = False
    for segment in segments:
        is_inside = is_inside or segment.tag == "ST"
        if not is_inside and segment.tag not in ENVELOPE:
            yield Fault(
                segment.number, "isa", "024", f"{segment.tag} stands outside of every transaction set"
            )
        is_inside = is_inside and segment.tag not in ("SE", "GE", "IEA")


def _unnumbered(segments: list[Segment]) -> Iterator[Fault]:
    """Groups and sets that could neither be told apart from others nor be answered."""
    for segment in segments:
        if segment.tag == "GS" and not (segment.get(1) and segment.get(6)):
            yield Fault(
                segment.number, "isa", "024", "the group has no kind (GS01) or no control number (GS06)"
            )
        if segment.tag == "ST" and not segment.get(1):
            yield Fault(segment.number, "st", "6", "the set does not say which message it is (ST01)")
        if segment.tag == "ST" and not segment.get(2):
            yield Fault(segment.number, "st", "7", "the set has no control number (ST02)")


def _told(at: Segment, reader: X12Reader) -> Iterator[Fault]:
    for level, code, message, _, _ in reader.pop_errors():
        if code not in TOLERATED:
            told = _in_words(at, level, code, message) or message
            yield Fault(at.number, level, code, shortened(told, 200))


def _in_words(at: Segment, level: str, code: str, message: str) -> str | None:
    """What pyx12 means by a code where its own words name no segment that a partner could look for."""
    if (level, code, at.tag) == ("gs", "3", "GE"):
        number = message.removeprefix("Unterminated segment ")
        told = f"the group's set {number!r} has no end (SE), so that nothing in the group can be trusted"
        return f"{told}; ask the partner to send the group again with an SE for each ST"
    if (level, code) == ("st", "23"):
        told = f"ST02 gives the control number {at.get(2)!r}, which an earlier set of the group has already"
        return f"{told}; ask the partner to send this set again under a number of its own"
    if (level, code) == ("gs", "6"):
        told = f"GS06 gives the control number {at.get(6)!r}, which an earlier group has already"
        return f"{told}; ask the partner to send this group again under a number of its own"
    return None


def _within(faults: list[Fault], segments: tuple[Segment, ...]) -> list[Fault]:
    """The faults at these segments; `faults` are in the order of their segments."""
    first = bisect_left(faults, segments[0].number, key=lambda fault: fault.number)
    return faults[first : bisect_right(faults, segments[-1].number, key=lambda fault: fault.number)]


def _sets_of_group(
    interchange: Interchange, group: tuple[Segment, ...], around: tuple[Fault, ...], faults: list[Fault]
) -> Iterator[TransactionSet]:
    """Each ST to its SE, or to where the next set or the group's end shows that it has none."""
    begins = [place for place, segment in enumerate(group) if segment.tag == "ST"]
    for begin, limit in pairwise([*begins, len(group)]):
        end = next((p for p in range(begin, limit) if group[p].tag in ("SE", "GE", "IEA")), limit - 1)
        own = group[begin : end + 1]
        found = [fault for fault in _within(faults, own) if fault.level in ("st", "seg")]
        yield TransactionSet(interchange, group[0], own, (*around, *found))
