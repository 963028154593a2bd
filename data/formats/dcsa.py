"""DCSA Track & Trace: shipment, transport and equipment events of container carriers, one row an event.

Names follow the standard's own OpenAPI files (github.com/dcsaorg/DCSA-OpenAPI, Apache-2.0): tnt/v2 2.2.0 and
2.3.0, whose events are flat, and tnt/v3 3.0.0-Beta-1, which parts them into `metadata` and `payload`. A file
is an array of events, an object with `events`, or one event. Versions 2.x cannot take an event back; 3.0 does
so by `metadata.retractedEventID` and no payload, which becomes a row of the retracted event's identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.json_events import Findings, Node, raw_text
from data.formats.limits import check_row_count
from data.formats.messages import Cells, record_of, references
from data.formats.strict_json import read_document
from data.records import Problem, Record, shortened

#: For each event type, the list of its codes and the field that holds one.
EVENT_TYPES = {
    "SHIPMENT": ("dcsa_shipment_event", "shipmentEventTypeCode"),
    "TRANSPORT": ("dcsa_transport_event", "transportEventTypeCode"),
    "EQUIPMENT": ("dcsa_equipment_event", "equipmentEventTypeCode"),
}
CLASSIFIERS = {"PLN": "planned", "EST": "estimated", "ACT": "actual"}
#: Customs Inspection (2.x) and Customs Clearance (3.0): only of these documents does HOLD mean customs.
CUSTOMS_DOCUMENTS = ("CUS", "CUC")
# The standard gives names of regions and countries as free text; only what is written as a code is one.
REGION_CODE, COUNTRY_CODE = re.compile(r"[A-Z0-9]{1,3}"), re.compile(r"[A-Z]{2,3}")


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of a file of events in order; FileRefused where it is no JSON or holds no events at all."""
    for number, (path, event) in enumerate(_events(contract, read_document(contract, source)), start=1):
        check_row_count(contract, number)
        yield _record(contract, number, path, event)


def _events(contract: Contract, document: Any) -> Iterator[tuple[str, Any]]:
    """Every event with its path."""
    within, events = "$", document
    if isinstance(document, dict) and "events" in document:
        within, events = "$.events", document["events"]
    elif isinstance(document, dict) and ("eventType" in document or "metadata" in document):
        yield "$", document
        return
    if not isinstance(events, list):
        found = (
            "$.events is no list" if within == "$.events" else "it is neither a list of events nor an event"
        )
        advice = "Ask the sender for the answer of GET /events, unchanged."
        raise FileRefused(contract.feed, "envelope", f"{found}.", advice)
    yield from ((f"{within}[{number}]", event) for number, event in enumerate(events))


def _record(contract: Contract, number: int, path: str, event: Any) -> Record:
    raw = raw_text(event)
    if not isinstance(event, dict):
        problem = Problem("json", f"{path} is not an object, so it is no event.")
        return record_of(contract, number, number, raw, {}, problem)
    findings = Findings()
    cells = _cells(Node(path, event, findings))
    return record_of(contract, number, number, raw, cells, findings.problem)


def _cells(event: Node) -> Cells:
    is_parted = "metadata" in event.values or "payload" in event.values
    head = event.child("metadata") if is_parted else event
    body = event.child("payload") if is_parted else event
    known = _identified(event, head)
    retracted = head.text("retractedEventID", "event_id") or ""
    if retracted.strip():
        return known | _retraction(event, head, retracted, is_parted)
    if is_parted and not body.values:
        words = f"{body.path} is missing, and there is no {head.at('retractedEventID')} to say why"
        event.findings.note("required", f"{words}.")
    return known | _happened(head, body) | _where(body)


def _identified(event: Node, head: Node) -> dict[str, str | None]:
    """Which message it is, who sent it and when; of the publisher's codes only NMFTA's are SCACs."""
    publisher = head.child("publisher")
    carrier, of_list = publisher.text("carrierCode"), publisher.text("carrierCodeListProvider")
    reason = "so the event could not be told from another; ask the sender to number its events"
    return {
        "event_id": head.needed("eventID", reason, "event_id"),
        "sent_at": head.moment("eventCreatedDateTime", "sent_at"),
        "sender_id": carrier or publisher.text("partyName"),
        "carrier_scac": carrier if of_list == "NMFTA" else None,
        "position": event.path,
    }


def _retraction(event: Node, head: Node, retracted: str, is_parted: bool) -> dict[str, str | None]:
    """The retracted event once more, withdrawn; nothing else of it is said again."""
    if not is_parted:
        words = "takes an event back outside of `metadata`, which no version of the standard does"
        event.findings.note("retraction", f"{head.at('retractedEventID')} {words}.")
    elif event.values.get("payload"):
        words = f"{event.at('payload')} stands beside {head.at('retractedEventID')}; the standard allows one"
        event.findings.note("retraction", f"{words} of them, so it cannot be known which is meant.")
    return {
        "event_id": retracted,
        "shipment_references": references([("retractedEventID", retracted)]),
        "code_list": "dcsa_retraction",
        "event_code": "RETRACTED",
        "is_withdrawn": "true",
    }


