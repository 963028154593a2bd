"""Triggers that make the database itself refuse to change or delete history."""

from __future__ import annotations

from sqlalchemy import Connection, text

from casework.store.tables import APPEND_ONLY

REFUSE = "tidewaiter_append_only"


def protect(connection: Connection, tables: tuple[str, ...] = tuple(t.name for t in APPEND_ONLY)) -> None:
    """Create the triggers for tables that only ever grow; the names come from `APPEND_ONLY` alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                f"create or replace function {REFUSE}() returns trigger language plpgsql as "
                "$$ begin raise exception '% is append-only', tg_table_name; end $$"
            )
        )
    for table in tables:
        for statement in _statements(connection.dialect.name, table):
            connection.execute(text(statement))


def _statements(dialect: str, table: str) -> list[str]:
    if dialect == "postgresql":
        return [
            f"create trigger {table}_append_only before update or delete on {table} "
            f"for each row execute function {REFUSE}()",
            f"create trigger {table}_no_truncate before truncate on {table} "
            f"for each statement execute function {REFUSE}()",
        ]
    return [
        f"create trigger {table}_no_{verb} before {verb} on {table} "
        f"begin select raise(abort, '{table} is append-only'); end"
        for verb in ("update", "delete")
    ]
