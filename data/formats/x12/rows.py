"""What the messages of X12 share: a row with its segment, and the sentence for what contradicts the standard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Generic, TypeVar, cast

from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.times import NotATime, moment

#: Where a message's own first segments stand. Looking further would let one file without them cost a time that
#: grows with its square, once for each of its rows.
HEAD_SEGMENTS = 10
#: Numbers as X12 writes them: Nn has no decimal point (X12.6, 3.5.1.1), R may have one (3.5.1.2).
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
DECIMAL = re.compile(r"-?(\d{1,18}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)

#: Cells by the names of a contract's columns; None is "not given".
Cells = dict[str, str | None]
Read = TypeVar("Read")


class Broken(ValueError):  # noqa: N818
    """A segment that contradicts the standard; names the segment and, where there is one, the element."""

    def __init__(
        self,
        segment: Segment,
        place: int | None,
        reason: str,
        column: str | None = None,
        code: str | None = None,
    ) -> None:
        """`place` counts elements from 1, as the standard does; `column` is the cell that could not be read.

        `code` is that of an acknowledgement: element 723 where an element is named, 720 where it is the segment.
        """
        self.segment, self.place, self.column, self.code = segment, place, column, code
        where = f", element {place}," if place else ""
        text = f"{segment.name}{where} {reason}."
        super().__init__(text[0].upper() + text[1:])


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be: the segment it stands for, and what fills its cells until it finds something Broken."""

    segment: Segment
    fill: Callable[[Cells], None]


class Once(Generic[Read]):
    """A reading that many rows share, made once when the first asks; what is Broken in it is so for each."""

    def __init__(self, read: Callable[[], Read]) -> None:
        """`read` is called at most once."""
        self._read = read
        self._found: Read | None = None
        self._broken: Broken | None = None
        self._is_done = False

    def get(self) -> Read:
        """What was read; raises Broken."""
        if not self._is_done:
            self._is_done = True
            try:
                self._found = self._read()
            except Broken as error:
                self._broken = error
        if self._broken is not None:
            raise self._broken.with_traceback(None)
        return cast(Read, self._found)


def identity(found: TransactionSet, segment: Segment, index: int) -> Cells:
    """The cells that every row of a document begins with; `index` counts the set's rows from 1."""
    return {
        "row_id": f"x12:{found.identity}:{index}",
        "message_id": f"x12:{found.identity}",
        "sender_id": found.sender,
        "position": segment.name,
    }


def required(found: TransactionSet, tag: str) -> Segment:
    """The segment of a tag that begins every such message; Broken where it is missing."""
    segment = optional(found, tag)
    if segment is None:
        raise Broken(found.segments[0], None, f"begins a {found.kind} without its {tag}", code="3")
    return segment


def optional(found: TransactionSet, tag: str) -> Segment | None:
    """The segment of a tag among those that begin a message, where there is one."""
    head = islice(found.segments, HEAD_SEGMENTS)
    return next((segment for segment in head if segment.tag == tag), None)


def every(found: TransactionSet, tag: str) -> Iterator[Segment]:
    """All segments of a tag, in order."""
    return (segment for segment in found.segments if segment.tag == tag)


def element(segment: Segment, place: int, column: str | None = None) -> str:
    """An element that must be given; Broken where it is blank."""
    text = segment.get(place)
    if text is None:
        raise Broken(
            segment, place, "is blank, and the message cannot be understood without it", column, code="1"
        )
    return text


def decimal(segment: Segment, place: int, column: str) -> str | None:
    """A number of type R, with its decimal point where it has one; None where it is not given."""
    text = segment.get(place)
    if text is not None and not DECIMAL.fullmatch(text):
        raise Broken(segment, place, f"gives {text!r}, which is not a number", column, code="6")
    return text


def hundredths(segment: Segment, place: int, column: str) -> str | None:
    """A number of type N2, whose last two digits stand behind a point that is not sent; None where not given."""
    text = segment.get(place)
    if text is None:
        return None
    if not WHOLE.fullmatch(text):
        raise Broken(
            segment,
            place,
            f"gives the amount {text!r}, which must be digits alone: its decimal point is implied before the"
            " last two",
            column,
            code="6",
        )
    return f"{Decimal(text).scaleb(-2):.2f}"


def day(segment: Segment, place: int, column: str) -> str | None:
    """A day (element 373) as YYYY-MM-DD; None where it is not given."""
    try:
        return moment(segment.get(place), None, None)[1]
    except NotATime as error:
        raise Broken(segment, place, str(error), column, code=error.code) from error


def when(segment: Segment, places: tuple[int, int, int], name: str) -> Cells:
    """The cells `<name>_at` (with its zone) and `<name>_local` (without) of a day, a time and its time code.

    `places` are theirs; 0 where the segment has no such element.
    """
    try:
        instant, local = moment(*(segment.get(place) for place in places))
    except NotATime as error:
        raise Broken(segment, places[0], str(error), f"{name}_local", code=error.code) from error
    return {f"{name}_at": instant, f"{name}_local": local}
