"""Shipments on their way: SimPy processes from order to delivery, with the delays the world has in store.

A journey is lost or kept by its carrier (late departures, slow legs, incidents, rolled containers), its
lane, the queue at ports and hubs, weather, port closures and customs; each hour lost is put to its cause.
`run` plays the world past its end until every shipment has arrived, so that the truth about open
shipments is known.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from data.simulate.booking import UNLOAD_HOURS, book, mean_lead_days, reuse_containers, site_lines
from data.simulate.episodes import Alert, Episodes, build_episodes
from data.simulate.network import Network, build_network, dice
from data.simulate.stock import Stock
from data.simulate.world import Clock, Shipment, Stop, minute

Process = Generator[simpy.Event, Any, None]

SAILING_INTERVAL_HOURS = 84.0
_RUN_OUT_HOURS = 24.0 * 150
_HANDLING_HOURS = {"ocean": 22.0, "air": 6.0, "truck": 3.5}
_LEG_SPREAD = {"ocean": 0.035, "air": 0.10, "truck": 0.09}
_DEPARTURE_DELAY = {"ocean": (3.4, 0.7), "air": (2.7, 0.6), "truck": (2.9, 0.6)}
_INCIDENT_HOURS = {"ocean": 52.0, "air": 20.0, "truck": 15.0}
_HOLD_HOURS = {"ocean": 150.0, "air": 60.0, "truck": 30.0}
_HOLD_SHARE = {"US": 0.12, "EU": 0.09}


@dataclass
class World:
    """A played world: network, episodes, shipments with their true course, stock snapshots."""

    network: Network
    clock: Clock
    episodes: Episodes
    shipments: list[Shipment]
    stock: Stock
    env: simpy.Environment
    docks: dict[str, simpy.Resource] = field(default_factory=dict)
    closures: dict[str, simpy.Event] = field(default_factory=dict)


def run(seed: int, shipments: int, clock: Clock) -> World:
    """Play a world of about `shipments` shipments; the same arguments give the same world."""
    network = build_network(seed, shipments)
    env = simpy.Environment()
    stock = Stock(network, mean_lead_days(network), math.floor(clock.span / 24))
    booked = [book(network, clock, index) for index in range(shipments)]
    reuse_containers(seed, booked)
    world = World(network, clock, build_episodes(seed, clock), booked, stock, env)
    world.docks = _docks(env, network, clock)
    env.process(stock.run(env))
    for alert in world.episodes.alerts:
        if alert.closes:
            env.process(_close(world, alert))
    for shipment in booked:
        env.process(_journey(world, shipment))
    env.run(until=clock.span + _RUN_OUT_HOURS)
    return world


def _docks(env: simpy.Environment, network: Network, clock: Clock) -> dict[str, simpy.Resource]:
    """Handling places at ports and hubs, enough for the expected traffic and some more."""
    load: dict[str, float] = {}
    for lane in network.lanes:
        for code in lane.stops[1:-1]:
            per_hour = network.shipments * lane.weight / clock.span
            load[code] = load.get(code, 0.0) + per_hour * _HANDLING_HOURS[lane.mode]
    return {
        code: simpy.Resource(env, capacity=max(1, round(busy * 1.6 + 0.3))) for code, busy in load.items()
    }


def _close(world: World, alert: Alert) -> Process:
    """A port closure: whoever is at the port waits for the event that ends it."""
    yield world.env.timeout(alert.starts)
    world.closures[alert.location] = world.env.event()
    yield world.env.timeout(alert.ends - alert.starts)
    world.closures.pop(alert.location).succeed()


def _journey(world: World, shipment: Shipment) -> Process:
    """The whole life of one shipment."""
    env, draw = world.env, dice(world.network.seed, "journey", shipment.index)
    yield env.timeout(shipment.ordered)
    destination = shipment.stops[-1].code
    centre = world.network.facilities[destination].kind == "dc"
    shipment.lines = (
        world.stock.replenish(destination, draw.choice((1, 1, 2)))
        if centre
        else site_lines(world.network, shipment)
    )
    if draw.random() < 0.015:
        yield env.timeout(max(0.0, shipment.planned_departure - draw.uniform(3, 22) - env.now))
        shipment.cancelled = minute(max(env.now, shipment.booked))
        world.stock.forget(destination, shipment.lines)
        return
    yield from _depart(world, shipment, draw)
    for position, stop in enumerate(shipment.stops[1:-1], start=1):
        yield from _travel(world, shipment, position, draw)
        yield from _call(world, shipment, position, stop, draw)
    yield from _travel(world, shipment, len(shipment.stops) - 1, draw)
    yield env.timeout(UNLOAD_HOURS[shipment.lane.mode] * draw.uniform(0.5, 1.5))
    shipment.delivered = minute(env.now)
    world.stock.receive(destination, shipment.lines)


def _depart(world: World, shipment: Shipment, draw: random.Random) -> Process:
    """Leave the origin: late when the carrier is, and not at all while the port ahead is closed."""
    env, mode, late = world.env, shipment.lane.mode, 0.0
    if draw.random() < shipment.carrier.late_departure:
        late = min(draw.lognormvariate(*_DEPARTURE_DELAY[mode]), 150.0)
        shipment.blame["late_departure"] += late
    wait = shipment.planned_departure + late + draw.uniform(-1.0, 2.0)
    yield env.timeout(max(0.0, wait - env.now))
    yield from _wait_for_reopening(world, shipment, shipment.stops[1].code, draw)
    shipment.stops[0].departed = minute(env.now)


def _travel(world: World, shipment: Shipment, position: int, draw: random.Random) -> Process:
    """Move to stop `position`: carrier, lane, weather and bad luck decide how long it takes."""
    env, lane, carrier = world.env, shipment.lane, shipment.carrier
    planned = lane.leg_hours[position - 1]
    share = lane.drag + carrier.drag + draw.gauss(0, _LEG_SPREAD[lane.mode])
    share -= 0.03 if shipment.service_level == "expedited" else 0.0
    hours = planned * max(0.82, 1 + share)
    shipment.blame["slow_transit"] += max(0.0, hours - planned)
    if draw.random() < carrier.incident:
        lost = min(draw.expovariate(1 / _INCIDENT_HOURS[lane.mode]), 200.0)
        shipment.blame["carrier_incident"] += lost
        hours += lost
    if world.episodes.stormy(shipment.stops[position - 1].code, env.now):
        lost = draw.uniform(4, 18)
        shipment.blame["storm"] += lost
        hours += lost
    yield env.timeout(hours)
    shipment.stops[position].arrived = minute(env.now)


def _call(world: World, shipment: Shipment, position: int, stop: Stop, draw: random.Random) -> Process:
    """A stay at a port or hub: queue, handling, closure, customs, and the next vessel or truck out."""
    env, arrived = world.env, world.env.now
    planned_stay = stop.planned_departure - stop.planned_arrival
    if stop.code == world.network.customs_stop(shipment.lane):
        _customs(world, shipment, stop, draw)
    with world.docks[stop.code].request() as place:
        yield place
        queued = env.now - arrived
        factor = world.episodes.handling_factor(stop.code, env.now)
        handling = _HANDLING_HOURS[shipment.lane.mode] * draw.uniform(0.7, 1.3)
        yield env.timeout(handling * factor)
    lost = queued + handling * (factor - 1) - max(0.0, planned_stay - _HANDLING_HOURS[shipment.lane.mode])
    shipment.blame["congestion"] += max(0.0, lost)
    if stop.held_until is not None:
        shipment.blame["customs_hold"] += max(0.0, stop.held_until - max(env.now, arrived + planned_stay))
        yield env.timeout(max(0.0, stop.held_until + draw.uniform(1, 6) - env.now))
    yield from _leave(world, shipment, position, stop, arrived + planned_stay * draw.uniform(0.8, 1.02), draw)


def _leave(
    world: World, shipment: Shipment, position: int, stop: Stop, ready: float, draw: random.Random
) -> Process:
    """Leave a port or hub once ready and open, with the next sailing where the planned one is missed."""
    env = world.env
    yield env.timeout(max(0.0, ready - env.now))
    if shipment.lane.mode == "ocean" and position == 1:
        sailing = stop.planned_departure
        if draw.random() < shipment.carrier.rollover:
            sailing += SAILING_INTERVAL_HOURS
        while sailing < env.now - 4:
            sailing += SAILING_INTERVAL_HOURS
        shipment.blame["missed_sailing"] += sailing - stop.planned_departure
        yield env.timeout(max(0.0, sailing + draw.uniform(-2, 6) - env.now))
    yield from _wait_for_reopening(world, shipment, stop.code, draw)
    stop.departed = minute(env.now)


def _wait_for_reopening(world: World, shipment: Shipment, place: str, draw: random.Random) -> Process:
    """Wait while a place is closed, and for a turn in the backlog after."""
    while place in world.closures:
        since = world.env.now
        yield world.closures[place]
        yield world.env.timeout(draw.uniform(4, 40))
        shipment.blame["port_closure"] += world.env.now - since


def _customs(world: World, shipment: Shipment, stop: Stop, draw: random.Random) -> None:
    """Customs takes a share of arrivals aside: more with papers missing, and more during a campaign."""
    now = world.env.now
    share = _HOLD_SHARE.get(world.network.territory(stop.code), 0.10)
    share += 0.28 if paper_is_late(world, shipment) else 0.0
    share += 0.12 if world.episodes.inspects(stop.code, now) else 0.0
    if draw.random() < share:
        stop.held_from = minute(now + draw.uniform(1, 8))
        stop.held_until = minute(
            stop.held_from + max(8.0, draw.gammavariate(2.2, _HOLD_HOURS[shipment.lane.mode] / 2.2))
        )


def paper_is_late(world: World, shipment: Shipment) -> bool:
    """Whether the customs papers of a shipment come late: more of them while the broker is short of hands."""
    starts, ends = world.episodes.broker_backlog
    share = 0.5 if starts <= shipment.planned_arrival < ends else 0.16
    return shipment.international and dice(world.network.seed, "papers", shipment.index).random() < share
