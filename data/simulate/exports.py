"""What each system of the company says about the world, before anything goes wrong: rows of the ten feeds.

TMS: shipment, milestone (from carriers), carrier. ERP: order. CRM: commitment, customer. WMS: facility,
inventory. DMS: document. Weather notices: weather. Columns are those of the contracts in
`data/contracts/network`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from data.simulate.movement import World
from data.simulate.network import dice
from data.simulate.world import Message, Shipment, minute

FEED_FORMATS: dict[str, str] = {
    "shipment": "csv",
    "milestone": "jsonl",
    "document": "jsonl",
    "order": "csv",
    "carrier": "csv",
    "facility": "csv",
    "weather": "jsonl",
    "inventory": "parquet",
    "commitment": "csv",
    "customer": "csv",
}
MASTER_FEEDS = ("carrier", "facility", "customer")
_MASTER_EVERY_HOURS = 720.0


@dataclass(frozen=True)
class Row:
    """A row as a system exports it at hour `recorded`; `text` replaces it where the line itself is broken.

    `fault` names what was done to a row that its contract must refuse; `files_later` makes it a copy for
    a later file than the one its time belongs to.
    """

    feed: str
    recorded: float
    values: dict[str, Any]
    fault: str | None = None
    text: str | None = None
    files_later: int = 0


def export(world: World) -> list[Row]:
    """All rows of all feeds that are recorded within the world's time."""
    rows = [*_masters(world), *_weather(world), *_inventory(world)]
    for shipment in world.shipments:
        rows += [
            *_order(world, shipment),
            *_shipment(world, shipment),
            *_milestones(world, shipment),
            *_documents(world, shipment),
        ]
    return [row for row in rows if row.recorded <= world.clock.span]


