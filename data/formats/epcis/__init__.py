"""GS1 EPCIS 2.0 in JSON: what was observed of logistic units and goods, one row an event.

Sources: EPCIS 2.0 and CBV 2.0 (ref.gs1.org/standards/epcis). A file is an `EPCISDocument`, an
`EPCISQueryDocument` or one event. It is read as the plain JSON the standard prescribes: a `@context` is neither
fetched nor applied. Only what an event tells about a shipment is kept; goods, sensors and extensions are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.epcis import identifiers, schema
from data.formats.json_events import Findings, Node, raw_text
from data.formats.limits import check_row_count
from data.formats.messages import Cells, record_of, references
from data.formats.strict_json import read_document
from data.records import Problem, Record, shortened

#: Where the list of events stands in each kind of document.
LISTS = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
#: Fields that name things by their EPC; each may hold logistic units.
EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")


@dataclass(frozen=True, slots=True)
class Told:
    """A value of the document, which all of its events share, and what is wrong with it."""

    value: str | None
    problem: Problem | None

    def get(self, findings: Findings) -> str | None:
        """The value; what is wrong with it is a finding of the event that asks."""
        findings.problem = findings.problem or self.problem
        return self.value


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who made a document, and when: read once, however many events there are."""

    sender: Told
    made_at: Told


def read(contract: Contract, source: Path | bytes) -> Iterator[Record]:
    """Records of the document's events in order; FileRefused where it is no JSON or no EPCIS 2.0 document."""
    document = read_document(contract, source)
    envelope: Envelope | None = None
    for number, (path, event) in enumerate(_events(contract, document), start=1):
        check_row_count(contract, number)
        envelope = envelope or _envelope({} if event is document else document)
        yield _record(contract, number, path, event, envelope)


def _events(contract: Contract, document: Any) -> Iterator[tuple[str, Any]]:
    """Every event with its path."""
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        raise _refused(contract, "it is not an object with a `type`")
    if kind not in LISTS:
        if "eventTime" not in document and kind not in schema.VALIDATORS:
            raise _refused(contract, f"its type is {shortened(kind, 60)!r}, which holds no events")
        yield "$", document
        return
    version = document.get("schemaVersion")
    if version is not None and not (isinstance(version, str) and version.split(".")[0] == "2"):
        raise _refused(contract, f"its schemaVersion is {shortened(str(version), 60)!r}, not 2.0")
    path, found = "$", document
    for name in LISTS[kind]:
        path, found = f"{path}.{name}", found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise _refused(contract, f"{path} is no list of events")
    yield from ((f"{path}[{number}]", event) for number, event in enumerate(found))


def _envelope(document: dict[str, Any]) -> Envelope:
    return Envelope(
        _told(document, lambda head: head.text("sender", "sender_id")),
        _told(document, lambda head: head.moment("creationDate", "sent_at")),
    )


def _told(document: dict[str, Any], read_from: Callable[[Node], str | None]) -> Told:
    findings = Findings()
    value = read_from(Node("$", document, findings))
    return Told(value, findings.problem)


def _refused(contract: Contract, reason: str) -> FileRefused:
    advice = "Ask the sender for an EPCISDocument of EPCIS 2.0 in JSON."
    return FileRefused(contract.feed, "envelope", f"{reason}.", advice)


def _record(contract: Contract, number: int, path: str, event: Any, envelope: Envelope) -> Record:
    raw = raw_text(event)
    if not isinstance(event, dict):
        problem: Problem | None = Problem("json", f"{path} is not an object, so it is no event.")
        return record_of(contract, number, number, raw, {}, problem)
    if problem := schema.reason(event, path):
        return record_of(contract, number, number, raw, {}, problem)
    findings = Findings()
    cells = _cells(Node(path, event, findings), envelope)
    return record_of(contract, number, number, raw, cells, findings.problem)


