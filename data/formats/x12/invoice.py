"""X12 810, Invoice: one row for each line (IT1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import Loop, items, loops_at, party, references_of, remarks
from data.formats.x12.rows import (
    Broken,
    Cells,
    Once,
    Row,
    day,
    decimal,
    element,
    hundredths,
    identity,
    required,
)

#: Whether an allowance is taken off or a charge is added (element 248).
SIGNS = {"A": -1, "C": 1}

#: How many units a price is for (element 639). The other codes say what kind of price it is, or that it is of a
#: weight or a length, and then nobody can say what a line comes to.
PRICED_UNITS = {
    **dict.fromkeys(("PE", "LE", "QE", "RE", "TE", "WE", "UM", "EA"), 1),
    "PN": 10,
    **dict.fromkeys(("PD", "LD", "RD", "TD", "WD"), 12),
    **dict.fromkeys(("HP", "LC", "QH", "RC", "TC", "WC"), 100),
    **dict.fromkeys(("TP", "LM", "QS", "RM", "TM", "WM"), 1_000),
    "TT": 10_000,
    "HT": 100_000,
}
#: Decimal places to which an amount is told that has no end, as a twelfth has none.
PLACES = 6


def rows_of(found: TransactionSet) -> Iterator[Row]:
    """The lines of one 810; an invoice without any is one row, which says so."""
    header, lines = loops_at(found.segments, "IT1", "TDS")
    summary = Loop(segment for line in lines if line[0].tag == "TDS" for segment in line)
    lines = [line for line in lines if line[0].tag == "IT1"]
    shared = Once(partial(_shared, found, header, lines, summary))
    for index, line in enumerate(lines, start=1):
        yield Row(line[0], partial(_fill, found, shared, line, index))
    if not lines:
        yield Row(found.segments[0], partial(_fill_nothing, found))


def _fill_nothing(found: TransactionSet, cells: Cells) -> None:
    cells |= identity(found, found.segments[0], 1)
    cells["invoice_no"] = element(required(found, "BIG"), 2, "invoice_no")
    raise Broken(found.segments[0], None, "begins an invoice without any line (IT1)", code="3")


def _fill(found: TransactionSet, shared: Once[Cells], line: Loop, index: int, cells: Cells) -> None:
    cells |= identity(found, line[0], index)
    cells |= shared.get()
    cells |= _line(line)


def _shared(found: TransactionSet, header: Loop, lines: list[Loop], summary: Loop) -> Cells:
    head = required(found, "BIG")
    if not summary:
        raise Broken(found.segments[0], None, "begins an invoice without its total (TDS)", code="3")
    currency = header.first("CUR")
    element(summary[0], 1, "total_amount")
    return {
        "invoiced_on": day(head, 1, "invoiced_on"),
        "invoice_no": element(head, 2, "invoice_no"),
        "ordered_on": day(head, 3, "ordered_on"),
        "purchase_order_no": head.get(4),
        "invoice_type_code": head.get(7),
        "currency_code": currency.get(2) if currency else None,
        "invoice_references": references_of(header),
        "remark": remarks(header),
        **party(header, "ship_from", ("SF",)),
        **party(header, "ship_to", ("ST",)),
        **party(header, "bill_to", ("BT",)),
        **party(header, "remit_to", ("RI", "RE")),
        "total_amount": hundredths(summary[0], 1, "total_amount"),
        "allowances_and_charges": _allowances(header, summary),
        **_totals(header, lines, summary),
    }


def _line(line: Loop) -> Cells:
    head = line[0]
    told = line.first("PID")
    return {
        "line_no": head.get(1),
        "invoiced_quantity": decimal(head, 2, "invoiced_quantity"),
        "quantity_unit": head.get(3),
        "unit_price": decimal(head, 4, "unit_price"),
        "price_basis_code": head.get(5),
        "item_ids": items(head, *range(6, 26, 2)),
        "item_description": told.get(5) if told else None,
        "line_references": references_of(line),
        "line_allowances_and_charges": _allowances(line),
    }


def _allowances(*loops: Loop) -> str | None:
    """Allowances and charges (SAC) in a JSON list of [A or C, code, amount]."""
    found = [
        [segment.get(1), segment.get(2) or segment.get(4), hundredths(segment, 5, "allowances_and_charges")]
        for loop in loops
        for segment in loop.all("SAC")
    ]
    return json.dumps(found) if found else None


def _totals(header: Loop, lines: list[Loop], summary: Loop) -> Cells:
    """What lines and allowances come to, beside the total that is told; blank where one cannot be read."""
    try:
        amounts = [_amount(line[0]) for line in lines]
        adjusted = [
            SIGNS.get(segment.get(1) or "", 0) * Decimal(hundredths(segment, 5, "") or 0)
            for loop in (header, *lines, summary)
            for segment in loop.all("SAC")
        ]
    except Broken:
        return {}
    told = [amount for amount in amounts if amount is not None]
    total = sum(told, Decimal(0))
    return {
        "lines_amount": f"{total:f}" if len(told) == len(amounts) else None,
        "adjustments_amount": f"{sum(adjusted, Decimal(0)):.2f}",
    }


def _amount(line: Segment) -> Decimal | None:
    """What a line comes to: nothing without a quantity or a price, None where nobody can say."""
    quantity, price = decimal(line, 2, "invoiced_quantity"), decimal(line, 4, "unit_price")
    if not quantity or not price:
        return Decimal(0)
    units = PRICED_UNITS.get(line.get(5) or "PE")
    if units is None:
        return None
    amount = Decimal(quantity) * Decimal(price)
    # Written and read again, because a number of too many digits cannot be rounded.
    return amount if units == 1 else Decimal(f"{amount / units:.{PLACES}f}")
