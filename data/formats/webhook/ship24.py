"""Ship24: trackings, each with its tracker, its shipment and the events that are new.

Source: docs.ship24.com (webhooks/delivery, status, data-format), read in November 2026. `occurrenceDatetime` is
a local time, a time with an offset, a UTC time or a day; `datetime`, `utcOffset` and `hasNoTime` are deprecated
and not read. `statusMilestone` is there with every event and is its code; `statusCode`, finer and often empty, is
kept as the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import moment_of, sent_at
from data.formats.webhook.payload import Reading, Value, guarded, identity, named, reference_list


def events_of(body: Value) -> Iterator[Reading]:
    """The events and the estimate of every tracking of one post."""
    for tracking in body.at("trackings").given("it lists the shipments").items():
        yield from guarded(tracking, _tracking)


def _tracking(tracking: Value) -> Iterator[Reading]:
    tracker = tracking.at("tracker")
    number = tracker.at("trackingNumber").needed("an event must be of a shipment")
    keys = ("trackingNumber", "shipmentReference", "clientTrackerId")
    shared: Cells = {
        "shipment_references": reference_list(tracker, named(*(tracker.at(key) for key in keys))),
        "sent_at": sent_at(tracking.at("metadata", "generatedAt")),
    }
    for event in tracking.at("events").given("it lists the events").items():
        yield Reading(event, partial(_event, shared, number, event))
    estimate = tracking.at("shipment", "delivery", "estimatedDeliveryDate")
    if estimate.found not in (None, ""):
        yield Reading(estimate, partial(_estimate, shared, number, estimate))


def _event(shared: Cells, number: str, event: Value) -> Cells:
    when = moment_of(event.at("occurrenceDatetime"))
    code = event.at("statusMilestone").needed("an event needs its code")
    detail, place = event.at("statusCode").text(), event.at("location").text()
    given = event.at("eventId").text()
    return {
        **shared,
        **when.cells,
        "event_id": f"ship24:{given}"
        if given
        else identity("ship24", number, code, detail, when.same, place),
        "sender_id": event.at("courierCode").text(),
        "code_list": "ship24_status_milestone",
        "event_code": code,
        "reason_code": detail,
        "location_name": place,
        "remark": event.at("status").text(),
    }


def _estimate(shared: Cells, number: str, value: Value) -> Cells:
    when = moment_of(value)
    code = "delivery.estimatedDeliveryDate"
    return {
        **shared,
        **when.cells,
        "event_id": identity("ship24", number, code, when.same),
        "code_list": "ship24_estimate",
        "event_code": code,
        "classifier": "estimated",
    }
