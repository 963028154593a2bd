"""From a draft and a contact to exactly what would leave: pure, and the same bytes every time.

What is rendered here is what an approval binds by its hash and what an adapter later sends. Recipients,
references and instants come from the contact and the case; only the wording comes from the draft.
"""

from __future__ import annotations

from typing import Any

from casework import canonical
from casework.drafting import sanitise
from casework.model import AUDIENCES, CaseView, Contact, DraftContent, RenderedMessage

STATUS = {
    "predicted_late": "Delivery may be later than promised",
    "late_now": "Delivery is late",
    "tracking_silent": "No recent tracking update",
    "late_departure": "Departure is behind plan",
    "facility_dwell": "Held longer than usual at a facility",
    "customs_hold": "Held by customs",
    "pod_missing": "Proof of delivery outstanding",
    "trade_document_missing": "Document outstanding",
    "stock_out_before_inbound": "Supply is tight before the next arrival",
    "disruption": "Disruption on the route",
}


def render(content: DraftContent, case: CaseView, contact: Contact) -> RenderedMessage:
    """Return the message for one contact, by mail or to its portal."""
    subject = _subject(content, case)
    body = _body(content)
    if contact.channel == "webhook":
        payload = _portal_payload(content, case, subject, body)
        return RenderedMessage("portal_webhook", contact.address, contact.party_id, subject, body, payload)
    payload = _mail_payload(content, case, contact, subject, body)
    return RenderedMessage("mail", contact.address, contact.party_id, subject, body, payload)


def _subject(content: DraftContent, case: CaseView) -> str:
    """The draft's subject with the case's number, so that an answer finds its case."""
    tag = f" [{case.case_id}]"
    return (sanitise.subject(content["subject"], sanitise.MAX_SUBJECT - len(tag)) + tag).strip()


def _body(content: DraftContent) -> str:
    """The draft's text, cleaned once more; options follow in internal recommendations."""
    parts = [sanitise.paragraph(p["text"]) for p in content["paragraphs"]]
    for number, choice in enumerate(content["options"], start=1):
        texts = (choice["title"], choice["cost"], choice["effect"])
        title, cost, effect = (sanitise.line(text, 400) for text in texts)
        parts.append(f"Option {number}: {title}\nCost: {cost}\nEffect: {effect}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _mail_payload(
    content: DraftContent, case: CaseView, contact: Contact, subject: str, body: str
) -> dict[str, Any]:
    """What the mail adapter needs and nothing else; the sender and the message id are the adapter's."""
    return {
        "to": contact.address,
        "subject": subject,
        "body": body,
        "case_id": case.case_id,
        "shipment_id": case.shipment_id,
        "kind": str(content["kind"]),
    }


def _portal_payload(content: DraftContent, case: CaseView, subject: str, body: str) -> dict[str, Any]:
    """A CloudEvents envelope; its id follows from its content, so the same update has the same id."""
    data: dict[str, Any] = {
        "case_id": case.case_id,
        "shipment_id": case.shipment_id,
        "reference": sanitise.fact_text(case.shipment_id or case.subject),
        "status_code": case.exception_type,
        "status": STATUS.get(case.exception_type, "Exception reported"),
        "subject": subject,
        "message": body,
    }
    if AUDIENCES[content["kind"]] == "customer":
        data["predicted_arrival_at"] = canonical.plain(case.predicted_at)
    kind = str(content["kind"])
    return {
        "specversion": "1.0",
        "type": f"io.tidewaiter.{kind}.v1",
        "source": "tidewaiter",
        "subject": case.case_id,
        "datacontenttype": "application/json",
        "id": f"upd_{canonical.canonical_sha256([kind, data])[:32]}",
        "data": data,
    }
