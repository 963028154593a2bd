"""A network that changes at random: shipments renamed, references shared, messages told again, taken back and late.

Everything is drawn from small pools, so that names collide, orders travel in several shipments and a container is in
more than one; some rows come from ahead of the clock, and are known only once it has gone on.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import small_world
from raw_tables import put

from data.simulate.booking import check_digit

TENANTS = ("demo", "rival")
#: So many of each that most hang together with few others, and some with many.
SHIPMENTS, ORDERS, PROS, BOXES = 150, 110, 140, 60
CARRIERS, PLACES = ("AAAA", "BBBB", "CCCC"), ("PL-1", "HUB-1", "DC-1", "DC-2")
#: Places that nobody knows by their name; of one a person said what a carrier means by it.
NAMELESS = ("YARD 7", None)
#: The UN/LOCODE that several places have.
TOWN = "US CHI"
DECIDED = {"reference_type": "PLACE", "reference_key": "YARD7", "carrier_id": "AAAA", "facility_id": "DC-2"}
#: A storm over so many shipments is told of.
FEW_ARE_ENOUGH = {
    "exception_type": "disruption", "parameter": "minimum_shipments", "value": 2.0, "is_enabled": True
}  # fmt: skip
#: Of its own accounts and places a person said two to be one.
ONE_AND_ANOTHER = (
    {"reference_type": "FACILITY", "reference_key": "DC-2", "facility_id": "HUB-1", "decision_id": "D-2"},
    {"reference_type": "ACCOUNT", "reference_key": "CUST-1", "customer_id": "CUST-2", "decision_id": "D-3"},
)
CODES = (
    "DEPA",
    "ARRI",
    "GATE_OUT",
    "GATE_IN",
    "DELIVERED",
    "DELIVERED",
    "DELIVERED",
    "CUSTOMS_HOLD",
    "CUSTOMS_RELEASE",
    "DISCHARGED",
    "ETA",
)
#: What a container may stand for free, of a tenant: then each day costs.
TERMS = {
    "free_days": 1, "starts": "next_day", "free_days_are": "calendar", "charged_days_are": "working",
    "closed_on": "[]", "rates": '[{"from_day": 1, "per_day": 75}]', "in_force_from": datetime(2020, 1, 1, tzinfo=UTC),
}  # fmt: skip
PARTNER_CODES = ("AF", "X1", "D1", "AG", "X6", "CD", "??")
QUALIFIERS = ("BM", "CN", "PO", "EQ", "SI", "ZZ")


class World:
    """What was told so far is in the raw tables; what came last is in `changed_files`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seed: int) -> None:
        """Begin with the small world and a second network."""
        self.connection, self.chance, self.step, self.row = connection, random.Random(seed), 0, 10_000
        self.carriers: dict[str, str] = {}  # of shipments as they were told last, whoever's they are
        small_world.fill(connection)
        self.clocks = {"demo": small_world.NOW["demo"], "rival": small_world.NOW["demo"]}
        put(connection, "raw.tenant_clocks", [{"tenant_id": "rival", "as_of": self.clocks["rival"]}])
        self.put("network__facility", "rival", [self.facility(place) for place in PLACES])
        self.put("network__facility", "demo", [self.facility(place) for place in PLACES[1:]])
        said = {"decision": "match", "decided_at": self.clocks["demo"]}
        for decided in (DECIDED | {"decision_id": "D-1"}, *ONE_AND_ANOTHER):
            rows = [said | decided | {"tenant_id": tenant} for tenant in TENANTS]
            put(connection, "raw.reference_decisions", rows)
        for tenant in TENANTS:
            clocks = [{"clock": clock, "terms_name": clock} for clock in ("demurrage", "detention")]
            put(connection, "raw.free_time_terms", [TERMS | one | {"tenant_id": tenant} for one in clocks])
            put(connection, "raw.exception_rules", [FEW_ARE_ENOUGH | {"tenant_id": tenant}])
            self.tell(tenant, 500)
            self.put("network__weather", tenant, [self.alert() for _ in range(9)])

    def again(self) -> World:
        """Return the same world, to go on otherwise."""
        self.connection = None  # type: ignore[assignment]
        return copy.deepcopy(self)

    def go_on(self) -> None:
        """Tell something more of every tenant, and let some clocks go on."""
        self.step += 1
        for tenant in TENANTS:
            if self.chance.random() < 0.5:
                self.clocks[tenant] += timedelta(hours=self.chance.choice((1, 3, 30)))
                update = "update raw.tenant_clocks set as_of = ? where tenant_id = ?"
                self.connection.execute(update, [self.clocks[tenant], tenant])
            self.tell(tenant, self.chance.choice((0, 1, 4, 15)))
        if self.chance.random() < 0.15:
            self.put("network__facility", "rival", [self.facility(self.chance.choice(PLACES))])
        if self.chance.random() < 0.15:
            self.put("network__customer", "demo", [self.customer()])
        if self.chance.random() < 0.15:
            self.put("network__carrier", "demo", [self.carrier()])
        if self.chance.random() < 0.5:
            self.put("network__weather", self.chance.choice(TENANTS), [self.alert()])
        self.score()

    def score(self) -> None:
        """Let some scores be others than they were, as if the model had looked at more than what was touched."""
        table = "ml.arrival_scores"
        names = [f"SH-{number}" for number in range(SHIPMENTS)]
        for tenant in TENANTS:
            scored = self.chance.sample(names, self.number(12))
            self.connection.execute(
                f"delete from {table} where tenant_id = ? and shipment_id in (select unnest(?))",
                [tenant, scored],
            )
            at = {"scored_at": self.clocks[tenant], "cutoff_at": self.clocks[tenant]}
            for name in scored[self.number(2) :]:  # some have none any more
                late = {
                    "late_probability": self.chance.choice((0.2, 0.7, 0.9)),
                    "predicted_arrival_at": self.moment(),
                }
                put(self.connection, table, [{"tenant_id": tenant, "shipment_id": name, **at, **late}])

    def built(self) -> None:
        """Note that everything that came is built, by the clocks as they stand."""
        for statement in (
            "delete from raw.changed_files",
            "delete from raw.built_clocks",
            "insert into raw.built_clocks from raw.tenant_clocks",
        ):
            self.connection.execute(statement)

    def tell(self, tenant: str, count: int) -> None:
        """Tell so many things at random."""
        kinds: list[tuple[str, Callable[[], dict[str, Any]]]] = [
            ("network__shipment", self.shipment), ("network__milestone", self.milestone),
            ("network__milestone", self.milestone), ("partner__x12_214", self.event),
            ("partner__iftsta", self.event), ("network__order", self.order),
            ("network__commitment", self.commitment), ("network__document", self.document),
            ("partner__x12_945", self.shipped), ("partner__x12_856", self.shipped_by_supplier),
            ("network__inventory", self.stock), ("network__milestone", self.box_moved),
        ]  # fmt: skip
        for _ in range(count):
            table, make = self.chance.choice(kinds)
            self.put(table, tenant, [make()])

    def put(
        self, table: str, tenant: str, rows: list[dict[str, Any]], recorded_at: datetime | None = None
    ) -> None:
        """Put rows into a raw table, of a file of this step, recorded by and by or at once."""
        file = f"{table}-{tenant}-{self.step}"
        for row in rows:
            self.row += 1
            earliest = -600 if self.step else -40_000  # what it begins with came over some weeks
            recorded = self.clocks[tenant] + timedelta(minutes=self.chance.randrange(earliest, 200))
            own = {
                "_tenant_id": tenant,
                "_recorded_at": recorded_at or recorded,
                "_row_sha256": str(self.row),
            }
            put(
                self.connection,
                f"raw.{table}",
                [{**row, **own, "_file_sha256": file, "_row_number": self.row}],
            )
        put(
            self.connection,
            "raw.changed_files",
            [{"tenant_id": tenant, "table_name": table, "file_sha256": file}],
        )

    def number(self, below: int) -> int:
        return self.chance.randrange(below)

    def moment(self) -> datetime:
        return small_world.NOW["demo"] + timedelta(hours=self.chance.randrange(-240, 120))

    def facility(self, place: str) -> dict[str, Any]:
        return {"facility_code": place, "facility_name": f"{place} {self.number(3)}", "facility_type": "dc",
                "latitude": self.number(60), "longitude": self.number(60), "country_code": "US",
                "time_zone": "America/Chicago", "city": "Town", "region_code": "IL",
                "un_locode": "USCHI" if place.startswith("DC") else None}  # fmt: skip

    def customer(self) -> dict[str, Any]:
        return {"customer_id": f"CUST-{self.number(3)}", "erp_customer_no": f"C{self.number(3)}",
                "customer_name": "Customer", "customer_tier": self.chance.choice(("gold", "silver"))}  # fmt: skip

    def carrier(self) -> dict[str, Any]:
        return {"carrier_scac": self.chance.choice(CARRIERS), "carrier_name": f"Carrier {self.number(3)}"}

    def shipment(self) -> dict[str, Any]:
        leaves, name, carrier = self.moment(), f"SH-{self.number(SHIPMENTS)}", self.chance.choice(CARRIERS)
        self.carriers[name] = carrier
        return {"shipment_no": name, "order_no": f"SO-{self.number(ORDERS)}",
                "customer_ref": f"C{self.number(3)}", "carrier_scac": carrier,
                "pro_number": self.chance.choice((None, f"00{self.number(PROS)}7")),
                "container_no": self.chance.choice((None, self.box())), "mode": "road",
                "service_level": "standard", "origin_code": "PL-1", "destination_code": self.chance.choice(PLACES),
                "planned_departure_at": leaves, "planned_arrival_at": leaves + timedelta(hours=72),
                "required_documents": "BOL|POD",
                "status": self.chance.choice(("booked", "booked", "in_transit", "delivered", "cancelled"))}  # fmt: skip

    def milestone(self) -> dict[str, Any]:
        kind = self.chance.choice(("PRO", "CONTAINER", "SHIPMENT", "ORDER"))
        reference = {"PRO": f"{self.number(PROS)}7", "CONTAINER": f"MSCU1234{10 + self.number(BOXES)}",
                     "SHIPMENT": f"sh {self.number(SHIPMENTS)}", "ORDER": f"SO{self.number(ORDERS)}"}[kind]  # fmt: skip
        return {"event_id": f"M-{self.number(400)}", "carrier_scac": self.chance.choice(CARRIERS),
                "reference": reference, "reference_type": kind, "event_code": self.chance.choice(CODES),
                "classifier": self.chance.choice(("planned", "actual", "actual", "estimated")),
                "location_code": self.chance.choice((*PLACES, *NAMELESS, TOWN)),
                "occurred_at": self.moment()}  # fmt: skip

    def box_moved(self) -> dict[str, Any]:
        """Of few shipments, that a container of theirs was discharged, went by the gate or was brought back."""
        name = self.chance.choice(sorted(self.carriers)[:12] or ["SH-1"])
        return self.milestone() | {
            "event_id": f"B-{self.number(90)}", "reference": name, "reference_type": "SHIPMENT",
            "carrier_scac": self.carriers.get(name), "classifier": "actual",
            "event_code": self.chance.choice(("DISCHARGED", "DISCHARGED", "GATE_OUT", "EMPTY_RETURN", "DEPA")),
            "location_code": self.chance.choice((*PLACES, None)),
        }  # fmt: skip

    def event(self) -> dict[str, Any]:
        pairs = [
            [self.chance.choice(QUALIFIERS), self.name()] for _ in range(self.chance.choice((1, 1, 2, 3)))
        ]
        return {"event_id": f"P-{self.number(200)}", "carrier_scac": self.chance.choice((*CARRIERS, None)),
                "code_list": "x12_1650", "event_code": self.chance.choice(PARTNER_CODES),
                "shipment_references": str(pairs).replace("'", '"'), "occurred_at": self.moment(),
                "occurred_local": self.chance.choice((None, f"{self.moment():%Y-%m-%d}")),
                "location_code": self.chance.choice((*PLACES, *NAMELESS, TOWN)), "position": "x",
                "city": self.chance.choice(("Town", None)), "country_code": "US",
                "is_withdrawn": self.chance.random() < 0.1, "sent_at": self.moment()}  # fmt: skip

    def name(self) -> str:
        return self.chance.choice((
            f"SH-{self.number(SHIPMENTS)}", f"SO-{self.number(ORDERS)}", f"00{self.number(PROS)}7",
            self.box(),
        ))  # fmt: skip

    def box(self) -> str:
        """Return a container with its check digit, right for the most part."""
        stem = f"MSCU1234{10 + self.number(BOXES)}"
        return f"{stem}{(check_digit(stem) + (self.chance.random() < 0.1)) % 10}"

    def order(self) -> dict[str, Any]:
        return {"order_no": f"SO-{self.number(ORDERS)}", "order_line": 1 + self.number(3), "customer_ref": "C1",
                "sku": f"SKU-{self.number(4)}", "quantity": 1 + self.number(9), "unit_price": 10.5,
                "currency_code": "USD", "promised_delivery_at": self.moment(), "ordered_at": self.moment()}  # fmt: skip

    def commitment(self) -> dict[str, Any]:
        customer = self.chance.choice(("CUST-", "C")) + str(self.number(3))
        tier = self.chance.choice(("gold", "silver", "bronze"))
        return {"commitment_id": f"CM-{self.number(60)}", "customer_ref": customer,
                "customer_name": f"Customer {self.number(2)}", "customer_tier": tier,
                "order_no": f"SO-{self.number(ORDERS)}", "promised_at": self.moment(),
                "penalty_per_day": 100.0 * self.number(5), "penalty_cap": 900.0, "currency_code": "USD"}  # fmt: skip

    def shipped(self) -> dict[str, Any]:
        shipment, own = self.chance.choice((None, f"S-{self.number(30)}")), f"A-{self.number(30)}"
        return {**self.line(), "depositor_order_no": f"so-{self.number(ORDERS)}", "shipment_id": shipment,
                "agent_shipment_id": self.chance.choice((None, own)), "quantity_unit": "EA"}  # fmt: skip

    def shipped_by_supplier(self) -> dict[str, Any]:
        return {**self.line(), "purchase_order_no": f"SO-{self.number(ORDERS)}", "shipped_unit": "EA",
                "purpose_code": self.chance.choice(("00", "00", "01")),
                "shipment_id": f"S-{self.number(30)}"}  # fmt: skip

    def line(self) -> dict[str, Any]:
        return {"message_id": f"N-{self.number(1000)}", "sender_id": self.chance.choice(("WH", "SUP")),
                "item_ids": f'[["SK", "SKU-{self.number(4)}"]]', "shipped_quantity": 1 + self.number(9)}  # fmt: skip

    def stock(self) -> dict[str, Any]:
        return {"facility_code": self.chance.choice(PLACES), "sku": f"SKU-{self.number(4)}",
                "on_hand_quantity": 10.0 * self.number(9), "safety_stock_quantity": 10.0,
                "daily_demand_quantity": 10.0 * self.number(3), "unit_value": 20.0, "as_of_date": "2026-09-01",
                "exported_at": small_world.NOW["demo"]}  # fmt: skip

    def alert(self) -> dict[str, Any]:
        begins, issued = self.moment(), small_world.NOW["demo"] - timedelta(days=self.number(6))
        return {"alert_id": f"WX-{self.number(40)}", "location_code": self.chance.choice(PLACES),
                "alert_type": "storm", "severity": self.chance.choice(("minor", "severe")),
                "starts_at": begins, "ends_at": begins + timedelta(hours=200), "issued_at": issued}  # fmt: skip

    def document(self) -> dict[str, Any]:
        return {"document_id": f"D-{self.number(120)}", "shipment_no": f"SH-{self.number(SHIPMENTS)}",
                "document_type": self.chance.choice(("BOL", "POD")),
                "status": self.chance.choice(("received", "rejected")), "received_at": self.moment()}  # fmt: skip
