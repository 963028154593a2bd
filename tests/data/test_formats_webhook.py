"""What carriers and visibility providers post: their events in one shape, the same event the same identity."""

from __future__ import annotations

import copy
import csv
import json
from typing import Any

import pytest

from data.contract import load_contract
from data.formats import read
from data.formats.webhook import PROVIDERS
from tests.data.builders import PROJECT
from tests.data.webhook_bodies import (
    AFTERSHIP,
    BODIES,
    FEDEX,
    FLEXPORT,
    PROJECT44,
    SHIP24,
    TERMINAL49,
    TRUCKLOAD,
    Path,
    cells,
    changed,
    problems,
    records,
    rows,
)


@pytest.mark.parametrize(("provider", "body", "count"), BODIES.values(), ids=BODIES)
def test_every_event_of_a_documented_body_is_a_row(provider: str, body: dict[str, Any], count: int) -> None:
    found = rows(provider, body)
    assert len(found) == count
    assert len({row["event_id"] for row in found}) == count
    assert all(row["event_id"].startswith(f"{provider}:") for row in found)
    assert all(row["code_list"].startswith(f"{provider}_") for row in found)
    assert all((row["occurred_at"] is None) != (row["occurred_local"] is None) for row in found)


def test_aftership_gives_a_local_time_as_local_and_an_instant_as_an_instant() -> None:
    first, second, estimate = rows("aftership", AFTERSHIP)
    assert cells(first, "occurred_at", "occurred_local") == [None, "2026-08-01T09:30:00"]
    assert cells(first, "code_list", "event_code") == ["aftership_subtag", "InTransit_007"]
    assert cells(first, "city", "country_code", "latitude", "sender_id") == ["Köln", "DEU", 50.94, "ups"]
    assert first["position"] == "$.msg.checkpoints[0]"
    assert first["sent_at"].isoformat() == "2026-08-01T14:00:00+00:00"
    assert json.loads(first["shipment_references"]) == [
        ["tracking_number", "1Z999AA10123456784"],
        ["order_id", "SO-77"],
    ]
    assert cells(second, "code_list", "event_code") == ["aftership_tag", "Delivered"]
    assert second["occurred_at"].isoformat() == "2026-08-01T14:00:00+00:00"
    assert cells(estimate, "code_list", "event_code", "classifier", "occurred_local") == [
        "aftership_estimate",
        "latest_estimated_delivery.datetime",
        "estimated",
        "2026-08-04",
    ]


def test_a_fedex_scan_keeps_its_codes_and_its_estimates_stand_apart() -> None:
    scan, estimate, window = rows("fedex", FEDEX)
    assert cells(scan, "event_code", "reason_code", "location_code", "location_code_list") == [
        "DE",
        "A25",
        "SEAA",
        "FEDEX",
    ]
    assert cells(scan, "city", "region_code", "country_code", "remark") == [
        "SEATTLE",
        "WA",
        "US",
        "Customer not available",
    ]
    assert ["PURCHASE_ORDER", "PO-2"] in json.loads(scan["shipment_references"])
    assert cells(estimate, "event_code", "classifier") == ["ESTIMATED_DELIVERY", "estimated"]
    assert window["event_code"] == "estimatedDeliveryTimeWindow.ends"


def test_a_flexport_event_of_two_containers_is_a_row_for_each() -> None:
    first, second = rows("flexport", FLEXPORT)
    assert cells(first, "event_id", "equipment_no") == ["flexport:354987:283910", "BWSE3982156"]
    assert cells(second, "event_id", "equipment_no") == ["flexport:354987:283911", "BWSE3982157"]
    assert cells(first, "event_code", "location_code", "location_code_list", "location_name") == [
        "/shipment_leg#departed",
        "CNSHA",
        "UNLOCODE",
        "Port of Shanghai",
    ]


def test_a_flexport_estimate_is_the_legs_time_and_not_the_time_it_changed() -> None:
    body = changed(FLEXPORT, ("type",), "/shipment_leg#updated_estimated_time_of_arrival")
    row = rows("flexport", changed(body, ("data", "containers"), []))[0]
    assert row["occurred_at"].isoformat() == "2026-08-20T09:00:00+00:00"
    assert cells(row, "event_id", "event_code", "classifier") == [
        "flexport:354987:estimated_arrival_date",
        "/shipment_leg#updated_estimated_time_of_arrival.estimated_arrival_date",
        "estimated",
    ]


