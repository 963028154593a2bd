"""Flexport: one event a post, about a shipment, a leg of it or its containers.

Source: apidocs.flexport.com (Event, Milestones, Webhook Endpoints, v2 and v3) and the types that were generated
from it, read in November 2026. `occurred_at` of an estimate is when the estimate changed; the estimated time
itself is the leg's or the shipment's. An event of several containers is a row for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import moment_of, sent_at
from data.formats.webhook.payload import Broken, Reading, Value, named, quoted, reference_list

OF_A_SHIPMENT = ("/shipment", "/ocean/shipment")
#: Where the estimated times of an event's resource stand; none is documented for the types without one.
ESTIMATES = {
    "/shipment#schedule_confirmed": ("estimated_departure_date", "estimated_arrival_date"),
    "/shipment_leg#updated_estimated_time_of_departure": ("estimated_departure_date",),
    "/shipment_leg#updated_estimated_time_of_arrival": ("estimated_arrival_date",),
    "/shipment_leg#updated_estimated_out_for_delivery": (),
    "/shipment_container_leg#updated_estimated_available_for_pickup": (),
}


def events_of(body: Value) -> Iterator[Reading]:
    """The rows of one post: one a container, and one for each time that is estimated."""
    kind = body.at("type").needed("an event needs its code")
    if not kind.startswith(OF_A_SHIPMENT):
        raise Broken("shape", body.at("type").path, f"is {quoted(kind)}, which is not about a shipment")
    data = body.at("data").given("it says which shipment the event is of")
    nothing = Value(data.at("containers").path, None)
    for container in data.at("containers").items() or [nothing]:
        where = body if container is nothing else container
        if kind not in ESTIMATES:
            yield Reading(where, partial(_event, body, container))
        for name in ESTIMATES.get(kind, ()):
            yield Reading(where, partial(_estimate, body, container, name))
    if ESTIMATES.get(kind) == ():
        raise Broken(
            "shape", body.at("type").path, f"is {quoted(kind)}, whose estimated time has no documented place"
        )


def _event(body: Value, container: Value) -> Cells:
    return {
        **_shared(body, container, ()),
        **moment_of(body.at("occurred_at")).cells,
        "code_list": "flexport_milestone",
        "event_code": body.at("type").text(),
    }


def _estimate(body: Value, container: Value, name: str) -> Cells:
    return {
        **_shared(body, container, (name,)),
        **moment_of(body.at("data", "resource", name)).cells,
        "code_list": "flexport_estimate",
        "event_code": f"{body.at('type').text()}.{name}",
        "classifier": "estimated",
    }


def _shared(body: Value, container: Value, more: tuple[str, ...]) -> Cells:
    number = body.at("id").needed("it is the event's identity")
    equipment = container.at("container_number").text()
    parts = (number, container.at("id").text() or equipment, *more)
    return {
        **_place(body.at("data", "location")),
        "event_id": "flexport:" + ":".join(part for part in parts if part),
        "shipment_references": reference_list(body.at("data", "shipment"), _references(body)),
        "equipment_no": equipment,
        "sent_at": sent_at(body.at("created_at")),
    }


def _references(body: Value) -> list[tuple[str, str | None]]:
    """The shipment's own number and name; a leg names its shipment, and a shipment's event is of itself."""
    data = body.at("data")
    shipment = data.at("shipment")
    if shipment.found is None and (data.at("resource", "_object").text() or "") in (
        "/shipment",
        "/shipments",
    ):
        shipment = data.at("resource")
    shipment.at("id").needed("an event must be of a shipment")
    return named(shipment.at("id"), shipment.at("name"))


def _place(location: Value) -> Cells:
    place = location.at("place")
    code = place.at("address", "unlocode").text()
    return {
        "location_code": code,
        "location_code_list": "UNLOCODE" if code else None,
        "location_name": place.at("name").text() or location.at("name").text(),
        "city": place.at("address", "city").text(),
        "region_code": place.at("address", "state").text(),
        "country_code": place.at("address", "country_code").text(),
    }
