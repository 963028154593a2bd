"""X12 going out: one interchange that answers another, with its separators, its parties swapped and counts right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from data.errors import DataError
from data.formats.x12.envelope import Interchange, Segment

#: Control numbers have up to nine digits (elements I12 and 28).
HIGHEST_NUMBER = 999_999_999

#: One segment: its tag and its elements; None is "not given".
Elements = tuple[str | None, ...]


#: The numbers of what goes to a partner (ISA06 of what came, "" where it is blank), each call going on from the last.
Numbers = Callable[[str], Iterator[int]]


class CannotWrite(DataError):  # noqa: N818
    """An element holds a separator: X12 has no way to write one inside of data."""

    def __init__(self, tag: str, place: int, text: str) -> None:
        """`place` counts elements from 1."""
        self.tag, self.place, self.text = tag, place, text
        super().__init__(
            f"Element {place} of {tag} cannot be written: {text!r} holds a separator of the interchange."
            " Leave the sign out, or agree on other separators with the partner."
        )


@dataclass(frozen=True, slots=True)
class Group:
    """One functional group going out: the GS that it answers, its kind, its number, and its sets in order.

    A set is its message (997) and its segments between ST and SE.
    """

    answers: Segment
    kind: str
    control_number: int
    sets: Sequence[tuple[str, Sequence[Elements]]]


def numbering(control_number: int | Numbers) -> Numbers:
    """Numbers as they are given, or one row of numbers from the given one on, whoever they go to."""
    if not isinstance(control_number, int):
        return control_number
    numbers = count(control_number)
    return lambda _partner_id: numbers


def answer(
    to: Interchange,
    control_number: int,
    now: datetime,
    groups: Sequence[Group] = (),
    notes: Sequence[Elements] = (),
) -> str:
    """An interchange back to the sender of another; `notes` are segments before its groups (TA1).

    It has that interchange's separators, version and usage, and asks for no acknowledgement. Its times are UTC.
    Raises CannotWrite for a separator inside of data, ValueError for a number that has more than nine digits or
    a `now` without a zone.
    """
    _check(control_number, now, groups)
    body: list[Elements] = list(notes)
    for group in groups:
        body += _group(group, now)
    head = _head(to, control_number, now)
    trailer: Elements = ("IEA", str(len(groups)), f"{control_number:09}")
    return head + "".join(_written(to, elements) for elements in (*body, trailer))


def sent(
    interchange: Interchange,
    kind: str,
    message: str,
    by_group: list[tuple[Segment, list[list[Elements]]]],
    numbers: Iterator[int],
    now: datetime,
    notes: Sequence[Elements] = (),
) -> str:
    """The interchange of sets that answer some groups, those between the same parties together; "" for none.

    `by_group` has each GS that is answered with the segments of its sets, `numbers` gives the numbers of the
    interchange and of further groups in it; the rest is as in `answer`.
    """
    told: dict[tuple[str | None, ...], tuple[Segment, list[list[Elements]]]] = {}
    for head, sets in by_group:
        between = (head.get(2), head.get(3), head.get(7), head.get(8))
        if sets:
            told.setdefault(between, (head, []))[1].extend(sets)
    if not told and not notes:
        return ""
    number = next(numbers)
    groups = [
        Group(head, kind, number if place == 0 else next(numbers), [(message, one) for one in sets])
        for place, (head, sets) in enumerate(told.values())
    ]
    return answer(interchange, number, now, groups, notes)


def plain(to: Interchange, text: str, limit: int) -> str:
    """Free text as it can be written: separators and signs outside of plain ASCII are blanks, and cut at `limit`."""
    marks = {to.element, to.component, to.terminator, to.repetition}
    kept = "".join(sign if " " <= sign <= "~" and sign not in marks else " " for sign in text)
    return " ".join(kept.split())[:limit].rstrip()


def copied(to: Interchange, text: str | None, limit: int) -> str | None:
    """A copy of somebody's data, whole or not at all: an altered one would say what was never sent."""
    return text if text and len(text) <= limit and plain(to, text, limit) == text else None


def _check(control_number: int, now: datetime, groups: Sequence[Group]) -> None:
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone")
    for number in (control_number, *(group.control_number for group in groups)):
        if not 0 < number <= HIGHEST_NUMBER:
            raise ValueError(f"{number} is no control number: it must be from 1 to {HIGHEST_NUMBER}")


def _head(to: Interchange, control_number: int, now: datetime) -> str:
    """The ISA, each element as wide as the one that it answers."""
    came, at = to.head.elements, now.astimezone(UTC)
    elements = (
        *("00", " " * 10, "00", " " * 10, came[6], came[7], came[4], came[5]),
        *(f"{at:%y%m%d}", f"{at:%H%M}", came[10], came[11], f"{control_number:09}", "0", came[14]),
    )
    return to.element.join(("ISA", *elements, to.component)) + to.terminator


def _group(group: Group, now: datetime) -> list[Elements]:
    came, at = group.answers, now.astimezone(UTC)
    number = str(group.control_number)
    day, clock = f"{at:%Y%m%d}", f"{at:%H%M}"
    body: list[Elements] = [
        ("GS", group.kind, came.get(3), came.get(2), day, clock, number, came.get(7) or "X", came.get(8))
    ]
    for place, (message, segments) in enumerate(group.sets, start=1):
        own = f"{place:04}"
        body += [("ST", message, own), *segments, ("SE", str(len(segments) + 2), own)]
    return [*body, ("GE", str(len(group.sets)), number)]


def _written(to: Interchange, elements: Elements) -> str:
    """One segment, blank elements at its end left out."""
    given = [element or "" for element in elements]
    while given[-1] == "":
        given.pop()
    for place, element in enumerate(given):
        if to.element in element or to.terminator in element:
            raise CannotWrite(given[0], place, element)
    return to.element.join(given) + to.terminator