def test_project44_gives_what_happened_what_is_planned_and_what_is_estimated() -> None:
    actual, planned, estimated = rows("project44", PROJECT44)
    assert [row["classifier"] for row in (actual, planned, estimated)] == ["actual", "planned", "estimated"]
    assert actual["occurred_at"].isoformat() == "2026-08-01T08:55:07+00:00"
    assert cells(actual, "location_code", "city", "latitude") == ["CNSHA", "Shanghai", 31.23]
    assert cells(actual, "carrier_scac", "equipment_no") == ["MSCU", "MSCU1234566"]
    assert cells(estimated, "location_code", "event_code") == [None, "ARRIVAL_AT_STOP"]


def test_a_truckload_update_and_the_estimated_arrival_at_its_next_stop() -> None:
    update, arrival = rows("project44", TRUCKLOAD)
    assert cells(update, "code_list", "event_code", "reason_code", "carrier_scac") == [
        "project44_truckload_status",
        "AT_STOP",
        "ARRIVED",
        "ABFS",
    ]
    assert cells(arrival, "event_code", "classifier", "location_code") == [
        "estimatedArrivalWindow.endDateTime",
        "estimated",
        "2",
    ]


def test_ship24_days_local_times_and_milestones() -> None:
    first, second, estimate = rows("ship24", SHIP24)
    assert cells(first, "event_id", "occurred_local", "event_code", "reason_code") == [
        "ship24:ee8ebe96-4eae-4a91-9a99-8f3afa6a0f46",
        "2026-08-01T17:12:57",
        "delivered",
        "delivery_delivered",
    ]
    assert cells(second, "occurred_local", "code_list", "event_code") == [
        "2026-07-31",
        "ship24_status_milestone",
        "in_transit",
    ]
    assert cells(estimate, "code_list", "classifier") == ["ship24_estimate", "estimated"]


def test_terminal49_finds_the_event_its_container_its_shipment_and_its_place() -> None:
    row = rows("terminal49", TERMINAL49)[0]
    assert cells(row, "event_id", "equipment_no", "carrier_scac", "location_code", "location_name") == [
        "terminal49:3e814da7",
        "CAIU3758064",
        "ZIMU",
        "INNSA",
        "Nhava Sheva",
    ]
    assert json.loads(row["shipment_references"])[:2] == [
        ["bill_of_lading_number", "ZIMULEH9024455"],
        ["ref_number", "PO-9"],
    ]
    assert row["classifier"] is None


def test_a_terminal49_time_of_an_unknown_place_is_local_whatever_its_z_says() -> None:
    row = rows("terminal49", changed(TERMINAL49, ("included", 3, "attributes", "timezone"), None))[0]
    assert cells(row, "occurred_at", "occurred_local") == [None, "2026-08-01T15:53:00"]


def test_a_terminal49_estimate_says_it_is_one_and_a_failed_request_is_a_row_too() -> None:
    body = changed(
        TERMINAL49, ("data", "attributes", "event"), "container.transport.estimated.vessel_arrived"
    )
    assert rows("terminal49", body)[0]["classifier"] == "estimated"
    request = {
        "id": "3e814da7",
        "type": "tracking_request",
        "attributes": {"request_number": "MAEU11875506", "scac": "MAEU"},
    }
    body = changed(TERMINAL49, ("included",), [request])
    body["data"]["relationships"]["reference_object"]["data"]["type"] = "tracking_request"
    row = rows("terminal49", body)[0]
    assert row["shipment_references"] == '[["request_number", "MAEU11875506"]]'
    assert cells(row, "carrier_scac", "occurred_at") == ["MAEU", row["sent_at"]]


@pytest.mark.parametrize(("provider", "body", "count"), BODIES.values(), ids=BODIES)
def test_the_same_event_in_two_posts_is_one_identity(provider: str, body: dict[str, Any], count: int) -> None:
    later = copy.deepcopy(body)
    later["ts"], later["created_at"] = 1785599999, "2026-08-02T00:00:00Z"
    first, second = rows(provider, body), rows(provider, later)
    assert [row["event_id"] for row in first] == [row["event_id"] for row in second]


