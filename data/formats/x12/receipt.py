"""X12 997, Functional Acknowledgment: what a partner took of what we sent, one row a group and one a set in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import Loop, loops_at
from data.formats.x12.rows import Broken, Cells, Row, element, identity, required

#: Where codes of errors stand: elements 718 of an AK5, 716 of an AK9.
SET_ERRORS, GROUP_ERRORS = range(2, 7), range(5, 10)


def rows_of(found: TransactionSet) -> Iterator[Row]:
    """The group of one 997 and its sets: first each set (AK2) in order, then the group (AK9)."""
    _, loops = loops_at(found.segments, "AK2", "AK9")
    sets = [loop for loop in loops if loop[0].tag == "AK2"]
    groups = [loop[0] for loop in loops if loop[0].tag == "AK9"]
    for index, loop in enumerate(sets, start=1):
        yield Row(loop[0], partial(_fill_set, found, loop, index))
    yield Row(groups[0] if groups else found.segments[0], partial(_fill_group, found, groups, len(sets) + 1))


def _head(found: TransactionSet) -> Cells:
    head = required(found, "AK1")
    return {
        "group_kind": element(head, 1, "group_kind"),
        "group_control_no": element(head, 2, "group_control_no"),
    }


def _fill_set(found: TransactionSet, loop: Loop, index: int, cells: Cells) -> None:
    cells |= identity(found, loop[0], index)
    cells |= _head(found) | {"level": "set"}
    cells["set_kind"] = element(loop[0], 1, "set_kind")
    cells["set_control_no"] = element(loop[0], 2, "set_control_no")
    end = loop.first("AK5")
    if end is None:
        raise Broken(loop[0], None, "is answered without its end (AK5)", "acknowledgment_code", code="3")
    cells["acknowledgment_code"] = element(end, 1, "acknowledgment_code")
    cells["error_codes"] = _codes(end, SET_ERRORS)
    cells["segment_errors"] = _segment_errors(loop)


def _fill_group(found: TransactionSet, groups: list[Segment], index: int, cells: Cells) -> None:
    cells |= identity(found, groups[0] if groups else found.segments[0], index)
    cells |= _head(found) | {"level": "group"}
    if len(groups) != 1:
        raise Broken(
            found.segments[0], None, "begins an answer that must have its group's end (AK9) once", code="3"
        )
    cells["acknowledgment_code"] = element(groups[0], 1, "acknowledgment_code")
    cells["included_set_count"] = element(groups[0], 2, "included_set_count")
    cells["received_set_count"] = element(groups[0], 3, "received_set_count")
    cells["accepted_set_count"] = element(groups[0], 4, "accepted_set_count")
    cells["error_codes"] = _codes(groups[0], GROUP_ERRORS)


def _codes(segment: Segment, places: range) -> str | None:
    found = [code for place in places if (code := segment.get(place))]
    return json.dumps(found) if found else None


def _segment_errors(loop: Loop) -> str | None:
    """Errors in a set as a JSON list of [segment, its place in the set, code of 720, [[element, code of 723]]]."""
    found: list[list[object]] = []
    for segment in loop.all("AK3", "AK4"):
        if segment.tag == "AK3":
            elements: list[list[str | None]] = []
            found.append([segment.get(1), segment.get(2), segment.get(4), elements])
        elif found:
            elements.append([segment.get(1), segment.get(3)])
    return json.dumps(found) if found else None
