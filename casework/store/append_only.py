"""Triggers that make the database itself refuse to change or delete history.

There is one narrow door through them: a value in a column of `ERASABLE` may be replaced by exactly what a row
of `redactions` says stands there from now on. Nothing else of the row may change, and no row ever goes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from casework.store.tables import APPEND_ONLY

REFUSE = "tidewaiter_append_only"
REDACT_ONLY = "tidewaiter_redact_only"

# table -> (key columns without the tenant, columns with content that can be erased, columns that never change)
ERASABLE: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "case_evidence": (
        ("case_id", "facts_version"),
        ("facts", "documents"),
        ("facts_sha256", "lineage", "publication_id", "recorded_at", "stated"),
    ),
    "case_facts": (("sequence",), ("details",), ("case_id", "fact", "actor", "occurred_at")),
    "audit_entries": (
        ("sequence",),
        ("payload",),
        (
            *("occurred_at", "actor", "action", "case_id", "object_id"),
            *("payload_sha256", "previous_hash", "entry_hash"),
        ),
    ),
    "draft_versions": (
        ("draft_id", "version"),
        ("content",),
        ("content_sha256", "facts_version", "author", "created_at"),
    ),
    "approvals": (
        ("approval_id",),
        ("recipients", "reason"),
        (
            *("draft_id", "draft_version", "case_id", "decision", "approver"),
            *("content_sha256", "facts_version", "decided_at", "expires_at"),
        ),
    ),
    "events": (("sequence",), ("data",), ("event_id", "type", "subject", "occurred_at")),
    "link_views": (
        ("view_id",),
        ("address_hash", "user_agent"),
        ("link_id", "visit_id", "kind", "case_id", "viewed_at"),
    ),
}
TEXT_COLUMNS = frozenset(
    {("approvals", "reason"), ("link_views", "address_hash"), ("link_views", "user_agent")}
)


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


def unprotect(connection: Connection, tables: Iterable[str]) -> None:
    """Take the triggers off, for a migration that changes the tables; it protects them again."""
    for table in tables:
        if connection.dialect.name == "postgresql":
            for trigger in ("append_only", "no_truncate"):
                connection.execute(text(f"drop trigger if exists {table}_{trigger} on {table}"))
        else:
            for verb in ("update", "delete"):
                connection.execute(text(f"drop trigger if exists {table}_no_{verb}"))


def protect_but_redact(connection: Connection, tables: Iterable[str] = ERASABLE) -> None:
    """Create the triggers of tables whose content can be erased by a recorded redaction, and only so."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_REDACT_ONLY_FUNCTION))
    for table in tables:
        protect(connection, (table,))
        keys, erasable, fixed = ERASABLE[table]
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"drop trigger {table}_append_only on {table}"))
            told = f"'{','.join(keys)}', '{','.join(erasable)}'"
            connection.execute(
                text(
                    f"create trigger {table}_append_only before update or delete on {table} "
                    f"for each row execute function {REDACT_ONLY}({told})"
                )
            )
        else:
            connection.execute(text(f"drop trigger {table}_no_update"))
            connection.execute(text(_redact_only_on_sqlite(table, keys, erasable, fixed)))


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


def _redact_only_on_sqlite(
    table: str, keys: tuple[str, ...], erasable: tuple[str, ...], fixed: tuple[str, ...]
) -> str:
    key = " || '|' || ".join(f"old.{column}" for column in keys)
    same = " and ".join(f"new.{column} is old.{column}" for column in ("tenant_id", *keys, *fixed))
    told = " and ".join(_is_told_on_sqlite(table, key, column) for column in erasable)
    return (
        f"create trigger {table}_no_update before update on {table} when not ({same} and {told}) "
        f"begin select raise(abort, '{table} is append-only'); end"
    )


def _is_told_on_sqlite(table: str, key: str, column: str) -> str:
    # JSON is stored as its text; a text column's replacement is a mark that needs no escaping.
    written = f"'\"' || new.{column} || '\"'" if (table, column) in TEXT_COLUMNS else f"new.{column}"
    return (
        f"(new.{column} is old.{column} or exists (select 1 from redactions r "
        f"where r.tenant_id = old.tenant_id and r.table_name = '{table}' and r.row_key = {key} "
        f"and r.column_name = '{column}' and r.replacement = {written}))"
    )


_REDACT_ONLY_FUNCTION = f"""
create or replace function {REDACT_ONLY}() returns trigger language plpgsql as $$
declare
    erasable text[] := string_to_array(tg_argv[1], ',');
    was jsonb := to_jsonb(old);
    will jsonb;
    key text;
    name text;
begin
    if tg_op = 'DELETE' then
        raise exception '% is append-only', tg_table_name;
    end if;
    will := to_jsonb(new);
    if (was - erasable) is distinct from (will - erasable) then
        raise exception '% is append-only', tg_table_name;
    end if;
    select string_agg(was ->> part, '|' order by place) into key
    from unnest(string_to_array(tg_argv[0], ',')) with ordinality as parts (part, place);
    foreach name in array erasable loop
        if (was -> name) is distinct from (will -> name) and not exists (
            select 1 from redactions r
            where r.tenant_id = old.tenant_id and r.table_name = tg_table_name and r.row_key = key
              and r.column_name = name and r.replacement::jsonb = will -> name
        ) then
            raise exception '% is append-only', tg_table_name;
        end if;
    end loop;
    return new;
end $$
"""
