"""IFTMIN: one row per message, which instructs the transport of one consignment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from data.formats.edifact.envelope import Message, problem_at
from data.formats.edifact.parts import (
    Place,
    Unreadable,
    carrier_scac,
    free_text,
    joined,
    moment_of,
    number,
    party,
    place,
    reference_pairs,
    remark,
    sent_at,
)
from data.formats.edifact.rows import Row
from data.formats.edifact.syntax import Raw, Segment
from data.formats.messages import Cells, references
from data.records import Problem

#: Where a segment stands, by the segment that opened its group (D.95B to D.21B). A party inside of a goods item
#: or of a piece of equipment is not the consignment's.
GROUPS = {
    "TOD": "terms",
    "GOR": "rules",
    "CPI": "charges",
    "TCC": "charges",
    "TDT": "leg",
    "NAD": "parties",
    "GID": "goods",
    "EQD": "equipment",
}
INNER = ("goods", "equipment")
READ = frozenset({"BGM", "DTM", "LOC", "RFF", "FTX", "CNT", "TDT", "NAD", "GID", "MEA", "EQD"})
#: More than this at one place of a message is a fault (segments).
MAX_PLACE = 10_000
MAIN_CARRIAGE = "20"
#: Our columns by the qualifiers of LOC (3227), the first that was sent counts.
PLACES = {"receipt": ("88", "10"), "loading": ("9",), "discharge": ("11",), "delivery": ("7",)}
#: Our columns by the qualifier of DTM (2005).
MOMENTS = {
    "shipment_requested": "10",
    "pickup": "200",
    "delivery_requested": "2",
    "delivery_latest": "63",
    "departure_planned": "189",
    "arrival_planned": "232",
}
PARTIES = {"carrier": "CA", "shipper": "CZ", "consignee": "CN"}
#: Of MEA (6313): gross weight of an item in the words of different directories; its gross volume.
GROSS_WEIGHT, GROSS_VOLUME = ("AAE", "G", "AAD"), ("AAW",)
Said = dict[str, list[Segment]]


def rows(message: Message) -> Iterator[Row]:
    """The row of one instruction, or why there is none."""
    body = message.segments[1:-1]
    problem = _structure_problem(message, body)
    cells: Cells = {}
    if problem is None:
        try:
            cells = _cells(message, _arranged(message, body))
        except Unreadable as error:
            problem = error.problem
    yield Row(message.number, message.raw_text, cells, problem)


def _structure_problem(message: Message, body: list[Raw]) -> Problem | None:
    if not body or body[0].tag != "BGM":
        return problem_at("segment", message.number, "UNH", None, "begins a message without its BGM segment")
    if not any(raw.tag == "NAD" for raw in body):
        words = "begins an instruction without any party (NAD)"
        return problem_at("segment", message.number, "UNH", None, words)
    return None


def _arranged(message: Message, body: list[Raw]) -> Said:
    """The segments that are read, by where they stand; dates of references and documents are left out."""
    said: Said = {name: [] for name in ("head", "main", "parties", "goods", "equipment")}
    group, before = "head", ""
    for raw in body:
        if not (raw.tag == "NAD" and group in INNER):
            group = GROUPS.get(raw.tag, group)
        before = before if raw.tag == "DTM" else raw.tag
        if raw.tag not in READ or (raw.tag == "DTM" and before in ("RFF", "DOC")):
            continue
        segment = message.parse(raw)
        if raw.tag == "TDT" and segment.value(1) == MAIN_CARRIAGE:
            group = "main"
        if group in said:
            said[group].append(segment)
            if len(said[group]) > MAX_PLACE:
                raise Unreadable(
                    segment, None, f"is one more than the {MAX_PLACE:,} segments read of one kind"
                )
    return said


def _cells(message: Message, said: Said) -> Cells:
    beginning = said["head"][0]
    pairs = reference_pairs([*said["head"], *said["parties"], *said["goods"]])
    cells: dict[str, str | None] = {
        "instruction_id": message.identity,
        "sender_id": message.interchange.sender,
        "instruction_no": beginning.value(2),
        "document_code": beginning.value(1),
        "message_function": beginning.value(3),
        "booking_no": next((value for qualifier, value in pairs if qualifier == "BN" and value), None),
        "shipment_references": references(pairs),
        "carrier_scac": carrier_scac([*said["parties"], *said["main"]]),
        "equipment": _listed(_equipment(said["equipment"])),
        "sent_at": sent_at(said["head"]),
        "remark": remark(free_text(s for s in said["head"] if s.value(1) != "AAA")),
        "position": f"segment {message.number}",
    }
    for column, qualifier in PARTIES.items():
        cells |= _place_cells(column, party(said["parties"], qualifier), ("id", "id_list", "name"))
    for column, qualifiers in PLACES.items():
        found = _place([*said["head"], *said["main"]], qualifiers)
        cells |= _place_cells(column, found, ("location_code", "location_code_list", "location_name"))
    return cells | _dates([*said["head"], *said["main"]]) | _goods(said)


def _place_cells(column: str, found: Place, names: tuple[str, str, str]) -> dict[str, str | None]:
    return {f"{column}_{name}": value for name, value in zip(names, found, strict=True)}


def _place(said: list[Segment], qualifiers: tuple[str, ...]) -> Place:
    for qualifier in qualifiers:
        for segment in said:
            if segment.tag == "LOC" and segment.value(1) == qualifier:
                return place(segment)
    return Place()


def _dates(said: list[Segment]) -> dict[str, str | None]:
    """The moments with a column of their own, and all as sent: [qualifier, value, format]."""
    cells: dict[str, str | None] = {}
    for column, qualifier in MOMENTS.items():
        found = moment_of(said, qualifier)
        cells |= {f"{column}_at": found.at, f"{column}_local": found.local}
    every = [[s.value(1, component) for component in (1, 2, 3)] for s in said if s.tag == "DTM"]
    return cells | {"dates": _listed(every)}


def _equipment(said: list[Segment]) -> list[list[str]]:
    """Qualifier, number, size and type of every piece of equipment (EQD), as sent."""
    return [[s.value(1), s.value(2), s.value(3)] for s in said if s.tag == "EQD"]


def _goods(said: Said) -> dict[str, str | None]:
    """What the goods count, weigh and measure: the consignment's totals (CNT), else those of its only item (GID).

    Items are not added up: a sum would be our word and not the sender's.
    """
    items = [segment for segment in said["goods"] if segment.tag == "GID"]
    only = said["goods"] if len(items) == 1 else []
    weight, weight_unit = _total(said["head"], ("7",)) or _measured(only, GROSS_WEIGHT) or (None, None)
    volume, volume_unit = _total(said["head"], ("15", "26")) or _measured(only, GROSS_VOLUME) or (None, None)
    packages, _ = _total(said["head"], ("11",)) or (number(items[0], 2, 1) if only else None, None)
    return {
        "package_count": packages,
        "package_type": items[0].value(2, 2) if only else None,
        "gross_weight": weight,
        "gross_weight_unit": weight_unit,
        "volume": volume,
        "volume_unit": volume_unit,
        "goods_description": remark(_descriptions([*said["head"], *said["goods"]])),
    }


def _descriptions(said: Iterable[Segment]) -> Iterator[str]:
    return (joined(s.components(4)) for s in said if s.tag == "FTX" and s.value(1) == "AAA")


def _total(said: list[Segment], qualifiers: tuple[str, ...]) -> tuple[str | None, str | None] | None:
    """A control total (CNT, C270) and its unit."""
    for qualifier in qualifiers:
        for segment in said:
            if segment.tag == "CNT" and segment.value(1) == qualifier:
                return number(segment, 1, 2), segment.value(1, 3) or None
    return None


def _measured(said: list[Segment], dimensions: tuple[str, ...]) -> tuple[str | None, str | None] | None:
    """A measurement (MEA, C502 and C174) and its unit."""
    for dimension in dimensions:
        for segment in said:
            if segment.tag == "MEA" and segment.value(2) == dimension:
                return number(segment, 3, 2), segment.value(3) or None
    return None


def _listed(items: list[list[str]]) -> str | None:
    return json.dumps(items, ensure_ascii=False) if items else None
