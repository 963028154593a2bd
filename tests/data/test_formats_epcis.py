"""GS1 EPCIS 2.0: every event of every kind of document a row or a reason."""

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
from data.formats.epcis import identifiers
from tests.data.builders import PROJECT, judge
from tests.data.json_changes import changes, leaves

CONTRACT = load_contract("partner", "epcis_events")
CONTEXT = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"example": "https://example.com/"},
]
SSCC = "106141412345678908"
OWN_WORDS = {"cbv_bizstep", "own_bizstep", "GLN", "true"}

SHIPPING: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventID": "urn:uuid:1",
    "eventTime": "2026-08-01T20:33:31.116-06:00",
    "eventTimeZoneOffset": "-06:00",
    "recordTime": "2026-08-02T03:00:00Z",
    "action": "OBSERVE",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "epcList": ["urn:epc:id:sscc:0614141.1234567890", "urn:epc:id:sgtin:0614141.107346.2017"],
    "readPoint": {"id": "urn:epc:id:sgln:0614141.00777.0"},
    "bizLocation": {"id": "https://id.gs1.org/414/0614141007776/254/12"},
    "bizTransactionList": [
        {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141073467:PO%2F1152"},
        {"type": "desadv", "bizTransaction": "https://example.com/asn/77"},
        {"bizTransaction": "urn:example:3"},
    ],
    "example:vehicle": {"plate": "X-1"},
}
PACKING: dict[str, Any] = {
    "type": "AggregationEvent",
    "eventTime": "2026-08-01T18:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "bizStep": "https://ref.gs1.org/cbv/BizStep-packing",
    "parentID": "urn:epc:id:bic:CSQU3054383",
    "childEPCs": [f"https://id.gs1.org/00/{SSCC}"],
    "readPoint": {"id": "geo:53.54,9.98"},
}
DECLARED = SHIPPING | {
    "errorDeclaration": {
        "declarationTime": "2026-08-03T00:00:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:uuid:2", "urn:uuid:3"],
    }
}
RECEIVING: dict[str, Any] = {
    "type": "TransactionEvent",
    "eventID": "urn:uuid:4",
    "eventTime": "2026-08-05T18:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "bizStep": "receiving",
    "quantityList": [
        {"epcClass": "urn:epc:class:lgtin:4012345.012345.998877", "quantity": 200.5, "uom": "KGM"}
    ],
    "bizTransactionList": [{"type": "urn:epcglobal:cbv:btt:bol", "bizTransaction": "urn:example:bol:9"}],
    "bizLocation": {"id": "https://example.com/locations/the-great-warehouse/dock/3"},
}
MIXING = {
    "type": "TransformationEvent",
    "eventTime": "2026-08-01T18:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "bizStep": "https://example.com/steps/mixing",
    "inputEPCList": [f"https://id.example.com/shop/00/{SSCC}?x=1"],
    "outputQuantityList": [{"epcClass": "urn:example:class"}],
}
FITTING = {
    "type": "AssociationEvent",
    "eventTime": "2026-08-01T18:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "DELETE",
    "bizStep": "removing",
    "parentID": "urn:epc:id:sscc:0614141.1234567890",
}
EVENTS = [SHIPPING, PACKING, DECLARED, RECEIVING, MIXING, FITTING]


def document(*events: Any, **fields: Any) -> dict[str, Any]:
    """A document of these events."""
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-08-04T00:00:00Z",
        "sender": "https://id.gs1.org/417/0614141000005",
        "epcisBody": {"eventList": list(events)},
    } | fields


