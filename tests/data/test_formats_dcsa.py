"""DCSA Track & Trace: every event a row or a reason, in each version and shape carriers send."""

from __future__ import annotations

import copy
import csv
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import load_contract
from data.errors import FileRefused
from data.formats import read
from tests.data.builders import PROJECT, judge
from tests.data.json_changes import changes, leaves

CONTRACT = load_contract("partner", "dcsa_events")
OWN_WORDS = {
    "planned",
    "estimated",
    "actual",
    "true",
    "UNLOCODE",
    "RETRACTED",
    "dcsa_retraction",
    "$[0]",
    "$[1]",
    "$[2]",
}
OWN_WORDS |= {"dcsa_shipment_event", "dcsa_transport_event", "dcsa_equipment_event"}
OWN_WORDS |= {"dcsa_empty_equipment_event", "dcsa_customs_event"}

TRANSPORT: dict[str, Any] = {
    "eventID": "e-1",
    "eventType": "TRANSPORT",
    "eventCreatedDateTime": "2026-08-01T10:00:00Z",
    "eventDateTime": "2026-08-03T05:30:00+02:00",
    "eventClassifierCode": "EST",
    "transportEventTypeCode": "ARRI",
    "delayReasonCode": "WEA",
    "changeRemark": "Gale in the bay",
    "transportCall": {
        "transportCallID": "c-1",
        "modeOfTransport": "VESSEL",
        "UNLocationCode": "DEHAM",
        "facilityCode": "CTA",
        "facilityCodeListProvider": "SMDG",
        "otherFacility": "Altenwerder",
        "location": {"latitude": "53.5", "longitude": 9.93},
        "vessel": {"vesselIMONumber": "9321483", "vesselName": "Tide"},
    },
    "documentReferences": [{"documentReferenceType": "BKG", "documentReferenceValue": "B-77"}],
    "references": [{"referenceType": "PO", "referenceValue": "P-5"}],
}
EQUIPMENT: dict[str, Any] = {
    "eventID": "e-2",
    "eventType": "EQUIPMENT",
    "eventCreatedDateTime": "2026-08-01T10:00:00.1234567Z",
    "eventDateTime": "2026-08-01T09:00:00+02:00",
    "eventClassifierCode": "ACT",
    "equipmentEventTypeCode": "GTOT",
    "emptyIndicatorCode": "LADEN",
    "equipmentReference": "APZU4812090",
    "eventLocation": {
        "locationName": "Depot Nord",
        "facilityCode": "HAMD1",
        "facilityCodeListProvider": "BIC",
        "address": {"city": "Hamburg", "stateRegion": "HH", "country": "Germany"},
    },
}
SHIPMENT: dict[str, Any] = {
    "eventID": "e-3",
    "eventType": "SHIPMENT",
    "eventCreatedDateTime": "2026-08-01T10:00:00Z",
    "eventDateTime": "2026-08-01T10:00:00Z",
    "eventClassifierCode": "ACT",
    "shipmentEventTypeCode": "HOLD",
    "documentTypeCode": "CUS",
    "documentID": "D-9",
    "reason": "Papers incomplete",
}
PARTED: dict[str, Any] = {
    "metadata": {
        "eventID": "e-4",
        "eventType": "EQUIPMENT",
        "eventCreatedDateTime": "2026-08-01T10:00:00Z",
        "retractedEventID": None,
        "publisher": {"partyName": "A line", "carrierCode": "MAEU", "carrierCodeListProvider": "NMFTA"},
        "publisherRole": "CA",
    },
    "payload": {
        "eventClassifierCode": "PLN",
        "eventDateTime": "2026-08-09T10:00:00-05:00",
        "equipmentEventTypeCode": "LOAD",
        "equipmentReference": "APZU4812090",
        "emptyIndicatorCode": "LADEN",
        "transportCall": {
            "transportCallReference": "c",
            "location": {"locationType": "UNLO", "UNLocationCode": "NLRTM"},
        },
        "relatedDocumentReferences": [{"type": "TRD", "value": "T-1"}],
        "references": [{"type": "FF", "value": "F-1"}],
    },
}
RETRACTION: dict[str, Any] = {"metadata": PARTED["metadata"] | {"eventID": "e-5", "retractedEventID": "e-4"}}


