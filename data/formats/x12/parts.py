"""Segments that many messages have: references, parties with their addresses, dates, items and remarks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from biip import ParseError
from biip.sscc import Sscc

from data.formats.messages import references
from data.formats.x12.envelope import Segment
from data.formats.x12.rows import Broken, Cells, when

#: How many repeated parts (references, dates, remarks) one row takes: no document of freight has near as many,
#: and every row carries those of its whole message.
MOST_PARTS = 300
#: Where a reference's qualifier and value stand, by segment.
REFERENCE_PLACES = {"L11": (2, 1), "REF": (1, 2), "N9": (1, 2)}

#: Marks that are SSCCs (element 88): with its application identifier, and alone.
SSCC_MARKS = ("GM", "AA")
#: Any text of a GS1-128 (element 88), which is an SSCC where its application identifier says so.
GS1_MARK, SSCC_IDENTIFIERS = "AI", ("00", "(00)")
#: Where the marks of a MAN stand: each its qualifier, its text and, of a range, the last text.
MARK_PLACES = ((1, 2, 3), (4, 5, 6))


class Loop(list[Segment]):
    """The segments of one loop in order, its first one first."""

    def all(self, *tags: str) -> list[Segment]:
        """Those of some tags, in order; Broken where they are more than a row takes."""
        found = list(islice((segment for segment in self if segment.tag in tags), MOST_PARTS + 1))
        if len(found) > MOST_PARTS:
            raise Broken(
                found[-1], None, f"is one of more than {MOST_PARTS} of its kind in one loop", code="5"
            )
        return found

    def first(self, tag: str) -> Segment | None:
        """The first of a tag, where there is one."""
        return next((segment for segment in self if segment.tag == tag), None)


def loops_at(segments: Iterable[Segment], *tags: str) -> tuple[Loop, list[Loop]]:
    """What stands before the first segment of these tags, and a loop for each of them."""
    header = Loop()
    loops: list[Loop] = []
    for segment in segments:
        if segment.tag in tags:
            loops.append(Loop())
        (loops[-1] if loops else header).append(segment)
    return header, loops


@dataclass(frozen=True, slots=True)
class Mark:
    """One of the marks of a MAN: its qualifier, and its text, which of a range is its first and its last."""

    segment: Segment
    place: int
    qualifier: str
    text: str | None
    is_range: bool

    @property
    def named(self) -> tuple[str, str | None]:
        """The mark as references are told."""
        return f"MAN:{self.qualifier}", self.text

    @property
    def is_sscc(self) -> bool:
        """Whether it says that it is an SSCC, or a range of them."""
        is_identified = self.qualifier == GS1_MARK and (self.text or "").startswith(SSCC_IDENTIFIERS)
        return is_identified or self.qualifier in SSCC_MARKS

    def sscc(self) -> str | None:
        """The SSCC that it is; a range is none, for nobody says which of its numbers is meant. Raises Broken."""
        return sscc(self.segment, self.place) if self.is_sscc and not self.is_range else None


def marks(loop: Loop) -> Iterator[Mark]:
    """The marks (MAN) of a loop; a segment may tell two of them."""
    for segment in loop.all("MAN"):
        for qualifier, first, last in MARK_PLACES:
            told = list(dict.fromkeys(filter(None, (segment.get(first), segment.get(last)))))
            # A mark that has its qualifier alone is kept, so that an SSCC that was left out is told.
            if told or segment.get(qualifier):
                text = "-".join(told) or None
                yield Mark(segment, first, segment.get(qualifier) or "", text, len(told) > 1)


def named(loop: Loop) -> Iterator[tuple[str, str | None]]:
    """The references of a loop as (qualifier, value), as sent; a qualifier that is not given is the segment."""
    for segment in loop.all(*REFERENCE_PLACES):
        qualifier, value = REFERENCE_PLACES[segment.tag]
        yield segment.get(qualifier) or segment.tag, segment.get(value)


def reference(loop: Loop, qualifier: str) -> str | None:
    """The first reference of a qualifier."""
    return next((value for found, value in named(loop) if found == qualifier and value), None)


def references_of(*loops: Loop, also: Iterable[tuple[str, str | None]] = ()) -> str | None:
    """The references of some loops together, in a JSON list of [qualifier, value]."""
    return references([*also, *(pair for loop in loops for pair in named(loop))])


def remarks(*loops: Loop) -> str | None:
    """Free text (K1, NTE) of some loops, joined."""
    places = {"K1": (1, 2), "NTE": (2,)}
    found = (
        segment.get(place) for loop in loops for segment in loop.all(*places) for place in places[segment.tag]
    )
    return " ".join(filter(None, found)) or None


def dates(loop: Loop) -> str | None:
    """The dates of a loop (G62) in a JSON list of [date qualifier, time qualifier, moment], as sent.

    A moment has its offset where a time code gives one, and is local otherwise, as in the rest of a row.
    """
    found = []
    for segment in loop.all("G62"):
        cells = when(segment, (2, 4, 5), "date")
        told = cells["date_at"] or cells["date_local"]
        if told:
            found.append([segment.get(1), segment.get(3), told])
    return json.dumps(found) if found else None


def party(segments: Sequence[Segment], name: str, roles: Sequence[str] = ()) -> Cells:
    """The cells of the first party (N1, N3, N4) in one of some roles (element 98), or of the first of all.

    They are called `<name>_role`, `_name`, `_code`, `_code_list`, `_address`, `_city`, `_region_code`,
    `_postal_code` and `_country_code`; there are none where there is no such party.
    """
    cells: Cells = {}
    for segment in segments:
        if segment.tag == "N1":
            if cells:
                return cells
            if not roles or segment.get(1) in roles:
                keys = ("role", "name", "code_list", "code")
                cells = {f"{name}_{key}": segment.get(place) for place, key in enumerate(keys, start=1)}
        elif cells and segment.tag == "N3" and f"{name}_address" not in cells:
            told = filter(None, (segment.get(1), segment.get(2)))
            cells[f"{name}_address"] = " ".join(told) or None
        elif cells and segment.tag == "N4" and f"{name}_city" not in cells:
            keys = ("city", "region_code", "postal_code", "country_code")
            cells |= {f"{name}_{key}": segment.get(place) for place, key in enumerate(keys, start=1)}
    return cells


def items(segment: Segment, *places: int) -> str | None:
    """Product numbers as a JSON list of [qualifier, number]; each pair begins at one of `places`."""
    return references((segment.get(place) or "", segment.get(place + 1)) for place in places)


def sscc(segment: Segment, place: int) -> str:
    """The SSCC of a mark (GS1 General Specifications, 2.2.1): 18 digits, its application identifier 00 left out.

    Broken where it is none, or its check digit is wrong.
    """
    told = segment.get(place) or ""
    bare = told.removeprefix("(00)") if told.startswith("(00)") else told
    digits = bare[2:] if len(bare) == 20 and bare.startswith("00") else bare
    # The parser takes digits of every script for digits.
    if digits.isascii():
        with suppress(ParseError):
            return Sscc.parse(digits).value
    raise Broken(
        segment,
        place,
        f"gives {told!r}, which is not an SSCC: 18 digits with their check digit, after 00 or alone",
        "sscc",
        code="6",
    )
