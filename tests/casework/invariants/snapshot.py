"""Everything one tenant's store says at one moment, read straight from the tables, without the code under test."""

from __future__ import annotations

from collections.abc import Mapping
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


@cache
def _all_rows(table: Table, order: tuple[str, ...]) -> Select[Any]:
    """The question is the same after every step: it is put together once."""
    query = select(table).where(table.c.tenant_id == bindparam("tenant"))
    return query.order_by(*(table.c[name] for name in order))


def snapshot(connection: Connection, tenant_id: str, now: datetime) -> Snapshot:
    """Read a tenant's tables in the caller's transaction."""

    def rows(table: Table, *order: str) -> list[Row]:
        found = connection.execute(_all_rows(table, order), {"tenant": tenant_id})
        return [dict(row) for row in found.mappings()]

    return Snapshot(
        now=now,
        audit=rows(audit_entries, "sequence"),
        heads=rows(audit_heads, "tenant_id"),
        facts=rows(case_facts, "sequence"),
        events=rows(events, "sequence"),
        cases={row["case_id"]: row for row in rows(cases, "case_id")},
        drafts={row["draft_id"]: row for row in rows(drafts, "case_id", "kind")},
        versions={
            (row["draft_id"], row["version"]): row for row in rows(draft_versions, "draft_id", "version")
        },
        approvals={row["approval_id"]: row for row in rows(approvals, "decided_at", "approval_id")},
        effects={row["effect_id"]: row for row in rows(effects, "created_at", "target", "recipient")},
        steps={row["escalation_id"]: row for row in rows(escalations, "case_id", "rule", "step")},
        messages=rows(messages, "occurred_at", "message_id"),
        contacts=rows(contacts, "party_id", "channel"),
        grants=rows(grants, "grant_id"),
        links={row["link_id"]: row for row in rows(partner_links, "link_id")},
        views=rows(link_views, "view_id"),
        sign_offs={row["sign_off_id"]: row for row in rows(sign_offs, "sign_off_id")},
        delegations={row["delegation_id"]: row for row in rows(delegations, "delegation_id")},
        usage=rows(usage, "started_at", "usage_id"),
    )
