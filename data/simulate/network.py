"""The network of one simulated company: facilities, lanes, carriers, customers, products.

`build_network(seed, shipments)` draws what depends on the company's size; the fixed tables are in
`places`. What moves through the network is `movement`'s; how its systems export it is `exports`' and
`noise`'s.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from data.simulate.places import CARRIERS, CUSTOMS_TERRITORY, FACILITIES, Carrier, Facility, Lane, lane_rows

MODE_SHARES: dict[str, float] = {"ocean": 0.47, "air": 0.14, "truck": 0.39}
_ROAD_KMH = 52.0
_DETOUR = 1.25
_SHORTEST_ROAD_LEG_HOURS = 7.0
_NAMES = (
    "Aldermoor",
    "Brightwell",
    "Cobalt Ridge",
    "Dunmore",
    "Eastgate",
    "Fernhill",
    "Granby",
    "Harrow Lane",
    "Inverleith",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Merriton",
    "Northolt",
    "Oakhampton",
    "Pendleton",
    "Quayside",
    "Rosemount",
    "Silverbrook",
    "Thornbury",
    "Underwood",
    "Valemont",
    "Westmere",
    "Yarrow",
)
_TRADES = (
    "Appliances",
    "Medical",
    "Outdoor",
    "Robotics",
    "Foods",
    "Tools",
    "Lighting",
    "Mobility",
    "Textiles",
)
_FAMILIES = {
    "PMP": ("pump", 180.0),
    "VLV": ("valve", 65.0),
    "SNS": ("sensor", 42.0),
    "MTR": ("motor", 240.0),
    "CTL": ("controller", 310.0),
    "BRG": ("bearing", 18.0),
    "DSP": ("display", 95.0),
    "BAT": ("battery pack", 130.0),
}


@dataclass(frozen=True)
class Customer:
    """A customer: its CRM account and its ERP number differ, and so may the spelling of its name."""

    account_id: str
    erp_no: str
    name: str
    crm_name: str
    tier: str
    email: str
    portal_url: str | None
    site: str


@dataclass(frozen=True)
class Product:
    """A product: price and value of one piece in US dollars."""

    sku: str
    name: str
    unit_price: float
    unit_value: float


@dataclass(frozen=True)
class Network:
    """Everything fixed in one simulated world; lookups by code."""

    seed: int
    shipments: int
    facilities: dict[str, Facility]
    lanes: tuple[Lane, ...]
    carriers: tuple[Carrier, ...]
    customers: tuple[Customer, ...]
    products: dict[str, Product]
    ranges: dict[str, tuple[str, ...]]

    def carriers_for(self, lane: Lane) -> list[Carrier]:
        """Carriers that run the lane's mode in its region."""
        return [
            c
            for c in self.carriers
            if c.mode == lane.mode and ("any" in c.regions or lane.region in c.regions)
        ]

    def customs_stop(self, lane: Lane) -> str | None:
        """The stop at which goods enter another customs territory, or None inside one territory."""
        previous = self.territory(lane.stops[0])
        for code in lane.stops[1:]:
            if self.territory(code) != previous:
                return code
        return None

    def territory(self, code: str) -> str:
        """Customs territory of a facility: the EU is one."""
        country = self.facilities[code].country
        return "CN" if country == "HK" else CUSTOMS_TERRITORY.get(country, country)


def dice(*names: object) -> random.Random:
    """A generator of random numbers of its own for one entity, so that no entity's draws move another's."""
    return random.Random(":".join(str(name) for name in names))


def distance_km(one: Facility, other: Facility) -> float:
    """Great-circle distance in kilometres."""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    half = math.radians(other.longitude - one.longitude) / 2
    chord = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(half) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(chord))


def road_hours(one: Facility, other: Facility) -> float:
    """Planned hours by road, in half hours, breaks included."""
    hours = distance_km(one, other) * _DETOUR / _ROAD_KMH
    return max(_SHORTEST_ROAD_LEG_HOURS, round(hours * 2) / 2)


def build_network(seed: int, shipments: int) -> Network:
    """The network of a company that sends about `shipments` shipments in the world's time."""
    facilities = {facility.code: facility for facility in FACILITIES}
    products = _products(seed, max(24, shipments // 40))
    return Network(
        seed,
        shipments,
        facilities,
        _lanes(facilities),
        CARRIERS,
        _customers(seed, max(16, shipments // 30)),
        products,
        _ranges(seed, shipments, sorted(products)),
    )


def _lanes(facilities: dict[str, Facility]) -> tuple[Lane, ...]:
    """Lanes with every leg's hours filled in and weights that add up to each mode's share."""
    rows = lane_rows()
    totals = {mode: sum(row[3] for row in rows if row[0] == mode) for mode in MODE_SHARES}
    lanes = []
    for mode, stops, hours, weight, drag in rows:
        legs = tuple(
            given or road_hours(facilities[stops[i]], facilities[stops[i + 1]])
            for i, given in enumerate(hours)
        )
        european = facilities[stops[-1]].country in CUSTOMS_TERRITORY
        share = MODE_SHARES[mode] * weight / totals[mode]
        lanes.append(Lane(mode, stops, legs, share, drag, "europe" if european else "america"))
    return tuple(lanes)


def _products(seed: int, count: int) -> dict[str, Product]:
    families = sorted(_FAMILIES)
    products = {}
    for number in range(count):
        draw = dice(seed, "product", number)
        family = families[number % len(families)]
        noun, price = _FAMILIES[family]
        unit_price = round(price * draw.uniform(0.6, 1.8), 2)
        sku = f"{family}-{1000 + number}"
        products[sku] = Product(
            sku, f"{noun} {1000 + number}", unit_price, round(unit_price * draw.uniform(0.55, 0.75), 2)
        )
    return products


def _ranges(seed: int, shipments: int, skus: list[str]) -> dict[str, tuple[str, ...]]:
    """Which products each distribution centre holds: more for a bigger company."""
    size = min(len(skus), max(5, round(math.sqrt(shipments) / 5)))
    centres = [facility.code for facility in FACILITIES if facility.kind == "dc"]
    return {code: tuple(sorted(dice(seed, "range", code).sample(skus, size))) for code in centres}


def _customers(seed: int, count: int) -> tuple[Customer, ...]:
    sites = [facility.code for facility in FACILITIES if facility.kind == "customer_site"]
    return tuple(_customer(seed, number, sites[number % len(sites)]) for number in range(count))


def _customer(seed: int, number: int, site: str) -> Customer:
    draw = dice(seed, "customer", number)
    cycle = number // len(_NAMES)
    stem = f"{_NAMES[number % len(_NAMES)]} {_TRADES[(number + cycle) % len(_TRADES)]}"
    name = f"{stem} {cycle + 1}" if cycle >= len(_TRADES) else stem
    account = "001" + "".join(draw.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(12))
    host = name.lower().replace(" ", "-") + ".example"
    tier = draw.choices(("gold", "silver", "bronze"), (0.2, 0.35, 0.45))[0]
    suffix = draw.choice((" Ltd", " GmbH", " Inc.", " B.V."))
    crm_name = draw.choice((name, name.upper(), f"{name}{suffix}"))
    portal = f"https://portal.{host}/shipments" if draw.random() < 0.4 else None
    return Customer(
        account,
        f"C{1000001 + number * 7:07d}",
        f"{name}{suffix}",
        crm_name,
        tier,
        f"logistics@{host}",
        portal,
        site,
    )
