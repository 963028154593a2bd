"""X12 940, Warehouse Shipping Order: one row for each line (W01); and 945, Shipping Advice: one for each W12."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from data.formats.messages import references
from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import Loop, dates, loops_at, marks, party, references_of, remarks
from data.formats.x12.rows import Broken, Cells, Once, Row, day, decimal, element, identity, required


def order_lines_of(found: TransactionSet) -> Iterator[Row]:
    """The lines of one 940."""
    header, lines = _lines(found, "W01")
    yield from _rows(found, lines, Once(lambda: _order_header(required(found, "W05"), header)), _order_line)


def advice_lines_of(found: TransactionSet) -> Iterator[Row]:
    """The lines of one 945."""
    header, lines = _lines(found, "W12")
    yield from _rows(found, lines, Once(lambda: _advice_header(required(found, "W06"), header)), _advice_line)


@dataclass(frozen=True, slots=True)
class Line:
    """One line's own segments, and the cells of the LX loop before it, which hold for each of its lines."""

    loop: Loop
    around: Once[Cells]


def _lines(found: TransactionSet, tag: str) -> tuple[Loop, list[Line]]:
    """What is said for the whole set, and its lines in order."""
    header, groups = loops_at(found.segments, "LX")
    if not groups:
        header, alone = loops_at(found.segments, tag)
        return header, [Line(loop, Once(dict)) for loop in alone]
    lines: list[Line] = []
    for group in groups:
        before, loops = loops_at(group, tag)
        around = Once(partial(_around, before))
        lines += [Line(loop, around) for loop in loops]
    return header, lines


def _around(before: Loop) -> Cells:
    """Line number and marks of an LX loop; the SSCC only where there is one."""
    told = list(marks(before))
    found = [mark.sscc() for mark in told if mark.is_sscc]
    return {
        "line_no": before[0].get(1),
        "sscc": found[0] if len(found) == 1 else None,
        "marks": references(mark.named for mark in told),
    }


def _rows(
    found: TransactionSet, lines: list[Line], header: Once[Cells], read: Callable[[Loop], Cells]
) -> Iterator[Row]:
    for index, line in enumerate(lines, start=1):
        yield Row(line.loop[0], partial(_fill, found, line, header, read, index))


def _fill(
    found: TransactionSet,
    line: Line,
    header: Once[Cells],
    read: Callable[[Loop], Cells],
    index: int,
    cells: Cells,
) -> None:
    cells |= identity(found, line.loop[0], index)
    cells |= header.get()
    cells |= line.around.get()
    cells |= read(line.loop)


def _order_header(head: Segment, header: Loop) -> Cells:
    carriage = header.first("W66")
    cells: Cells = {
        "order_status_code": element(head, 1, "order_status_code"),
        "depositor_order_no": element(head, 2, "depositor_order_no"),
        "purchase_order_no": head.get(3),
        **_shared(header),
    }
    if carriage:
        cells |= {
            "payment_method": carriage.get(1),
            "transport_mode": carriage.get(2),
            "routing": carriage.get(5),
            "carrier_scac": carriage.get(10),
        }
    return cells


def _advice_header(head: Segment, header: Loop) -> Cells:
    carriage = header.first("W27")
    cells: Cells = {
        "reporting_code": element(head, 1, "reporting_code"),
        "depositor_order_no": element(head, 2, "depositor_order_no"),
        "shipped_on": day(head, 3, "shipped_on"),
        "shipment_id": head.get(4),
        "agent_shipment_id": head.get(5),
        "purchase_order_no": head.get(6),
        **_shared(header),
    }
    if carriage:
        equipment = "".join(filter(None, (carriage.get(6), carriage.get(7))))
        cells |= {
            "transport_mode": carriage.get(1),
            "carrier_scac": carriage.get(2),
            "routing": carriage.get(3),
            "payment_method": carriage.get(4),
            "equipment_no": equipment or None,
        }
    return cells


def _shared(header: Loop) -> Cells:
    return {
        "shipment_references": references_of(header),
        "dates": dates(header),
        "remark": remarks(header),
        **party(header, "ship_from", ("SF", "WH")),
        **party(header, "ship_to", ("ST",)),
    }


def _order_line(loop: Loop) -> Cells:
    line = loop[0]
    element(line, 1, "ordered_quantity")
    return {
        "ordered_quantity": decimal(line, 1, "ordered_quantity"),
        "quantity_unit": element(line, 2, "quantity_unit"),
        "item_ids": _items(line, 3, 4, 6, 15),
        "warehouse_lot_no": line.get(13),
        **_line_shared(loop),
    }


def _advice_line(loop: Loop) -> Cells:
    line = loop[0]
    return {
        "line_status_code": element(line, 1, "line_status_code"),
        "ordered_quantity": decimal(line, 2, "ordered_quantity"),
        "shipped_quantity": decimal(line, 3, "shipped_quantity"),
        "difference_quantity": _difference(line),
        "quantity_unit": line.get(5),
        "item_ids": _items(line, 6, 7, 21),
        "ordered_item_ids": _items(line, 16, 17),
        "warehouse_lot_no": line.get(9),
        "weight": decimal(line, 10, "weight"),
        "weight_unit": line.get(12),
        "change_reason_code": line.get(19),
        **_line_shared(loop),
    }


def _line_shared(loop: Loop) -> Cells:
    told = loop.first("G69")
    return {
        "item_description": told.get(1) if told else None,
        "line_references": references_of(loop),
        "line_remark": remarks(loop),
    }


def _items(line: Segment, upc_at: int, *places: int) -> str | None:
    """Product numbers with their qualifiers; a case code (element 438) has none and is called UPC."""
    pairs = [("UPC", line.get(upc_at))]
    return references([*pairs, *((line.get(place) or "", line.get(place + 1)) for place in places)])


def _difference(line: Segment) -> str | None:
    """The difference as sent: the standard gives it no sign, so that only its size must agree with the rest."""
    ordered, shipped, told = (
        decimal(line, place, column)
        for place, column in ((2, "ordered_quantity"), (3, "shipped_quantity"), (4, "difference_quantity"))
    )
    if ordered is None or shipped is None or told is None:
        return told
    if abs(Decimal(told)) != abs(Decimal(ordered) - Decimal(shipped)):
        raise Broken(
            line,
            4,
            f"gives the difference {told}, and {ordered} ordered and {shipped} shipped differ by"
            f" {abs(Decimal(ordered) - Decimal(shipped))}",
            "difference_quantity",
            code="7",
        )
    return told