def _cells(event: Node, envelope: Envelope) -> Cells:
    step = event.needed("bizStep", "so it is not known what happened", "event_code")
    code, disposition = identifiers.code_of(step or ""), event.text("disposition", "reason_code")
    units = list(_units(event))
    named = references([*_transactions(event), *_logistic_units(event, units)])
    if not named:
        words = "names no business transaction and no logistic unit (SSCC), so it tells nothing of a shipment"
        event.findings.note("required", f"{event.path} {words}.", "shipment_references")
    containers = {found for _, uri in units if (found := identifiers.container_of(uri))}
    return {
        "event_id": event.text("eventID", "event_id") or identifiers.content_hash(event.values),
        "sender_id": envelope.sender.get(event.findings),
        "shipment_references": named,
        # Several containers are several references; one row has room for one.
        "equipment_no": containers.pop() if len(containers) == 1 else None,
        "code_list": "own_bizstep" if ":" in code else "cbv_bizstep",
        "event_code": code,
        "reason_code": identifiers.code_of(disposition or ""),
        "occurred_at": event.moment("eventTime", "occurred_at"),
        "position": event.path,
        **_where(event),
        **_said(event, envelope),
    }


def _units(event: Node) -> Iterator[tuple[str, str]]:
    """Everything the event names by its EPC, each with its path, the containing unit first."""
    if parent := event.text("parentID"):
        yield event.at("parentID"), parent
    for name in EPC_LISTS:
        yield from event.texts(name)


def _transactions(event: Node) -> Iterator[tuple[str, str]]:
    """Each business transaction as sent and, of a CBV URN, the sender's own number alone; the type qualifies both."""
    for item in event.children("bizTransactionList"):
        kind = identifiers.code_of(item.text("type") or "bizTransaction")
        written = item.text("bizTransaction") or ""
        yield kind, written
        if number := identifiers.transaction_of(written):
            yield kind, number


def _logistic_units(event: Node, units: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pallets and parcels (SSCC) and containers (BIC) among them."""
    for path, uri in units:
        try:
            if sscc := identifiers.sscc_of(uri):
                yield "SSCC", sscc
        except identifiers.Damaged as damage:
            _note(event, path, uri, damage, "shipment_references")
        if container := identifiers.container_of(uri):
            yield "BIC", container


def _where(event: Node) -> dict[str, str | None]:
    """Where it was observed: the read point, or the business location where only that is a GLN.

    A geo URI is a position; any other URI of the sender's own stands as the place's name.
    """
    read_point = event.child("readPoint").text("id", "location_code")
    business = event.child("bizLocation").text("id", "location_code")
    glns = (_gln(event, "readPoint", read_point), _gln(event, "bizLocation", business))
    gln = next((found for found in glns if found), None)
    point = identifiers.point_of(read_point or "") or identifiers.point_of(business or "")
    named = read_point or business
    return {
        "location_code": gln,
        "location_code_list": "GLN" if gln else None,
        "location_name": named if not gln and not point else None,
        "latitude": point[0] if point else None,
        "longitude": point[1] if point else None,
    }


def _gln(event: Node, name: str, uri: str | None) -> str | None:
    try:
        return identifiers.gln_of(uri or "")
    except identifiers.Damaged as damage:
        _note(event, f"{event.at(name)}.id", uri or "", damage, "location_code")
        return None


def _note(event: Node, path: str, uri: str, damage: identifiers.Damaged, column: str) -> None:
    event.findings.note("identifier", f"{path} is {shortened(uri, 80)!r}: {damage}.", column)


def _said(event: Node, envelope: Envelope) -> dict[str, str | None]:
    """When it was said, and whether to take it back: a declaration repeats the event it declares in error."""
    error = event.child("errorDeclaration")
    told = event.moment("recordTime", "sent_at") or envelope.made_at.get(event.findings)
    declared = error.moment("declarationTime", "sent_at")
    corrections = ", ".join(text for _, text in error.texts("correctiveEventIDs"))
    reason = identifiers.code_of(error.text("reason", "remark") or "")
    remark = f"{reason}; corrected by {corrections}" if reason and corrections else reason or corrections
    is_withdrawn = "errorDeclaration" in event.values
    return {
        "sent_at": declared or told,
        "is_withdrawn": "true" if is_withdrawn else None,
        "remark": remark if is_withdrawn else None,
    }
