"""Small published tables, written as the platform publishes them: Parquet in a folder behind a pointer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

AS_OF = datetime(2026, 9, 1, 6, tzinfo=UTC)
FACILITIES = [
    ("SZX", "Yantian terminal", "port", 22.57, 114.28),
    ("SIN", "Port of Singapore", "port", 1.26, 103.84),
    ("RTM", "Port of Rotterdam", "port", 51.95, 4.14),
    ("DUS", "Duisburg DC", "dc", 51.43, 6.76),
]


def _shipment(shipment_id: str, customer_id: str, carrier_id: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tenant_id": "demo",
        "shipment_id": shipment_id,
        "customer_id": customer_id,
        "carrier_id": carrier_id,
        "vendor_id": None,
        "origin_facility_id": "SZX",
        "destination_facility_id": "DUS",
        "mode": "ocean",
        "status": "in_transit",
        "planned_departure_at": AS_OF - timedelta(days=24),
        "planned_arrival_at": AS_OF + timedelta(days=2),
        "estimated_arrival_at": AS_OF + timedelta(days=3),
        "departed_at": AS_OF - timedelta(days=23),
        "delivered_at": None,
        "last_milestone_code": "DEPA",
        "last_milestone_at": AS_OF - timedelta(days=5),
        "is_open": True,
    }
    return row | changes


def _milestones(shipment_id: str) -> list[dict[str, Any]]:
    steps = [
        ("GATE_OUT", "SZX", -24.5, -24.4),
        ("DEPA", "SZX", -24.0, -23.2),
        ("ARRI", "SIN", -18.0, -16.9),
        ("DEPA", "SIN", -17.0, -15.6),
        ("ARRI", "RTM", 1.0, None),
        ("DELIVERED", "DUS", 2.0, None),
    ]
    rows = []
    for number, (code, place, planned, actual) in enumerate(steps):
        kinds = {"planned": planned, "actual": actual, "estimated": planned + 1.6 if actual is None else None}
        for classifier, days in kinds.items():
            if days is not None:
                rows.append(_milestone(shipment_id, number, code, place, classifier, days))
    return rows


def _milestone(
    shipment_id: str, number: int, code: str, place: str, classifier: str, days: float
) -> dict[str, Any]:
    at = AS_OF + timedelta(days=days)
    return {
        "tenant_id": "demo",
        "milestone_id": f"{shipment_id}:{number}:{classifier}",
        "shipment_id": shipment_id,
        "leg_id": None,
        "milestone_code": code,
        "milestone_name": None,
        "sequence": number,
        "facility_id": place,
        "classifier": classifier,
        "occurred_at": at,
        "recorded_at": min(at, AS_OF) if classifier != "planned" else AS_OF - timedelta(days=30),
        "source_file_sha256": "ab" * 32,
        "source_row_number": number + 2,
    }


HOSTILE_REMARK = "<img src=x onerror=alert(1)>[pay](http://evil.test)"


def unmatched() -> list[dict[str, Any]]:
    """Return references that named no shipment: of two that wait, one with a candidate; one left out; a stranger's."""
    slip = [
        {"means": "SHP-2", "name": None, "score": 0.93, "reasons": ["one sign differs", "the same carrier"]}
    ]
    return [
        _unmatched("MSCU123456", message_count=2, reference_type="CONTAINER", carrier_id=None),
        _unmatched("4711", candidates=json.dumps(slip)),
        _unmatched("666", message_count=99, decision_id="D-1", decision="ignore", match_status="ignored"),
        _unmatched("THEIRS", message_count=999, tenant_id="health"),
    ]


def strange_names() -> list[dict[str, Any]]:
    """Return a place and a customer's number that nobody knows; the place has a candidate."""
    port = {"means": "SIN", "name": "Port of Singapore", "score": 0.8, "reasons": ["3 km away"]}
    return [
        _unmatched(
            "YARD7", reference_type="PLACE", match_status="unknown_place", candidates=json.dumps([port])
        ),
        _unmatched(
            "C100001",
            reference_type="CUSTOMER",
            carrier_id=None,
            match_status="unknown_customer",
            message_count=2,
            example_event_id="ORDER SO-1",
            example_remark=None,
        ),
    ]


def two_of_one() -> list[dict[str, Any]]:
    """Return an account that may be one with an account before it."""
    other = {"means": "C-1", "name": "Firm C-1", "score": 0.8, "reasons": ["the same name"]}
    return [
        _unmatched(
            "C-2",
            reference_type="ACCOUNT",
            reference="Firm **C-2**",
            carrier_id=None,
            match_status="may_be_another",
            message_count=1,
            example_event_id="C-2",
            example_remark=None,
            candidates=json.dumps([other]),
        )
    ]


