"""When a shipment is delivered, whatever carriers and the TMS say of it; and none of it stops a build."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
import small_world
from conftest import Built, Dbt
from raw_tables import create_raw, put

NOW = small_world.NOW["demo"]

pytestmark = pytest.mark.feeds


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


class Stories:
    """Shipments of the small world's network, each with what was told of it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Begin with the small world and a second depot in the town of the first."""
        self.connection, self.row = connection, 0
        small_world.fill(connection)
        depot = {"facility_code": "DC-9", "facility_name": "Second depot", "facility_type": "dc",
                 "un_locode": "USRNO", "time_zone": "UTC"}  # fmt: skip
        nowhere = {**depot, "facility_code": "YARD-0", "un_locode": None, "time_zone": "Middle/Nowhere"}
        for place in (depot, nowhere):
            self.put("network__facility", place, ago(600))

    def put(self, table: str, row: dict[str, Any], recorded_at: datetime) -> None:
        self.row += 1
        common = {"_tenant_id": "demo", "_file_sha256": "d" * 64, "_row_number": self.row}
        put(self.connection, f"raw.{table}", [{**row, **common, "_recorded_at": recorded_at}])

    def shipment(self, name: str, status: str = "booked", at: float = 600, goes_to: str = "DC-1") -> None:
        row = {
            "shipment_no": name, "order_no": f"SO-{name}", "customer_ref": "C1000001", "carrier_scac": "AAAA",
            "mode": "truck", "service_level": "standard", "origin_code": "PL-1", "destination_code": goes_to,
            "planned_departure_at": ago(240), "planned_arrival_at": ago(24), "required_documents": "POD",
            "status": status,
        }  # fmt: skip
        self.put("network__shipment", row, ago(at))

    def told(
        self, name: str, code: str, place: str | None, hours_ago: float, known_ago: float | None = None
    ) -> None:
        row = {
            "event_id": f"{name}:{code}", "carrier_scac": "AAAA", "reference": name, "reference_type": "SHIPMENT",
            "event_code": code, "classifier": "actual", "location_code": place, "occurred_at": ago(hours_ago),
        }  # fmt: skip
        self.put("network__milestone", row, ago(hours_ago if known_ago is None else known_ago))

    def by_day(self, name: str, day: str, known_ago: float, place: str = "DC-1") -> None:
        row = {
            "event_id": name, "carrier_scac": "AAAA", "shipment_references": f'[["SI", "{name}"]]',
            "code_list": "x12_1650", "event_code": "D1", "occurred_local": day, "location_code": place,
            "is_withdrawn": False,
        }  # fmt: skip
        self.put("partner__x12_214", row, ago(known_ago))

    def tell(self) -> None:
        """Tell every story."""
        for name, place in (("BEFORE", "DC-1"), ("BEFORE-NOWHERE", None)):
            self.shipment(name)
            self.told(name, "DEPA", place and "PL-1", 100)
            self.told(name, "DELIVERED", place, 150)
        self.shipment("BY-DAY")
        self.told("BY-DAY", "DEPA", "PL-1", 41)  # at 13:00, an hour after noon
        self.by_day("BY-DAY", "2026-08-30", 20)
        self.shipment("BY-DAY-BEFORE")
        self.told("BY-DAY-BEFORE", "DEPA", "PL-1", 41)
        self.by_day("BY-DAY-BEFORE", "2026-08-29", 20)
        self.shipment("BY-NO-CLOCK", goes_to="YARD-0")
        self.by_day("BY-NO-CLOCK", "2026-08-30", 20, "YARD-0")
        self.shipment("TAKEN-BACK")
        self.shipment("TAKEN-BACK", "delivered", 80)
        self.shipment("TAKEN-BACK", "in_transit", 60)
        self.shipment("AHEAD")
        self.told("AHEAD", "DELIVERED", "DC-1", -158, 10)
        self.shipment("AHEAD-BY-LITTLE")
        self.told("AHEAD-BY-LITTLE", "DELIVERED", "DC-1", 9, 10)
        self.shipment("AHEAD-AND-PAST")
        self.told("AHEAD-AND-PAST", "DELIVERED", "DC-1", 2, 10)
        self.shipment("AT-A-HUB")
        self.told("AT-A-HUB", "DELIVERED", "CNSHA", 30)
        self.shipment("AT-NO-KNOWN-PLACE")
        self.told("AT-NO-KNOWN-PLACE", "DELIVERED", "Yard 7", 30)
        self.shipment("IN-ITS-TOWN", goes_to="DC-9")
        self.told("IN-ITS-TOWN", "DELIVERED", "USRNO", 30)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The stories, built with every data test."""
    place = tmp_path_factory.mktemp("deliveries")
    path = place / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        create_raw(connection)
        Stories(connection).tell()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(place / "target"))
        patch.setenv("DBT_LOG_PATH", str(place / "logs"))
        yield Built(path, {"all": Dbt()("build", "--exclude-resource-type", "unit_test")})


def test_no_message_stops_the_build(world: Built) -> None:
    failed = {
        node: status
        for node, status in world.outcomes["all"].items()
        if status not in ("pass", "success", "no-op")
    }
    assert failed == {}


def test_a_shipment_is_delivered_where_and_when_it_can_be(world: Built) -> None:
    told = world.rows(
        "select shipment_id, status, delivered_at, delivered_recorded_at from marts.fct_shipments "
        "where shipment_id not like 'SH-%' and tenant_id = 'demo' order by all"
    )
    noon = datetime(2026, 8, 30, 12, tzinfo=UTC)
    assert told == [
        ("AHEAD", "in_transit", None, None),
        ("AHEAD-AND-PAST", "delivered", ago(2), ago(2)),
        ("AHEAD-BY-LITTLE", "delivered", ago(9), ago(10)),
        ("AT-A-HUB", "in_transit", None, None),
        ("AT-NO-KNOWN-PLACE", "delivered", ago(30), ago(30)),
        ("BEFORE", "delivered", ago(150), ago(150)),
        ("BEFORE-NOWHERE", "delivered", ago(150), ago(150)),
        ("BY-DAY", "delivered", noon, ago(20)),
        ("BY-DAY-BEFORE", "delivered", noon - timedelta(days=1), ago(20)),
        ("BY-NO-CLOCK", "planned", None, None),
        ("IN-ITS-TOWN", "delivered", ago(30), ago(30)),
        ("TAKEN-BACK", "planned", None, None),
    ]


def test_what_cannot_be_is_flagged_and_told(world: Built) -> None:
    flagged = world.rows(
        "select shipment_id from marts.fct_shipments where has_contradictory_times and tenant_id = 'demo' order by all"
    )
    assert [name for (name,) in flagged] == [
        "AHEAD", "AHEAD-AND-PAST", "BEFORE", "BEFORE-NOWHERE", "BY-DAY", "BY-DAY-BEFORE",
    ]  # fmt: skip
    told = world.rows(
        "select shipment_id, impossibility from marts.fct_impossible_events "
        "where shipment_id not like 'SH-%' and tenant_id = 'demo' order by all"
    )
    assert told == [
        ("AHEAD", "future_stamp"),
        ("AHEAD-AND-PAST", "future_stamp"),
        ("BEFORE", "before_pickup"),
        ("BEFORE-NOWHERE", "before_pickup"),
        # of the other one only the day is known, and it left on that day
        ("BY-DAY-BEFORE", "before_pickup"),
    ]
