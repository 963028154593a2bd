"""project44: the full tracking history of a shipment with every post, or a truckload's status updates.

Source: developers.project44.com (webhooks, ocean shipment schema, the shipmentEvent of API 4.0.0) and
support.p-44.com (Truckload Notifications), read in November 2026. An event has `dateTime` once it happened,
`estimateDateTime` until then and `plannedDateTime` where it was scheduled: each is a row, classified by its name.
Events have no number of their own, so their content is their identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import moment_of
from data.formats.webhook.payload import Broken, Reading, Value, identity, reference_list

CLASSIFIERS = {"dateTime": "actual", "estimateDateTime": "estimated", "plannedDateTime": "planned"}
WINDOW = ("startDateTime", "endDateTime")


def events_of(body: Value) -> Iterator[Reading]:
    """The rows of one post, whichever of the two shapes it has."""
    shipment = body.at("shipment").given("it says which shipment the events are of")
    updates = [body.at(name) for name in ("statusUpdates", "latestStatusUpdate", "latestStatusUpdates")]
    if body.at("events").found is not None:
        yield from _history(body, shipment)
    elif any(value.found is not None for value in updates):
        yield from _truckload(body, shipment, updates)
    else:
        raise Broken("shape", body.path, "has neither events nor status updates")


def _history(body: Value, shipment: Value) -> Iterator[Reading]:
    number = shipment.at("id").needed("an event must be of a shipment")
    identifiers = shipment.at("identifiers")
    shared = _shared(shipment, [("id", number)], _pairs(identifiers))
    stops = {
        stop.at("id").needed("a stop needs its id"): stop
        for stop in shipment.at("routeInfo", "stops").items()
    }
    for event in body.at("events").items():
        given = [name for name in CLASSIFIERS if event.at(name).text()]
        for name in given or ["dateTime"]:
            yield Reading(event, partial(_event, shared, number, stops, event, name))


def _event(shared: Cells, number: str, stops: dict[str, Value], event: Value, name: str) -> Cells:
    when = moment_of(event.at(name))
    code = event.at("type").needed("an event needs its code")
    stop, segment = event.at("stopId").text(), event.at("routeSegmentId").text()
    where = stops.get(stop) if stop else None
    return {
        **shared,
        **when.cells,
        **(_place(where.at("location")) if where else {}),
        "event_id": identity("project44", number, code, stop, segment, CLASSIFIERS[name], when.same),
        "code_list": "project44_event_type",
        "event_code": code,
        "classifier": CLASSIFIERS[name],
        "remark": event.at("description").text(),
    }


def _truckload(body: Value, shipment: Value, updates: list[Value]) -> Iterator[Reading]:
    """Every status update that is listed, and each stop's estimated arrival; the latest one is among them."""
    carrier = shipment.at("carrierIdentifier")
    more = [(carrier.at("type").text() or "", carrier.at("value").text())]
    more += _pairs(shipment.at("equipmentIdentifiers"))
    shared = _shared(shipment, _pairs(shipment.at("shipmentIdentifiers")), more)
    number = shared["shipment_references"] or ""
    for update in next((found for value in updates if (found := _listed(value))), []):
        yield Reading(update, partial(_update, shared, number, update))
    for stop in body.at("latestStopStatuses").items():
        for name in WINDOW:
            value = stop.at("arrivalEstimate", "estimatedArrivalWindow", name)
            if value.found not in (None, ""):
                yield Reading(value, partial(_arrival, shared, number, stop, name, value))


def _listed(value: Value) -> list[Value]:
    return [value] if isinstance(value.found, dict) else value.items()


def _update(shared: Cells, number: str, update: Value) -> Cells:
    when = moment_of(update.at("timestamp"))
    code = update.at("statusCode").needed("an event needs its code")
    reason, stop = update.at("statusReason", "code").text(), update.at("stopNumber").text()
    return {
        **shared,
        **when.cells,
        **_place(update),
        "event_id": identity("project44", number, code, reason, stop, when.same),
        "code_list": "project44_truckload_status",
        "event_code": code,
        "reason_code": reason,
        "remark": update.at("statusReason", "description").text(),
    }


def _arrival(shared: Cells, number: str, stop: Value, name: str, value: Value) -> Cells:
    when = moment_of(value)
    code, place = f"estimatedArrivalWindow.{name}", stop.at("stopNumber").needed("an arrival is at a stop")
    return {
        **shared,
        **when.cells,
        "event_id": identity("project44", number, code, place, when.same),
        "code_list": "project44_estimate",
        "event_code": code,
        "classifier": "estimated",
        "location_code": place,
        "location_code_list": "STOP_NUMBER",
    }


def _pairs(identifiers: Value) -> list[tuple[str, str | None]]:
    return [
        (item.at("type").needed("a reference needs its kind"), item.at("value").text())
        for item in identifiers.items()
    ]


def _shared(
    shipment: Value, references: list[tuple[str, str | None]], more: list[tuple[str, str | None]]
) -> Cells:
    """The references, and the carrier and the container where exactly one is named."""
    carriers = {value for kind, value in more if kind in ("SCAC", "CARRIER_SCAC") and value}
    containers = {value for kind, value in more if kind == "CONTAINER_ID" and value}
    return {
        "shipment_references": reference_list(shipment, references + more),
        "carrier_scac": carriers.pop() if len(carriers) == 1 else None,
        "equipment_no": containers.pop() if len(containers) == 1 else None,
    }


def _place(location: Value) -> Cells:
    codes = [(kind, value) for kind, value in _pairs(location.at("identifiers")) if "LOCODE" in kind]
    position = "coordinates" if location.at("coordinates").found is not None else "geoCoordinates"
    return {
        "location_code": codes[0][1] if codes else None,
        "location_code_list": "UNLOCODE" if codes else None,
        "location_name": location.at("name").text(),
        "city": location.at("address", "city").text(),
        "region_code": location.at("address", "state").text(),
        "country_code": location.at("address", "country").text(),
        "latitude": location.at(position, "latitude").text(),
        "longitude": location.at(position, "longitude").text(),
    }