def _unmatched(key: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tenant_id": "demo",
        "reference_type": "PRO",
        "reference_key": key,
        "reference": f"PRO# **{key}**",
        "carrier_id": "OTHR",
        "match_status": "unknown_reference",
        "message_count": 7,
        "first_told_at": AS_OF - timedelta(days=3),
        "last_told_at": AS_OF - timedelta(hours=1),
        "example_event_id": f"x12_214/{key}",
        "example_remark": HOSTILE_REMARK,
        "candidates": "[]",
        "decision_id": None,
        "decision": None,
        "source_file_sha256": "ef" * 32,
        "source_row_number": 4,
    }
    return row | changes


def publish(
    home: Path,
    shipments: list[tuple[str, str, str]],
    publication_id: str = "pub-1",
    waiting: Callable[[], list[dict[str, Any]]] = unmatched,
) -> Path:
    """Write the tables for these (shipment, customer, carrier) triples and point CURRENT at them."""
    folder = home / "published" / publication_id
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[dict[str, Any]]] = {
        "dim_parties": [
            {"tenant_id": "demo", "party_id": party, "party_role": "customer", "party_name": f"Firm {party}"}
            for party in sorted({customer for _, customer, _ in shipments})
        ],
        "dim_facilities": [
            dict(zip(("tenant_id", "facility_id", "facility_name", "facility_type", "latitude", "longitude"),
                     ("demo", *row), strict=True))
            for row in FACILITIES
        ],
        "fct_shipments": [_shipment(*triple) for triple in shipments],
        "fct_milestones": [row for shipment_id, _, _ in shipments for row in _milestones(shipment_id)],
        "arrival_scores": [_score(shipment_id) for shipment_id, _, _ in shipments],
        "fct_status_events": [_told(shipment_id) for shipment_id, _, _ in shipments],
        "fct_impossible_events": [_impossible(shipment_id) for shipment_id, _, _ in shipments],
        "fct_unmatched_references": waiting(),
        "fct_feed_health": [
            _feed("shipment"),
            _feed("milestone", due_by_at=AS_OF - timedelta(hours=3), is_stale=True),
            _feed("order", recent_refused_count=30, refused_share=0.3, most_broken_rule="required"),
            _feed("document", refused_reason=f"Columns are missing: {HOSTILE_REMARK}", refused_file_count=1),
            _feed("theirs", tenant_id="health", is_stale=True),
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "models.json").write_text("{}")
    pointer = {"publication_id": publication_id, "published_at": AS_OF.isoformat()}
    (home / "published" / "CURRENT").write_text(json.dumps(pointer))
    return folder


def _feed(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "tenant_id": "demo",
        "feed": name,
        "producer": "A carrier",
        "cadence_hours": 24.0,
        "lateness_hours": 6.0,
        "newest_recorded_at": AS_OF - timedelta(hours=20),
        "due_by_at": AS_OF + timedelta(hours=10),
        "is_stale": False,
        "file_count": 9,
        "refused_file_count": 0,
        "recent_since": AS_OF - timedelta(hours=24),
        "recent_row_count": 100,
        "recent_refused_count": 0,
        "refused_share": 0.0,
        "most_broken_rule": None,
        "most_broken_column": None,
        "refused_file_name": None,
        "refused_reason": None,
    }
    return row | changes


def _told(shipment_id: str) -> dict[str, Any]:
    return {
        "tenant_id": "demo",
        "event_id": f"x12_214/{shipment_id}",
        "shipment_id": shipment_id,
        "feed": "x12_214",
        "sender_id": "EDIPARTNER",
        "carrier_id": "FAST",
        "event_code": "SD",
        "event_name": "Delayed",
        "event_status": "understood",
        "reason_code": "AO",
        "reason_name": "Weather",
        "responsible_party": "uncontrollable",
        "classifier": "actual",
        "remark": HOSTILE_REMARK,
        "occurred_at": AS_OF - timedelta(hours=30),
        "recorded_at": AS_OF - timedelta(hours=29),
    }


def _impossible(shipment_id: str) -> dict[str, Any]:
    return {
        "tenant_id": "demo",
        "finding_id": f"{shipment_id}-1:too_fast",
        "shipment_id": shipment_id,
        "impossibility": "too_fast",
        "extent": 2064.7,
        "milestone_code": "ARRI",
        "occurred_at": AS_OF - timedelta(hours=30),
    }


def _score(shipment_id: str) -> dict[str, Any]:
    return {
        "tenant_id": "demo",
        "shipment_id": shipment_id,
        "checkpoint": "departed",
        "cutoff_at": AS_OF,
        "late_probability": 0.83,
        "predicted_arrival_at": AS_OF + timedelta(days=4),
        "interval_low_at": AS_OF + timedelta(days=3),
        "interval_high_at": AS_OF + timedelta(days=5),
        "model_version": "m-1",
        "feature_sha256": "cd" * 32,
        "scored_at": AS_OF,
    }
