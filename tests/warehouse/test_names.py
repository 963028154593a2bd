"""Names that nobody knows wait for a person with what they may mean; a decision is followed, and its undoing too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import small_world
from conftest import FACTS, Built, decide_and_build, rows_of
from raw_tables import put

DECISION = {"tenant_id": "demo", "decided_at": small_world.NOW["demo"], "carrier_id": None}
YARD = {"reference_type": "PLACE", "reference_key": "YARD7", "carrier_id": "AAAA", "decision_id": "D-1"}
NUMBER = {"reference_type": "CUSTOMER", "reference_key": "C100001", "decision_id": "D-2"}


@pytest.fixture
def strange(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Built]:
    """The small world with an arrival at a yard nobody knows, and a shipment of a customer's number with a slip."""
    path = tmp_path / "warehouse.duckdb"
    built.rows("checkpoint")  # a copy of the file alone must hold everything
    shutil.copy(built.path, path)
    monkeypatch.setenv("TIDEWAITER_WAREHOUSE", str(path))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    with duckdb.connect(str(path)) as connection:
        (shipment,) = rows_of(connection, "from raw.network__shipment where shipment_no = 'SH-100002'")
        put(connection, "raw.network__shipment", [{
            **shipment, "shipment_no": "SH-200001", "pro_number": "55550001", "customer_ref": "C100001",
            "order_no": "SO-200001", "_row_sha256": "new",
        }])  # fmt: skip
        (event,) = rows_of(connection, "from raw.network__milestone where event_id = 'SH-100002-4'")
        put(connection, "raw.network__milestone", [{
            **event, "event_id": "strange", "event_code": "ARRI", "location_code": "Yard 7", "_row_sha256": "new",
        }])  # fmt: skip
    world = Built(path, {})
    build(world)
    yield world


def build(world: Built, *decided: dict[str, Any]) -> None:
    decide_and_build(world, [DECISION | one for one in decided], *FACTS)


def waiting(world: Built) -> dict[str, tuple[Any, ...]]:
    query = """
        select reference_key, reference, match_status, message_count, decision, candidates
        from marts.fct_unmatched_references where reference_type in ('PLACE', 'CUSTOMER')
    """
    return {
        key: (*told, [one["means"] for one in json.loads(found)]) for key, *told, found in world.rows(query)
    }


def place_and_customer(world: Built) -> list[tuple[Any, ...]]:
    return world.rows("""
        select facility_id, (select customer_id from marts.fct_shipments where shipment_id = 'SH-200001')
        from marts.fct_milestones where milestone_id = 'strange'
    """)


def test_what_nobody_knows_waits_with_what_it_may_mean_and_guesses_nothing(strange: Built) -> None:
    assert waiting(strange) == {
        "YARD7": ("YARD 7", "unknown_place", 1, None, ["CNSHA"]),
        "C100001": ("C100001", "unknown_customer", 1, None, ["001A"]),
    }
    assert place_and_customer(strange) == [(None, "C100001")]


def test_a_decision_is_followed_until_it_is_undone(strange: Built) -> None:
    means = ({"decision": "match", "facility_id": "CNSHA"}, {"decision": "match", "customer_id": "001A"})
    build(strange, YARD | means[0], NUMBER | means[1])
    assert waiting(strange) == {}
    assert place_and_customer(strange) == [("CNSHA", "001A")]
    build(strange)
    assert set(waiting(strange)) == {"YARD7", "C100001"}
    assert place_and_customer(strange) == [(None, "C100001")]


def test_what_is_left_out_stays_unknown_and_asks_no_more(strange: Built) -> None:
    build(strange, YARD | {"decision": "ignore"}, NUMBER | {"decision": "ignore"})
    assert {key: row[1:] for key, row in waiting(strange).items()} == {
        "YARD7": ("ignored", 1, "ignore", []),
        "C100001": ("ignored", 1, "ignore", []),
    }
    assert place_and_customer(strange) == [(None, "C100001")]


@pytest.mark.parametrize(
    "not_this",
    [{"carrier_id": "BBBB"}, {"tenant_id": "rival"}, {"facility_id": "NO-SUCH", "customer_id": "NO"}],
)
def test_a_decision_about_another_carrier_tenant_or_of_what_is_not_there_changes_nothing(
    strange: Built, not_this: dict[str, Any]
) -> None:
    means = ({"decision": "match", "facility_id": "CNSHA"}, {"decision": "match", "customer_id": "001A"})
    build(strange, YARD | means[0] | not_this, NUMBER | means[1] | {**not_this, "carrier_id": None})
    assert place_and_customer(strange)[0][0] is None
    if "carrier_id" not in not_this:
        assert place_and_customer(strange) == [(None, "C100001")]
