"""What was touched, built and tested by the SQL of the dbt models, without dbt's own steps around each of them.

dbt compiles every model and every data test once; a short run then takes their SQL in dbt's order. For a handful of
rows dbt's own steps around a node cost more than its SQL, and it commits each by itself. Here all of it is one
transaction: where a test fails, or the process dies, what stood before stands.

Of a model that takes part, the rows that were touched are taken out and built again. Every other is compared with what
stands, row by row, and what reads only tables that are as they were is neither built nor tested again (`changes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import duckdb

from orchestration.changes import Changes
from orchestration.errors import BuildFailed
from orchestration.warehouse import TOLD_TABLES

TOUCHED = "touched"  # the schema of what was touched, which is another at every run
SHORT_TABLES = {f"raw.{name}" for name in TOLD_TABLES} | {"ml.arrival_scores"}
FEW_ROWS = 5_000  # tables of no more are compared row by row at once
NAMED = re.compile(r'"[^"]+"\."([^"]+)"\."([^"]+)"')  # a table, as dbt writes it


@dataclass(frozen=True)
class Step:
    """A model or a data test of the project, as SQL."""

    unique_id: str
    name: str
    schema: str
    model: str | None  # of a test: the unique id of the model it is about
    code: str  # asks for the rows of a model; of a test, how many rows break its rule
    reads: frozenset[str]  # tables, as schema.name, through views
    reads_itself: bool = False  # a model whose rows are made of those that stand there
    of: str | None = None  # of a model that takes part: what was touched, its rows are taken out `where`
    where: str | None = None
    then: str | None = None  # what is left to do when they are in

    @property
    def kind(self) -> str:
        """Say what it is in a sentence."""
        return "test" if self.model else "model"

    @property
    def table(self) -> str:
        """Name the table that a model fills."""
        return f"{self.schema}.{self.name}"

    @property
    def key(self) -> str:
        """Name the step where changes are noted."""
        return self.unique_id if self.model else self.table

    def run(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, bool]:
        """Build or test; return the rows built, or that break the rule, and whether the table is another than it was.

        The caller commits. Raises `BuildFailed` where the SQL cannot be run.
        """
        try:
            return self._run(connection)
        except duckdb.Error as error:
            raise BuildFailed(f"{self.kind} {self.name}: {' '.join(str(error).split())}") from error

    def _run(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, bool]:
        def count(statement: str) -> int:
            return int(connection.execute(statement).fetchall()[0][0])

        if self.model:
            return count(self.code), False
        if self.schema == TOUCHED:
            count(f"delete from {self.table}")
            made = count(f"insert into {self.table} by name\n{self.code}")
            return made, bool(made)
        made, is_other = self._renew(count) if self.of else self._replace(count)
        kept = count(self.then) if self.then else 0
        return made, is_other or kept > 0

    def _renew(self, count: Callable[[str], int]) -> tuple[int, bool]:
        """Put the touched rows in the place of those that stand; return how many, and whether there are any of both."""
        take_out = f"delete from {self.table} as rows using {self.of} as touched where {self.where}"
        if not self.reads_itself:
            taken_out = count(take_out)
            made = count(f"insert into {self.table} by name\n{self.code}")
            return made, bool(made or taken_out)
        made = count(f"create or replace temp table made as\n{self.code}")
        taken_out = count(take_out)
        count(f"insert into {self.table} by name from temp.made")
        return made, bool(made or taken_out)

    def _replace(self, count: Callable[[str], int]) -> tuple[int, bool]:
        """Make the table whole, and put it in the place of one that is another; return its rows, and whether it was."""
        made = count(f"create or replace temp table made as\n{self.code}")
        is_other = self._is_other(count, made)
        if is_other:
            count(f"delete from {self.table}")
            count(f"insert into {self.table} by name from temp.made")
        return made, is_other

    def _is_other(self, count: Callable[[str], int], made: int) -> bool:
        """Say whether a table that was made whole is another than the one that stands, of as many rows or not."""
        if count(f"select count(*) from {self.table}") != made:
            return True
        if made > FEW_ROWS and not count(_LOOKS_THE_SAME.format(table=self.table)):
            return True
        return count(_OTHERS.format(table=self.table)) > 0


# Hashes tell cheaply that two long tables differ; that they do not is looked up row by row.
_LOOKS_THE_SAME = """
    select (select sum(hash(t)) from temp.made as t) is not distinct from (select sum(hash(t)) from {table} as t)
