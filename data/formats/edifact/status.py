"""IFTSTA: one row per status (STS), whether of a consignment (CNI) or, since D.16B, of a piece of equipment (EQD)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from data.formats.edifact.envelope import Message, problem_at
from data.formats.edifact.parts import (
    Moment,
    Place,
    Unreadable,
    carrier_scac,
    free_text,
    list_named,
    moment_of,
    place,
    reference_pairs,
    remark,
    sent_at,
)
from data.formats.edifact.rows import Row
from data.formats.edifact.syntax import Raw, Segment
from data.formats.messages import Cells, references
from data.records import Problem

#: Qualifiers of DTM (2005) that say how certain the event's moment is, in the words of the directory: "actual";
#: "estimated" or "expected"; "scheduled" or "planned". Requested, earliest, latest and promised moments are wishes
#: and bounds, not the event's.
CLASSIFIERS = (
    ("actual", ("78", "1", "35", "178", "186", "295", "394", "403", "404", "405")),
    (None, ("334", "539", "7", "136", "200", "201", "50", "310", "11")),
    ("estimated", ("17", "132", "133", "191", "369", "395", "399")),
    ("planned", ("76", "189", "232", "294", "393", "398", "406")),
)
#: Groups inside of a status; what follows them is said of them and not of the status.
PLACES = {
    "TDT": "leg",
    "EQD": "equipment",
    "EQA": "other",
    "GID": "other",
    "EFI": "other",
    "DGS": "other",
    "TMP": "other",
}
READ = frozenset({"BGM", "DTM", "RFF", "NAD", "LOC", "FTX", "CNI", "STS", "TDT", "EQD"})
#: A status may have 999 references; the head of a message or of a consignment has a few dozen segments at most.
MAX_STATUS, MAX_HEAD = 1_300, 100
#: Message functions (1225) that take back what was sent: cancellation and deletion.
WITHDRAWN = ("1", "3")


@dataclass(slots=True)
class Level:
    """The segments said at one level of a message, by what they are said of."""

    own: list[Segment] = field(default_factory=list)
    leg: list[Segment] = field(default_factory=list)
    equipment: list[Segment] = field(default_factory=list)
    other: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Status:
    """One STS with its segments, the head of its consignment or equipment, and where it stands among its like."""

    parent: list[Raw]
    segments: list[Raw]
    index: str


def rows(message: Message) -> Iterator[Row]:
    """One row per status of a message; one problem for all where its structure is broken."""
    body = message.segments[1:-1]
    problem = _structure_problem(message, body)
    if problem:
        yield Row(message.number, message.raw_text, {}, problem)
        return
    try:
        head = _Head(message, body)
    except Unreadable as error:
        yield Row(message.number, message.raw_text, {}, error.problem)
        return
    for status in _statuses(body):
        words = message.words(status.segments)
        number = status.segments[0].number
        try:
            yield Row(number, words, head.cells(status), None)
        except Unreadable as error:
            yield Row(number, words, {}, error.problem)


def _structure_problem(message: Message, body: list[Raw]) -> Problem | None:
    """What the message lacks: BGM at its beginning, a status, a consignment for each and a status for each."""
    if not body or body[0].tag != "BGM":
        return problem_at("segment", message.number, "UNH", None, "begins a message without its BGM segment")
    parent: Raw | None = None
    count = 0
    for raw in body:
        if raw.tag == "STS":
            count += 1
            if parent is None:
                words = "gives a status before any consignment (CNI) or equipment (EQD)"
                return problem_at("segment", raw.number, raw.tag, None, words)
            parent = raw
        elif raw.tag == "CNI" or (raw.tag == "EQD" and parent is None):
            if parent is not None and parent.tag == "CNI":
                return _without_status(parent)
            parent = raw
    if parent is not None and parent.tag == "CNI":
        return _without_status(parent)
    return (
        None
        if count
        else problem_at("segment", message.number, "UNH", None, "begins a message without any status (STS)")
    )


def _without_status(consignment: Raw) -> Problem:
    words = "begins a consignment without any status (STS)"
    return problem_at("segment", consignment.number, consignment.tag, None, words)


def _statuses(body: list[Raw]) -> Iterator[Status]:
    parent: list[Raw] = []
    status: list[Raw] | None = None
    parents = count = 0
    for raw in body:
        opens = raw.tag == "CNI" or (raw.tag == "EQD" and (not parent or parent[0].tag == "EQD"))
        if status and (opens or raw.tag == "STS"):
            yield Status(parent, status, f"{parents}.{count}")
            status = None
        if opens:
            parent, parents, count = [raw], parents + 1, 0
        elif raw.tag == "STS":
            status, count = [raw], count + 1
        elif status:
            status.append(raw)
        elif parent:
            parent.append(raw)
    if status:
        yield Status(parent, status, f"{parents}.{count}")


class _Head:
    """What a message says once for all of its statuses, read once; and the cells of each status beside it."""

    def __init__(self, message: Message, body: list[Raw]) -> None:
        self.message = message
        first = next(at for at, raw in enumerate(body) if raw.tag in ("CNI", "EQD"))
        self.said = _level(message, body[:first], MAX_HEAD).own
        self.references = reference_pairs(self.said)
        self.sent_at = sent_at(_before_references(self.said))
        self.is_withdrawn = "true" if body and message.parse(body[0]).value(3) in WITHDRAWN else None
        self._parent: list[Raw] | None = None
        self._parent_level = Level()
        self._named: tuple[list[tuple[str, str]], str | None] | None = None

    def cells(self, status: Status) -> Cells:
        """One status as cells; Unreadable where one of its segments is."""
        parent = self._level_of_parent(status.parent)
        level = _level(self.message, status.segments, MAX_STATUS)
        event = level.own[0]
        code_list, code, reason = _codes(event)
        classifier, when = _when(level.own)
        where = _where(level)
        equipment = _equipment(level.equipment) or _equipment(parent.equipment)
        return {
            "event_id": f"{self.message.identity}/{status.index}",
            "sender_id": self.message.interchange.sender,
            "carrier_scac": carrier_scac([*level.own, *level.leg]) or carrier_scac(self.said),
            "shipment_references": self._references(parent, level, equipment),
            "equipment_no": equipment[0] if len(equipment) == 1 else None,
            "code_list": code_list,
            "event_code": code,
            "reason_code": reason,
            "classifier": classifier,
            "occurred_at": when.at,
            "occurred_local": when.local,
            "location_code": where.code,
            "location_code_list": where.code_list,
            "location_name": where.name,
            "is_withdrawn": self.is_withdrawn,
            "sent_at": self.sent_at,
            "remark": remark([event.value(2, 4), event.value(3, 4), *free_text(level.own)]),
            "position": f"segment {event.number}",
        }

    def _level_of_parent(self, parent: list[Raw]) -> Level:
        # Statuses of one consignment share the list itself, so its head is taken apart once.
        if parent is not self._parent:
            self._parent, self._parent_level = parent, _level(self.message, parent, MAX_HEAD)
        return self._parent_level

    def _references(self, parent: Level, level: Level, equipment: list[str]) -> str | None:
        """From the closest to the widest; equipment (EQ of data element 1153) where it is several or all there is."""
        consignments = [("CNI", segment.value(2)) for segment in parent.own if segment.tag == "CNI"]
        said = [*level.own, *level.equipment, *parent.own, *parent.equipment]
        pairs = [*consignments, *reference_pairs(said), *self.references]
        stands_in = len(equipment) > 1 or not any(value for _, value in pairs)
        pairs += [("EQ", number) for number in equipment if stands_in]
        # Most statuses of a consignment name it alike, and then share one text.
        if self._named is None or self._named[0] != pairs:
            self._named = pairs, references(pairs)
        return self._named[1]


def _level(message: Message, segments: list[Raw], limit: int) -> Level:
    level, place, count = Level(), "own", 0
    for raw in segments:
        place = PLACES.get(raw.tag, place)
        if raw.tag not in READ or place == "other":
            continue
        count += 1
        segment = message.parse(raw)
        if count > limit:
            raise Unreadable(
                segment, None, f"is one detail more than the {limit:,} that are read of one status or head"
            )
        getattr(level, place).append(segment)
    return level


def _before_references(segments: Iterable[Segment]) -> Iterator[Segment]:
    """A DTM after an RFF is the date of that reference."""
    for segment in segments:
        if segment.tag == "RFF":
            return
        yield segment


def _codes(event: Segment) -> tuple[str, str, str | None]:
    """The list, the event (C555) and the first reason (C556), as sent.

    The list is Recommendation 24 unless 1131 or 3055 say another or the status is not of transport (9015). A
    reason of another list than the event's carries that list before it.
    """
    code, reason = event.value(2), event.value(3)
    if not code:
        raise Unreadable(event, 2, "is empty: the status has no event")
    named = _code_list(event, 2)
    kind = event.value(1)
    own = named if kind in ("", "1") else f"{named}/{kind}"
    if reason and (other := _code_list(event, 3)) != named:
        reason = f"{other}:{reason}"
    return own, code, reason or None


def _code_list(event: Segment, element: int) -> str:
    code_list, agency = event.value(element, 2), event.value(element, 3)
    if agency == "306":
        return list_named("smdg", code_list) or "smdg"
    return "unece_rec24" if agency == "6" else list_named(code_list, agency) or "unece_rec24"


def _when(said: list[Segment]) -> tuple[str | None, Moment]:
    """How certain the event is, where a qualifier says so, and its moment; Unreadable where no date gives one."""
    given = list(dict.fromkeys(segment.value(1) for segment in said if segment.tag == "DTM"))
    for classifier, qualifiers in CLASSIFIERS:
        for qualifier in qualifiers:
            if qualifier in given:
                return classifier, moment_of(said, qualifier)
    words = "begins a status without a date of its own (DTM): nobody can say when it happened"
    if given:
        told = ", ".join(repr(qualifier[:10]) for qualifier in given[:5])
        words = f"begins a status whose dates (DTM) have the qualifiers {told}, none of which says when it happened"
    raise Unreadable(said[0], None, words)


def _where(level: Level) -> Place:
    """The place of the status: LOC 175 (activity), else its own first LOC; of a leg only a LOC 175."""
    own = [segment for segment in level.own if segment.tag == "LOC"]
    activity = [s for s in (*own, *level.leg) if s.tag == "LOC" and s.value(1) == "175"]
    return place((activity or own)[0]) if activity or own else Place()


def _equipment(said: list[Segment]) -> list[str]:
    """Numbers of the pieces of equipment (C237), each once."""
    found = (segment.value(2) for segment in said if segment.tag == "EQD")
    return list(dict.fromkeys(number for number in found if number))