def _happened(head: Node, body: Node) -> dict[str, str | None]:
    remarks = (body.text(name, "remark") for name in ("changeRemark", "vesselScheduleChangeRemark", "reason"))
    body.needed("eventDateTime", "so it is not known when it happened or is to happen", "occurred_at")
    named = references(_references(body))
    if not named:
        words = "names no document, no reference and no equipment, so it tells nothing of a shipment"
        head.findings.note("required", f"{body.path} {words}.", "shipment_references")
    return {
        **_code(head, body),
        "classifier": _classifier(body),
        "occurred_at": body.moment("eventDateTime", "occurred_at"),
        "shipment_references": named,
        "equipment_no": body.text("equipmentReference", "equipment_no"),
        "reason_code": body.text("delayReasonCode", "reason_code"),
        "remark": next((remark for remark in remarks if remark), None),
    }


def _code(head: Node, body: Node) -> dict[str, str | None]:
    """The event's code and its list; what the same code means of an empty box or a customs document is another."""
    kind = head.needed("eventType", "so it is not known what kind of event it is", "code_list")
    if kind not in EVENT_TYPES:
        words = f"{head.at('eventType')} is {shortened(kind or '', 60)!r}; this feed reads"
        head.findings.note("enum", f"{words} {', '.join(EVENT_TYPES)}.", "code_list")
        return {}
    code_list, field = EVENT_TYPES[kind]
    code = body.text(field, "event_code") or body.text("eventTypeCode", "event_code")
    if not code:
        body.needed(field, "so it is not known what happened", "event_code")
    if kind == "EQUIPMENT" and body.text("emptyIndicatorCode") == "EMPTY":
        code_list = "dcsa_empty_equipment_event"
    if kind == "SHIPMENT" and body.text("documentTypeCode") in CUSTOMS_DOCUMENTS:
        code_list = "dcsa_customs_event"
    return {"code_list": code_list, "event_code": code}


def _classifier(body: Node) -> str | None:
    written = body.needed("eventClassifierCode", "so a plan could be taken for a fact", "classifier")
    if written and written not in CLASSIFIERS:
        words = f"{body.at('eventClassifierCode')} is {shortened(written, 60)!r}; it must be one of"
        body.findings.note("enum", f"{words} {', '.join(CLASSIFIERS)}.", "classifier")
    return CLASSIFIERS.get(written or "")


def _references(body: Node) -> Iterator[tuple[str, str | None]]:
    """What the sender calls the shipment: documents first, then references, then the equipment itself (EQ)."""
    document = body.text("documentID") or body.text("documentReference")
    if document:
        yield body.needed("documentTypeCode", "so it is not known what the document is") or "", document
    for name, kind, value in (
        ("documentReferences", "documentReferenceType", "documentReferenceValue"),
        ("relatedDocumentReferences", "type", "value"),
    ):
        yield from (_pair(item, kind, value) for item in body.children(name))
    for item in body.children("references"):
        is_older = "referenceType" in item.values or "referenceValue" in item.values
        yield _pair(item, "referenceType", "referenceValue") if is_older else _pair(item, "type", "value")
    yield "EQ", body.text("equipmentReference", "equipment_no")


def _pair(item: Node, kind: str, value: str) -> tuple[str, str | None]:
    reason = "so it names nothing"
    return item.needed(kind, reason) or "", item.needed(value, reason)


def _where(body: Node) -> dict[str, str | None]:
    """The event's own location, else its transport call's with the call's older fields (2.x) for what it lacks.

    A facility's code is defined only within its UN location, so the UN location is the code where both are given.
    """
    call, own = body.child("transportCall"), body.child("eventLocation")
    places = (own,) if own.values else (call.child("location"), call)
    address = places[0].child("address")
    un_location = _first(places, "UNLocationCode", "location_code")
    facility = _first(places, "facilityCode", "location_code")
    provider = _first(places, "facilityCodeListProvider", "location_code_list")
    names = (places[0].text("locationName"), address.text("name"), call.text("otherFacility"))
    return {
        "location_code": un_location or facility,
        "location_code_list": "UNLOCODE" if un_location else provider if facility else None,
        "location_name": next((name for name in names if name), None),
        "city": address.text("city", "city"),
        "region_code": _only(REGION_CODE, address.text("stateRegion", "region_code")),
        "country_code": _only(COUNTRY_CODE, address.text("country", "country_code")),
        "latitude": places[0].text("latitude", "latitude"),
        "longitude": places[0].text("longitude", "longitude"),
    }


def _first(places: tuple[Node, ...], name: str, column: str) -> str | None:
    return next((found for place in places if (found := place.text(name, column))), None)


def _only(shape: re.Pattern[str], text: str | None) -> str | None:
    return text if text and shape.fullmatch(text) else None
