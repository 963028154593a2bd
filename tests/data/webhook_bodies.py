"""Posted bodies of our own making, after each provider's documentation, and ways to read and to change them."""

from __future__ import annotations

import copy
import json
from typing import Any

from data.contract import load_contract
from data.formats import read
from data.records import Record
from tests.data.builders import judge

AFTERSHIP = {
    "ts": 1785592800,
    "event": "tracking_update",
    "event_id": "3f645f5e-530b-4062-8695-db6a64420af8",
    "msg": {
        "tracking_number": "1Z999AA10123456784",
        "slug": "ups",
        "order_id": "SO-77",
        "latest_estimated_delivery": {"type": "specific", "datetime": "2026-08-04", "datetime_min": None},
        "checkpoints": [
            {
                "slug": "ups",
                "checkpoint_time": "2026-08-01T09:30:00",
                "location": "Köln, DE",
                "city": "Köln",
                "state": None,
                "country_iso3": "DEU",
                "coordinate": {"latitude": 50.94, "longitude": 6.96},
                "message": "Departed from facility",
                "tag": "InTransit",
                "subtag": "InTransit_007",
            },
            {"checkpoint_time": "2026-08-01T16:00:00+02:00", "tag": "Delivered", "city": "Bonn"},
        ],
    },
}
FEDEX = {
    "outputMetaData": [],
    "output": {
        "completeTrackResults": [
            {
                "trackingNumber": "794887075005",
                "trackResults": [
                    {
                        "trackingNumberInfo": {
                            "trackingNumber": "794887075005",
                            "carrierCode": "FDXE",
                            "trackingNumberUniqueId": "2461~794887075005~FX",
                        },
                        "additionalTrackingInfo": {
                            "packageIdentifiers": [{"type": "PURCHASE_ORDER", "values": ["PO-1", "PO-2"]}]
                        },
                        "scanEvents": [
                            {
                                "date": "2026-08-01T12:01:00-07:00",
                                "eventType": "DE",
                                "exceptionCode": "A25",
                                "exceptionDescription": "Customer not available",
                                "eventDescription": "Delivery exception",
                                "derivedStatusCode": "DE",
                                "locationId": "SEAA",
                                "scanLocation": {
                                    "city": "SEATTLE",
                                    "stateOrProvinceCode": "WA",
                                    "countryCode": "US",
                                },
                            }
                        ],
                        "dateAndTimes": [
                            {"type": "ESTIMATED_DELIVERY", "dateTime": "2026-08-03T00:00:00"},
                            {"type": "SHIP", "dateTime": "2026-07-30T00:00:00"},
                        ],
                        "estimatedDeliveryTimeWindow": {"window": {"ends": "2026-08-03T18:00:00-07:00"}},
                    }
                ],
            }
        ]
    },
}
FLEXPORT = {
    "_object": "/event",
    "id": 354987,
    "version": 2,
    "created_at": "2026-08-01T18:05:10.964Z",
    "occurred_at": "2026-08-01T17:00:00.000Z",
    "type": "/shipment_leg#departed",
    "data": {
        "_object": "/shipment_event_data",
        "resource": {
            "_object": "/shipment_leg",
            "id": 948211,
            "estimated_arrival_date": "2026-08-20T10:00:00+01:00",
        },
        "shipment": {"_object": "/shipment", "id": 2983, "name": "ABC Shipment"},
        "location": {
            "_object": "/shipment_node",
            "place": {
                "name": "Port of Shanghai",
                "address": {"city": "Shanghai", "state": "", "country_code": "CN", "unlocode": "CNSHA"},
            },
        },
        "containers": [
            {"id": 283910, "container_number": "BWSE3982156"},
            {"id": 283911, "container_number": "BWSE3982157"},
        ],
    },
}
PROJECT44 = {
    "shipment": {
        "id": "93294f58-f87a-48e0-9f68-7d3f6e0aaa2f",
        "identifiers": [
            {"type": "BILL_OF_LADING", "value": "MEDUAB123456"},
            {"type": "CONTAINER_ID", "value": "MSCU1234566"},
            {"type": "CARRIER_SCAC", "value": "MSCU"},
        ],
        "routeInfo": {
            "stops": [
                {
                    "id": "stop-1",
                    "type": "PORT_OF_LOADING",
                    "location": {
                        "name": "Shanghai",
                        "coordinates": {"latitude": 31.23, "longitude": 121.47},
                        "address": {"city": "Shanghai", "country": "CN"},
                        "identifiers": [{"type": "PORT_UN_LOCODE", "value": "CNSHA"}],
                    },
                }
            ],
            "routeSegments": [],
        },
    },
    "events": [
        {
            "type": "DEPARTURE_FROM_STOP",
            "stopId": "stop-1",
            "dateTime": "2026-08-01T16:55:07+0800",
            "plannedDateTime": "2026-07-31T12:00:00+0800",
            "receivedDateTime": "2026-08-01T10:00:00+0000",
        },
        {"type": "ARRIVAL_AT_STOP", "stopId": "stop-9", "estimateDateTime": "2026-08-20T08:00:00Z"},
    ],
}
TRUCKLOAD = {
    "shipment": {
        "id": 778,
        "carrierIdentifier": {"type": "SCAC", "value": "ABFS"},
        "shipmentIdentifiers": [{"type": "BILL_OF_LADING", "value": "BOL-9"}],
        "shipmentStops": [],
    },
    "latestStatusUpdate": {
        "timestamp": "2026-08-01T00:48:02-0500",
        "statusCode": "AT_STOP",
        "statusReason": {"code": "ARRIVED", "description": "Arrived at stop 1"},
        "geoCoordinates": {"latitude": 39.656254, "longitude": -84.61627},
        "stopNumber": 1,
    },
    "latestStopStatuses": [
        {
            "stopNumber": 2,
            "statusCode": "EN_ROUTE",
            "arrivalEstimate": {"estimatedArrivalWindow": {"endDateTime": "2026-08-02T10:00:00-0500"}},
        }
    ],
}
SHIP24 = {
    "trackings": [
        {
            "metadata": {"generatedAt": "2026-08-01T18:12:39.052Z", "messageId": "356a7f93"},
            "tracker": {
                "trackerId": "26148317",
                "trackingNumber": "S24DEMO456393",
                "shipmentReference": "SO-78",
            },
            "shipment": {
                "shipmentId": "f4f888d7",
                "statusMilestone": "in_transit",
                "delivery": {"estimatedDeliveryDate": "2026-08-05T00:00:00Z", "service": None},
            },
            "events": [
                {
                    "eventId": "ee8ebe96-4eae-4a91-9a99-8f3afa6a0f46",
                    "status": "ENTREGADO",
                    "occurrenceDatetime": "2026-08-01T17:12:57",
                    "location": "MADRID",
                    "courierCode": "es-post",
                    "statusCode": "delivery_delivered",
                    "statusMilestone": "delivered",
                },
                {
                    "status": "Sorted",
                    "occurrenceDatetime": "2026-07-31",
                    "statusCode": None,
                    "statusMilestone": "in_transit",
                },
            ],
        }
    ]
}
TERMINAL49 = {
    "data": {
        "id": "be283e7f-6d95-4d87-b8cc-e4a88a0738ac",
        "type": "webhook_notification",
        "attributes": {"event": "container.transport.vessel_arrived", "created_at": "2026-08-01T20:15:39Z"},
        "relationships": {"reference_object": {"data": {"id": "3e814da7", "type": "transport_event"}}},
    },
    "included": [
        {
            "id": "e55680a0",
            "type": "shipment",
            "attributes": {
                "bill_of_lading_number": "ZIMULEH9024455",
                "ref_numbers": ["PO-9"],
                "shipping_line_scac": "ZIMU",
            },
        },
        {
            "id": "5c3e90ed",
            "type": "container",
            "attributes": {"number": "CAIU3758064"},
            "relationships": {"shipment": {"data": {"id": "e55680a0", "type": "shipment"}}},
        },
        {
            "id": "be2b403c",
            "type": "port",
            "attributes": {
                "name": "Nhava Sheva",
                "country_code": "IN",
                "latitude": "18.95",
                "longitude": "72.95",
            },
        },
        {
            "id": "3e814da7",
            "type": "transport_event",
            "attributes": {
                "event": "container.transport.vessel_arrived",
                "timestamp": "2026-08-01T15:53:00Z",
                "location_locode": "INNSA",
                "timezone": "Asia/Calcutta",
            },
            "relationships": {
                "container": {"data": {"id": "5c3e90ed", "type": "container"}},
                "location": {"data": {"id": "be2b403c", "type": "port"}},
                "terminal": {"data": None},
            },
        },
    ],
}
#: Each of the documented shapes, and how many rows it holds.
BODIES: dict[str, tuple[str, dict[str, Any], int]] = {
    "aftership": ("aftership", AFTERSHIP, 3),
    "fedex": ("fedex", FEDEX, 3),
    "flexport": ("flexport", FLEXPORT, 2),
    "project44": ("project44", PROJECT44, 3),
    "truckload": ("project44", TRUCKLOAD, 2),
    "ship24": ("ship24", SHIP24, 3),
    "terminal49": ("terminal49", TERMINAL49, 1),
}
Path = tuple[str | int, ...]


def records(provider: str, *bodies: Any) -> list[Record]:
    content = b"\n".join(json.dumps(body).encode() for body in bodies)
    return list(read(load_contract("partner", f"webhook_{provider}"), content))


def rows(provider: str, *bodies: Any) -> list[dict[str, Any]]:
    """The rows that go on, every one of which must."""
    content = b"\n".join(json.dumps(body).encode() for body in bodies)
    found = judge(load_contract("partner", f"webhook_{provider}"), content)
    assert found.rejected == []
    return found.rows.to_pylist()


def cells(row: dict[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]


def changed(body: dict[str, Any], path: Path, value: Any = ...) -> dict[str, Any]:
    """The body with the value at a path changed, or left out."""
    body = copy.deepcopy(body)
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body


def problems(provider: str, body: Any) -> list[tuple[str, str]]:
    return [
        (record.problem.rule, record.problem.message) for record in records(provider, body) if record.problem
    ]
