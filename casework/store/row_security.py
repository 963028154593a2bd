"""PostgreSQL's row-level security: the database itself shows a transaction the rows of its tenant alone.

Every table with a `tenant_id` forces it, on its owner too. A transaction runs as the role `tidewaiter_desk`, which
owns nothing, and names its tenant in a setting that ends with it; without the setting it sees no row. Queries name
their tenant all the same: this is the second line, for the day one of them forgets. SQLite has no such thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

DESK_ROLE = "tidewaiter_desk"
TENANT, ACROSS = "tidewaiter.tenant", "tidewaiter.every_tenant"
OWN_ROWS, EVERY_ROW = "own_tenant", "every_tenant"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")  # what can name a tenant; anything else is the tenant of no row


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose rows a transaction sees: one tenant's, every tenant's, or none."""

    tenant_id: str | None = None
    is_across: bool = False
    is_owner: bool = False  # migrations change the tables themselves, so they keep the role they came with

    def over(self, connection: Connection) -> Connection:
        """Let every transaction of a connection see this and no more."""
        return connection.execution_options(tidewaiter_sight=self)


EVERY_TENANT = Sight(is_across=True)
OWNER = Sight(is_across=True, is_owner=True)


def begin(connection: Connection) -> None:
    """Take the desk's role and name the tenant, for this transaction only; called when one begins."""
    sight: Sight | None = connection.get_execution_options().get("tidewaiter_sight")
    if sight is None:
        return
    tenant = sight.tenant_id if sight.tenant_id and NAME.fullmatch(sight.tenant_id) else ""
    settings = {TENANT: tenant, ACROSS: "yes" if sight.is_across else ""}
    if not sight.is_owner:
        settings["role"] = DESK_ROLE
    asked = ", ".join("set_config(%s, %s, true)" for _ in settings)
    connection.exec_driver_sql(f"select {asked}", tuple(part for pair in settings.items() for part in pair))


def make_role(connection: Connection) -> None:
    """Make the desk's role where the server has none, and let this login take it.

    Roles belong to the whole server. A login that may not make roles needs one made by an administrator:
    `create role tidewaiter_desk nologin; grant tidewaiter_desk to <login>`.
    """
    connection.execute(text(_MAKE_ROLE))


def secure(connection: Connection, tables: Iterable[str], *, shared: bool = False) -> None:
    """Let the desk use new tables, each transaction the rows of its own tenant; `shared` ones have no tenant."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        connection.execute(text(f"grant select, insert, update, delete on {table} to {DESK_ROLE}"))
        if shared:
            continue
        connection.execute(text(f"alter table {table} enable row level security"))
        connection.execute(text(f"alter table {table} force row level security"))
        mine = f"tenant_id = nullif(current_setting('{TENANT}', true), '')"
        every = f"current_setting('{ACROSS}', true) = 'yes'"
        for policy, rule in ((OWN_ROWS, mine), (EVERY_ROW, every)):
            connection.execute(text(f"create policy {policy} on {table} using ({rule}) with check ({rule})"))


def release(connection: Connection, tables: Iterable[str], *, shared: bool = False) -> None:
    """Take all of it off again, for a migration that goes back."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        connection.execute(text(f"revoke all on {table} from {DESK_ROLE}"))
        if shared:
            continue
        for policy in (OWN_ROWS, EVERY_ROW):
            connection.execute(text(f"drop policy {policy} on {table}"))
        connection.execute(text(f"alter table {table} no force row level security"))
        connection.execute(text(f"alter table {table} disable row level security"))


def drop_role(connection: Connection) -> None:
    """Drop the desk's role, unless another database of the server still uses it or it is not ours to drop."""
    connection.execute(text(_DROP_ROLE))


# Two databases of one server may be migrated at the same moment, so that the role is there already is no error.
_MAKE_ROLE = f"""
do $$ begin
    if not exists (select 1 from pg_roles where rolname = '{DESK_ROLE}') then
        begin
            create role {DESK_ROLE} nologin nosuperuser nobypassrls nocreaterole nocreatedb;
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
    begin
        perform set_config('role', '{DESK_ROLE}', true);
        perform set_config('role', 'none', true);
    exception when insufficient_privilege then
        execute format('grant {DESK_ROLE} to %I', session_user);
    end;
exception when insufficient_privilege then
    raise exception 'This login may not take the role {DESK_ROLE}. Let an administrator of the server run: '
        'create role {DESK_ROLE} nologin; grant {DESK_ROLE} to %;  Then migrate again.', session_user;
end $$
"""
_DROP_ROLE = f"""
do $$ begin
    drop role {DESK_ROLE};
exception when dependent_objects_still_exist or insufficient_privilege then null;
end $$
"""
