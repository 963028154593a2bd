"""Small published tables, written as the platform publishes them: Parquet in a folder behind a pointer."""

from __future__ import annotations

import json
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


def publish(home: Path, shipments: list[tuple[str, str, str]], publication_id: str = "pub-1") -> Path:
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
    }  # fmt: skip
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "models.json").write_text("{}")
    pointer = {"publication_id": publication_id, "published_at": AS_OF.isoformat()}
    (home / "published" / "CURRENT").write_text(json.dumps(pointer))
    return folder


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
