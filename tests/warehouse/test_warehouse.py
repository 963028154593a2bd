"""The warehouse says what is true, and only what was known at the tenant's clock."""

from __future__ import annotations

import json
from decimal import Decimal
from math import inf

import pytest
from conftest import Built
from raw_tables import FEEDS

GOOD = {"pass", "success", "no-op"}


@pytest.mark.parametrize("run", ["empty", "facts", "decide"])
def test_every_node_of_every_run_succeeds(built: Built, run: str) -> None:
    failed = {node: status for node, status in built.outcomes[run].items() if status not in GOOD}
    assert not failed


def test_every_rule_has_its_unit_tests_and_they_ran(built: Built) -> None:
    ran = [node for node in built.outcomes["empty"] if node.startswith("unit_test.")]
    assert len(ran) >= 29


def test_the_first_half_reads_no_score_and_the_second_builds_the_exceptions(built: Built) -> None:
    first = {node.rpartition(".")[2] for node in built.outcomes["facts"] if node.startswith("model.")}
    second = {node.rpartition(".")[2] for node in built.outcomes["decide"] if node.startswith("model.")}
    assert {"ftr_shipments", "fct_exposures"} <= first
    assert "fct_exceptions" in second
    assert not first & second


def test_contracts_offer_what_the_warehouse_reads() -> None:
    from data.contract import load_contracts

    offered = {f"{source}__{feed}": set(found.columns) for (source, feed), found in load_contracts().items()}
    read = {name: {column.split()[0] for column in columns.split(", ")} for name, columns in FEEDS.items()}
    assert {name: columns - offered[name] for name, columns in read.items() if columns - offered[name]} == {}


def test_no_row_that_is_taken_in_names_more_than_money_can_hold() -> None:
    from data.contract import load_contracts

    contracts = load_contracts()
    named = [
        ("network", "commitment", "penalty_per_day"), ("network", "commitment", "penalty_cap"),
        ("network", "inventory", "unit_value"), ("network", "order", "unit_price"),
        ("scms", "line_item", "line_item_value"),
    ]  # fmt: skip
    prices = [contracts[source, feed].columns[column].maximum or inf for source, feed, column in named]
    pieces = contracts["network", "order"].columns["quantity"].maximum or inf
    lines = contracts["network", "order"].columns["order_line"].maximum or inf
    # money is decimal(18, 2), and a loss the sum of four of its amounts
    assert 4 * max(*prices, lines * pieces * prices[3]) < 10**16


def test_each_story_is_found_once_and_its_look_alike_is_not(built: Built) -> None:
    found = built.rows("select tenant_id, exception_key from marts.fct_exceptions order by all")
    assert found == [
        ("airfreight", "late_now:C2K-000007"),
        ("airfreight", "tracking_silent:C2K-000007"),
        ("demo", "customs_hold:SH-100001"),
        ("demo", "disruption:WX-1"),
        ("demo", "feed_refused:carrier"),
        ("demo", "feed_stale:weather"),
        ("demo", "late_departure:SH-100003"),
        ("demo", "pod_missing:SH-100004"),
        ("demo", "predicted_late:SH-100005"),
        ("demo", "quarantine_surge:document"),
        ("demo", "stock_out_before_inbound:DC-1:PMP-1001"),
        ("demo", "tracking_silent:SH-100002"),
        ("health", "late_now:ASN-1"),
    ]


def test_the_same_rows_in_another_order_build_the_same_warehouse(built: Built, rebuilt: Built) -> None:
    assert {status for run in rebuilt.outcomes.values() for status in run.values()} <= GOOD
    tables = built.rows(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where schema_name in ('identity', 'intermediate', 'marts', 'features')"
    )
    every = [f"from {name} order by all" for (name,) in tables]
    differ = [query for query in every if built.rows(query) != rebuilt.rows(query)]
    assert len(tables) > 25
    assert differ == []


