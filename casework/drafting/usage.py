"""Metering: one row per attempt to call a model, written before the call and settled after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from casework.store.engine import writing
from casework.store.tables import usage

QUOTA_WINDOW = timedelta(hours=24)


class OverQuota(Exception):  # noqa: N818
    """The tenant's model calls of the last 24 hours reached its quota; the template writes the draft."""


class UsageRecorder(Protocol):
    """Where attempts are recorded; `started` raises OverQuota when no further call may be made."""

    def started(self, *, tenant_id: str, case_id: str | None, kind: str, model: str) -> str:
        """Record an attempt before it is made and return its id."""
        ...

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> None:
        """Record what became of the attempt."""
        ...


class Unmetered:
    """Records nothing; for a drafter without a store."""

    def started(self, *, tenant_id: str, case_id: str | None, kind: str, model: str) -> str:
        """Allow the attempt."""
        return ""

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> None:
        """Forget the attempt."""


def _one_at_a_time(connection: Connection, tenant_id: str) -> None:
    """Let nobody else count the tenant's attempts before this one is in; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        lock = text("select pg_advisory_xact_lock(hashtext(:name))")
        connection.execute(lock, {"name": f"usage:{tenant_id}"})


class StoreUsage:
    """Records attempts in the operational store, each in a transaction of its own.

    Must not be used inside another write transaction of the same process: SQLite has one writer.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        calls_per_day: int = 2_000,
    ) -> None:
        """Record into this store; at most `calls_per_day` attempts per tenant in any 24 hours."""
        self._engine = engine
        self._clock = clock
        self._calls_per_day = calls_per_day

    def started(self, *, tenant_id: str, case_id: str | None, kind: str, model: str) -> str:
        """Count and insert in one transaction, so that attempts in flight count too."""
        now, usage_id = self._clock(), f"use_{secrets.token_hex(12)}"
        with writing(self._engine, tenant_id) as conn:
            _one_at_a_time(conn, tenant_id)
            recent = select(func.count()).where(
                usage.c.tenant_id == tenant_id, usage.c.started_at > now - QUOTA_WINDOW
            )
            if (conn.execute(recent).scalar() or 0) >= self._calls_per_day:
                raise OverQuota(tenant_id)
            row = {"tenant_id": tenant_id, "usage_id": usage_id, "case_id": case_id, "kind": kind}
            conn.execute(insert(usage).values(**row, model=model[:120], started_at=now))
        return usage_id

    def settled(
        self,
        tenant_id: str,
        usage_id: str,
        *,
        outcome: str,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> None:
        """Settle one attempt."""
        mine = (usage.c.tenant_id == tenant_id) & (usage.c.usage_id == usage_id)
        values = {"outcome": outcome, "input_tokens": input_tokens, "output_tokens": output_tokens}
        with writing(self._engine, tenant_id) as conn:
            conn.execute(update(usage).where(mine).values(**values, settled_at=self._clock()))
