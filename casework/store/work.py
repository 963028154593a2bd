"""One decision's transaction: what is saved and what is said about it, together or not at all.

A `Work` holds the tenant's lock (the head of its audit chain), so the decisions of one tenant come one after
another on both stores; facts, audit entries and events are numbered without gaps and written at the end.

The statements that every decision needs are built once, below: building one costs more than running it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, select, update
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


NUMBERS = ("sequence", "entry_hash", "fact_sequence", "event_sequence")
# On PostgreSQL the lock waits for whoever holds the row, and returns the row as that one left it.
HEAD = select(audit_heads).where(audit_heads.c.tenant_id == bindparam("of_tenant")).with_for_update()
MOVE_HEAD = (
    update(audit_heads)
    .where(audit_heads.c.tenant_id == bindparam("of_tenant"))
    .values({column: bindparam(f"to_{column}") for column in NUMBERS})
)
TOLD = (audit_entries, case_facts, events)
TELL = tuple(table.insert() for table in TOLD)


def _telling_at_once() -> Update:
    """Return one statement that adds a row to each table of the log and moves the head: one round trip."""
    statement = MOVE_HEAD
    for table in TOLD:
        values = {
            column.name: bindparam(f"{table.name}_{column.name}", type_=column.type) for column in table.c
        }
        statement = statement.add_cte(table.insert().values(values).cte(f"new_{table.name}"))
    return statement


TELL_AT_ONCE = _telling_at_once()


class Work:
    """A write transaction of one tenant by one actor at one instant of desk time."""

    def __init__(self, connection: Connection, tenant_id: str, actor: str, now: datetime) -> None:
        """Take the tenant's lock and read where its chain stands."""
        self.connection = connection
        self.tenant_id = tenant_id
        self.actor = actor
        self.now = now
        head = self._lock()
        self.sequence, self.entry_hash = int(head.sequence), str(head.entry_hash)
        self._fact_sequence, self._event_sequence = int(head.fact_sequence), int(head.event_sequence)
        self._said: list[dict[str, Any]] = []
        self._moves: dict[str, dict[str, dict[str, str]]] = {}
        self._facts: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._heard = 0
        # case_id -> the case before this transaction (None for a new one) and as it stands in it
        self.changed: dict[str, tuple[Values | None, Values]] = {}

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

    def note_change(self, before: Values | None, after: Values) -> None:
        """Remember how a case stood before this transaction, and how it stands now."""
        first, _ = self.changed.get(after["case_id"], (before, None))
        self.changed[after["case_id"]] = (first, after)

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
        facts = self._numbered(self._facts, self._fact_sequence)
        said = self._numbered([row | {"event_id": new_id()} for row in self._events], self._event_sequence)
        self._fact_sequence += len(facts)
        self._event_sequence += len(said)
        moved = {
            "of_tenant": self.tenant_id,
            "to_sequence": self.sequence,
            "to_entry_hash": self.entry_hash,
            "to_fact_sequence": self._fact_sequence,
            "to_event_sequence": self._event_sequence,
        }
        self._write((entries, facts, said), moved)

    def _write(self, told: tuple[list[dict[str, Any]], ...], moved: dict[str, Any]) -> None:
        """Add to the log and move its head; what most decisions say takes PostgreSQL one round trip."""
        if self.connection.dialect.name == "postgresql" and all(len(rows) == 1 for rows in told):
            for table, (row,) in zip(TOLD, told, strict=True):
                moved |= {f"{table.name}_{column}": value for column, value in row.items()}
            self.connection.execute(TELL_AT_ONCE, moved)
            return
        for statement, rows in zip(TELL, told, strict=True):
            if rows:
                self.connection.execute(statement, rows)
        self.connection.execute(MOVE_HEAD, moved)

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

    def _numbered(self, rows: list[dict[str, Any]], last: int) -> list[dict[str, Any]]:
        common = {"tenant_id": self.tenant_id, "occurred_at": self.now}
        return [common | row | {"sequence": number} for number, row in enumerate(rows, start=last + 1)]

    def _lock(self) -> Row[Any]:
        named = {"of_tenant": self.tenant_id}
        head = self.connection.execute(HEAD, named).first()
        if head is None:
            first = {"tenant_id": self.tenant_id, "sequence": 0, "entry_hash": GENESIS}
            first |= {"fact_sequence": 0, "event_sequence": 0}
            self.connection.execute(insert_new(self.connection, audit_heads), [first])
            head = self.connection.execute(HEAD, named).one()
        return head


def event_type(fact: str) -> str:
    """Return the CloudEvents type of a fact: `case:owner:assigned` is `tidewaiter.case.owner.assigned`."""
    return "tidewaiter." + fact.replace(":", ".")
