"""Which columns each column of a model is made of: read out of the SQL that ran, for Dagster's catalogue.

`select *` is resolved by the columns that stand in the warehouse; unions by name are matched by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from orchestration.warehouse import Warehouse

DIALECT = "duckdb"
KeyOf = Callable[[str, str], dg.AssetKey]


@dataclass(frozen=True)
class Made:
    """The columns that a model made."""

    types: dg.TableSchema
    lineage: dg.TableColumnLineage | None

    def metadata(self) -> dict[str, Any]:
        """Return it under the names by which Dagster shows it."""
        told: dict[str, Any] = {"dagster/column_schema": self.types}
        return told if self.lineage is None else {**told, "dagster/column_lineage": self.lineage}


class Columns:
    """The columns of what a model made, and what each is made of; a model that is built again is not read again."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Take the warehouse they stand in."""
        self._warehouse = warehouse
        self._known: dict[tuple[str, str], tuple[str, Made]] = {}

    def of(self, schema: str, name: str, sql: str, key_of: KeyOf) -> Made:
        """Return types and lineage of a model that was built by this SQL; `key_of` gives a table's asset.

        Without lineage where the SQL cannot be read.
        """
        known = self._known.get((schema, name))
        if known is None or known[0] != sql:
            known = self._known[schema, name] = (sql, self._read(schema, name, sql, key_of))
        return known[1]

    def _read(self, schema: str, name: str, sql: str, key_of: KeyOf) -> Made:
        query = parse_one(sql, dialect=DIALECT)
        read = {(table.db, table.name) for table in query.find_all(exp.Table) if table.db}
        standing = self._standing([*read, (schema, name)])
        own = standing.pop((schema, name), {})
        types = dg.TableSchema([dg.TableColumn(column, kind) for column, kind in own.items()])
        try:
            deps = dependencies(query, standing, list(own), key_of)
        except SqlglotError:  # SQL that it does not know yet: the model is built all the same
            return Made(types, None)
        return Made(types, dg.TableColumnLineage(deps))

    def _standing(self, tables: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
        """Return the columns of these tables, each with its type, in their order."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        rows = self._warehouse.read(
            "select table_schema, table_name, column_name, data_type from information_schema.columns "
            "where table_catalog = current_database() and list_contains(?, table_schema || '.' || table_name) "
            "order by ordinal_position",
            [[f"{schema}.{name}" for schema, name in tables]],
        ).to_pylist()
        for row in rows:
            found.setdefault((row["table_schema"], row["table_name"]), {})[row["column_name"]] = row[
                "data_type"
            ]
        return found


def dependencies(
    query: exp.Expr,
    standing: dict[tuple[str, str], dict[str, str]],
    columns: Sequence[str],
    key_of: KeyOf,
) -> dict[str, list[dg.TableColumnDep]]:
    """Return column -> the columns of other tables it is made of, sorted; raises `SqlglotError`."""
    schema = MappingSchema(dialect=DIALECT)
    catalogs = {(table.db, table.name): table.catalog for table in query.find_all(exp.Table)}
    for (database, name), kinds in standing.items():
        table = exp.table_(name, database, catalogs.get((database, name)) or None, quoted=True)
        schema.add_table(table, kinds, dialect=DIALECT)
    qualified = match_unions_by_name(qualify(query, schema=schema, dialect=DIALECT))
    scope = build_scope(qualified)
    found = {}
    for column in columns:
        made_of = lineage(
            column, qualified, schema=schema, scope=scope, dialect=DIALECT, trim_selects=False, copy=False
        )
        # several tables may be one asset
        named = sorted({(key_of(schema_name, table), own) for schema_name, table, own in leaves(made_of)})
        found[column] = [dg.TableColumnDep(key, own) for key, own in named]
    return found


def leaves(made_of: Node) -> set[tuple[str, str, str]]:
    """Return schema, table and column of whatever a column is made of in the end."""
    ends = ((node, node.source) for node in made_of.walk() if not node.downstream)
    return {
        (table.db, table.name, exp.to_column(node.name).name)
        for node, table in ends
        if isinstance(table, exp.Table)
    }


def match_unions_by_name(query: exp.Expr) -> exp.Expr:
    """Return the query with each union by name as a union by place, what a side lacks null."""
    for union in reversed([*query.find_all(exp.SetOperation)]):  # the inner ones first
        if not union.args.get("by_name"):
            continue
        left, right = union.left, union.right
        names = [
            *left.named_selects,
            *(name for name in right.named_selects if name not in left.named_selects),
        ]
        for side in (left, right):
            _select(side, names)
        union.set("by_name", False)
    return query


def _select(side: exp.Query, names: Sequence[str]) -> None:
    """Let one side of a union give exactly these columns, in this order."""
    if isinstance(side, exp.SetOperation):
        for part in (side.left, side.right):
            _select(part, names)
        return
    given = {one.alias_or_name: one for one in side.selects}
    chosen = [given.get(name) or exp.alias_(exp.null(), name, quoted=True) for name in names]
    side.set("expressions", chosen)
