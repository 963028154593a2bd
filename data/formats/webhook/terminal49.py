"""Terminal49: a JSON:API notification, whose reference object among the included ones is the event.

Source: terminal49.com/docs (webhooks/payloads, webhook-events-examples, event-timestamps; repository Terminal49/API
of 2026-08-22), read in November 2026. Times are UTC; where `timezone` is null the place was not known and the
source's local time was written as if it were UTC, so it is read as local. Some events include neither container
nor shipment; then the numbers of their relationships are the references, and with none there is no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import Moment, moment_of, sent_at
from data.formats.webhook.payload import Broken, Reading, Value, named, quoted, reference_list

EVENTS = ("transport_event", "estimated_event", "container_updated_event", "container_created_event")
Included = dict[tuple[str | None, str | None], Value]


def events_of(body: Value) -> Iterator[Reading]:
    """The one event of a notification."""
    data = body.at("data")
    kind = data.at("type").needed("it says what the body is")
    if kind != "webhook_notification":
        raise Broken("shape", data.at("type").path, f"is {quoted(kind)}, and a notification is expected")
    included = _included(body)
    link = data.at("relationships", "reference_object", "data").given("it names the event")
    event = included.get(_key(link))
    if event is None:
        raise Broken("required", link.path, "names an object that is not among the included ones")
    yield Reading(event, partial(_event, data, event, included))


def _included(body: Value) -> Included:
    found: Included = {}
    for item in body.at("included").given("it holds the event").items():
        if found.setdefault(_key(item), item) is not item:
            raise Broken("shape", item.path, "has the type and id of another included object")
    return found


def _key(link: Value) -> tuple[str, str]:
    return (
        link.at("type").needed("an object needs its type"),
        link.at("id").needed("an object needs its id"),
    )


def _event(data: Value, event: Value, included: Included) -> Cells:
    code = data.at("attributes", "event").needed("an event needs its code")
    shipment = _related(event, "shipment", included)
    container = _related(event, "container", included)
    if shipment.found is None:
        shipment = _related(container, "shipment", included)
    carrier = shipment.at("attributes", "shipping_line_scac").text()
    return {
        **_when(data, event).cells,
        **_place(event, included),
        "event_id": f"terminal49:{event.at('id').text()}",
        "carrier_scac": carrier or event.at("attributes", "scac").text(),
        "shipment_references": reference_list(event, _references(event, shipment, container)),
        "equipment_no": container.at("attributes", "number").text(),
        "code_list": "terminal49_event",
        "event_code": code,
        "classifier": "estimated" if "estimated" in code.split(".") else None,
        "sent_at": sent_at(data.at("attributes", "created_at")),
    }


def _when(data: Value, event: Value) -> Moment:
    """The event's own time; what is said of a tracking request happened when the notification was made."""
    kind, attributes = event.at("type").text(), event.at("attributes")
    if kind == "tracking_request":
        return moment_of(data.at("attributes", "created_at"))
    if kind not in EVENTS:
        raise Broken("shape", event.at("type").path, f"is {quoted(kind or '')}, which is no known event")
    older = attributes.at("estimated_timestamp")
    written = older if older.text() and not attributes.at("timestamp").text() else attributes.at("timestamp")
    is_at_a_place = kind in ("transport_event", "estimated_event")
    is_known = not is_at_a_place or attributes.at("timezone").text() is not None
    return moment_of(written, zone_is_known=is_known)


def _related(event: Value, name: str, included: Included) -> Value:
    """The included object of a relationship; nothing where it is not related or not included."""
    link = event.at("relationships", name, "data")
    nothing = Value(link.path, None)
    return included.get(_key(link), nothing) if link.found is not None else nothing


def _references(event: Value, shipment: Value, container: Value) -> list[tuple[str, str | None]]:
    attributes = shipment.at("attributes")
    found = named(attributes.at("bill_of_lading_number"), event.at("attributes", "request_number"))
    found += [("ref_number", number.text()) for number in attributes.at("ref_numbers").items()]
    found.append(("container_number", container.at("attributes", "number").text()))
    for name in ("shipment", "container"):
        found.append((f"{name}_id", event.at("relationships", name, "data", "id").text()))
    return found


def _place(event: Value, included: Included) -> Cells:
    code = event.at("attributes", "location_locode").text()
    place = _related(event, "location", included)
    if place.found is None:
        place = _related(event, "port", included)
    attributes = place.at("attributes")
    return {
        "location_code": code,
        "location_code_list": "UNLOCODE" if code else None,
        "location_name": attributes.at("name").text(),
        "city": attributes.at("city").text(),
        "region_code": attributes.at("state_abbr").text(),
        "country_code": attributes.at("country_code").text(),
        "latitude": attributes.at("latitude").text(),
        "longitude": attributes.at("longitude").text(),
    }
