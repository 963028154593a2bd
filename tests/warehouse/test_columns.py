"""What each column is made of, as the catalogue shows it, for every model as it was built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import Built
from sqlglot import parse_one

from orchestration.columns import Columns, Made, dependencies
from orchestration.places import OneFile
from orchestration.warehouse import Warehouse


def key_of(schema: str, table: str) -> dg.AssetKey:
    return dg.AssetKey([schema, table])


@pytest.fixture(scope="module")
def read(built: Built) -> dict[str, Made]:
    """Every model's columns."""
    columns = Columns(Warehouse(OneFile(built.path)))
    compiled = sorted((built.path.parent / "target" / "compiled").rglob("models/**/*.sql"))
    models = [path for path in compiled if ".yml" not in str(path.parent)]
    return {path.stem: columns.of(schema(path), path.stem, path.read_text(), key_of) for path in models}


def schema(path: Path) -> str:
    return path.parts[path.parts.index("models") + 1]


def made_of(read: dict[str, Made], model: str, column: str) -> set[str]:
    lineage = read[model].lineage
    assert lineage is not None
    return {f"{'.'.join(dep.asset_key.path)}.{dep.column_name}" for dep in lineage.deps_by_column[column]}


def test_every_model_is_read_and_names_only_columns_that_stand(built: Built, read: dict[str, Made]) -> None:
    assert len(read) > 50
    assert [model for model, found in read.items() if found.lineage is None] == []
    standing = {
        f"{schema}.{table}.{column}"
        for schema, table, column in built.rows(
            "select table_schema, table_name, column_name from information_schema.columns"
        )
    }
    for model, found in read.items():
        assert found.lineage is not None
        names = [column.name for column in found.types.columns]
        assert names and list(found.lineage.deps_by_column) == names
        for column in names:
            assert made_of(read, model, column) <= standing, (model, column)


@pytest.mark.parametrize(
    ("model", "column", "expected"),
    [
        ("stg_network__orders", "quantity", {"raw.network__order.quantity"}),
        (
            "fct_shipments",
            "estimated_arrival_at",
            {"intermediate.int_shipment_progress.estimated_arrival_at"},
        ),
        # a union by name: what one source lacks comes from the others, whatever the order of their columns
        (
            "int_shipments_unioned",
            "inco_term",
            {"intermediate.int_scms_shipments.inco_term"},
        ),
        (
            "int_shipments_unioned",
            "planned_arrival_at",
            {
                "intermediate.int_scms_shipments.promised_at",
                "intermediate.int_c2k_shipments.promised_at",
                "intermediate.int_network_shipments.planned_arrival_at",
            },
        ),
    ],
)
def test_a_column_is_made_of(read: dict[str, Made], model: str, column: str, expected: set[str]) -> None:
    assert made_of(read, model, column) == expected


def test_of_a_union_by_name_the_inner_ones_are_matched_first() -> None:
    standing: dict[tuple[str, str], dict[str, Any]] = {
        ("s", "one"): {"a": "int", "b": "int"},
        ("s", "two"): {"b": "int", "c": "int"},
        ("s", "three"): {"c": "int", "a": "int"},
    }
    sql = (
        "with u as (select a, b from s.one union all by name select c, b from s.two "
        "union all by name select * from s.three) select * from u"
    )
    found = dependencies(parse_one(sql, dialect="duckdb"), standing, ["a", "b", "c"], key_of)
    named = {
        column: [(dep.asset_key.path[-1], dep.column_name) for dep in deps] for column, deps in found.items()
    }
    assert named == {
        "a": [("one", "a"), ("three", "a")],
        "b": [("one", "b"), ("two", "b")],
        "c": [("three", "c"), ("two", "c")],
    }


def test_tables_that_are_one_asset_are_named_once() -> None:
    sql = "select coalesce(one.a, two.a) as a from s.one left join s.two on one.b = two.b"
    standing: dict[tuple[str, str], dict[str, Any]] = {
        ("s", "one"): {"a": "int", "b": "int"},
        ("s", "two"): {"a": "int", "b": "int"},
    }
    found = dependencies(
        parse_one(sql, dialect="duckdb"), standing, ["a"], lambda schema, _table: dg.AssetKey(schema)
    )
    assert [(dep.asset_key.path, dep.column_name) for dep in found["a"]] == [(["s"], "a")]
