"""No model compares every row with every other: a year of freight would never end.

DuckDB does so wherever a join's conditions are not all equalities of columns (an `or` is enough), or are the tenant's
name alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
from conftest import Built

#: One row a tenant.
SETTINGS = {"tenant_clocks", "int_tenant_settings"}
#: Why it is fair: one side stays short, however much arrives.
SHORT = {
    "int_exception_rules": "each tenant and each default",
    "int_tenant_settings": "a tenant's rules",
    "int_public_facilities": "manufacturing sites by the patterns of a short list",
    "idn_candidate_references": "names by the few lengths that numbers without a shipment have",
    "idn_unmatched_places": "whether a tenant has any facility",
    "idn_unmatched_customers": "whether a tenant has any customer",
    "idn_candidate_places": "at most a thousand names of places that nobody knows, and a tenant's facilities",
    "idn_candidate_customers": "customers by the few lengths that numbers without an account have",
    "int_shipments_under_alerts": "grave alerts in force, and what is under way",
}


def test_no_model_compares_every_row_with_every_other(built: Built) -> None:
    compiled = (built.path.parent / "target" / "compiled").rglob("models/**/*.sql")
    models = [path for path in compiled if ".yml" not in str(path.parent)]  # there unit tests lie
    assert len(models) > 50
    found = {path.stem: [*comparisons(plan_of(built, path.read_text()))] for path in models}
    assert {model: joins for model, joins in found.items() if joins and model not in SHORT} == {}


def plan_of(built: Built, sql: str) -> dict[str, Any]:
    """How DuckDB would run a query, were the tables not as short as they are here."""
    with duckdb.connect(str(built.path)) as connection:
        for threshold in ("nested_loop_join_threshold", "asof_loop_join_threshold"):
            connection.execute(f"set {threshold} = 0")
        ((_, plan),) = connection.execute(f"explain (format json) {sql}").fetchall()
    return {"name": "", "children": json.loads(plan)}


def comparisons(plan: dict[str, Any]) -> Iterator[str]:
    """Each join of a plan that has no equality to look rows up by, but the tenant's name."""
    for step in steps(plan):
        name, told = step["name"].strip(), step.get("extra_info", {})
        conditions = told.get("Conditions") or told.get("Condition") or []
        conditions = [conditions] if isinstance(conditions, str) else conditions
        if name in ("BLOCKWISE_NL_JOIN", "CROSS_PRODUCT", "NESTED_LOOP_JOIN"):
            yield f"{name} {conditions}"
            continue
        is_by_tenant = conditions and all("tenant_id" in one for one in conditions)
        if is_by_tenant and not any(tables(side) <= SETTINGS for side in step["children"]):
            yield f"{name} {conditions}"


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and every step below it."""
    yield plan
    for child in plan["children"]:
        yield from steps(child)


def tables(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads."""
    read = (step.get("extra_info", {}).get("Table") for step in steps(plan))
    return {name.rpartition(".")[2] for name in read if name}


def test_a_join_by_an_or_is_seen(built: Built) -> None:
    sql = """
        select 1 from marts.fct_milestones as one
        left join marts.fct_milestones as other
            on one.shipment_id = other.shipment_id and (one.leg_id = other.leg_id or one.leg_id is null)
    """
    assert [*comparisons(plan_of(built, sql))]
