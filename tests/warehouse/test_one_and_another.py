"""Two accounts or facilities that a person says are one: everything follows, and comes back when it is undone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import small_world
from conftest import Built, decide_and_build, rows_of
from raw_tables import put

DECISION = {
    "tenant_id": "demo",
    "decided_at": small_world.NOW["demo"],
    "carrier_id": None,
    "decision": "match",
}
ACCOUNT = {"reference_type": "ACCOUNT", "reference_key": "001A", "customer_id": "001B", "decision_id": "D-1"}
FACILITY = {
    "reference_type": "FACILITY",
    "reference_key": "DC-1",
    "facility_id": "DC-1B",
    "decision_id": "D-2",
}
#: What names an account or a place as it was told, for history's sake.
AS_TOLD = {("marts", "dim_party_versions"), ("marts", "fct_unmatched_references")}


@pytest.fixture
def doubled(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Built]:
    """The small world with a second account and a second facility that look like the first, both in use."""
    path = tmp_path / "warehouse.duckdb"
    built.rows("checkpoint")  # a copy of the file alone must hold everything
    shutil.copy(built.path, path)
    monkeypatch.setenv("TIDEWAITER_WAREHOUSE", str(path))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    with duckdb.connect(str(path)) as connection:
        for table, key, changed in (
            ("customer", "customer_id = '001A'",
             {"customer_id": "001B", "erp_customer_no": "C2000001", "customer_name": "ALDERMOOR LTD."}),
            ("facility", "facility_code = 'DC-1'", {"facility_code": "DC-1B", "time_zone": "America/Los_Angeles"}),
            ("shipment", "shipment_no = 'SH-100002'",
             {"shipment_no": "SH-200001", "pro_number": "55550001", "customer_ref": "C2000001",
              "order_no": "SO-200001", "destination_code": "DC-1B"}),
            ("inventory", "sku = 'PMP-1001'", {"facility_code": "DC-1B", "on_hand_quantity": 70.0}),
        ):  # fmt: skip
            (row,) = rows_of(connection, f"from raw.network__{table} where {key}")
            put(connection, f"raw.network__{table}", [{**row, **changed, "_row_sha256": "zz"}])
    world = Built(path, {})
    build(world)
    yield world


def build(world: Built, *decided: dict[str, Any]) -> None:
    decide_and_build(world, [DECISION | one for one in decided], "--exclude-resource-type", "unit_test")


def tables(world: Built) -> list[tuple[str, str]]:
    return world.rows("""
        select table_schema, table_name from information_schema.tables
        where table_schema in ('intermediate', 'marts', 'features') and table_type = 'BASE TABLE'
    """)


def naming(world: Built, given_id: str) -> dict[str, int]:
    """How many rows of each table of what is true name an account or place of the demo tenant, in whatever column."""
    found = {}
    for schema, table in tables(world):
        if (schema, table) not in AS_TOLD:
            rows = world.rows(f"select * from {schema}.{table} as told where tenant_id = 'demo'")
            found[table] = sum(given_id in row for row in rows)
    return {table: count for table, count in found.items() if count}


def contents(world: Built) -> dict[str, list[str]]:
    return {table: sorted(map(str, world.rows(f"from {schema}.{table}"))) for schema, table in tables(world)}


def waiting(world: Built) -> dict[str, tuple[Any, ...]]:
    query = """
        select reference_type || ' ' || reference_key, match_status, candidates from marts.fct_unmatched_references
        where reference_type in ('ACCOUNT', 'FACILITY')
    """
    return {key: (why, json.loads(found)) for key, why, found in world.rows(query)}


def test_two_that_look_alike_wait_for_a_person_and_are_not_joined(doubled: Built) -> None:
    assert waiting(doubled) == {
        "ACCOUNT 001B": ("may_be_another", [
            {"means": "001A", "name": "Aldermoor", "score": 0.5, "reasons": ["the same name"]},
        ]),
        "FACILITY DC-1B": ("may_be_another", [
            {"means": "DC-1", "name": "Depot", "score": 0.6, "reasons": ["the same name", "of the same kind"]},
        ]),
    }  # fmt: skip
    assert naming(doubled, "001A").keys() >= {"dim_parties", "fct_shipments", "fct_orders", "fct_commitments"}
    assert naming(doubled, "DC-1").keys() >= {"dim_facilities", "fct_shipments", "fct_milestones"}


def test_everything_follows_and_comes_back_when_it_is_undone(doubled: Built) -> None:
    before = contents(doubled)
    build(doubled, ACCOUNT, FACILITY)
    assert (naming(doubled, "001A"), naming(doubled, "DC-1"), waiting(doubled)) == ({}, {}, {})
    party = "select party_name, source_ids from marts.dim_parties where party_id = '001B'"
    assert doubled.rows(party) == [("ALDERMOOR LTD.", '["001B","C2000001","001A","C1000001"]')]
    kept = "select distinct customer_id, destination_facility_id from marts.fct_shipments where tenant_id = 'demo'"
    assert doubled.rows(kept) == [("001B", "DC-1B")]
    assert doubled.rows("select count(*) from marts.dim_party_versions where party_id = '001A'") == [(1,)]
    build(doubled)
    assert contents(doubled) == before


@pytest.mark.parametrize(("hours", "holds"), [(1, 70.0), (-1, 100.0)])
def test_of_two_counts_of_one_place_the_later_one_holds(doubled: Built, hours: int, holds: float) -> None:
    with duckdb.connect(str(doubled.path)) as connection:
        connection.execute(
            "update raw.network__inventory set _recorded_at = _recorded_at + to_hours(?) "
            "where facility_code = 'DC-1B'",
            [hours],
        )
    build(doubled, FACILITY)
    counts = "select facility_id, on_hand_quantity from intermediate.int_inventory_inbound where tenant_id = 'demo'"
    assert doubled.rows(counts) == [("DC-1B", holds)]


def test_what_is_said_to_be_no_other_asks_no_more(doubled: Built) -> None:
    alone = {"reference_key": "001B", "customer_id": None, "decision": "ignore"}
    build(doubled, ACCOUNT | alone)
    assert waiting(doubled).keys() == {"FACILITY DC-1B"}
    assert "dim_parties" in naming(doubled, "001A")


@pytest.mark.parametrize("not_this", [{"tenant_id": "health"}, {"customer_id": "NO"}, {"carrier_id": "AAAA"}])
def test_of_another_tenant_or_to_what_is_not_there_it_joins_nothing(
    doubled: Built, not_this: dict[str, Any]
) -> None:
    before = contents(doubled)
    build(doubled, ACCOUNT | not_this)
    assert contents(doubled) == before
