"""Orders become bookings: who ships what, where, with whom, and what is promised. Pure draws, no movement
yet.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from data.simulate.network import Network, dice
from data.simulate.places import Carrier, Lane
from data.simulate.world import Clock, OrderLine, Shipment, Stop, minute

PLANNED_STAY_HOURS = {
    ("ocean", "load"): 72.0,
    ("ocean", "import"): 60.0,
    ("air", "load"): 14.0,
    ("air", "import"): 20.0,
    ("truck", "hub"): 9.0,
}
UNLOAD_HOURS = {"ocean": 8.0, "air": 5.0, "truck": 3.0}
_BOOKED_AHEAD = {"ocean": (60.0, 190.0), "air": (24.0, 96.0), "truck": (24.0, 110.0)}
_SLACK_HOURS = {"ocean": 80.0, "air": 16.0, "truck": 5.5}
REUSE_GAP_HOURS = 24.0 * 55
_OWNERS = {"NPLX": "NPLU", "ORSV": "ORSU", "TSWN": "TSWU", "BLTQ": "BLTU"}
_LETTERS = {
    letter: value
    for letter, value in zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            10,
            12,
            13,
            14,
            15,
            16,
            17,
            18,
            19,
            20,
            21,
            23,
            24,
            25,
            26,
            27,
            28,
            29,
            30,
            31,
            32,
            34,
            35,
            36,
            37,
            38,
        ),
        strict=True,
    )
}


def book(network: Network, clock: Clock, index: int) -> Shipment:
    """Shipment number `index` as booked: lane, carrier, plan and promise; lines come with the order."""
    draw = dice(network.seed, "booking", index)
    lane = draw.choices(network.lanes, [lane.weight for lane in network.lanes])[0]
    carriers = network.carriers_for(lane)
    carrier = draw.choices(carriers, [c.weight for c in carriers])[0]
    booked = minute(_booked_hour(clock, network.shipments, index, draw))
    service = "expedited" if draw.random() < 0.18 else "standard"
    stops = _planned_stops(lane, booked, draw)
    delivery = stops[-1].planned_arrival + UNLOAD_HOURS[lane.mode]
    promised = _end_of_day(network, clock, stops[-1].code, delivery + _slack(lane.mode, service))
    return Shipment(
        index=index,
        number=f"SH-{100001 + index:06d}",
        order_no=f"SO-{400001 + index:06d}",
        customer=draw.choice(_candidates(network, lane)),
        carrier=carrier,
        lane=lane,
        service_level=service,
        pro_number=_pro_number(carrier, index, draw),
        container_no=_container(carrier, index) if lane.mode == "ocean" else None,
        ordered=minute(max(0.1, booked - draw.uniform(2, 40))),
        booked=booked,
        stops=stops,
        planned_delivery=delivery,
        promised=promised,
        requested=promised - 24 * draw.choice((0, 0, 0, 1, 2)),
        has_commitment=draw.random() < 0.93,
        penalty_share=draw.uniform(0.004, 0.02),
        international=network.customs_stop(lane) is not None,
    )


def reuse_containers(seed: int, booked: list[Shipment]) -> None:
    """Let some containers travel twice, months apart: a number alone does not say which shipment is meant."""
    idle: dict[str, list[Shipment]] = {}
    for shipment in booked:
        if shipment.container_no is None:
            continue
        former = next(
            (
                other
                for other in idle.get(shipment.carrier.scac, [])[:20]
                if other.planned_arrival + REUSE_GAP_HOURS < shipment.booked
            ),
            None,
        )
        if former and dice(seed, "container", shipment.index).random() < 0.3:
            idle[shipment.carrier.scac].remove(former)
            shipment.container_no = former.container_no
        else:
            idle.setdefault(shipment.carrier.scac, []).append(shipment)


def mean_lead_days(network: Network) -> dict[str, float]:
    """Mean planned days from booking to delivery for each distribution centre, weighted by lane."""
    totals: dict[str, list[float]] = {}
    for lane in network.lanes:
        stays = sum(_stay(lane, position) for position in range(1, len(lane.stops) - 1))
        ahead = sum(_BOOKED_AHEAD[lane.mode]) / 2
        days = (sum(lane.leg_hours) + stays + ahead + UNLOAD_HOURS[lane.mode]) / 24
        entry = totals.setdefault(lane.stops[-1], [0.0, 0.0])
        entry[0] += days * lane.weight
        entry[1] += lane.weight
    return {code: days / weight for code, (days, weight) in totals.items()}


def site_lines(network: Network, shipment: Shipment) -> list[OrderLine]:
    """Lines of an order for a customer's site: any product, a pallet or a few."""
    draw = dice(network.seed, "lines", shipment.index)
    skus = draw.sample(sorted(network.products), draw.choices((1, 2, 3), (0.6, 0.3, 0.1))[0])
    lines = []
    for position, sku in enumerate(skus, start=1):
        price = network.products[sku].unit_price
        lines.append(OrderLine(position, sku, max(1, round(draw.uniform(3000, 26000) / price)), price))
    return lines


