"""AfterShip Tracking: all checkpoints of a tracking with every post, and what is expected of its delivery.

Source: AfterShip's webhook specifications (aftership.com/docs/tracking, 2025-01 and legacy) and the checkpoint
model of its own SDK (AfterShip/tracking-sdk-nodejs), read in November 2026. A `checkpoint_time` comes with or
without a zone, as the courier gave it. `coordinates`, the older list, is not read: its order is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from data.formats.messages import Cells
from data.formats.webhook.moments import moment_of, sent_at_unix
from data.formats.webhook.payload import Reading, Value, identity, named, reference_list

DATES = ("estimated_delivery_date", "estimated_delivery_date_min", "estimated_delivery_date_max")
MOMENTS = ("datetime", "datetime_min", "datetime_max")
#: Estimates that stand beside each other in one post, each with a moment or the two ends of a window.
ESTIMATES = {
    "latest_estimated_delivery": MOMENTS,
    "custom_estimated_delivery_date": MOMENTS,
    "aftership_estimated_delivery_date": DATES,
    "courier_estimated_delivery_date": DATES,
}


def events_of(body: Value) -> Iterator[Reading]:
    """The checkpoints and the estimates of one post."""
    message = body.at("msg").given("it holds the tracking")
    number = message.at("tracking_number").needed("an event must be of a shipment")
    keys = ("tracking_number", "order_id", "order_number")
    shared: Cells = {
        "shipment_references": reference_list(message, named(*(message.at(key) for key in keys))),
        "sent_at": sent_at_unix(body.at("ts")),
    }
    for checkpoint in message.at("checkpoints").given("it lists the events").items():
        yield Reading(checkpoint, partial(_checkpoint, shared, number, message, checkpoint))
    yield from _estimates(shared, number, message)


def _checkpoint(shared: Cells, number: str, message: Value, checkpoint: Value) -> Cells:
    when = moment_of(checkpoint.at("checkpoint_time"))
    code_list, code = _code(checkpoint)
    courier = checkpoint.at("slug").text() or message.at("slug").text()
    place: Cells = {
        "location_name": checkpoint.at("location").text(),
        "city": checkpoint.at("city").text(),
        "region_code": checkpoint.at("state").text(),
        "country_code": checkpoint.at("country_iso3").text() or checkpoint.at("country_region").text(),
    }
    return {
        **shared,
        **when.cells,
        **place,
        "event_id": identity("aftership", number, courier, code, when.same, *place.values()),
        "sender_id": courier,
        "code_list": code_list,
        "event_code": code,
        "latitude": checkpoint.at("coordinate", "latitude").text(),
        "longitude": checkpoint.at("coordinate", "longitude").text(),
        "remark": checkpoint.at("message").text(),
    }


def _code(checkpoint: Value) -> tuple[str, str]:
    """The finer code where there is one, and its list."""
    if subtag := checkpoint.at("subtag").text():
        return "aftership_subtag", subtag
    return "aftership_tag", checkpoint.at("tag").needed("an event needs its code")


def _estimates(shared: Cells, number: str, message: Value) -> Iterator[Reading]:
    found = [(name, message.at(name)) for name in ("expected_delivery",)]
    for group, names in ESTIMATES.items():
        found += [(f"{group}.{name}", message.at(group, name)) for name in names]
    for code, value in found:
        if value.found not in (None, ""):
            yield Reading(value, partial(_estimate, shared, number, message, code, value))


def _estimate(shared: Cells, number: str, message: Value, code: str, value: Value) -> Cells:
    when = moment_of(value)
    courier = message.at("slug").text()
    return {
        **shared,
        **when.cells,
        "event_id": identity("aftership", number, courier, code, when.same),
        "sender_id": courier,
        "code_list": "aftership_estimate",
        "event_code": code,
        "classifier": "estimated",
    }
