"""What segments say that messages of every type share: moments, places, parties, references, amounts.

Codes stay as sent. The names of qualifiers and formats are those of UN/EDIFACT directories D.95B to D.21B.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from data.formats.edifact.envelope import problem_at
from data.formats.edifact.syntax import Segment
from data.records import Problem, shortened

#: Data element 2379: how many digits of century, year, month, day, hour, minute, second; whether a zone follows.
FORMATS = {
    "101": ("YYMMDD", False),
    "102": ("CCYYMMDD", False),
    "201": ("YYMMDDHHMM", False),
    "202": ("YYMMDDHHMMSS", False),
    "203": ("CCYYMMDDHHMM", False),
    "204": ("CCYYMMDDHHMMSS", False),
    "205": ("CCYYMMDDHHMM", True),
    "208": ("CCYYMMDDHHMMSS", True),
    "301": ("YYMMDDHHMM", True),
    "302": ("YYMMDDHHMMSS", True),
    "303": ("CCYYMMDDHHMM", True),
    "304": ("CCYYMMDDHHMMSS", True),
}
ZONE = re.compile(r"(?P<utc>UTC|GMT|Z)|(?P<sign>[+-])(?P<hours>0\d|1[0-4]):?(?P<minutes>[0-5]\d)?")
NUMBER = re.compile(r"-?[0-9]{1,18}([.,][0-9]{1,9})?")
#: Data element 3055: who keeps a list of carrier codes of two to four letters.
SCAC_AGENCIES = ("166", "182")
#: A remark longer than this is cut, with a mark that says so (characters).
MAX_REMARK = 1900


class Unreadable(ValueError):  # noqa: N818
    """A segment says something that cannot be read; `problem` tells the person where and what."""

    def __init__(self, segment: Segment, element: int | None, words: str) -> None:
        """`words` end a sentence that begins with the place."""
        self.problem: Problem = problem_at("segment", segment.number, segment.tag, element, words)
        super().__init__(self.problem.message)


class Moment(NamedTuple):
    """A moment as sent: `at` where the message gives its zone, else `local`, by the clock of the place."""

    at: str | None = None
    local: str | None = None


class Place(NamedTuple):
    """A LOC or a party: its code, the list the code is of, its name; each may be missing."""

    code: str | None = None
    code_list: str | None = None
    name: str | None = None


def moment(segment: Segment) -> Moment:
    """The moment of a DTM (C507); Unreadable where its format is unknown or its value is no date of it.

    Years of two digits are of this century: no shipment in movement is older.
    """
    value, code = segment.value(1, 2), segment.value(1, 3)
    if code not in FORMATS:
        raise Unreadable(segment, 1, f"has the date format {code[:10]!r}; read are {', '.join(FORMATS)}")
    picture, has_zone = FORMATS[code]
    digits, zone = value[: len(picture)], value[len(picture) :]
    if len(digits) < len(picture) or not (digits.isascii() and digits.isdecimal()) or (zone and not has_zone):
        raise Unreadable(segment, 1, f"is {value[:40]!r}, which is not of the date format {code} ({picture})")
    if picture[0] != "C":
        digits = f"20{digits}"
    numbers = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, len(digits), 2)), 0, 0, 0]
    year, month, day, hour, minute, second = numbers[:6]
    try:
        found = datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise Unreadable(segment, 1, f"is {value[:40]!r}, and there is no such day or time") from None
    if "HH" not in picture:
        return Moment(local=found.date().isoformat())
    return (
        Moment(at=f"{found.isoformat()}{_offset(segment, zone)}") if zone else Moment(local=found.isoformat())
    )


def _offset(segment: Segment, zone: str) -> str:
    found = ZONE.fullmatch(zone)
    if found is None:
        raise Unreadable(
            segment, 1, f"is of the time zone {zone[:10]!r}, which is neither UTC nor an offset of it"
        )
    return "Z" if found["utc"] else f"{found['sign']}{found['hours']}:{found['minutes'] or '00'}"


def moment_of(segments: Iterable[Segment], qualifier: str) -> Moment:
    """The moment that the only DTM of this qualifier gives; none where there is no such DTM.

    Unreadable where two of them differ, for nobody could say which one holds.
    """
    found: Moment | None = None
    for segment in segments:
        if segment.tag == "DTM" and segment.value(1) == qualifier:
            said = moment(segment)
            if found and said != found:
                raise Unreadable(segment, 1, f"gives a second, different moment of qualifier {qualifier}")
            found = said
    return found or Moment()


def sent_at(segments: Iterable[Segment]) -> str | None:
    """When the message was made (DTM 137), a clock without its zone read as UTC; None for a day alone."""
    found = moment_of(segments, "137")
    # Nearly all senders write it without its zone, and it only orders what one sender told.
    return found.at or (f"{found.local}Z" if found.local and "T" in found.local else None)


def place(segment: Segment) -> Place:
    """The place of a LOC (C517). UN/LOCODE is the list of agency 6, and of list 139 (ports) without an agency."""
    code, code_list, agency, name = (segment.value(2, component) for component in (1, 2, 3, 4))
    if agency == "6" or (code_list == "139" and not agency):
        known: str | None = "UNLOCODE"
    else:
        known = {"9": "GLN", "306": "SMDG"}.get(agency) or list_named(code_list, agency)
    return Place(code or None, known if code else None, name or None)


def party(segments: Iterable[Segment], qualifier: str) -> Place:
    """The first NAD of this role (3035): its code (C082), the list the code is of, its name (C080, else C058)."""
    for segment in segments:
        if segment.tag == "NAD" and segment.value(1) == qualifier:
            code, code_list, agency = (segment.value(2, component) for component in (1, 2, 3))
            known = _party_list(code_list, agency) if code else None
            name = joined(segment.components(4)[:5]) or segment.value(3)
            return Place(code or None, known, name or None)
    return Place()


def carrier_scac(segments: Iterable[Segment]) -> str | None:
    """The SCAC of the carrier of NAD CA or, after it, of TDT (C040), where the message says that it is one."""
    said = list(segments)
    named = party(said, "CA")
    if named.code_list == "SCAC":
        return named.code
    legs = (segment for segment in said if segment.tag == "TDT" and segment.value(5, 3) in SCAC_AGENCIES)
    return next((segment.value(5) for segment in legs if segment.value(5)), None)


def list_named(code_list: str, agency: str) -> str | None:
    """Data elements 1131 and 3055 as sent, as one name; None where neither was."""
    return ":".join(part for part in (code_list, agency) if part) or None


def reference_pairs(segments: Iterable[Segment]) -> list[tuple[str, str]]:
    """Qualifier and number of every RFF (C506)."""
    return [(segment.value(1), segment.value(1, 2)) for segment in segments if segment.tag == "RFF"]


def free_text(segments: Iterable[Segment]) -> list[str]:
    """The text of every FTX (C108); coded text is not among it."""
    return [joined(segment.components(4)) for segment in segments if segment.tag == "FTX"]


def remark(texts: Iterable[str]) -> str | None:
    """Texts of the sender as one, blank and repeated ones left out."""
    found = dict.fromkeys(text for text in texts if text)
    return shortened("\n".join(found), MAX_REMARK) if found else None


def joined(lines: Iterable[str]) -> str:
    """Lines of one text with a blank between them."""
    return " ".join(line.strip() for line in lines if line.strip())


def number(segment: Segment, element: int, component: int) -> str | None:
    """A number with a decimal point, whichever mark it was sent with (ISO 9735 allows both)."""
    value = segment.value(element, component)
    if value and not NUMBER.fullmatch(value):
        raise Unreadable(segment, element, f"is {value[:40]!r}, which is no number")
    return value.replace(",", ".") or None


def _party_list(code_list: str, agency: str) -> str | None:
    if agency in SCAC_AGENCIES:
        return "SCAC"
    return {"9": "GLN", "306": "SMDG"}.get(agency) or list_named(code_list, agency)
