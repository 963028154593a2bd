"""One decision's transaction: what is saved and what is said about it, together or not at all.

A `Work` holds the tenant's lock (the head of its audit chain), so the decisions of one tenant come one after
another on both stores; facts, audit entries and events are numbered without gaps and written at the end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert
from ulid import ULID

from casework.canonical import plain
from casework.evidence.chain import GENESIS, link
from casework.evidence.fold import FOLDED
from casework.store.tables import Table, Values, audit_entries, audit_heads, case_facts, events


def new_id() -> str:
    """Return a new identifier that sorts by time."""
    return str(ULID())


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return an insert that leaves rows alone whose key already exists; its rowcount is what was new."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


class Work:
    """A write transaction of one tenant by one actor at one instant of desk time."""

    def __init__(self, connection: Connection, tenant_id: str, actor: str, now: datetime) -> None:
        """Take the tenant's lock and read where its chain stands."""
        self.connection = connection
        self.tenant_id = tenant_id
        self.actor = actor
        self.now = now
        self.sequence, self.entry_hash = self._lock()
        self._said: list[dict[str, Any]] = []
        self._moves: dict[str, dict[str, dict[str, str]]] = {}
        self._facts: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._heard = 0

    def say(
        self,
        fact: str,
        *,
        case: Values | None = None,
        object_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        actor: str | None = None,
        is_event: bool = True,
    ) -> None:
        """Record a past-tense fact: in the case's history, in the audit chain, and as an event.

        `case` is the case as it stands after the change (at least its id and the folded columns); what
        concerns no case goes into the audit chain and the events alone.
        """
        said = plain(details or {})
        who = actor or self.actor
        payload: dict[str, Any] = {"details": said}
        case_id = None
        if case is not None:
            case_id = case["case_id"]
            payload["case"] = {column: plain(case[column]) for column in FOLDED if column in case}
            self._facts.append({"case_id": case_id, "fact": fact, "actor": who, "details": said})
        self._said.append(
            {"action": fact, "actor": who, "case_id": case_id, "object_id": object_id, "payload": payload}
        )
        if is_event:
            subject = case_id or object_id or self.tenant_id
            self._events.append({"type": event_type(fact), "subject": subject, "data": payload})

    def move(self, kind: str, case_id: str, object_id: str, state: str) -> None:
        """Note that a case's draft or effect (`kind` is its table) goes to a state; the log tells it.

        It is told in the last entry about the case in this transaction, or in one of its own.
        """
        self._moves.setdefault(case_id, {}).setdefault(kind, {})[object_id] = state

    def finish(self) -> None:
        """Write everything said; the last statements before the commit."""
        entries = self._linked()
        if not entries:
            return
        self.connection.execute(audit_entries.insert(), entries)
        self.connection.execute(
            update(audit_heads)
            .where(audit_heads.c.tenant_id == self.tenant_id)
            .values(sequence=self.sequence, entry_hash=self.entry_hash)
        )
        if self._facts:
            self.connection.execute(case_facts.insert(), self._numbered(case_facts, self._facts))
        if self._events:
            rows = [row | {"event_id": new_id()} for row in self._events]
            self.connection.execute(events.insert(), self._numbered(events, rows))

    def unheard(self) -> list[dict[str, Any]]:
        """Return the facts about cases said since the last call: what other cases may react to."""
        said, self._heard = self._facts[self._heard :], len(self._facts)
        return said

    @property
    def has_spoken(self) -> bool:
        """Whether anything was said in this transaction."""
        return bool(self._said or self._moves)

    def _linked(self) -> list[dict[str, Any]]:
        """Tie what was said to the chain, each entry with the moves of its case."""
        last = {said["case_id"]: said for said in self._said if said["case_id"]}
        for case_id in self._moves.keys() - last.keys():
            alone = {"action": "case:records:moved", "actor": self.actor, "case_id": case_id}
            last[case_id] = alone | {"object_id": None, "payload": {"details": {}}}
            self._said.append(last[case_id])
        return [self._link(said, said is last.get(said["case_id"])) for said in self._said]

    def _link(self, said: Mapping[str, Any], is_last: bool) -> dict[str, Any]:
        payload = dict(said["payload"])
        # Nobody can find out by trying what an entry said, once its content is erased and its hash is left.
        payload["salt"] = secrets.token_hex(16)
        if is_last and said["case_id"] in self._moves:
            payload["moves"] = self._moves[said["case_id"]]
        entry = link(
            self.tenant_id,
            self.sequence + 1,
            self.entry_hash,
            occurred_at=self.now,
            **{**said, "payload": payload},
        )
        self.sequence, self.entry_hash = entry["sequence"], entry["entry_hash"]
        return entry

    def _numbered(self, table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        last = self.connection.scalar(
            select(func.max(table.c.sequence)).where(table.c.tenant_id == self.tenant_id)
        )
        common = {"tenant_id": self.tenant_id, "occurred_at": self.now}
        return [common | row | {"sequence": number} for number, row in enumerate(rows, start=(last or 0) + 1)]

    def _lock(self) -> tuple[int, str]:
        query = (
            select(audit_heads.c.sequence, audit_heads.c.entry_hash)
            .where(audit_heads.c.tenant_id == self.tenant_id)
            .with_for_update()
        )
        head = self.connection.execute(query).first()
        if head is None:
            first = {"tenant_id": self.tenant_id, "sequence": 0, "entry_hash": GENESIS}
            self.connection.execute(insert_new(self.connection, audit_heads), [first])
            head = self.connection.execute(query).one()
        return head.sequence, head.entry_hash


def event_type(fact: str) -> str:
    """Return the CloudEvents type of a fact: `case:owner:assigned` is `tidewaiter.case.owner.assigned`."""
    return "tidewaiter." + fact.replace(":", ".")
