"""X12 210, Motor Carrier Freight Details and Invoice: one row for each charge (L1) of its lines (LX)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from data.formats.x12.envelope import Segment, TransactionSet
from data.formats.x12.parts import Loop, dates, loops_at, party, references_of, remarks
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


@dataclass(frozen=True, slots=True)
class Charge:
    """One L1, and the last LX (its line's number), L5 (description) and L0 (weight) before it."""

    charge: Segment
    before: dict[str, Segment]


def rows_of(found: TransactionSet) -> Iterator[Row]:
    """The charges of one 210; an invoice without any is one row, which says so."""
    header, lines = loops_at(found.segments, "LX")
    summary = next((segment for segment in found.segments[::-1] if segment.tag == "L3"), None)
    charges = [charge for line in lines for charge in _charges(line)]
    shared = Once(partial(_shared, found, header, summary, charges))
    for index, charge in enumerate(charges, start=1):
        yield Row(charge.charge, partial(_fill, found, shared, charge, index))
    if not charges:
        yield Row(found.segments[0], partial(_fill_nothing, found))


def _fill_nothing(found: TransactionSet, cells: Cells) -> None:
    cells |= identity(found, found.segments[0], 1)
    cells["invoice_no"] = element(required(found, "B3"), 2, "invoice_no")
    raise Broken(found.segments[0], None, "begins a freight invoice without any charge (L1)", code="3")


def _charges(line: Loop) -> Iterator[Charge]:
    before: dict[str, Segment] = {}
    for segment in line:
        if segment.tag in ("LX", "L5", "L0"):
            before = before | {segment.tag: segment}
        elif segment.tag == "L1":
            yield Charge(segment, before)


def _fill(found: TransactionSet, shared: Once[Cells], charge: Charge, index: int, cells: Cells) -> None:
    cells |= identity(found, charge.charge, index)
    cells |= shared.get()
    cells |= _line(charge.before)
    cells |= _charge(charge.charge)


def _shared(found: TransactionSet, header: Loop, summary: Segment | None, charges: list[Charge]) -> Cells:
    head = required(found, "B3")
    currency = header.first("C3")
    net = element(head, 7, "net_amount") and hundredths(head, 7, "net_amount")
    return {
        "invoice_no": element(head, 2, "invoice_no"),
        "shipment_id": head.get(3),
        "payment_method": head.get(4),
        "invoiced_on": day(head, 6, "invoiced_on"),
        "correction_code": head.get(8),
        "delivered_on": day(head, 9, "delivered_on"),
        "delivery_date_qualifier": head.get(10),
        "carrier_scac": element(head, 11, "carrier_scac"),
        "currency_code": currency.get(1) if currency else None,
        "shipment_references": references_of(header),
        "dates": dates(header),
        "remark": remarks(header),
        **party(header, "ship_from", ("SF", "SH")),
        **party(header, "ship_to", ("ST", "CN")),
        **party(header, "bill_to", ("BT",)),
        "net_amount": net,
        **_totals(net, summary, charges),
    }


def _totals(net: str | None, summary: Segment | None, charges: list[Charge]) -> Cells:
    """What the charges come to, beside what the invoice says; blank where a charge cannot be read."""
    cells: Cells = {}
    if summary is not None:
        cells["total_charge_amount"] = hundredths(summary, 5, "total_charge_amount")
        cells["total_weight"] = decimal(summary, 1, "total_weight")
    try:
        told = [hundredths(charge.charge, 4, "charge_amount") for charge in charges]
    except Broken:
        return cells
    total = sum((Decimal(amount) for amount in told if amount), Decimal("0.00"))
    cells["charges_amount"] = f"{total:.2f}"
    if net is not None:
        cells["charges_less_net_amount"] = f"{total - Decimal(net):.2f}"
    return cells


def _line(before: dict[str, Segment]) -> Cells:
    cells: Cells = {"line_no": before["LX"].get(1)}
    if described := before.get("L5"):
        cells |= {"description": described.get(2), "commodity_code": described.get(3)}
    if weighed := before.get("L0"):
        cells |= {
            "billed_quantity": decimal(weighed, 2, "billed_quantity"),
            "billed_quantity_unit": weighed.get(3),
            "weight": decimal(weighed, 4, "weight"),
            "weight_qualifier": weighed.get(5),
            "lading_quantity": decimal(weighed, 8, "lading_quantity"),
            "packaging_code": weighed.get(9),
            "weight_unit": weighed.get(11),
        }
    return cells


def _charge(charge: Segment) -> Cells:
    return {
        "rate": decimal(charge, 2, "rate"),
        "rate_qualifier": charge.get(3),
        "charge_amount": hundredths(charge, 4, "charge_amount"),
        "prepaid_amount": hundredths(charge, 6, "prepaid_amount"),
        "charge_code": charge.get(8),
        "charge_description": charge.get(12),
    }
