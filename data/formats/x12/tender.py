"""X12 204, Motor Carrier Load Tender: one row for each stop (S5); and X12 990, the response: one row a message."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    identity,
    optional,
    required,
    when,
)

#: Date qualifier (element 432) of the moment until which the carrier must answer.
MUST_RESPOND_BY = "64"


def stops_of(found: TransactionSet) -> Iterator[Row]:
    """The stops of one 204; a tender without any stop is one row, which says so."""
    header, stops = loops_at(found.segments, "S5")
    shared = Once(lambda: _header(required(found, "B2"), required(found, "B2A"), header))
    for index, stop in enumerate(stops, start=1):
        yield Row(stop[0], partial(_fill_stop, found, shared, stop, index))
    if not stops:
        yield Row(found.segments[0], partial(_fill_without_stops, found))


def _fill_without_stops(found: TransactionSet, cells: Cells) -> None:
    cells |= identity(found, found.segments[0], 1)
    head = required(found, "B2")
    purpose = required(found, "B2A")
    # A cancellation need not repeat the stops of what it cancels.
    if purpose.get(1) != "01":
        raise Broken(found.segments[0], None, "begins a load tender without any stop (S5)", code="3")
    cells |= _header(head, purpose, Loop(found.segments))


def _fill_stop(found: TransactionSet, shared: Once[Cells], stop: Loop, index: int, cells: Cells) -> None:
    cells |= identity(found, stop[0], index)
    cells |= shared.get()
    cells |= _stop(stop)


def _header(head: Segment, purpose: Segment, header: Loop) -> Cells:
    """What a tender says for all of its stops."""
    route = header.first("MS3")
    return {
        "carrier_scac": element(head, 2, "carrier_scac"),
        "shipment_id": head.get(4),
        "payment_method": head.get(6),
        "purpose_code": element(purpose, 1, "purpose_code"),
        "application_type": purpose.get(2),
        "shipment_references": references_of(header, also=[("B2-04", head.get(4))]),
        "routing_scac": route.get(1) if route else None,
        "routing_sequence": route.get(2) if route else None,
        "transport_mode": route.get(4) if route else None,
        "remark": remarks(header),
        "dates": dates(header),
        **_respond_by(header),
    }


def _respond_by(header: Loop) -> Cells:
    for segment in header.all("G62"):
        if segment.get(1) == MUST_RESPOND_BY:
            cells = when(segment, (2, 4, 5), "respond_by")
            return cells | {"respond_by_time_qualifier": segment.get(3)}
    return {}


def _stop(stop: Loop) -> Cells:
    at = stop[0]
    orders = [
        [segment.get(2), segment.get(1)] for segment in stop.all("OID") if segment.get(1) or segment.get(2)
    ]
    return {
        "stop_sequence": element(at, 1, "stop_sequence"),
        "stop_reason_code": element(at, 2, "stop_reason_code"),
        "weight": decimal(at, 3, "weight"),
        "weight_unit": at.get(4),
        "quantity": decimal(at, 5, "quantity"),
        "quantity_unit": at.get(6),
        "volume": decimal(at, 7, "volume"),
        "volume_unit": at.get(8),
        "stop_references": references_of(stop),
        "stop_dates": dates(stop),
        "stop_remark": remarks(stop),
        "purchase_orders": json.dumps(orders, ensure_ascii=False) if orders else None,
        **party(stop, "location"),
    }


def response_of(found: TransactionSet) -> Iterator[Row]:
    """The row of one 990."""
    yield Row(optional(found, "B1") or found.segments[0], partial(_fill_response, found))


def _fill_response(found: TransactionSet, cells: Cells) -> None:
    head = required(found, "B1")
    message = Loop(found.segments)
    cells |= identity(found, head, 1)
    cells |= {
        "carrier_scac": element(head, 1, "carrier_scac"),
        "shipment_id": element(head, 2, "shipment_id"),
        "responded_on": day(head, 3, "responded_on"),
        "action_code": element(head, 4, "action_code"),
        "shipment_references": references_of(message),
        "event_codes": references_of(also=[("B1-06", head.get(6)), *_events(message)]),
        "remark": remarks(message),
        "dates": dates(message),
    }


def _events(message: Loop) -> Iterator[tuple[str, str | None]]:
    """The events (V9) of a response as (code, its words or its reason), where a carrier says why in them."""
    for segment in message.all("V9"):
        yield segment.get(1) or "V9", segment.get(2) or segment.get(8) or segment.get(1)