def rows(whole: Any) -> list[dict[str, Any]]:
    """The rows of a document that must have no rejected one."""
    found = judge(CONTRACT, json.dumps(whole).encode())
    assert found.rejected == []
    return found.rows.to_pylist()


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The event with some fields changed; None takes a field away."""
    return {name: value for name, value in (event | fields).items() if value is not None}


def test_a_shipping_event_says_what_where_when_and_of_which_shipment() -> None:
    [row] = rows(document(SHIPPING))
    assert (row["event_id"], row["code_list"], row["event_code"]) == ("urn:uuid:1", "cbv_bizstep", "shipping")
    assert (row["reason_code"], row["classifier"], row["is_withdrawn"]) == ("in_transit", None, None)
    assert row["occurred_at"].isoformat() == "2026-08-02T02:33:31.116000+00:00"
    assert row["sent_at"].isoformat() == "2026-08-02T03:00:00+00:00"
    assert (row["location_code"], row["location_code_list"]) == ("0614141007776", "GLN")
    assert row["sender_id"] == "https://id.gs1.org/417/0614141000005"
    assert json.loads(row["shipment_references"]) == [
        ["po", "urn:epcglobal:cbv:bt:0614141073467:PO%2F1152"],
        ["po", "PO/1152"],
        ["desadv", "https://example.com/asn/77"],
        ["bizTransaction", "urn:example:3"],
        ["SSCC", SSCC],
    ]


def test_units_containers_and_positions_are_read_in_every_form() -> None:
    [row] = rows(document(PACKING))
    assert json.loads(row["shipment_references"]) == [["BIC", "CSQU3054383"], ["SSCC", SSCC]]
    assert (row["equipment_no"], row["event_code"]) == ("CSQU3054383", "packing")
    assert (row["latitude"], row["longitude"], row["location_code"]) == (53.54, 9.98, None)
    assert row["sent_at"].isoformat() == "2026-08-04T00:00:00+00:00"


def test_a_step_or_a_place_of_the_senders_own_stays_as_sent() -> None:
    mixing, receiving = rows(document(MIXING, RECEIVING))
    assert (mixing["code_list"], mixing["event_code"]) == ("own_bizstep", "https://example.com/steps/mixing")
    assert json.loads(mixing["shipment_references"]) == [["SSCC", SSCC]]
    assert (receiving["location_code"], receiving["location_code_list"]) == (None, None)
    assert receiving["location_name"] == "https://example.com/locations/the-great-warehouse/dock/3"
    assert json.loads(receiving["shipment_references"]) == [["bol", "urn:example:bol:9"]]


@pytest.mark.parametrize(
    ("uri", "sscc"),
    [
        ("urn:epc:id:sscc:0614141.1234567890", SSCC),
        (f"https://id.gs1.org/00/{SSCC}", SSCC),
        (f"http://example.com/shop/00/{SSCC}/21/7?x=y", SSCC),
        ("https://example.com/orders/00/12", None),
        (f"https://example.com/?next=/00/{SSCC}", None),
        ("urn:epc:id:sgtin:0614141.107346.2017", None),
    ],
)
def test_a_logistic_unit_is_its_eighteen_digits_in_every_form(uri: str, sscc: str | None) -> None:
    assert identifiers.sscc_of(uri) == sscc


@pytest.mark.parametrize(
    "uri", ["https://id.gs1.org/00/12", "urn:epc:id:sscc:", "urn:epc:id:sscc:061414١.1234567890"]
)
def test_a_broken_logistic_unit_is_damage_and_no_other_thing(uri: str) -> None:
    with pytest.raises(identifiers.Damaged):
        identifiers.sscc_of(uri)


def test_an_error_declaration_withdraws_the_event_it_repeats() -> None:
    first, declared = rows(document(SHIPPING, DECLARED))
    assert first["event_id"] == declared["event_id"]
    assert declared["is_withdrawn"] is True
    assert declared["remark"] == "incorrect_data; corrected by urn:uuid:2, urn:uuid:3"
    assert declared["sent_at"].isoformat() == "2026-08-03T00:00:00+00:00"


def test_an_event_without_an_identity_is_known_by_its_content_also_when_it_is_taken_back() -> None:
    plain = changed(SHIPPING, eventID=None)
    again = dict(reversed(changed(plain, recordTime="2026-08-09T00:00:00Z").items()))
    declared, other = changed(DECLARED, eventID=None), plain | {"disposition": "damaged"}
    ids = [row["event_id"] for row in rows(document(plain, again, declared, other))]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert ids[0].startswith("sha256:")
    assert len(ids[0]) == len("sha256:") + 64


@pytest.mark.parametrize(
    ("whole", "positions"),
    [
        (document(SHIPPING, PACKING), ["$.epcisBody.eventList[0]", "$.epcisBody.eventList[1]"]),
        (SHIPPING | {"@context": CONTEXT}, ["$"]),
        (
            {
                "@context": CONTEXT,
                "type": "EPCISQueryDocument",
                "epcisBody": {"queryResults": {"queryName": "q", "resultsBody": {"eventList": [SHIPPING]}}},
            },
            ["$.epcisBody.queryResults.resultsBody.eventList[0]"],
        ),
        (document(), []),
    ],
)
def test_a_file_is_a_document_an_answer_or_one_event(whole: Any, positions: list[str]) -> None:
    assert [row["position"] for row in rows(whole)] == positions


AT = "$.epcisBody.eventList[1]"


@pytest.mark.parametrize(
    ("event", "rule", "words"),
    [
        (
            SHIPPING | {"eventTime": "2026-08-01T20:33:31"},
            "schema",
            f"{AT}.eventTime must be a moment with its zone, written like 2026-08-01T14:05:00.000+02:00, "
            "not '2026-08-01T20:33:31'.",
        ),
        (SHIPPING | {"eventTime": "2026-08-01T20:33:31Z\n"}, "schema", f"{AT}.eventTime must be a moment"),
        (
            changed(SHIPPING, eventTime=None),
            "schema",
            f"{AT} breaks the rules for EPCIS 2.0: 'eventTime' is a required",
        ),
        (
            SHIPPING | {"eventTimeZoneOffset": "MDT"},
            "schema",
            f"{AT}.eventTimeZoneOffset must be an offset from UTC",
        ),
        (
            SHIPPING | {"type": "QuantityEvent"},
            "schema",
            f"{AT}.type is 'QuantityEvent'; this feed reads ObjectEvent, ",
        ),
        (changed(SHIPPING, type=None), "schema", f"{AT}.type is missing or no text"),
        (SHIPPING | {"action": "SEEN"}, "schema", f"{AT}.action must be OBSERVE, ADD or DELETE, not 'SEEN'."),
        (SHIPPING | {"eventId": "x"}, "schema", f"{AT} has 'eventId', a name that EPCIS 2.0 does not know."),
        (
            SHIPPING | {"epcList": ["x"]},
            "schema",
            f"{AT}.epcList[0] must be a URI such as urn:uuid:… or https://…, not",
        ),
        (
            SHIPPING | {"epcList": "urn:x:y"},
            "schema",
            f"{AT}.epcList breaks the rules for EPCIS 2.0: 'urn:x:y' is not",
        ),
        (
            changed(SHIPPING, epcList=None),
            "schema",
            f"{AT} must be an event with epcList or quantityList or sensor",
        ),
        (
            SHIPPING | {"readPoint": {}},
            "schema",
            f"{AT}.readPoint breaks the rules for EPCIS 2.0: 'id' is a required",
        ),
        (
            SHIPPING | {"errorDeclaration": {}},
            "schema",
            f"{AT}.errorDeclaration breaks the rules for EPCIS 2.0",
        ),
        (
            SHIPPING | {"bizTransactionList": [{"type": "po"}]},
            "schema",
            f"{AT}.bizTransactionList[0] breaks the rules",
        ),
        (
            changed(SHIPPING, bizStep=None),
            "required",
            f"{AT}.bizStep is missing, so it is not known what happened.",
        ),
        (
            changed(FITTING, action="ADD"),
            "schema",
            f"{AT} must be an event with childEPCs or childQuantityList.",
        ),
        (
            changed(RECEIVING, type="ObjectEvent", bizTransactionList=None),
            "required",
            f"{AT} names no business transaction and no logistic unit (SSCC), so it tells nothing of a shipment.",
        ),
        (
            SHIPPING | {"epcList": ["urn:epc:id:sscc:0614141.123"]},
            "identifier",
            f"{AT}.epcList[0] is 'urn:epc:id:sscc:0614141.123': an SSCC is a company prefix, a full stop and a serial,",
        ),
        (
            PACKING | {"childEPCs": ["https://id.gs1.org/00/106141412345678909"]},
            "identifier",
            "Invalid SSCC check digit for '106141412345678909': Expected 8, got 9.",
        ),
        (
            SHIPPING | {"readPoint": {"id": "https://id.gs1.org/414/0614141007775"}},
            "identifier",
            f"{AT}.readPoint.id is 'https://id.gs1.org/414/0614141007775': Invalid GLN check digit",
        ),
        (
            SHIPPING | {"readPoint": {"id": "urn:epc:id:sgln:061.1.0"}},
            "identifier",
            f"{AT}.readPoint.id is 'urn:epc",
        ),
        (
            SHIPPING | {"epcList": ["urn:a:\ud800"]},
            "encoding",
            f"{AT}.epcList[0] holds a character that is not text",
        ),
        (None, "json", f"{AT} is not an object, so it is no event."),
        ([], "json", f"{AT} is not an object, so it is no event."),
    ],
)
def test_an_event_that_cannot_be_read_costs_only_itself(event: Any, rule: str, words: str) -> None:
    found = judge(CONTRACT, json.dumps(document(SHIPPING, event, PACKING)).encode())
    assert found.rows.num_rows == 2
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.rule) == (2, rule)
    assert words in rejection.message


def test_a_documents_broken_date_costs_only_the_events_that_need_it() -> None:
    found = judge(CONTRACT, json.dumps(document(SHIPPING, PACKING, creationDate="today")).encode())
    assert [row["event_id"] for row in found.rows.to_pylist()] == ["urn:uuid:1"]
    assert "$.creationDate is 'today', which is not a moment" in found.rejected[0].message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON at character 1"),
        (b"[]", "it is not an object with a `type`."),
        (b"<EPCISDocument/>", "not valid JSON at character 1"),
        (
            b'{"type": "EPCISMasterDataDocument"}',
            "its type is 'EPCISMasterDataDocument', which holds no events.",
        ),
        (json.dumps(document(schemaVersion="1.2")).encode(), "its schemaVersion is '1.2', not 2.0."),
        (json.dumps(document(epcisBody={})).encode(), "$.epcisBody.eventList is no list of events."),
        (json.dumps(document(epcisBody=[])).encode(), "$.epcisBody.eventList is no list of events."),
        (b'{"type": "ObjectEvent", "type": "ObjectEvent"}', "the key 'type' appears more than once"),
        (b'{"type":' * 100_000, "nested more than 32 levels"),
        (b" " * (CONTRACT.max_bytes + 1), "the feed's limit is"),
        (json.dumps(document(*[0] * (CONTRACT.max_rows + 1))).encode(), "limit of 50,000 rows"),
    ],
)
def test_a_file_that_is_no_document_of_this_standard_is_refused_as_a_whole(
    content: bytes, words: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        list(read(CONTRACT, content))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "event",
    [
        SHIPPING | {"epcList": ["x"] * 200_000},
        SHIPPING | {"epcList": ["https://" + "/00/1" * 200_000]},
        SHIPPING | {"epcList": ["https://id.gs1.org/00/" + "1" * 10**6]},
        SHIPPING | {"bizStep": "a" * 10**6 + "!"},
        SHIPPING | {f"name{number}": "" for number in range(100_000)},
        SHIPPING | {"x" * 10**6: "", "readPoint": {"id": "geo:" + "1" * 10**6}},
    ],
)
def test_a_hostile_event_is_a_short_sentence(event: Any) -> None:
    [record] = read(CONTRACT, json.dumps(document(event)).encode())
    assert record.problem is None or len(record.problem.message) < 600
    assert len(record.raw_text) < 21_000


def said(whole: Any) -> set[str]:
    """Everything a document says, and what its identifiers stand for."""
    found = leaves(whole) | OWN_WORDS
    for text in list(found):
        for meaning in (
            identifiers.sscc_of,
            identifiers.gln_of,
            identifiers.container_of,
            identifiers.transaction_of,
        ):
            try:
                found.add(meaning(text) or text)
            except identifiers.Damaged:
                continue
        found |= {identifiers.code_of(text), *(identifiers.point_of(text) or ())}
    return found


@settings(max_examples=100, deadline=None)
@given(changes(document(*EVENTS)))
def test_whatever_is_dropped_renamed_or_retyped_nothing_is_made_up(whole: Any) -> None:
    content = json.dumps(whole).encode()
    try:
        found = list(read(CONTRACT, content))
    except FileRefused:
        return
    known = said(whole)
    for record in (record for record in found if record.problem is None):
        pairs = json.loads(record.values["shipment_references"] or "[]")
        assert {word for pair in pairs for word in pair} <= known | {"SSCC", "BIC", "bizTransaction"}
        for name, value in record.values.items():
            is_said = not value or value in known or name in ("shipment_references", "position")
            is_composed = (name == "event_id" and value.startswith("sha256:")) or name == "remark"
            assert is_said or is_composed, (name, value)
    judged = judge(CONTRACT, content)
    assert judged.row_count == judged.rows.num_rows + len(judged.rejected) == len(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.binary(max_size=4))
def test_a_file_cut_or_overwritten_anywhere_is_read_or_refused(at: int, bytes_: bytes) -> None:
    content = json.dumps(document(*EVENTS)).encode()
    for broken in (content[:at], content[:at] + bytes_ + content[at + len(bytes_) :]):
        try:
            list(read(CONTRACT, broken))
        except FileRefused as refused:
            is_packed = at == 0 and refused.rule == "wrapped"  # it may begin as a packed file does
            assert is_packed or refused.rule in ("json", "envelope")


def test_reading_leaves_the_documents_context_alone() -> None:
    whole = document(SHIPPING) | {"@context": "http://127.0.0.1:9/never-fetched"}
    plain = copy.deepcopy(whole) | {"@context": {"bizStep": "https://example.com/other"}}
    assert rows(whole)[0]["event_code"] == rows(plain)[0]["event_code"] == "shipping"


def test_every_step_of_the_cbv_is_in_the_seed_once() -> None:
    with (PROJECT / "dbt_project/seeds/codes/event_codes_epcis.csv").open(
        newline="", encoding="utf-8"
    ) as file:
        codes = [row["event_code"] for row in csv.DictReader(file)]
    assert len(codes) == len(set(codes)) == 41
    assert {"shipping", "receiving", "departing", "arriving", "transporting"} <= set(codes)
