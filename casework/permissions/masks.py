"""Which fields a partner sees of a case it may see: no money, no other party, nothing internal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from casework.model import CaseView, Fact, HistoryEntry, Role, State
from casework.store.tables import Values

# Never shown to anybody outside: money, who works on it, why it ended, what the model thinks.
INTERNAL_COLUMNS = (
    "owner",
    "owner_name",
    "team",
    "waiting_for",
    "acknowledged_until",
    "acknowledged_by",
    "parent_case_id",
    "customer_tier",
    "late_probability",
    "expected_loss",
    "sla_penalty_amount",
    "revenue_amount",
    "inventory_amount",
    "customer_tier_amount",
    "assumption",
    "severity",
    "resolution_code",
    "root_cause_code",
    "merged_into",
    "flapping_until",
    "ranked_amount",
    "weights_version",
    "penalty_per_day",
)
OTHER_PARTIES = {
    Role.CUSTOMER: ("carrier_id", "facility_id"),
    Role.CARRIER: ("customer_id", "facility_id", "predicted_at"),
    Role.WAREHOUSE: ("customer_id", "carrier_id"),
}
SHARED_FACTS = frozenset(
    (
        "shipment_id",
        "mode",
        "origin_name",
        "destination_name",
        "planned_arrival_at",
        "carrier_eta_at",
        "last_milestone",
        "last_milestone_at",
        "delay_hours",
        "silent_hours",
        "hold_since_at",
        "hold_place",
        "dwell_since_at",
        "dwell_hours",
        "document_type",
        "needed_by_at",
        "facility_name",
        "alert_type",
        "alert_place",
        "alert_starts_at",
        "alert_until_at",
    )
)
FACTS = {
    Role.CUSTOMER: SHARED_FACTS
    | {"order_id", "promised_at", "product_name", "predicted_arrival_at", "customer_name"},
    Role.CARRIER: SHARED_FACTS | {"carrier_name"},
    Role.WAREHOUSE: SHARED_FACTS
    | {"product_name", "stock_place", "projected_stock_out_on", "inbound_arrival_at", "on_hand_quantity"},
}
HISTORY = frozenset(
    {"case:opened", "case:resolved", "case:closed", "case:dismissed", "case:reopened", "exception:recovered"}
)
CASE_COLUMNS = tuple(field.name for field in fields(CaseView) if field.name != "owner_name")


def hidden_columns(role: Role | None) -> tuple[str, ...]:
    """Return the columns of a case a reader in this role does not see; None is the tenant's own people."""
    return () if role is None else INTERNAL_COLUMNS + OTHER_PARTIES[role]


def case_view(row: Values, role: Role | None, names: Mapping[str, str]) -> CaseView:
    """Return a row of `cases` as a reader in this role sees it."""
    values: dict[str, Any] = {column: row[column] for column in CASE_COLUMNS}
    values |= {"state": State(row["state"]), "owner_name": names.get(row["owner"], row["owner"])}
    return CaseView(**values | dict.fromkeys(hidden_columns(role)))


def visible_facts(facts: Iterable[Fact], role: Role | None) -> tuple[Fact, ...]:
    """Return the facts a reader in this role sees; a partner sees no source file behind them."""
    if role is None:
        return tuple(facts)
    return tuple(
        replace(fact, source="", file_sha256=None, row_number=None)
        for fact in facts
        if fact.fact_id in FACTS[role]
    )


def milestones(history: Iterable[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """Return what a partner sees of a case's history: when its life turned, not who turned it or why."""
    return tuple(
        HistoryEntry(entry.sequence, entry.fact, "", "", entry.occurred_at, {})
        for entry in history
        if entry.fact in HISTORY
    )
