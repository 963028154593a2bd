"""A few shipments of each tenant, chosen so that one of every exception holds and its look-alike does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from raw_tables import put

NOW = {
    "demo": datetime(2026, 9, 1, 6, tzinfo=UTC),
    "airfreight": datetime(2013, 4, 17, tzinfo=UTC),
    "health": datetime(2013, 4, 1, tzinfo=UTC),
}
FILE = "f" * 64


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Put the small world into the raw tables of an empty warehouse."""
    for tenant_id, as_of in NOW.items():
        put(connection, "raw.tenant_clocks", [{"tenant_id": tenant_id, "as_of": as_of}])
        put(connection, "raw.tenant_tariffs", [_tariff(tenant_id)])
    _fill_health(connection)
    _fill_airfreight(connection)
    _fill_demo(connection)
    arrivals = [
        _arrival("weather", _ago("demo", 31)),
        _arrival("shipment", _ago("demo", 29)),
        _arrival("order", _ago("demo", 1), recent_row_count=50, recent_refused_count=19),
        _arrival("document", _ago("demo", 1), recent_row_count=50, recent_refused_count=20),
        _arrival("carrier", _ago("demo", 1), refused_file_name="carrier.csv", refused_reason="It has no "
                 "headings.", refused_file_sha256=FILE, refused_at=_ago("demo", 2)),
    ]  # fmt: skip
    put(connection, "raw.feed_arrivals", arrivals)


def _arrival(feed: str, newest: datetime, **told: Any) -> dict[str, Any]:
    return {
        "tenant_id": "demo", "feed": feed, "producer": "A producer", "cadence_hours": 24.0, "lateness_hours": 6.0,
        "newest_recorded_at": newest, "file_count": 1, "refused_file_count": 0, "recent_row_count": 0,
        "recent_refused_count": 0, "recent_since": _ago("demo", 24), **told,
    }  # fmt: skip


def _tariff(tenant_id: str) -> dict[str, Any]:
    is_share = tenant_id == "health"
    return {
        "tenant_id": tenant_id, "currency_code": "EUR" if tenant_id == "airfreight" else "USD",
        "penalty_basis": "share_of_value" if is_share else "per_shipment",
        "penalty_per_day": 400.0, "penalty_cap": 2000.0, "penalty_share_per_day": 0.005,
        "penalty_cap_share": 0.1, "revenue_share": 0.1, "tier_weight_gold": 0.1, "tier_weight_silver": 0.05,
        "tier_weight_bronze": 0.0, "default_tier": "silver", "shipment_value_default": 12000.0,
        "assumption": "We assume.",
    }  # fmt: skip


def _ago(tenant_id: str, hours: float) -> datetime:
    return NOW[tenant_id] - timedelta(hours=hours)


def _fill_health(connection: duckdb.DuckDBPyConnection) -> None:
    def line(number: int, asn: str, scheduled: str, delivered: str | None = None) -> dict[str, Any]:
        return {
            "id": number, "project_code": "100-NG-T01", "po_so_number": "SCMS-1", "asn_dn_number": asn,
            "country": "Nigeria", "fulfill_via": "Direct Drop", "vendor_inco_term": "EXW", "vendor": "Acme",
            "shipment_mode": "Air", "po_sent_to_vendor_date": "1/15/13", "product_group": "ARV",
            "scheduled_delivery_date": scheduled, "delivered_to_client_date": delivered,
            "delivery_recorded_date": delivered, "item_description": "Tablets",
            "line_item_quantity": 10, "line_item_value": 1000.0 * number, "manufacturing_site": "Goa, India",
            "first_line_designation": "Yes",
        }  # fmt: skip

    rows = [line(1, "ASN-1", "2013-03-10"), line(2, "ASN-2", "2013-06-10"),
            line(3, "ASN-3", "2013-03-20", "2013-03-22")]  # fmt: skip
    # many lines of few values: sums that no order of addition gives alike, and ties for the dearest line
    rows += [
        {**line(number, "ASN-3", "2013-03-20", "2013-03-22"), "line_item_value": 1000.1 + number % 7,
         "manufacturing_site": f"Site {number % 11}", "pack_price": 0.1 * number}
        for number in range(4, 400)
    ]  # fmt: skip
    put(connection, "raw.scms__line_item", rows, _tenant_id="health", _file_sha256=FILE,
        _recorded_at=_ago("health", 48))  # fmt: skip