def check_digit(stem: str) -> int:
    """ISO 6346 check digit of four letters and six digits."""
    values = (_LETTERS[sign] if sign.isalpha() else int(sign) for sign in stem)
    return sum(value * 2**place for place, value in enumerate(values)) % 11 % 10


def _booked_hour(clock: Clock, shipments: int, index: int, draw: random.Random) -> float:
    """Bookings fill the world evenly, in working hours (UTC) of weekdays for the most part."""
    hour = clock.span * (index + draw.random()) / shipments
    moment = clock.at(hour)
    if moment.weekday() >= 5 and draw.random() < 0.8:
        hour -= 24 * (moment.weekday() - 4)
    start_of_day = hour - (clock.at(hour).hour + clock.at(hour).minute / 60)
    return max(0.5, start_of_day + draw.uniform(6, 18))


def _planned_stops(lane: Lane, booked: float, draw: random.Random) -> list[Stop]:
    departure = float(round(booked + draw.uniform(*_BOOKED_AHEAD[lane.mode])))
    stops = [Stop(lane.stops[0], departure, departure)]
    for position, code in enumerate(lane.stops[1:], start=1):
        arrival = stops[-1].planned_departure + lane.leg_hours[position - 1]
        stay = 0.0 if position == len(lane.stops) - 1 else _stay(lane, position)
        stops.append(Stop(code, arrival, arrival + stay))
    return stops


def _stay(lane: Lane, position: int) -> float:
    role = "hub" if lane.mode == "truck" else "load" if position == 1 else "import"
    if (
        lane.mode == "air"
        and len(lane.stops) == 4
        and lane.stops[0].startswith("PL-STUTTGART")
        and position == 1
    ):
        role = "load"
    return PLANNED_STAY_HOURS[(lane.mode, role)]


def _slack(mode: str, service: str) -> float:
    return _SLACK_HOURS[mode] * (0.7 if service == "expedited" else 1.0)


def _end_of_day(network: Network, clock: Clock, place: str, hour: float) -> float:
    """The next 18:00 on the destination's own clock: promises are made for a working day's end."""
    zone = ZoneInfo(network.facilities[place].time_zone)
    local = clock.at(hour).astimezone(zone)
    day = local.date() + timedelta(days=0 if local.hour < 18 else 1)
    return clock.hours(datetime(day.year, day.month, day.day, 18, tzinfo=zone))


def _candidates(network: Network, lane: Lane) -> list:
    """Customers who may order to the lane's destination: those of the site, or of a centre's region."""
    here = [c for c in network.customers if c.site == lane.stops[-1]]
    if here:
        return here
    territory = network.territory(lane.stops[-1])
    return [c for c in network.customers if network.territory(c.site) == territory] or list(network.customers)


def _pro_number(carrier: Carrier, index: int, draw: random.Random) -> str:
    """Ten digits, unique within a carrier; never starting with a zero, which systems love to lose."""
    base = int.from_bytes(carrier.scac.encode(), "big") % 89 + 10
    return f"{base}{(index * 7919 + 104729) % 10_000_000:07d}{draw.randrange(10)}"


def _container(carrier: Carrier, index: int) -> str:
    stem = f"{_OWNERS[carrier.scac]}{(index * 6151 + 200_003) % 1_000_000:06d}"
    return f"{stem}{check_digit(stem)}"