def stamp(world: World, hour: float) -> str:
    """An hour of the world as ISO 8601 in UTC."""
    return world.clock.at(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(world: World, feed: str, hour: float, column: str, **values: Any) -> Row:
    return Row(feed, minute(hour), {**values, column: stamp(world, hour)})


def _masters(world: World) -> Iterator[Row]:
    """Master data in full each month, and one carrier's new address when it changed."""
    hour = 0.25
    while hour < world.clock.span:
        yield from _carriers(world, hour)
        for place in world.network.facilities.values():
            yield _row(
                world,
                "facility",
                hour,
                "exported_at",
                facility_code=place.code,
                facility_name=place.name,
                facility_type=place.kind,
                un_locode=place.un_locode,
                latitude=place.latitude,
                longitude=place.longitude,
                country_code=place.country,
                time_zone=place.time_zone,
                city=place.city,
                region_code=place.region,
            )
        for customer in world.network.customers:
            yield _row(
                world,
                "customer",
                hour,
                "exported_at",
                customer_id=customer.account_id,
                erp_customer_no=customer.erp_no,
                customer_name=customer.name,
                customer_tier=customer.tier,
                contact_email=customer.email,
                portal_url=customer.portal_url,
            )
        hour += _MASTER_EVERY_HOURS


def _carriers(world: World, hour: float) -> Iterator[Row]:
    moved = 0.4 * world.clock.span
    for carrier in world.network.carriers:
        desk = "tracking" if carrier.scac == "RDRN" and hour > moved else "operations"
        yield _row(
            world,
            "carrier",
            hour,
            "exported_at",
            carrier_scac=carrier.scac,
            carrier_name=carrier.name,
            mode=carrier.mode,
            contact_email=f"{desk}@{carrier.scac.lower()}.example",
        )


def _weather(world: World) -> Iterator[Row]:
    for alert in world.episodes.alerts:
        for issued, ends in alert.issues:
            yield _row(
                world,
                "weather",
                issued,
                "issued_at",
                alert_id=alert.alert_id,
                location_code=alert.location,
                alert_type=alert.kind,
                severity=alert.severity,
                starts_at=stamp(world, alert.starts),
                ends_at=stamp(world, ends),
            )


def _inventory(world: World) -> Iterator[Row]:
    for snapshot in world.stock.snapshots:
        instant = world.clock.at(snapshot.hour)
        yield Row(
            "inventory",
            snapshot.hour,
            {
                "facility_code": snapshot.facility,
                "sku": snapshot.sku,
                "on_hand_quantity": snapshot.on_hand,
                "safety_stock_quantity": snapshot.safety,
                "daily_demand_quantity": snapshot.daily_demand,
                "unit_value": snapshot.unit_value,
                "as_of_date": instant.date(),
                "exported_at": instant,
            },
        )


def _order(world: World, shipment: Shipment) -> Iterator[Row]:
    """The order's lines from the ERP, now and then exported twice, and the commitment from the CRM."""
    draw = dice(world.network.seed, "erp", shipment.index)
    hours = [shipment.ordered + draw.uniform(0.1, 1.5)]
    hours += [hours[0] + draw.uniform(24, 96)] if draw.random() < 0.03 else []
    for hour in hours:
        for line in shipment.lines:
            yield _row(
                world,
                "order",
                hour,
                "exported_at",
                order_no=shipment.order_no,
                order_line=line.number,
                customer_ref=shipment.customer.erp_no,
                sku=line.sku,
                quantity=line.quantity,
                unit_price=f"{line.unit_price:.2f}",
                currency_code="USD",
                requested_delivery_at=stamp(world, shipment.requested),
                promised_delivery_at=stamp(world, shipment.promised),
                ordered_at=stamp(world, shipment.ordered),
            )
    if shipment.has_commitment:
        yield _commitment(world, shipment, shipment.ordered + draw.uniform(0.2, 2))


def _commitment(world: World, shipment: Shipment, hour: float) -> Row:
    customer = shipment.customer
    weight = {"gold": 1.6, "silver": 1.0, "bronze": 0.6}[customer.tier]
    daily = round(shipment.value * shipment.penalty_share * weight, 2)
    return _row(
        world,
        "commitment",
        hour,
        "exported_at",
        commitment_id=f"CM-{700001 + shipment.index:06d}",
        customer_ref=customer.account_id,
        customer_name=customer.crm_name,
        customer_tier=customer.tier,
        order_no=shipment.order_no,
        promised_at=stamp(world, shipment.promised),
        penalty_per_day=f"{daily:.2f}",
        penalty_cap=f"{round(daily * 10, 2):.2f}",
        currency_code="USD",
        contact_email=customer.email,
    )


def _shipment(world: World, shipment: Shipment) -> Iterator[Row]:
    """The TMS's opinion each time it changes; it learns of events with a lag, sometimes of days."""
    draw = dice(world.network.seed, "tms", shipment.index)
    states = [("booked", shipment.booked)]
    if shipment.cancelled is not None:
        states.append(("cancelled", shipment.cancelled + draw.uniform(0.1, 2)))
    if shipment.departed is not None:
        slow = draw.uniform(20, 60) if draw.random() < 0.03 else draw.uniform(0.3, 5)
        states.append(("in_transit", shipment.departed + slow))
    if shipment.delivered is not None:
        slow = draw.uniform(40, 96) if draw.random() < 0.02 else draw.uniform(0.5, 10)
        states.append(("delivered", max(shipment.delivered + slow, states[-1][1] + 0.1)))
    for status, hour in states:
        yield _row(
            world,
            "shipment",
            hour,
            "exported_at",
            shipment_no=shipment.number,
            order_no=shipment.order_no,
            customer_ref=shipment.customer.erp_no,
            carrier_scac=shipment.carrier.scac,
            pro_number=shipment.pro_number,
            container_no=shipment.container_no or "N/A",
            mode=shipment.lane.mode,
            service_level=shipment.service_level,
            origin_code=shipment.stops[0].code,
            destination_code=shipment.stops[-1].code,
            planned_departure_at=stamp(world, shipment.planned_departure),
            planned_arrival_at=stamp(world, shipment.planned_arrival),
            required_documents="|".join(shipment.required),
            status=status,
        )


def _milestones(world: World, shipment: Shipment) -> Iterator[Row]:
    for number, message in enumerate(shipment.messages):
        values = {
            "event_id": event_id(world, shipment, str(number)),
            "carrier_scac": shipment.carrier.scac,
            "reference": reference(shipment, message.reference_type),
            "reference_type": message.reference_type,
            "event_code": message.code,
            "classifier": message.classifier,
            "location_code": message.location,
            "occurred_at": _occurred(world, shipment, message),
            "reported_at": stamp(world, message.sent),
            "remark": message.remark,
        }
        yield Row("milestone", message.sent, values)


def reference(shipment: Shipment, kind: str) -> str:
    """The number of a kind by which a shipment is known, as it should be written."""
    if kind == "CONTAINER" and shipment.container_no:
        return shipment.container_no
    return shipment.number if kind == "SHIPMENT" else shipment.pro_number


def event_id(world: World, shipment: Shipment, name: str) -> str:
    """A carrier's id of a message; it says nothing about the shipment."""
    digest = hashlib.sha256(f"{world.network.seed}:{shipment.number}:{name}".encode()).hexdigest()
    return f"{shipment.carrier.scac}-{digest[:20]}"


def _occurred(world: World, shipment: Shipment, message: Message) -> str:
    """The instant in UTC, or with the place's offset where the carrier writes local time."""
    if not shipment.carrier.local_offset or message.location not in world.network.facilities:
        return stamp(world, message.occurred)
    zone = ZoneInfo(world.network.facilities[message.location].time_zone)
    return world.clock.at(message.occurred).astimezone(zone).isoformat()


def _documents(world: World, shipment: Shipment) -> Iterator[Row]:
    for number, paper in enumerate(shipment.papers, start=1):
        content = hashlib.sha256(f"{world.network.seed}:{shipment.number}:{paper.kind}:{number}".encode())
        yield _row(
            world,
            "document",
            paper.received,
            "received_at",
            document_id=f"DOC-{shipment.number[3:]}-{number}",
            shipment_no=shipment.number,
            document_type=paper.kind,
            status=paper.status,
            content_sha256=content.hexdigest(),
        )