"""
# counted by row on both sides, in one grouping: `except all` numbers the rows of each first
_OTHERS = """
    select count(*) from (
        select row_made
        from (select t as row_made, 1 as n from temp.made as t union all select t, -1 from {table} as t)
        group by row_made
        having sum(n) != 0
    )
"""


def steps_of(compiled: Iterable[Any]) -> list[Step]:
    """Return the steps of nodes that dbt compiled for a build of what was touched, each after those it stands on.

    A view is no step: it changes with the code alone, after which everything is built.
    """
    nodes = {node.unique_id: node for node in compiled if node.resource_type in ("model", "test")}
    graph = {name: sorted(nodes.keys() & set(nodes[name].depends_on.nodes)) for name in sorted(nodes)}
    views: dict[str, frozenset[str]] = {}
    steps = []
    for node in map(nodes.__getitem__, TopologicalSorter(graph).static_order()):
        if node.resource_type == "model" and node.config.materialized == "view":
            views[f"{node.schema}.{node.name}"] = _tables(node.compiled_code, views)
        else:
            steps.append(_step(node, views))
    return steps


def _tables(code: str, views: dict[str, frozenset[str]]) -> frozenset[str]:
    """Return the tables that some SQL names, those of a view for the view."""
    named = (f"{schema}.{name}" for schema, name in NAMED.findall(code))
    return frozenset().union(*(views.get(name, {name}) for name in named))


def _step(node: Any, views: dict[str, frozenset[str]]) -> Step:
    code = node.compiled_code
    if node.resource_type == "model":
        own, table = (node.config.meta or {}).get("touched", {}), f"{node.schema}.{node.name}"
        reads = _lasting(_tables(f"{code}\n{own.get('then') or ''}", views)) - {table}
        parts = {name: own.get(name) for name in ("of", "where", "then")}
        reads_itself = table in _tables(code, views)
        return Step(node.unique_id, node.name, node.schema, None, code, reads, reads_itself, **parts)
    if (str(node.config.severity).upper(), node.config.error_if) != ("ERROR", "!= 0"):
        raise BuildFailed(f"test {node.name}: a short run knows only tests that let no row pass.")
    breaking = f"select {node.config.fail_calc} from (\n{code}\n)"
    about = node.attached_node or node.depends_on.nodes[0]
    return Step(node.unique_id, node.name, node.schema, about, breaking, _lasting(_tables(code, views)))


def _lasting(tables: frozenset[str]) -> frozenset[str]:
    """Return those of some tables that tell more than which rows a run looks at."""
    return frozenset(table for table in tables if not table.startswith(f"{TOUCHED}."))


def build(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], models: Collection[str]
) -> Iterator[tuple[Step, int, bool]]:
    """Build these models, by unique id, and test them, in the caller's transaction.

    Yields each step with the rows it built, and whether its table is another than it was.

    What is as it was is left out. Raises `BuildFailed` at a model that cannot be built, and at the end with every
    test that failed.
    """
    chosen = [step for step in steps if (step.model or step.unique_id) in models]
    read = {table for step in chosen for table in step.reads}
    changes, failed = Changes(connection, read & SHORT_TABLES), list[str]()
    for step in chosen:
        if not _is_asked_for(step, changes):
            continue
        count, is_other = step.run(connection)
        changes.built(step.key, is_other)
        if step.model and count:
            failed.append(f"test {step.name}: Got {count} results, configured to fail if != 0")
        yield step, count, is_other
    if failed:
        raise BuildFailed("; ".join(failed))
    changes.note()


def _is_asked_for(step: Step, changes: Changes) -> bool:
    """Say whether a step would find anything to do.

    What was touched is asked for at every run; the rest where a table that it reads was changed after it was built, and
    of what takes part only where anything of its kind was touched.
    """
    if step.schema == TOUCHED and not step.model:
        return True
    if step.of and not changes.holds_rows(step.of) and step.then is None:
        return False
    return changes.since(step.key, step.reads)
