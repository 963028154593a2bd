"""X12 856, Ship Notice/Manifest: one row for each item of the hierarchy (HL), with what stands above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from data.formats.messages import references
from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import (
    Loop,
    Mark,
    items,
    loops_at,
    marks,
    party,
    reference,
    references_of,
    remarks,
)
from data.formats.x12.rows import (
    Broken,
    Cells,
    Once,
    Row,
    day,
    decimal,
    element,
    identity,
    required,
    when,
)
from data.formats.x12.times import NotATime, moment

#: Levels of the hierarchy (element 735): shipment, order, tare (pallet), pack, item; equipment stands above.
SHIPMENT, ORDER, TARE, PACK, ITEM = "S", "O", "T", "P", "I"
#: Dates of a shipment (element 374): when it was shipped, when it should be delivered.
DATES = {"011": "shipped", "017": "estimated_delivery"}
#: How the text of a DTM06 is written (DTM05, element 1250). A range is no moment.
PERIODS = {"D8": "CCYYMMDD", "DT": "CCYYMMDDHHMM"}
#: No notice has more levels one under another; the standard's own are fewer than ten.
DEEPEST = 30


@dataclass
class Node:
    """One HL with its segments; `fault` says what is wrong with its place in the tree.

    `told` are the cells that a shipment or an order gives to each item below it, `marks` those of a pack,
    each with the SSCC that it is, if so, `listed` the marks of a pack and of those around it, as each item has them.
    """

    loop: Loop
    told: Once[Cells]
    marks: Once[list[tuple[Mark, str | None]]]
    listed: Once[str | None] = field(init=False)
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    fault: Broken | None = None

    def __post_init__(self) -> None:
        """Its list of marks is made when the first item asks: only then is it known what stands above."""
        self.listed = Once(lambda: _listed(_packs_of(self.path())))

    @property
    def level(self) -> str:
        """Which kind of level it is."""
        return self.loop[0].get(3) or ""

    def path(self) -> list[Node]:
        """Itself and what stands above it, from the top down."""
        found: list[Node] = []
        node: Node | None = self
        while node is not None and len(found) <= DEEPEST:
            found.append(node)
            node = node.parent
        return found[::-1]


def rows_of(found: TransactionSet) -> Iterator[Row]:
    """The items of one 856; a notice without any is one row, which says so."""
    header, loops = loops_at(found.segments, "HL")
    lines = [node for node in _tree(header, loops) if node.level == ITEM]
    for index, node in enumerate(lines, start=1):
        yield Row(node.loop[0], partial(_fill, found, node, index))
    if not lines:
        yield Row(found.segments[0], partial(_fill_nothing, found))


def _fill_nothing(found: TransactionSet, cells: Cells) -> None:
    cells |= identity(found, found.segments[0], 1)
    cells["shipment_id"] = element(required(found, "BSN"), 2, "shipment_id")
    raise Broken(found.segments[0], None, "begins a ship notice without any item (HL of level I)", code="3")


def _tree(header: Loop, loops: list[Loop]) -> list[Node]:
    """The levels in order, each under its parent; a number used twice spoils both and what stands under them."""
    nodes: dict[str, Node] = {}
    found: list[Node] = []
    for loop in loops:
        node, head = _node(header, loop), loop[0]
        found.append(node)
        number, above = head.get(1), head.get(2)
        node.fault = _misplaced(head, nodes)
        if number in nodes:
            nodes[number].fault = nodes[number].fault or node.fault
        elif number:
            nodes[number] = node
        node.parent = nodes.get(above) if above and above != number else None
        if node.parent is not None:
            node.parent.children.append(node)
    return found


def _node(header: Loop, loop: Loop) -> Node:
    level = loop[0].get(3)
    told = partial(_shipment, header, loop) if level == SHIPMENT else partial(_order, loop)
    return Node(loop, Once(told), Once(partial(_marks, loop)))


def _misplaced(head: Segment, nodes: dict[str, Node]) -> Broken | None:
    """What is wrong with an HL beside those before it."""
    number, above, level = (head.get(place) for place in (1, 2, 3))
    if number is None:
        return Broken(head, 1, "is blank: a level without a number has no place in the tree", code="1")
    if level is None:
        return Broken(head, 3, "is blank: nobody can say what kind of level this is", code="1")
    if number in nodes:
        return Broken(head, 1, f"gives the number {number!r}, which another level has already", code="7")
    if above is not None and above not in nodes:
        return Broken(
            head, 2, f"names {above!r} as the level above, and no level before it is that", code="7"
        )
    if above is None and level not in (SHIPMENT, "V"):
        return Broken(head, 2, f"is blank: a level {level} must say which level it is part of", code="2")
    return None


def _fill(found: TransactionSet, node: Node, index: int, cells: Cells) -> None:
    cells |= identity(found, node.loop[0], index)
    head = required(found, "BSN")
    path = node.path()
    if len(path) > DEEPEST:
        raise Broken(node.loop[0], 2, f"stands more than {DEEPEST} levels deep", code="7")
    for above in path:
        if above.fault is not None:
            raise above.fault.with_traceback(None)
    cells |= {
        "purpose_code": element(head, 1, "purpose_code"),
        "shipment_id": element(head, 2, "shipment_id"),
        "structure_code": head.get(5),
        "hierarchy": "/".join(f"{above.level}{above.loop[0].get(1)}" for above in path),
        **when(head, (3, 4, 0), "noticed"),
    }
    for above in path:
        if above.level in (SHIPMENT, ORDER):
            cells |= above.told.get()
    cells |= _packs(node, path)
    cells |= _item(node.loop)


def _shipment(header: Loop, loop: Loop) -> Cells:
    cells: Cells = {
        "shipment_references": references_of(header, loop),
        "bol_no": reference(loop, "BM"),
        "pro_no": reference(loop, "CN"),
        "remark": remarks(loop),
        **party(loop, "ship_from", ("SF",)),
        **party(loop, "ship_to", ("ST",)),
    }
    for segment in [*header.all("DTM"), *loop.all("DTM")]:
        name = DATES.get(segment.get(1) or "")
        if name and f"{name}_local" not in cells:
            cells |= _dated(segment, name)
    return cells | _carriage(loop)


def _dated(segment: Segment, name: str) -> Cells:
    """The cells of a DTM, whose day stands in DTM02 or, written as DTM05 says, in DTM06; none where in neither."""
    if segment.get(2) or not (segment.get(5) or segment.get(6)):
        is_given = any(segment.get(place) for place in (2, 3, 4))
        return when(segment, (2, 3, 4), name) if is_given else {}
    column = f"{name}_local"
    text = _period(segment, column)
    try:
        instant, local = moment(text[:8], text[8:] or segment.get(3), segment.get(4))
    except NotATime as error:
        raise Broken(segment, 6, str(error), column, code=error.code) from error
    return {f"{name}_at": instant, column: local}


def _period(segment: Segment, column: str) -> str:
    """The day of a DTM06, which its time may follow."""
    written = segment.get(5)
    if written is None:
        raise Broken(
            segment, 5, "is blank, and nobody can say how the date beside it is written", column, "2"
        )
    if written not in PERIODS:
        told = f"says that the date is written as {written!r}, and only {' and '.join(PERIODS)} are read"
        raise Broken(segment, 5, told, column, "7")
    text, picture = element(segment, 6, column), PERIODS[written]
    if not (len(text) == len(picture) and text.isascii() and text.isdecimal()):
        raise Broken(
            segment, 6, f"gives {text!r}, which is not written as {picture} ({written})", column, "8"
        )
    return text


def _carriage(loop: Loop) -> Cells:
    cells: Cells = {}
    if packing := loop.first("TD1"):
        cells |= {
            "packaging_code": packing.get(1),
            "lading_quantity": decimal(packing, 2, "lading_quantity"),
            "weight": decimal(packing, 7, "weight"),
            "weight_unit": packing.get(8),
        }
    if carrier := loop.first("TD5"):
        cells |= {
            "carrier_code_list": carrier.get(2),
            "carrier_code": carrier.get(3),
            # Qualifier 2 (element 66): the code is a SCAC.
            "carrier_scac": carrier.get(3) if carrier.get(2) == "2" else None,
            "transport_mode": carrier.get(4),
            "routing": carrier.get(5),
        }
    if equipment := loop.first("TD3"):
        cells["equipment_no"] = "".join(filter(None, (equipment.get(2), equipment.get(3)))) or None
    return cells


def _order(loop: Loop) -> Cells:
    cells: Cells = {"order_references": references_of(loop)}
    if order := loop.first("PRF"):
        cells |= {
            "purchase_order_no": element(order, 1, "purchase_order_no"),
            "release_no": order.get(2),
            "ordered_on": day(order, 4, "ordered_on"),
        }
    return cells


def _marks(loop: Loop) -> list[tuple[Mark, str | None]]:
    return [(mark, mark.sscc()) for mark in marks(loop)]


def _packs(node: Node, path: list[Node]) -> Cells:
    """The packs around an item, or those it is divided into, where a notice tells the item first.

    The SSCC is that of the pack next to the item, and none where there are several.
    """
    around = _packs_of(path)
    inside = [below for below in node.children if below.level == PACK]
    own = [sscc for part in (around[-1:] or inside) for mark, sscc in part.marks.get() if mark.is_sscc]
    return {
        "sscc": own[0] if len(own) == 1 else None,
        "marks": around[-1].listed.get() if around else _listed(inside),
    }


def _packs_of(path: list[Node]) -> list[Node]:
    return [above for above in path if above.level in (TARE, PACK)]


def _listed(packs: list[Node]) -> str | None:
    return references(mark.named for part in packs for mark, _ in part.marks.get())


def _item(loop: Loop) -> Cells:
    product, shipped = loop.first("LIN"), loop.first("SN1")
    if product is None:
        raise Broken(loop[0], None, "begins an item without its numbers (LIN)", "item_ids", code="3")
    if shipped is None:
        raise Broken(loop[0], None, "begins an item without its quantity (SN1)", "shipped_quantity", code="3")
    element(shipped, 2, "shipped_quantity")
    return {
        "line_no": product.get(1) or shipped.get(1),
        "item_ids": items(product, *range(2, 32, 2)),
        "shipped_quantity": decimal(shipped, 2, "shipped_quantity"),
        "shipped_unit": element(shipped, 3, "shipped_unit"),
        "ordered_quantity": decimal(shipped, 5, "ordered_quantity"),
        "ordered_unit": shipped.get(6),
        "line_status_code": shipped.get(8),
        "line_references": references_of(loop),
    }
