"""FedEx Advanced Integrated Visibility: each post is the state of a shipment, so several may repeat one scan.

Source: the webhook developer guide, the schema TestWebhookOutputVO and the Track API's example response
(developer.fedex.com), read in November 2026. A scan has no number of its own: tracking number, event type, time
and place are its identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import moment_of
from data.formats.webhook.payload import (
    Broken,
    Reading,
    Value,
    guarded,
    identity,
    named,
    quoted,
    reference_list,
)


def events_of(body: Value) -> Iterator[Reading]:
    """The scans and the estimates of every shipment of one post."""
    results = body.at("output", "completeTrackResults").given("it lists the shipments")
    for result in results.items():
        for track in result.at("trackResults").given("it lists the shipment's states").items():
            yield from guarded(track, partial(_track, result))


def _track(result: Value, track: Value) -> Iterator[Reading]:
    information = track.at("trackingNumberInfo")
    number = information.at("trackingNumber").text() or result.at("trackingNumber").needed(
        "an event must be of a shipment"
    )
    if track.at("scanEvents").found is None and track.at("error").found is not None:
        code = track.at("error", "code").needed("an error needs its code")
        raise Broken("error", track.at("error").path, f"is FedEx's answer {quoted(code)} instead of a state")
    shared: Cells = {
        "shipment_references": reference_list(track, _references(number, track)),
        "sender_id": information.at("carrierCode").text(),
    }
    for scan in track.at("scanEvents").items():
        yield Reading(scan, partial(_scan, shared, number, scan))
    for code, value in _estimates(track):
        yield Reading(value, partial(_estimate, shared, number, code, value))


def _references(number: str, track: Value) -> list[tuple[str, str | None]]:
    unique = track.at("trackingNumberInfo", "trackingNumberUniqueId")
    found = [("trackingNumber", number), *named(unique)]
    for identifier in track.at("additionalTrackingInfo", "packageIdentifiers").items():
        kind = identifier.at("type").needed("a reference needs its kind")
        found.append((kind, identifier.at("value").text()))
        found += [(kind, value.text()) for value in identifier.at("values").items()]
    return found


def _scan(shared: Cells, number: str, scan: Value) -> Cells:
    when = moment_of(scan.at("date"))
    code = scan.at("eventType").needed("an event needs its code")
    place: Cells = {
        "location_code": scan.at("locationId").text(),
        "city": scan.at("scanLocation", "city").text(),
        "region_code": scan.at("scanLocation", "stateOrProvinceCode").text(),
        "country_code": scan.at("scanLocation", "countryCode").text(),
    }
    return {
        **shared,
        **when.cells,
        **place,
        "event_id": identity("fedex", number, code, when.same, *place.values()),
        "code_list": "fedex_event_type",
        "event_code": code,
        "reason_code": scan.at("exceptionCode").text(),
        "location_code_list": "FEDEX" if place["location_code"] else None,
        "remark": scan.at("exceptionDescription").text() or scan.at("eventDescription").text(),
    }


def _estimates(track: Value) -> Iterator[tuple[str, Value]]:
    """Every date of a kind that FedEx calls estimated, and the ends of the delivery's window."""
    for date in track.at("dateAndTimes").items():
        kind = date.at("type").text() or ""
        if kind.startswith("ESTIMATED_"):
            yield kind, date.at("dateTime")
    for name in ("begins", "ends"):
        value = track.at("estimatedDeliveryTimeWindow", "window", name)
        if value.found not in (None, ""):
            yield f"estimatedDeliveryTimeWindow.{name}", value


def _estimate(shared: Cells, number: str, code: str, value: Value) -> Cells:
    when = moment_of(value)
    return {
        **shared,
        **when.cells,
        "event_id": identity("fedex", number, code, when.same),
        "code_list": "fedex_date_type",
        "event_code": code,
        "classifier": "estimated",
    }
