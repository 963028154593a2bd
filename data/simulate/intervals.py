"""When each exception was true, found in the true world; `truth` defines every type in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from data.simulate.episodes import Alert
from data.simulate.movement import World
from data.simulate.world import Shipment, Snapshot, Stop

BOOKED_AHEAD_HOURS = 168.0
LATE_DEPARTURE_HOURS = 12.0
SILENT_HOURS = 72.0
DWELL_HOURS = 48.0
DOCUMENT_HOURS = 24.0
POD_HOURS = 24.0
DISRUPTED_SHIPMENTS = 3
STOCK_HORIZON_HOURS = 14 * 24.0


@dataclass(frozen=True)
class Interval:
    """One exception while it was true; hours of the world."""

    exception_type: str
    subject: str
    shipment_no: str | None
    starts: float
    ends: float | None
    cause: str
    details: dict[str, Any] = field(default_factory=dict)

    def holds_at(self, hour: float) -> bool:
        """Whether it is true at an hour."""
        return self.starts <= hour and (self.ends is None or hour < self.ends)


def of_shipment(world: World, shipment: Shipment) -> Iterator[Interval]:
    """Exceptions of one shipment, of every type whose subject is a shipment or its paper."""
    yield from _departure(world, shipment)
    yield from _documents(world, shipment)
    if shipment.departed is None:
        return
    yield from _lateness(shipment)
    yield from _silence(world, shipment)
    for stop in shipment.stops[1:-1]:
        yield from _stay(shipment, stop)
    yield from _proof(shipment)


def _lateness(shipment: Shipment) -> Iterator[Interval]:
    delivered, number = shipment.delivered, shipment.number
    if delivered is None or delivered <= shipment.promised:
        return
    details = {
        "delay_hours": round(delivered - shipment.promised, 2),
        "lost_hours": {
            cause: round(hours, 1) for cause, hours in sorted(shipment.blame.items()) if hours > 0
        },
    }
    starts = max(shipment.booked, shipment.planned_departure - BOOKED_AHEAD_HOURS)
    yield Interval("predicted_late", number, number, starts, shipment.promised, shipment.main_cause, details)
    yield Interval("late_now", number, number, shipment.promised, delivered, shipment.main_cause, details)


def _departure(world: World, shipment: Shipment) -> Iterator[Interval]:
    left = shipment.departed if shipment.cancelled is None else shipment.cancelled
    due = shipment.planned_departure + LATE_DEPARTURE_HOURS
    if left is None or left <= due:
        return
    closed = shipment.blame["port_closure"] > 0 and any(
        alert.closes
        and alert.location == shipment.stops[1].code
        and alert.starts < left
        and alert.ends > due - 24
        for alert in world.episodes.alerts
    )
    yield Interval(
        "late_departure",
        shipment.number,
        shipment.number,
        due,
        left,
        "port_closure" if closed else "late_departure",
        {"facility": shipment.stops[0].code, "late_hours": round(left - shipment.planned_departure, 2)},
    )


def _silence(world: World, shipment: Shipment) -> Iterator[Interval]:
    departed = shipment.departed or 0.0
    end = shipment.delivered if shipment.delivered is not None else world.clock.span
    heard = [departed, *sorted(m.sent for m in shipment.messages if departed < m.sent < end), end]
    outage = shipment.carrier.scac == world.episodes.outage[0]
    for last, following in pairwise(heard):
        if following - last > SILENT_HOURS:
            carrier_wide = outage and last < world.episodes.outage[2] and following > world.episodes.outage[1]
            yield Interval(
                "tracking_silent",
                shipment.number,
                shipment.number,
                last + SILENT_HOURS,
                following,
                "carrier_outage" if carrier_wide else "tracker_silent",
                {"last_message_hours": round(following - last, 2)},
            )


def _stay(shipment: Shipment, stop: Stop) -> Iterator[Interval]:
    if stop.held_from is not None:
        yield Interval(
            "customs_hold",
            shipment.number,
            shipment.number,
            stop.held_from,
            stop.held_until,
            "customs_inspection",
            {"facility": stop.code},
        )
    if stop.arrived is None or stop.departed is None:
        return
    due = stop.arrived + stop.planned_departure - stop.planned_arrival + DWELL_HOURS
    if stop.held_from is not None and stop.held_until is not None and stop.held_from < due:
        due += stop.held_until - stop.held_from
    if stop.departed > due:
        causes = ("port_closure", "missed_sailing", "congestion")
        cause = max(causes, key=lambda name: shipment.blame[name])
        yield Interval(
            "facility_dwell",
            shipment.number,
            shipment.number,
            due,
            stop.departed,
            cause,
            {"facility": stop.code, "stay_hours": round(stop.departed - stop.arrived, 2)},
        )


def _documents(world: World, shipment: Shipment) -> Iterator[Interval]:
    due = shipment.planned_arrival - DOCUMENT_HOURS
    end = shipment.delivered if shipment.cancelled is None else shipment.cancelled
    for kind in shipment.required:
        if kind == "POD":
            continue
        received = min(
            (p.received for p in shipment.papers if p.kind == kind and p.status == "received"), default=None
        )
        ends = min((hour for hour in (received, end) if hour is not None), default=None)
        if ends is None or ends > due:
            yield Interval(
                "trade_document_missing",
                f"{shipment.number}:{kind}",
                shipment.number,
                due,
                ends,
                "document_late",
                {"document_type": kind},
            )


def _proof(shipment: Shipment) -> Iterator[Interval]:
    if shipment.delivered is None:
        return
    received = min(
        (p.received for p in shipment.papers if p.kind == "POD" and p.status == "received"), default=None
    )
    due = shipment.delivered + POD_HOURS
    if received is None or received > due:
        yield Interval(
            "pod_missing",
            shipment.number,
            shipment.number,
            due,
            received,
            "never_sent" if received is None else "carrier_slow",
            {"carrier": shipment.carrier.scac},
        )


def stock_outs(world: World) -> Iterator[Interval]:
    """Runs of mornings on which a place runs dry before its next inbound shipment is there."""
    inbound: dict[tuple[str, str], list[Shipment]] = {}
    for shipment in world.shipments:
        for line in shipment.lines:
            inbound.setdefault((shipment.stops[-1].code, line.sku), []).append(shipment)
    series: dict[tuple[str, str], list[Snapshot]] = {}
    for snapshot in world.stock.snapshots:
        series.setdefault((snapshot.facility, snapshot.sku), []).append(snapshot)
    for key in sorted(series):
        yield from _runs(key, series[key], inbound.get(key, []))


def _runs(key: tuple[str, str], series: list[Snapshot], inbound: list[Shipment]) -> Iterator[Interval]:
    begun: tuple[Snapshot, Shipment] | None = None
    for snapshot in series:
        first = _first_inbound(snapshot, inbound)
        dry_at = snapshot.hour + 24 * snapshot.on_hand / snapshot.daily_demand
        soon = dry_at <= snapshot.hour + STOCK_HORIZON_HOURS
        holds = soon and first is not None and first.delivered is not None and dry_at < first.delivered
        if begun and (not holds or first is not begun[1]):
            yield _dry(key, *begun, min(snapshot.hour, begun[1].delivered or snapshot.hour))
            begun = None
        if holds and first is not None and begun is None:
            begun = (snapshot, first)
    if begun:
        yield _dry(key, *begun, begun[1].delivered or 0.0)


def _first_inbound(snapshot: Snapshot, inbound: list[Shipment]) -> Shipment | None:
    """The open inbound shipment that truly is delivered first."""
    coming = (
        s for s in inbound if s.open_at(snapshot.hour) and s.cancelled is None and s.delivered is not None
    )
    return min(coming, key=lambda s: (s.delivered or 0.0, s.index), default=None)


def _dry(key: tuple[str, str], snapshot: Snapshot, shipment: Shipment, ends: float) -> Interval:
    return Interval(
        "stock_out_before_inbound",
        ":".join(key),
        shipment.number,
        snapshot.hour,
        ends,
        "inbound_late" if shipment.is_late else "stock_low",
        {
            "on_hand": snapshot.on_hand,
            "daily_demand": snapshot.daily_demand,
            "inbound_late_hours": round((shipment.delivered or 0.0) - shipment.planned_delivery, 2),
        },
    )


def disruption(world: World, alert: Alert) -> Iterator[Interval]:
    """The disruption an alert is, when it touches shipments enough."""
    touched = [s for s in world.shipments if any(_meets(s, stop, alert) for stop in s.stops)]
    if len(touched) >= DISRUPTED_SHIPMENTS:
        held = sorted(s.number for s in touched if s.blame["port_closure"] > 0)
        yield Interval(
            "disruption",
            alert.alert_id,
            None,
            alert.starts,
            alert.ends,
            f"{alert.severity}_{alert.kind}",
            {"location": alert.location, "shipments": sorted(s.number for s in touched), "held": held},
        )


def _meets(shipment: Shipment, stop: Stop, alert: Alert) -> bool:
    """Whether the planned or the true stay of a shipment at the alert's place falls within the alert."""
    if stop.code != alert.location or shipment.cancelled is not None or shipment.booked > alert.ends:
        return False
    planned = stop.planned_arrival <= alert.ends and stop.planned_departure >= alert.starts
    gone = stop.departed is not None and stop.departed < alert.starts
    true = stop.arrived is not None and stop.arrived <= alert.ends and not gone
    return (planned and not gone) or true
