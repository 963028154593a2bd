"""Cases, facts and contacts for tests of drafting and effects; real stores and real servers."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from casework.model import CaseDetail, CaseView, Contact, Fact, State

NOW = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
TENANT = "demo"

VALUES: dict[str, tuple[str, Any]] = {
    "shipment_id": ("text", "SHP-20817"),
    "order_id": ("text", "SO-88120"),
    "customer_name": ("text", "Acme Health"),
    "customer_tier": ("text", "gold"),
    "carrier_name": ("text", "Northwind Freight"),
    "vendor_name": ("text", "Pharma Works"),
    "origin_name": ("text", "Frankfurt"),
    "destination_name": ("text", "Nairobi DC 2"),
    "mode": ("text", "air"),
    "promised_at": ("instant", "2026-09-02T14:00:00+00:00"),
    "planned_arrival_at": ("instant", "2026-09-02T10:30:00+00:00"),
    "carrier_eta_at": ("instant", "2026-09-03T05:15:00+00:00"),
    "predicted_arrival_at": ("instant", "2026-09-03T09:00:00+00:00"),
    "interval_low_at": ("instant", "2026-09-03T03:00:00+00:00"),
    "interval_high_at": ("instant", "2026-09-03T21:00:00+00:00"),
    "late_probability": ("probability", 0.87),
    "expected_delay_hours": ("number", 19.2),
    "delay_hours": ("number", 5.4),
    "last_milestone": ("text", "Departed from hub"),
    "last_milestone_at": ("instant", "2026-08-31T22:10:00+00:00"),
    "silent_hours": ("number", 52.0),
    "reason_1": ("text", "leg 2 left FRA 14 h behind plan"),
    "reason_2": ("text", "this lane loses 5 h more at the hub (n=214)"),
    "reason_3": ("text", "the carrier was late on 31% of its last 120 shipments"),
    "hold_since_at": ("instant", "2026-08-30T08:00:00+00:00"),
    "hold_place": ("text", "Mombasa port"),
    "dwell_since_at": ("instant", "2026-08-29T04:00:00+00:00"),
    "dwell_hours": ("number", 74.0),
    "document_type": ("text", "CUSTOMS"),
    "needed_by_at": ("instant", "2026-09-04T12:00:00+00:00"),
    "product_name": ("text", "Lamivudine 150mg, 60 tablets"),
    "facility_name": ("text", "Cape Town hub"),
    "stock_place": ("text", "Durban DC"),
    "projected_stock_out_on": ("date", "2026-09-06"),
    "inbound_arrival_at": ("instant", "2026-09-08T00:00:00+00:00"),
    "on_hand_quantity": ("number", 1240),
    "alert_type": ("text", "port closure"),
    "alert_place": ("text", "Durban"),
    "alert_starts_at": ("instant", "2026-08-31T00:00:00+00:00"),
    "alert_until_at": ("instant", "2026-09-05T18:00:00+00:00"),
    "affected_shipments": ("number", 212),
    "penalty_per_day": ("money", 1500),
    "shipment_value": ("money", 73125.5),
}
EXCEPTION_TYPES = (
    "predicted_late",
    "late_now",
    "tracking_silent",
    "late_departure",
    "facility_dwell",
    "customs_hold",
    "pod_missing",
    "trade_document_missing",
    "stock_out_before_inbound",
    "disruption",
)


def facts(*fact_ids: str, **changed: Any) -> tuple[Fact, ...]:
    """The facts of these ids (all when none are named), with changed values."""
    chosen = fact_ids or tuple(VALUES)
    return tuple(
        Fact(i, i.replace("_", " "), changed.get(i, VALUES[i][1]), VALUES[i][0], f"fct_shipments:{i}")
        for i in chosen
    )


def case(**changed: Any) -> CaseView:
    """One open case of the demo tenant."""
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(CaseView))
    values |= {
        "tenant_id": TENANT,
        "case_id": "TW-01ABC",
        "exception_key": "predicted_late:SHP-20817",
        "exception_type": "predicted_late",
        "subject_type": "shipment",
        "subject": "SHP-20817",
        "shipment_id": "SHP-20817",
        "state": State.NEW,
        "is_open": True,
        "is_present": True,
        "severity": "high",
        "customer_id": "CRM-7",
        "carrier_id": "NWFR",
        "customer_tier": "gold",
        "late_probability": 0.87,
        "predicted_at": NOW + timedelta(days=2, hours=3),
        "due_at": NOW + timedelta(days=1, hours=8),
        "expected_loss": Decimal("18400.00"),
        "sla_penalty_amount": Decimal("9000.00"),
        "revenue_amount": Decimal("2000.00"),
        "inventory_amount": Decimal("7400.00"),
        "customer_tier_amount": Decimal("0.00"),
        "currency_code": "USD",
        "detected_at": NOW,
        "opened_at": NOW,
        "version": 1,
        "facts_version": 1,
        "facts_sha256": "0" * 64,
        "publication_id": "pub-1",
        "updated_at": NOW,
    }
    return CaseView(**(values | changed))


def detail(
    exception_type: str = "predicted_late", known: tuple[Fact, ...] | None = None, **changed: Any
) -> CaseDetail:
    """One case with its facts."""
    return CaseDetail(
        case=case(exception_type=exception_type, **changed),
        facts=facts() if known is None else known,
        documents=(),
        lineage=None,
    )


def contact(channel: str = "mail", address: str = "ops@acme.example", role: str = "customer") -> Contact:
    """A verified address."""
    return Contact("CRM-7", channel, role, "Acme Health", address, True)  # type: ignore[arg-type]