def rows(document: Any) -> list[dict[str, Any]]:
    """The rows of a document that must have no rejected one."""
    found = judge(CONTRACT, json.dumps(document).encode())
    assert found.rejected == []
    return found.rows.to_pylist()


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The event with some fields changed; None takes a field away."""
    return {name: value for name, value in (event | fields).items() if value is not None}


def test_an_estimated_arrival_keeps_its_codes_and_says_where_and_what_for() -> None:
    [row] = rows([TRANSPORT])
    assert (row["event_id"], row["code_list"], row["event_code"]) == ("e-1", "dcsa_transport_event", "ARRI")
    assert (row["classifier"], row["reason_code"], row["remark"]) == ("estimated", "WEA", "Gale in the bay")
    assert row["occurred_at"].isoformat() == "2026-08-03T03:30:00+00:00"
    assert json.loads(row["shipment_references"]) == [["BKG", "B-77"], ["PO", "P-5"]]
    assert (row["location_code"], row["location_code_list"]) == ("DEHAM", "UNLOCODE")
    assert (row["location_name"], row["latitude"], row["longitude"]) == ("Altenwerder", 53.5, 9.93)
    assert row["position"] == "$[0]"


def test_an_equipment_event_is_at_its_own_location_by_the_facilitys_code_where_there_is_no_other() -> None:
    [row] = rows([EQUIPMENT])
    assert (row["equipment_no"], row["code_list"], row["event_code"]) == (
        "APZU4812090",
        "dcsa_equipment_event",
        "GTOT",
    )
    assert json.loads(row["shipment_references"]) == [["EQ", "APZU4812090"]]
    assert (row["location_code"], row["location_code_list"], row["location_name"]) == (
        "HAMD1",
        "BIC",
        "Depot Nord",
    )
    assert (row["city"], row["region_code"], row["country_code"]) == ("Hamburg", "HH", None)
    assert row["sent_at"].isoformat() == "2026-08-01T10:00:00.123456+00:00"


def test_an_empty_container_leaving_the_depot_is_not_the_shipment_leaving() -> None:
    assert rows([EQUIPMENT | {"emptyIndicatorCode": "EMPTY"}])[0]["code_list"] == "dcsa_empty_equipment_event"


@pytest.mark.parametrize(
    ("document_type", "code_list"),
    [("CUS", "dcsa_customs_event"), ("CUC", "dcsa_customs_event"), ("TRD", "dcsa_shipment_event")],
)
def test_a_hold_is_of_customs_only_where_the_document_is(document_type: str, code_list: str) -> None:
    [row] = rows([SHIPMENT | {"documentTypeCode": document_type}])
    assert (row["code_list"], row["event_code"], row["remark"]) == (code_list, "HOLD", "Papers incomplete")
    assert json.loads(row["shipment_references"]) == [[document_type, "D-9"]]


def test_version_3_parts_metadata_from_payload() -> None:
    [row] = rows([PARTED])
    assert (row["event_id"], row["sender_id"], row["carrier_scac"]) == ("e-4", "MAEU", "MAEU")
    assert (row["classifier"], row["location_code"]) == ("planned", "NLRTM")
    assert json.loads(row["shipment_references"]) == [["TRD", "T-1"], ["FF", "F-1"], ["EQ", "APZU4812090"]]


def test_a_carrier_code_of_another_list_is_no_scac() -> None:
    event = copy.deepcopy(PARTED)
    event["metadata"]["publisher"] |= {"carrierCode": "MSK", "carrierCodeListProvider": "SMDG"}
    [row] = rows([event])
    assert (row["sender_id"], row["carrier_scac"]) == ("MSK", None)


def test_a_retraction_withdraws_the_event_it_names() -> None:
    [row] = rows([RETRACTION])
    assert (row["event_id"], row["is_withdrawn"], row["code_list"]) == ("e-4", True, "dcsa_retraction")
    assert json.loads(row["shipment_references"]) == [["retractedEventID", "e-4"]]


@pytest.mark.parametrize(
    ("document", "positions"),
    [
        ([TRANSPORT, PARTED], ["$[0]", "$[1]"]),
        ({"events": [TRANSPORT, EQUIPMENT]}, ["$.events[0]", "$.events[1]"]),
        (SHIPMENT, ["$"]),
        (PARTED, ["$"]),
        ([], []),
    ],
)
def test_a_file_is_a_list_an_answer_or_one_event(document: Any, positions: list[str]) -> None:
    assert [row["position"] for row in rows(document)] == positions


def test_the_older_name_of_the_code_is_understood() -> None:
    [row] = rows([changed(EQUIPMENT, equipmentEventTypeCode=None, eventTypeCode="DISC")])
    assert row["event_code"] == "DISC"


@pytest.mark.parametrize(
    ("event", "rule", "words"),
    [
        (
            changed(TRANSPORT, eventID=None),
            "required",
            "$[1].eventID is missing, so the event could not be told from",
        ),
        (changed(TRANSPORT, eventID=" "), "required", "$[1].eventID is missing"),
        (
            TRANSPORT | {"eventDateTime": "2026-08-03T05:30:00"},
            "type",
            "$[1].eventDateTime is '2026-08-03T05:30:00', which has no offset from UTC, so it could be any zone's; "
            "it is written like 2026-08-01T14:05:00+02:00.",
        ),
        (
            TRANSPORT | {"eventDateTime": "3 Aug"},
            "type",
            "$[1].eventDateTime is '3 Aug', which is not a moment",
        ),
        (
            changed(TRANSPORT, eventDateTime=None),
            "required",
            "$[1].eventDateTime is missing, so it is not known when",
        ),
        (TRANSPORT | {"eventCreatedDateTime": "2026"}, "type", "$[1].eventCreatedDateTime is '2026'"),
        (
            TRANSPORT | {"eventType": "IOT"},
            "enum",
            "$[1].eventType is 'IOT'; this feed reads SHIPMENT, TRANSPORT, EQ",
        ),
        (changed(TRANSPORT, eventType=None), "required", "$[1].eventType is missing"),
        (
            changed(TRANSPORT, transportEventTypeCode=None),
            "required",
            "$[1].transportEventTypeCode is missing",
        ),
        (TRANSPORT | {"eventClassifierCode": "REQ"}, "enum", "'REQ'; it must be one of PLN, EST, ACT."),
        (changed(TRANSPORT, eventClassifierCode=None), "required", "so a plan could be taken for a fact."),
        (
            TRANSPORT | {"transportCall": {"location": ["x"]}},
            "type",
            "$[1].transportCall.location holds a list where",
        ),
        (
            TRANSPORT | {"references": {"a": "b"}},
            "type",
            "$[1].references holds an object where a list is expected.",
        ),
        (
            TRANSPORT | {"references": [{"referenceType": "PO"}]},
            "required",
            "$[1].references[0].referenceValue is",
        ),
        (
            TRANSPORT | {"references": ["PO"]},
            "type",
            "$[1].references[0] holds text where an object is expected.",
        ),
        (
            TRANSPORT | {"changeRemark": "a\0b"},
            "encoding",
            "$[1].changeRemark holds a character that is not text",
        ),
        (TRANSPORT | {"eventID": True}, "type", "$[1].eventID holds true or false where text is expected."),
        (changed(SHIPMENT, documentTypeCode=None), "required", "$[1].documentTypeCode is missing"),
        (["TRANSPORT"], "json", "$[1] is not an object, so it is no event."),
        (
            {"metadata": PARTED["metadata"]},
            "required",
            "$[1].payload is missing, and there is no $[1].metadata.retr",
        ),
        (
            RETRACTION | {"payload": PARTED["payload"]},
            "retraction",
            "$[1].payload stands beside $[1].metadata.retract",
        ),
        (
            TRANSPORT | {"retractedEventID": "e-0"},
            "retraction",
            "$[1].retractedEventID takes an event back outside",
        ),
    ],
)
def test_an_event_that_cannot_be_read_costs_only_itself(event: Any, rule: str, words: str) -> None:
    found = judge(CONTRACT, json.dumps([EQUIPMENT, event, SHIPMENT]).encode())
    assert [row["event_id"] for row in found.rows.to_pylist()] == ["e-2", "e-3"]
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.rule) == (2, rule)
    assert words in rejection.message


def test_an_event_that_names_no_shipment_says_so() -> None:
    event = changed(TRANSPORT, references=None, documentReferences=None)
    [rejection] = judge(CONTRACT, json.dumps([event]).encode()).rejected
    assert (
        rejection.message
        == "$[0] names no document, no reference and no equipment, so it tells nothing of a shipment."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON at character 1"),
        (b'{"errors": []}', "it is neither a list of events nor an event."),
        (b'"events"', "it is neither a list of events nor an event."),
        (b'{"events": {}}', "$.events is no list."),
        (b'[{"eventID": "1", "eventID": "2"}]', "the key 'eventID' appears more than once"),
        (b"[" * 100_000, "nested more than 32 levels"),
        (b'[{"eventID": ' * 40, "nested more than 32 levels"),
        (b'[{"eventID": NaN}]', "NaN is not a JSON number"),
        (b"\xff\xfe[]", "byte 1 is not valid UTF-8"),
        (b"[" + b" " * CONTRACT.max_bytes + b"]", "the feed's limit is"),
        (b"[" + b"0," * (CONTRACT.max_rows + 1) + b"0]", "limit of 50,000 rows"),
    ],
)
def test_a_file_that_is_no_answer_of_this_api_is_refused_as_a_whole(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused) as refused:
        list(read(CONTRACT, content))
    assert words in str(refused.value)


def test_an_event_of_a_million_characters_and_references_is_judged_and_its_words_are_cut() -> None:
    many = [{"referenceType": "PO", "referenceValue": str(number)} for number in range(20_000)]
    [record] = read(
        CONTRACT, json.dumps([TRANSPORT | {"references": many, "changeRemark": "x" * 10**6}]).encode()
    )
    assert record.problem is None
    assert len(record.raw_text) < 21_000


@settings(max_examples=100, deadline=None)
@given(changes([TRANSPORT, EQUIPMENT, RETRACTION, PARTED, SHIPMENT]))
def test_whatever_is_dropped_renamed_or_retyped_nothing_is_made_up(document: Any) -> None:
    content = json.dumps(document).encode()
    try:
        found = list(read(CONTRACT, content))
    except FileRefused:
        return
    said = leaves(document) | OWN_WORDS | {record.values.get("position") for record in found}
    said |= {text.replace(".1234567Z", ".123456Z") for text in said if text}
    for record in found:
        if record.problem is None:
            pairs = json.loads(record.values["shipment_references"] or "[]")
            assert {value for _, value in pairs} <= said
            assert {kind for kind, _ in pairs} <= said | {"EQ", "retractedEventID"}
            own = {value for name, value in record.values.items() if value and name != "shipment_references"}
            assert own <= said
    judged = judge(CONTRACT, content)
    assert judged.row_count == judged.rows.num_rows + len(judged.rejected) == len(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.binary(max_size=4))
def test_a_file_cut_or_overwritten_anywhere_is_read_or_refused(at: int, bytes_: bytes) -> None:
    content = json.dumps([TRANSPORT, EQUIPMENT, PARTED]).encode()
    for broken in (content[:at], content[:at] + bytes_ + content[at + len(bytes_) :]):
        try:
            list(read(CONTRACT, broken))
        except FileRefused as refused:
            is_packed = at == 0 and refused.rule == "wrapped"  # it may begin as a packed file does
            assert is_packed or refused.rule in ("json", "envelope")


def test_every_code_of_the_standard_is_in_the_seed_once() -> None:
    with (PROJECT / "dbt_project/seeds/codes/event_codes_dcsa.csv").open(
        newline="", encoding="utf-8"
    ) as file:
        seed = {(row["code_list"], row["event_code"]): row for row in csv.DictReader(file)}
    with (PROJECT / "dbt_project/seeds/codes/event_codes_dcsa.csv").open(encoding="utf-8") as file:
        assert len(seed) == len(file.readlines()) - 1
    assert {code_list for code_list, _ in seed} == {word for word in OWN_WORDS if word.startswith("dcsa_")}
    assert seed[("dcsa_empty_equipment_event", "GTOT")]["milestone_code"] == ""
    assert seed[("dcsa_customs_event", "HOLD")]["milestone_code"] == "CUSTOMS_HOLD"
    assert seed[("dcsa_shipment_event", "HOLD")]["milestone_code"] == ""