def _fill_airfreight(connection: duckdb.DuckDBPyConnection) -> None:
    start = _ago("airfreight", 200)
    common = {"_tenant_id": "airfreight", "_file_sha256": FILE, "_recorded_at": start - timedelta(hours=24)}
    put(connection, "raw.c2k__booking", [{
        "process_nr": 7, "shipment_ref": "C2K-000007", "booked_at": start, "incoming_leg_count": 1,
        "planned_start_at": start, "planned_delivery_at": start + timedelta(hours=60), "origin_places": "101",
        "hub_place": "102", "destination_place": "103", "hop_count": 2,
    }], **common)  # fmt: skip
    legs = [("1", "incoming_1", 1, "101", "102", 0, 30), ("2", "outgoing", 4, "102", "103", 30, 60)]
    put(connection, "raw.c2k__leg", [{
        "shipment_ref": "C2K-000007", "leg_id": leg, "leg_role": role, "sequence": sequence,
        "origin_place": origin, "destination_place": destination, "hop_count": 1,
        "planned_start_at": start + timedelta(hours=begin), "planned_end_at": start + timedelta(hours=end),
    } for leg, role, sequence, origin, destination, begin, end in legs], **common)  # fmt: skip
    told = [("1", "incoming_1", "DEP", "101", "planned", 5), ("1", "incoming_1", "DLV", None, "planned", 30),
            ("1", "incoming_1", "DEP", "101", "actual", 9)]  # fmt: skip
    for number, (leg, role, code, place, classifier, hours) in enumerate(told):
        at = start + timedelta(hours=hours)
        recorded = at if classifier == "actual" else common["_recorded_at"]
        put(connection, "raw.c2k__milestone", [{
            "event_id": f"e{number}", "shipment_ref": "C2K-000007", "leg_id": leg, "leg_role": role,
            "milestone_code": code, "segment": 1, "place": place, "classifier": classifier, "occurred_at": at,
        }], **{**common, "_recorded_at": recorded})  # fmt: skip


def _fill_demo(connection: duckdb.DuckDBPyConnection) -> None:
    common = {"_tenant_id": "demo", "_file_sha256": FILE, "_recorded_at": _ago("demo", 600)}
    put(connection, "raw.network__facility", [
        {"facility_code": code, "facility_name": name, "facility_type": kind, "un_locode": un_locode,
         "time_zone": "UTC"}
        for code, name, kind, un_locode in (("PL-1", "Plant", "plant", None), ("CNSHA", "Shanghai", "port", "CNSHA"),
                                            ("DC-1", "Depot", "dc", "USRNO"))
    ], **common)  # fmt: skip
    put(connection, "raw.network__customer", [{
        "customer_id": "001A", "erp_customer_no": "C1000001", "customer_name": "Aldermoor", "customer_tier": "gold",
    }], **common)  # fmt: skip
    put(
        connection,
        "raw.network__carrier",
        [{"carrier_scac": "AAAA", "carrier_name": "Able Freight"}],
        **common,
    )
    for number, shipment in enumerate(("HELD", "SILENT", "NOT LEFT", "NO POD", "QUIET"), start=1):
        _put_shipment(connection, number, shipment, common)
    put(connection, "raw.network__weather", [{
        "alert_id": "WX-1", "location_code": "CNSHA", "alert_type": "port_closure", "severity": "severe",
        "starts_at": _ago("demo", 12), "ends_at": _ago("demo", -48), "issued_at": _ago("demo", 20),
    }], **{**common, "_recorded_at": _ago("demo", 20)})  # fmt: skip
    put(connection, "raw.network__inventory", [{
        "facility_code": "DC-1", "sku": "PMP-1001", "on_hand_quantity": 100.0, "safety_stock_quantity": 10.0,
        "daily_demand_quantity": 50.0, "unit_value": 20.0, "as_of_date": "2026-09-01",
        "exported_at": _ago("demo", 2),
    }], **{**common, "_recorded_at": _ago("demo", 2)})  # fmt: skip


