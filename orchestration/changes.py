"""Which tables of the warehouse were changed by which short run, and which of their readers were built since.

Runs are numbered. Whatever dbt builds, it first forgets these notes (`on-run-start` of the project), and they begin
anew at a number drawn by chance: so one number never stands for two contents of a table, be it of another warehouse.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable

import duckdb
import pyarrow as pa

NOTES = "raw.built_steps"
BEGINNING = "beginning"  # in place of every table that was not changed since the notes began


class Changes:
    """The notes as one run reads them, goes on with them and leaves them, within its transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, told: Iterable[str]) -> None:
        """Read the notes, and find which feeds, and which of these short tables, were changed since the last run."""
        self._connection = connection
        noted = connection.execute(f"select step, built_in, changed_in, content from {NOTES}").fetchall()
        self._built = {step: built for step, built, _, _ in noted if built is not None}
        self._changed = {step: changed for step, _, changed, _ in noted if changed is not None}
        self._content = {step: content for step, _, _, content in noted if content is not None}
        self._filled: dict[str, bool] = {}
        if not self._changed:
            self._changed[BEGINNING] = secrets.randbits(62)
        self.number = 1 + max([*self._built.values(), *self._changed.values()])
        self._find_loaded()
        self._compare(sorted(told))

    def _find_loaded(self) -> None:
        loaded = self._connection.execute("select distinct table_name from raw.changed_files").fetchall()
        self._changed |= {f"raw.{name}": self.number for (name,) in loaded}

    def _compare(self, told: Collection[str]) -> None:
        """Compare all that short tables hold with what they held: whoever wrote them need not say so."""
        if not told:
            return
        asked = " union all ".join(
            f"select '{table}', sha256(coalesce(string_agg(cast(t as varchar), '' order by cast(t as varchar)), '')) "
            f"from {table} as t"
            for table in told
        )
        for table, content in self._connection.execute(asked).fetchall():
            if self._content.get(table) != content:
                self._content[table], self._changed[table] = content, self.number

    def since(self, step: str, tables: Iterable[str]) -> bool:
        """Say whether one of these tables was changed after a step was built, or it never was."""
        built = self._built.get(step)
        return built is None or any(self._changed.get(table, 0) > built for table in tables)

    def holds_rows(self, relation: str) -> bool:
        """Say whether a relation that stays as it is for the rest of the run holds anything; asked once."""
        if relation not in self._filled:
            query = f"select exists (select 1 from {relation})"
            self._filled[relation] = bool(self._connection.execute(query).fetchall()[0][0])
        return self._filled[relation]

    def built(self, step: str, is_other: bool) -> None:
        """Go on: a step was built now, and its table is another than it was, or not."""
        self._built[step] = self.number
        if is_other:
            self._changed[step] = self.number

    def note(self) -> None:
        """Leave the notes for the next run."""
        steps = sorted(self._built.keys() | self._changed.keys() | self._content.keys())
        noted = pa.table(
            {
                "step": steps,
                "built_in": pa.array(map(self._built.get, steps), pa.int64()),
                "changed_in": pa.array(map(self._changed.get, steps), pa.int64()),
                "content": pa.array(map(self._content.get, steps), pa.string()),
            }
        )
        self._connection.execute(f"delete from {NOTES}")
        self._connection.register("noted", noted)
        self._connection.execute(f"insert into {NOTES} by name from noted")
        self._connection.unregister("noted")


def versions(connection: duckdb.DuckDBPyConnection, tables: Collection[str]) -> dict[str, int]:
    """Return for each table the number of what it holds, of one number one content; none where nothing is noted."""
    noted = connection.execute(
        f"select step, changed_in from {NOTES} where changed_in is not null"
    ).fetchall()
    changed = {str(step): int(number) for step, number in noted}
    return {table: changed.get(table, changed[BEGINNING]) for table in tables} if changed else {}