def test_money_adds_up_to_the_cent(built: Built) -> None:
    rows = built.rows(
        "select expected_loss, sla_penalty_amount, revenue_amount, inventory_amount, customer_tier_amount "
        "from marts.fct_exceptions"
    )
    assert rows
    assert all(total == sum(parts, Decimal(0)) for total, *parts in rows)


def test_a_predicted_delay_costs_its_probability_times_what_is_at_stake(built: Built) -> None:
    [(penalty, revenue, tier)] = built.rows(
        "select sla_penalty_amount, revenue_amount, customer_tier_amount from marts.fct_exceptions "
        "where exception_key = 'predicted_late:SH-100005'"
    )
    # 47 h late are two days begun: 0.75 x 151; the order is worth 750, a tenth of it revenue, a tenth goodwill
    assert (penalty, revenue, tier) == (Decimal("113.25"), Decimal("56.25"), Decimal("56.25"))


def test_shipments_under_a_closed_port_are_children_of_the_closure(built: Built) -> None:
    rows = built.rows(
        "select exception_key from marts.fct_exceptions where parent_exception_key = 'disruption:WX-1' order by all"
    )
    assert [key for (key,) in rows] == [
        "customs_hold:SH-100001", "late_departure:SH-100003", "predicted_late:SH-100005",
        "stock_out_before_inbound:DC-1:PMP-1001", "tracking_silent:SH-100002",
    ]  # fmt: skip


def test_stock_runs_out_where_it_lies_not_where_its_inbound_last_moved(built: Built) -> None:
    [(evidence, place)] = built.rows(
        "select exceptions.evidence, facilities.facility_name from marts.fct_exceptions as exceptions "
        "inner join marts.dim_facilities as facilities using (tenant_id, facility_id) "
        "where exception_key = 'stock_out_before_inbound:DC-1:PMP-1001'"
    )
    facts = {fact["fact_id"]: fact["value"] for fact in json.loads(evidence)}
    assert facts["stock_place"] == place


def test_evidence_names_the_file_and_row_it_came_from(built: Built) -> None:
    [(evidence,)] = built.rows(
        "select evidence from marts.fct_exceptions where exception_key = 'customs_hold:SH-100001'"
    )
    facts = {fact["fact_id"]: fact for fact in json.loads(evidence)}
    assert facts["hold_place"]["value"] == "Shanghai"
    assert facts["hold_since_at"]["value"] == "2026-08-30T04:00:00Z"
    assert facts["hold_since_at"]["file_sha256"] == "f" * 64
    assert facts["penalty_per_day"] == {
        "fact_id": "penalty_per_day", "label": "Penalty for each day", "value": "75.50", "type": "money",
        "source": "fct_commitments:CM-1:SH-100001", "file_sha256": "f" * 64, "row_number": 1,
    }  # fmt: skip
    assert all(fact["value"] for fact in facts.values())


def test_a_reason_of_the_model_becomes_a_fact(built: Built) -> None:
    [(evidence,)] = built.rows(
        "select evidence from marts.fct_exceptions where exception_key = 'predicted_late:SH-100005'"
    )
    facts = {fact["fact_id"]: fact["value"] for fact in json.loads(evidence)}
    assert facts["reason_1"] == "the carrier is often late"
    assert facts["late_probability"] == "0.75"
    assert "reason_2" not in facts


def test_an_assumed_tariff_says_so_and_a_commitment_does_not(built: Built) -> None:
    rows = dict(built.rows("select tenant_id, max(assumption) from marts.fct_exceptions group by tenant_id"))
    assert rows == {"airfreight": "We assume.", "health": "We assume.", "demo": None}


def test_an_outcome_of_the_same_day_teaches_no_order_placed_before_it(built: Built) -> None:
    rows = built.rows(
        "select shipment_id, is_open, label_is_late, lane_n from features.ftr_shipments "
        "where tenant_id = 'health' order by all"
    )
    # ASN-3's outcome was recorded on 22 March: after the cutoffs of ASN-1 and ASN-3, before ASN-2's
    assert rows == [("ASN-1", True, None, 0), ("ASN-2", True, None, 1), ("ASN-3", False, True, 0)]