def _put_shipment(
    connection: duckdb.DuckDBPyConnection, number: int, name: str, common: dict[str, Any]
) -> None:
    """One shipment; `name` is the story its events tell."""
    departure, arrival = _ago("demo", 240), _ago("demo", -96)
    shipment_no, order_no, pro = f"SH-10000{number}", f"SO-10000{number}", f"000000000{number}"
    documents = "BOL|POD" if name == "NO POD" else "POD"
    put(connection, "raw.network__shipment", [{
        "shipment_no": shipment_no, "order_no": order_no, "customer_ref": "C1000001", "carrier_scac": "AAAA",
        "pro_number": pro, "mode": "truck", "service_level": "standard", "origin_code": "PL-1",
        "destination_code": "DC-1", "planned_departure_at": departure, "planned_arrival_at": arrival,
        "required_documents": documents, "status": "booked", "exported_at": common["_recorded_at"],
    }], **common)  # fmt: skip
    put(connection, "raw.network__order", [{
        "order_no": order_no, "order_line": 1, "customer_ref": "C1000001", "sku": "PMP-1001", "quantity": 30,
        "unit_price": 25.0, "currency_code": "USD", "ordered_at": common["_recorded_at"],
        "promised_delivery_at": arrival,
    }], **common)  # fmt: skip
    put(connection, "raw.network__commitment", [{
        "commitment_id": f"CM-{number}", "customer_ref": "001A", "customer_name": "ALDERMOOR",
        "customer_tier": "gold", "order_no": order_no, "promised_at": arrival, "penalty_per_day": 75.5,
        "penalty_cap": 302.0, "currency_code": "USD",
    }], **common)  # fmt: skip
    plan = [("DEPA", "PL-1", 240), ("ARRI", "cn sha", 60), ("DEPA", "CNSHA", 10), ("DELIVERED", "DC-1", -96)]
    told = [(code, "planned", place, hours, 600.0) for code, place, hours in plan]
    told += _STORIES[name]
    for position, (code, classifier, place, occurred, recorded) in enumerate(told):
        put(connection, "raw.network__milestone", [{
            "event_id": f"{shipment_no}-{position}", "carrier_scac": "AAAA", "reference": f"pro {pro.lstrip('0')}",
            "reference_type": "PRO", "event_code": code, "classifier": classifier, "location_code": place,
            "occurred_at": _ago("demo", occurred),
        }], **{**common, "_recorded_at": _ago("demo", recorded)})  # fmt: skip


# (code, classifier, place, hours ago it happened, hours ago we knew)
_Event = tuple[str, str, str, float, float]
_STORIES: dict[str, list[_Event]] = {
    "HELD": [("DEPA", "actual", "PL-1", 238, 237), ("ARRI", "actual", "CNSHA", 58, 57),
             ("CUSTOMS_HOLD", "actual", "CNSHA", 50, 49), ("CUSTOMS_HOLD", "actual", "CNSHA", 50, 40)],
    "SILENT": [("DEPA", "actual", "PL-1", 238, 237)],
    "NOT LEFT": [],
    "NO POD": [("DEPA", "actual", "PL-1", 238, 237), ("DELIVERED", "actual", "DC-1", 49, 30)],
    "QUIET": [("DEPA", "actual", "PL-1", 238, 237), ("ETA", "estimated", "DC-1", -90, 5)],
}  # fmt: skip
