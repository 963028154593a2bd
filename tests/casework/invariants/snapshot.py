"""Everything one tenant's store says at one moment, read straight from the tables, without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, select

from casework.store.tables import (
    Table,
    approvals,
    audit_entries,
    audit_heads,
    case_facts,
    cases,
    contacts,
    delegations,
    draft_versions,
    drafts,
    effects,
    escalations,
    events,
    grants,
    link_views,
    messages,
    partner_links,
    sign_offs,
    usage,
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """The rows of a tenant, in a fixed order, and desk time."""

    now: datetime
    audit: list[Row]
    heads: list[Row]
    facts: list[Row]
    events: list[Row]
    cases: dict[str, Row]
    drafts: dict[str, Row]
    versions: dict[tuple[str, int], Row]
    approvals: dict[str, Row]
    effects: dict[str, Row]
    steps: dict[str, Row]
    messages: list[Row]
    contacts: list[Row]
    grants: list[Row]
    links: dict[str, Row]
    views: list[Row]
    sign_offs: dict[str, Row]
    delegations: dict[str, Row]
    usage: list[Row]

    def said(self, *actions: str) -> list[Row]:
        """The audit entries of these actions."""
        return [entry for entry in self.audit if entry["action"] in actions]


class Pulse:
    """Tells whether anything was written to a store: what did not change need not be read again."""

    QUESTIONS = MappingProxyType(
        {
            "sqlite": "pragma data_version",  # moves with every commit of another connection
            "postgresql": "select pg_current_wal_insert_lsn()",
        }
    )

    def __init__(self, engine: Engine) -> None:
        self._question = self.QUESTIONS[engine.dialect.name]
        self._connection = engine.raw_connection()
        self._driver: Any = self._connection.driver_connection
        if engine.dialect.name == "postgresql":
            self._driver.autocommit = True

    def __call__(self) -> Any:
        """Return what differs from the last answer once somebody wrote."""
        return self._driver.execute(self._question).fetchone()

    def stop(self) -> None:
        self._connection.invalidate()  # not for others: it begins no transactions


# Every table, in the order it is told in.
ORDERS: Mapping[str, tuple[Table, tuple[str, ...]]] = MappingProxyType(
    {
        "audit": (audit_entries, ("sequence",)),
        "heads": (audit_heads, ("tenant_id",)),
        "facts": (case_facts, ("sequence",)),
        "events": (events, ("sequence",)),
        "cases": (cases, ("case_id",)),
        "drafts": (drafts, ("case_id", "kind")),
        "versions": (draft_versions, ("draft_id", "version")),
        "approvals": (approvals, ("decided_at", "approval_id")),
        "effects": (effects, ("created_at", "target", "recipient", "effect_id")),
        "steps": (escalations, ("case_id", "rule", "step", "escalation_id")),
        "messages": (messages, ("occurred_at", "message_id")),
        "contacts": (contacts, ("party_id", "channel")),
        "grants": (grants, ("grant_id",)),
        "links": (partner_links, ("link_id",)),
        "views": (link_views, ("view_id",)),
        "sign_offs": (sign_offs, ("sign_off_id",)),
        "delegations": (delegations, ("delegation_id",)),
        "usage": (usage, ("started_at", "usage_id")),
    }
)
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cases": ("case_id",),
        "drafts": ("draft_id",),
        "versions": ("draft_id", "version"),
        "approvals": ("approval_id",),
        "effects": ("effect_id",),
        "steps": ("escalation_id",),
        "links": ("link_id",),
        "sign_offs": ("sign_off_id",),
        "delegations": ("delegation_id",),
    }
)


class Reader:
    """Reads a tenant's tables again and again.

    What the store keeps is compared as it lies there, all of it, each time; only rows from the first that
    differs on are made into values again.
    """

    def __init__(self) -> None:
        self._lying: dict[str, list[Any]] = {name: [] for name in ORDERS}
        self._rows: dict[str, list[Row]] = {name: [] for name in ORDERS}

    def __call__(self, connection: Connection, tenant_id: str, now: datetime) -> Snapshot:
        """Read a tenant's tables in the caller's transaction."""
        lying = _LYING[connection.dialect.name](connection, tenant_id)
        for name, found in lying.items():
            if found != self._lying[name]:
                known = _alike(found, self._lying[name])
                fresh = connection.execute(_rows_from(name), {"tenant": tenant_id, "known": known})
                self._rows[name] = self._rows[name][:known] + [dict(row) for row in fresh.mappings()]
        self._lying = lying
        keyed = {name: {_key(row, by): row for row in self._rows[name]} for name, by in KEYS.items()}
        return Snapshot(now=now, **{**self._rows, **keyed})


def snapshot(connection: Connection, tenant_id: str, now: datetime) -> Snapshot:
    """Read a tenant's tables once, in the caller's transaction."""
    return Reader()(connection, tenant_id, now)


def _key(row: Row, by: tuple[str, ...]) -> Any:
    return row[by[0]] if len(by) == 1 else tuple(row[name] for name in by)


def _alike(one: list[Any], other: list[Any]) -> int:
    """How many rows two tables have in common before the first that differs."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


@cache
def _rows_from(name: str) -> Select[Any]:
    """The question is the same after every step: it is put together once."""
    table, order = ORDERS[name]
    query = select(table).where(table.c.tenant_id == bindparam("tenant"))
    return query.order_by(*(table.c[by] for by in order)).limit(1_000_000).offset(bindparam("known"))


def _lying_in_sqlite(connection: Connection, tenant_id: str) -> dict[str, list[Any]]:
    cursor: Any = connection.connection.cursor()
    try:
        return {
            name: cursor.execute(
                f"select * from {table.name} where tenant_id = ? order by {', '.join(order)}", (tenant_id,)
            ).fetchall()
            for name, (table, order) in ORDERS.items()
        }
    finally:
        cursor.close()


def _lying_in_postgres(connection: Connection, tenant_id: str) -> dict[str, list[Any]]:
    """One question for all tables; each row as the one text that PostgreSQL writes for it."""
    found: dict[str, list[Any]] = {name: [] for name in ORDERS}
    cursor: Any = connection.connection.cursor()
    try:
        for name, _, line in cursor.execute(_every_line(), {"tenant": tenant_id}).fetchall():
            found[name].append(line)
    finally:
        cursor.close()
    return found


@cache
def _every_line() -> str:
    parts = (
        f"select '{name}' as name, row_number() over (order by {', '.join(order)}) as at, t::text as line"
        f" from {table.name} t where tenant_id = %(tenant)s"
        for name, (table, order) in ORDERS.items()
    )
    return f"{' union all '.join(parts)} order by name, at"


_LYING: Mapping[str, Callable[[Connection, str], dict[str, list[Any]]]] = MappingProxyType(
    {"sqlite": _lying_in_sqlite, "postgresql": _lying_in_postgres}
)
