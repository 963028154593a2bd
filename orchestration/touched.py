"""What was touched, built and tested by the SQL of the dbt models, without dbt's own steps around each of them.

dbt compiles every model and every data test once; a short run then takes their SQL in dbt's order. For a handful of
rows dbt's own steps around a node cost more than its SQL, and it commits each by itself. Here all of it is one
transaction: where a test fails, or the process dies, what stood before stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import duckdb

from orchestration.errors import BuildFailed


@dataclass(frozen=True)
class Step:
    """A model or a data test of the project, as SQL."""

    unique_id: str
    name: str
    schema: str
    model: str | None  # of a test: the unique id of the model it is about
    statements: tuple[str, ...]  # the first tells how many rows: built, or breaking the rule that is tested

    def run(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Return how many rows were built, or how many break the rule that is tested; the caller commits."""
        try:
            counts = [connection.execute(statement).fetchall()[0][0] for statement in self.statements]
        except duckdb.Error as error:
            raise BuildFailed(f"{self.kind} {self.name}: {' '.join(str(error).split())}") from error
        return int(counts[0])

    @property
    def kind(self) -> str:
        """Say what it is in a sentence."""
        return "test" if self.model else "model"


def steps_of(compiled: Iterable[Any]) -> list[Step]:
    """Return the steps of nodes that dbt compiled for a build of what was touched, each after those it stands on.

    A view has no statements: it changes with the code alone, after which everything is built.
    """
    nodes = {node.unique_id: node for node in compiled if node.resource_type in ("model", "test")}
    graph = {name: sorted(nodes.keys() & set(nodes[name].depends_on.nodes)) for name in sorted(nodes)}
    return [_step(nodes[name]) for name in TopologicalSorter(graph).static_order()]


def _step(node: Any) -> Step:
    if node.resource_type == "model":
        return Step(node.unique_id, node.name, node.schema, None, _statements(node))
    if (str(node.config.severity).upper(), node.config.error_if) != ("ERROR", "!= 0"):
        raise BuildFailed(f"test {node.name}: a short run knows only tests that let no row pass.")
    breaking = f"select {node.config.fail_calc} from (\n{node.compiled_code}\n)"
    about = node.attached_node or node.depends_on.nodes[0]
    return Step(node.unique_id, node.name, node.schema, about, (breaking,))


def _statements(node: Any) -> tuple[str, ...]:
    """Return what builds a table again: its rows first, for they may be made of those that stand there."""
    if node.config.materialized == "view":
        return ()
    table, touched = node.relation_name, (node.config.meta or {}).get("touched", {})
    taken_out = f"delete from {table} as rows"
    if touched.get("taken_out"):
        taken_out += f" using {touched['taken_out']}"
    then = (touched["then"],) if touched.get("then") else ()
    made = f"create or replace temp table made as\n{node.compiled_code}"
    return (made, taken_out, f"insert into {table} by name from temp.made", *then)


def build(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], models: Collection[str]
) -> Iterator[tuple[Step, int]]:
    """Build these models, by unique id, and test them, in the caller's transaction; yield each step with its count.

    Raises `BuildFailed` at a model that cannot be built, and at the end with every test that failed.
    """
    failed = []
    for step in steps:
        if (step.model or step.unique_id) not in models or not step.statements:
            continue
        count = step.run(connection)
        if step.model and count:
            failed.append(f"test {step.name}: Got {count} results, configured to fail if != 0")
        yield step, count
    if failed:
        raise BuildFailed("; ".join(failed))