def test_a_later_post_repeats_the_events_before_and_adds_its_own() -> None:
    later = copy.deepcopy(AFTERSHIP)
    later["msg"]["checkpoints"].insert(0, {"checkpoint_time": "2026-08-01T18:00:00Z", "tag": "Exception"})
    before = {row["event_id"] for row in rows("aftership", AFTERSHIP)}
    after = {row["event_id"] for row in rows("aftership", later)}
    assert before < after
    assert len(after - before) == 1


def test_a_fedex_scan_is_the_same_however_its_time_is_written_and_another_at_another_place() -> None:
    scan: Path = ("output", "completeTrackResults", 0, "trackResults", 0, "scanEvents", 0)
    same = changed(FEDEX, (*scan, "date"), "2026-08-01T19:01:00Z")
    other = changed(FEDEX, (*scan, "locationId"), "PDXA")
    first, second, third = (rows("fedex", body)[0]["event_id"] for body in (FEDEX, same, other))
    assert first == second != third


def test_several_bodies_are_lines_and_a_broken_one_costs_itself() -> None:
    content = b"\n".join([json.dumps(SHIP24).encode(), b'{"trackings": [', b"", json.dumps(SHIP24).encode()])
    found = list(read(load_contract("partner", "webhook_ship24"), content))
    assert [record.line_number for record in found] == [1, 1, 1, 2, 4, 4, 4]
    assert found[3].problem and found[3].problem.message.startswith("Line 2: it is not valid JSON")
    assert found[4].values["position"] == "line 4 $.trackings[0].events[0]"
    broken = changed(SHIP24, ("trackings", 0, "tracker", "trackingNumber"))
    words = problems("ship24", broken)[0][1]
    assert [record.problem.message for record in records("ship24", SHIP24, broken) if record.problem] == [
        f"Line 2 {words}"
    ]


def test_a_body_written_over_several_lines_is_one_body() -> None:
    content = json.dumps(TERMINAL49, indent=2).encode()
    assert len(list(read(load_contract("partner", "webhook_terminal49"), content))) == 1


def test_a_tracking_without_checkpoints_yet_has_no_rows() -> None:
    body = changed(changed(AFTERSHIP, ("msg", "checkpoints"), []), ("msg", "latest_estimated_delivery"))
    assert records("aftership", body) == []


def test_every_code_is_said_once_and_its_milestone_is_one_of_ours() -> None:
    seeds = PROJECT / "dbt_project" / "seeds"
    with (seeds / "milestone_codes.csv").open(encoding="utf-8") as stream:
        known = {row["milestone_code"] for row in csv.DictReader(stream) if row["source"] == "network"}
    with (seeds / "codes" / "event_codes_webhook.csv").open(encoding="utf-8") as stream:
        codes = list(csv.DictReader(stream))
    assert len({(row["code_list"], row["event_code"]) for row in codes}) == len(codes)
    assert {row["milestone_code"] for row in codes} <= known | {""}
    assert {row["classifier"] for row in codes} <= {"planned", "estimated", "actual", ""}
    assert {row["code_list"].split("_")[0] for row in codes} == set(PROVIDERS)


@pytest.mark.parametrize(("provider", "body", "_count"), BODIES.values(), ids=BODIES)
def test_the_codes_of_the_documented_bodies_are_in_the_seed(
    provider: str, body: dict[str, Any], _count: int
) -> None:
    with (PROJECT / "dbt_project" / "seeds" / "codes" / "event_codes_webhook.csv").open(
        encoding="utf-8"
    ) as stream:
        codes = {(row["code_list"], row["event_code"]) for row in csv.DictReader(stream)}
    assert {(row["code_list"], row["event_code"]) for row in rows(provider, body)} <= codes


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-08-01T18:12:39", "2026-08-01T18:12:39+00:00"),
        ("2026-08-01T18:12:39+02:00", "2026-08-01T16:12:39+00:00"),
        ("2026-08-01", None),
    ],
)
def test_when_a_body_was_made_is_an_instant_also_without_its_zone(written: str, read: str | None) -> None:
    found = rows("flexport", changed(FLEXPORT, ("created_at",), written))
    assert {row["sent_at"].isoformat() if row["sent_at"] else None for row in found} == {read}
