"""X12 214, Transportation Carrier Shipment Status Message: one row for each status or appointment (AT7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import Loop, loops_at, marks, references_of, remarks
from data.formats.x12.rows import Broken, Cells, Once, Row, element, required
from data.formats.x12.times import NotATime, moment

#: X12 data elements that the codes of an AT7 are of.
STATUS_LIST, APPOINTMENT_LIST = "x12_1650", "x12_1652"
#: Versions (GS08) up to 4020 ask for a reason with every code (P0102, P0304); later ones only forbid a lone reason.
REASON_ASKED = {"004010", "004020", "004010VICS"}
#: The first version whose AT7 is laid out as it is read here; days before it have their century elsewhere.
OLDEST, VERSION = "004010", re.compile(r"\d{6}", re.ASCII)
DEGREES = re.compile(r"(\d{1,3})(\d{2})(\d{2}(?:\.\d{1,4})?)", re.ASCII)
DECIMAL = re.compile(r"-?\d{1,3}\.\d{1,8}", re.ASCII)


@dataclass
class _Detail:
    """One AT7 with the place and equipment that follow it, inside its LX loop."""

    status: Segment
    place: Segment | None = None
    equipment: Segment | None = None


def rows_of(found: TransactionSet) -> Iterator[Row]:
    """The rows of one 214; Broken inside a row where its segments contradict the standard."""
    header, loops = loops_at(found.segments, "LX")
    numbers = count(1)
    for loop in [header, *loops]:
        said = Once(partial(_said, found, header, loop))
        for detail in _details(loop):
            yield Row(detail.status, partial(_fill, found, said, detail, next(numbers)))


def _details(loop: Loop) -> Iterator[_Detail]:
    detail: _Detail | None = None
    for segment in loop:
        if segment.tag == "AT7":
            if detail:
                yield detail
            detail = _Detail(segment)
        elif detail and segment.tag == "MS1" and detail.place is None:
            detail.place = segment
        elif detail and segment.tag == "MS2" and detail.equipment is None:
            detail.equipment = segment
    if detail:
        yield detail


def _said(found: TransactionSet, header: Loop, loop: Loop) -> Cells:
    """What is said for all the details of a loop: who speaks, of which shipment, and in what words."""
    _check_version(found)
    head = required(found, "B10")
    loops = [header] if loop is header else [header, loop]
    told = [mark.named for part in loops for mark in marks(part)]
    own = (head.get(5) or "B10-06", head.get(6))
    named = [("B10-01", head.get(1)), ("B10-02", head.get(2)), own, *told]
    return {
        "shipment_references": references_of(*loops, also=named),
        "remark": remarks(*loops),
        "carrier_scac": element(head, 3, "carrier_scac"),
    }


def _check_version(found: TransactionSet) -> None:
    told = VERSION.match(found.group.get(8) or "")
    if told and told[0] < OLDEST:
        words = (
            f"begins a 214 of version {told[0]} (GS08), whose statuses are laid out otherwise: 004010 to 008030"
            " are read, and the partner must send one of them"
        )
        raise Broken(found.segments[0], None, words, code="2")


def _fill(found: TransactionSet, said: Once[Cells], detail: _Detail, index: int, cells: Cells) -> None:
    cells |= {
        "event_id": f"x12:{found.identity}:{index}",
        "sender_id": found.sender,
        "sent_at": _sent_at(found),
        "position": detail.status.name,
    }
    cells |= said.get()
    cells |= _codes(detail.status, is_reason_asked=found.group.get(8) in REASON_ASKED)
    cells |= _time(detail.status)
    cells |= _place(detail.place)
    cells["equipment_no"] = _equipment(detail.equipment)


def _sent_at(found: TransactionSet) -> str | None:
    """When the group was made (GS04, GS05), its clock read as UTC; None where it says no moment."""
    try:
        instant, local = moment(found.group.get(4), found.group.get(5), "UT")
    except NotATime:
        return None
    return instant or local


def _codes(status: Segment, *, is_reason_asked: bool) -> Cells:
    """The code and its list: an AT7 gives either a status or an appointment, and no reason without its code."""
    code, reason, appointment, why = (status.get(place) for place in range(1, 5))
    if bool(code) == bool(appointment):
        told = "gives a status (AT701) or an appointment (AT703), and never both or none"
        raise Broken(status, 1, told, "event_code", code="2")
    if (why if code else reason) or (is_reason_asked and not (reason if code else why)):
        told = (
            "must come together with its code: this version asks for both (NS says that there is no reason)"
        )
        raise Broken(status, 2 if code else 4, told, "reason_code", code="2")
    if code:
        return {"code_list": STATUS_LIST, "event_code": code, "reason_code": reason}
    return {"code_list": APPOINTMENT_LIST, "event_code": appointment, "reason_code": why}


def _time(status: Segment) -> Cells:
    try:
        instant, local = moment(status.get(5), status.get(6), status.get(7))
    except NotATime as error:
        raise Broken(status, 5, str(error), "occurred_local") from error
    if instant is None and local is None:
        raise Broken(status, 5, "is blank: it says what happened without a day", "occurred_local")
    return {"occurred_at": instant, "occurred_local": local}


def _place(place: Segment | None) -> Cells:
    if place is None:
        return {}
    return {
        "city": place.get(1),
        "region_code": place.get(2),
        "country_code": place.get(3),
        "longitude": _degrees(place, 4, 6, "E", "W"),
        "latitude": _degrees(place, 5, 7, "N", "S"),
    }


def _degrees(place: Segment, at: int, direction_at: int, ahead: str, back: str) -> str | None:
    """A position in degrees, from decimal degrees or from DDDMMSS with its direction (elements 1654 and 1280).

    `ahead` and `back` are the two directions that it may have.
    """
    text, direction = place.get(at), place.get(direction_at)
    if text is None:
        return None
    if DECIMAL.fullmatch(text):
        degrees = float(text)
    elif found := DEGREES.fullmatch(text):
        whole, minutes, seconds = (float(part) for part in found.groups())
        if minutes >= 60 or seconds >= 60:
            raise Broken(place, at, f"gives the position {text!r}, whose minutes or seconds pass 59")
        degrees = whole + minutes / 60 + seconds / 3600
    else:
        raise Broken(place, at, f"gives the position {text!r}, which is neither decimal degrees nor DDDMMSS")
    if direction not in (None, ahead, back):
        kind = "a longitude" if ahead == "E" else "a latitude"
        told = f"gives the direction {direction!r}, and {kind} has {ahead} or {back}"
        raise Broken(place, direction_at, told)
    return f"{-abs(degrees) if direction == back else degrees:.6f}"


def _equipment(equipment: Segment | None) -> str | None:
    """Container or trailer: initials and number; a check digit in MS204 belongs to the number."""
    if equipment is None:
        return None
    return "".join(filter(None, (equipment.get(1), equipment.get(2), equipment.get(4)))) or None
