"""The raw tables dbt reads, as the loader and orchestration create them; and small rows to put in them.

Column lists are written out here rather than read from the feed contracts, so that a contract that loses a
column the warehouse relies on fails `test_contracts_offer_what_the_warehouse_reads`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

INTERNAL = (
    "_tenant_id varchar, _file_sha256 varchar, _row_number bigint, _row_sha256 varchar, "
    "_recorded_at timestamptz, _loader_version varchar"
)

FEEDS: dict[str, str] = {
    "scms__line_item": (
        "id varchar, project_code varchar, pq_number varchar, po_so_number varchar, asn_dn_number varchar, "
        "country varchar, managed_by varchar, fulfill_via varchar, vendor_inco_term varchar, "
        "shipment_mode varchar, pq_first_sent_to_client_date varchar, po_sent_to_vendor_date varchar, "
        "scheduled_delivery_date date, delivered_to_client_date date, delivery_recorded_date date, "
        "product_group varchar, sub_classification varchar, vendor varchar, item_description varchar, "
        "molecule_test_type varchar, brand varchar, dosage varchar, dosage_form varchar, "
        "unit_of_measure_per_pack bigint, line_item_quantity bigint, line_item_value double, "
        "pack_price double, unit_price double, manufacturing_site varchar, first_line_designation varchar, "
        "weight_kilograms varchar, freight_cost_usd varchar, line_item_insurance_usd double"
    ),
    "c2k__booking": (
        "process_nr bigint, shipment_ref varchar, booked_at timestamptz, incoming_leg_count bigint, "
        "planned_start_at timestamptz, planned_delivery_at timestamptz, origin_places varchar, "
        "hub_place varchar, destination_place varchar, hop_count bigint"
    ),
    "c2k__leg": (
        "shipment_ref varchar, leg_id varchar, leg_role varchar, sequence bigint, origin_place varchar, "
        "destination_place varchar, planned_start_at timestamptz, planned_end_at timestamptz, "
        "hop_count bigint, booked_at timestamptz"
    ),
    "c2k__milestone": (
        "event_id varchar, shipment_ref varchar, leg_id varchar, leg_role varchar, milestone_code varchar, "
        "segment bigint, place varchar, classifier varchar, occurred_at timestamptz, reported_at timestamptz"
    ),
    "network__shipment": (
        "shipment_no varchar, order_no varchar, customer_ref varchar, carrier_scac varchar, "
        "pro_number varchar, container_no varchar, mode varchar, service_level varchar, origin_code varchar, "
        "destination_code varchar, planned_departure_at timestamptz, planned_arrival_at timestamptz, "
        "required_documents varchar, status varchar, exported_at timestamptz"
    ),
    "network__milestone": (
        "event_id varchar, carrier_scac varchar, reference varchar, reference_type varchar, "
        "event_code varchar, classifier varchar, location_code varchar, occurred_at timestamptz, "
        "reported_at timestamptz, remark varchar"
    ),
    "network__document": (
        "document_id varchar, shipment_no varchar, document_type varchar, status varchar, "
        "content_sha256 varchar, received_at timestamptz"
    ),
    "network__order": (
        "order_no varchar, order_line bigint, customer_ref varchar, sku varchar, quantity double, "
        "unit_price double, currency_code varchar, requested_delivery_at timestamptz, "
        "promised_delivery_at timestamptz, ordered_at timestamptz, exported_at timestamptz"
    ),
    "network__carrier": (
        "carrier_scac varchar, carrier_name varchar, mode varchar, contact_email varchar, "
        "exported_at timestamptz"
    ),
    "network__facility": (
        "facility_code varchar, facility_name varchar, facility_type varchar, un_locode varchar, "
        "latitude double, longitude double, country_code varchar, time_zone varchar, exported_at timestamptz, "
        "city varchar, region_code varchar"
    ),
    "network__weather": (
        "alert_id varchar, location_code varchar, alert_type varchar, severity varchar, "
        "starts_at timestamptz, ends_at timestamptz, issued_at timestamptz"
    ),
    "network__inventory": (
        "facility_code varchar, sku varchar, on_hand_quantity double, safety_stock_quantity double, "
        "daily_demand_quantity double, unit_value double, as_of_date date, exported_at timestamptz"
    ),
    "network__commitment": (
        "commitment_id varchar, customer_ref varchar, customer_name varchar, customer_tier varchar, "
        "order_no varchar, promised_at timestamptz, penalty_per_day double, penalty_cap double, "
        "currency_code varchar, contact_email varchar, exported_at timestamptz"
    ),
    "network__customer": (
        "customer_id varchar, erp_customer_no varchar, customer_name varchar, customer_tier varchar, "
        "contact_email varchar, portal_url varchar, exported_at timestamptz"
    ),
}

# Status events of partners, one shape for every format.
STATUS_EVENT = (
    "event_id varchar, sender_id varchar, carrier_scac varchar, shipment_references varchar, equipment_no varchar, "
    "code_list varchar, event_code varchar, reason_code varchar, classifier varchar, occurred_at timestamptz, "
    "occurred_local varchar, location_code varchar, location_code_list varchar, location_name varchar, "
    "city varchar, region_code varchar, country_code varchar, latitude double, longitude double, "
    "is_withdrawn boolean, sent_at timestamptz, remark varchar, position varchar"
)
PARTNER_FEEDS = (
    "x12_214",
    "iftsta",
    "dcsa_events",
    "epcis_events",
    "webhook_aftership",
    "webhook_fedex",
    "webhook_flexport",
    "webhook_project44",
    "webhook_ship24",
    "webhook_terminal49",
)
FEEDS |= {f"partner__{feed}": STATUS_EVENT for feed in PARTNER_FEEDS}
FEEDS |= {
    "partner__x12_945": (
        "message_id varchar, sender_id varchar, depositor_order_no varchar, shipment_id varchar, "
        "agent_shipment_id varchar, item_ids varchar, shipped_quantity double, quantity_unit varchar"
    ),
    "partner__x12_856": (
        "message_id varchar, sender_id varchar, purchase_order_no varchar, shipment_id varchar, "
        "purpose_code varchar, item_ids varchar, shipped_quantity double, shipped_unit varchar"
    ),
}

SETTINGS: dict[str, str] = {
    "raw.tenant_clocks": "tenant_id varchar, as_of timestamptz",
    "raw.changed_files": "tenant_id varchar, table_name varchar, file_sha256 varchar",
    "raw.built_clocks": "tenant_id varchar, as_of timestamptz",
    "raw.built_steps": "step varchar, built_in bigint, changed_in bigint, content varchar",
    "raw.tenant_tariffs": (
        "tenant_id varchar, currency_code varchar, penalty_per_day double, penalty_cap double, "
        "penalty_basis varchar, penalty_share_per_day double, penalty_cap_share double, "
        "revenue_share double, tier_weight_gold double, tier_weight_silver double, "
        "tier_weight_bronze double, default_tier varchar, shipment_value_default double, assumption varchar"
    ),
    "raw.service_agreements": (
        "tenant_id varchar, agreement_name varchar, customer_id varchar, origin_facility_id varchar, "
        "destination_facility_id varchar, service_level varchar, penalty_per_day double, penalty_cap double, "
        "otif_early_hours double, otif_late_hours double, otif_short_share double, in_force_from timestamptz, "
        "in_force_until timestamptz"
    ),
    "raw.free_time_terms": (
        "tenant_id varchar, terms_name varchar, clock varchar, facility_id varchar, carrier_id varchar, "
        "free_days bigint, starts varchar, free_days_are varchar, charged_days_are varchar, closed_on varchar, "
        "rates varchar, in_force_from timestamptz, in_force_until timestamptz"
    ),
    "raw.exception_rules": (
        "tenant_id varchar, exception_type varchar, parameter varchar, value double, is_enabled boolean"
    ),
    "raw.feed_arrivals": (
        "tenant_id varchar, feed varchar, producer varchar, cadence_hours double, lateness_hours double, "
        "newest_recorded_at timestamptz, newest_file_sha256 varchar, file_count bigint, refused_file_count bigint, "
        "recent_since timestamptz, recent_row_count bigint, recent_refused_count bigint, most_broken_rule varchar, "
        "most_broken_column varchar, refused_file_name varchar, refused_file_sha256 varchar, "
        "refused_reason varchar, refused_at timestamptz"
    ),
    "raw.reference_decisions": (
        "tenant_id varchar, reference_type varchar, reference_key varchar, carrier_id varchar, decision varchar, "
        "shipment_id varchar, facility_id varchar, customer_id varchar, decision_id varchar, decided_at timestamptz"
    ),
    "ml.arrival_scores": (
        "tenant_id varchar, shipment_id varchar, cutoff_at timestamptz, checkpoint varchar, "
        "late_probability double, predicted_arrival_at timestamptz, interval_low_at timestamptz, "
        "interval_high_at timestamptz, model_version varchar, feature_sha256 varchar, reasons varchar, "
        "scored_at timestamptz, row_hash ubigint"
    ),
}


def create_raw(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every source table dbt reads, empty."""
    for schema in ("raw", "ml"):
        connection.execute(f"create schema if not exists {schema}")
    for name, columns in FEEDS.items():
        connection.execute(f"create table if not exists raw.{name} ({columns}, {INTERNAL})")
    for name, columns in SETTINGS.items():
        connection.execute(f"create table if not exists {name} ({columns})")


def put(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]], **common: Any
) -> None:
    """Insert rows given as mappings; `common` fills the columns they share."""
    for number, row in enumerate(rows, start=1):
        values: dict[str, Any] = {"_row_number": number, **common, **row}
        if not table.startswith("raw.") or table in SETTINGS:
            values.pop("_row_number")
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        connection.execute(f"insert into {table} ({names}) values ({marks})", list(values.values()))
