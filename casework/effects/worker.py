"""The worker: sends what is due, fires what is due, and says that it is alive. Needs nothing but the store.

Several workers may run at once; a killed one costs a delay, not a message. Effects and escalations run in
two threads, so that a slow mail server does not make an escalation late.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import update

from casework import telemetry
from casework.canonical import instant
from casework.crashpoints import crashpoint
from casework.desk import Desk
from casework.effects import adapters as standard_adapters
from casework.effects import outbox, settlement
from casework.effects.adapter import Adapter, Leased, LeaseLost, Outcome, Result
from casework.errors import CaseworkError, StoreIsOlder, StoreUnavailable
from casework.escalations import auditor, escalation, notices
from casework.store.engine import writing
from casework.store.tables import heartbeats
from casework.store.work import insert_new
from casework.teamwork import handover

log = logging.getLogger("tidewaiter.worker")
BATCH = 50
INTERVAL_SECONDS = 1.0
AUDIT_EVERY = timedelta(seconds=60)
CARRIED_BY = {"team_mail": "mail"}  # the same way out; other targets have the adapter of their name


class Door(Protocol):
    """What the worker needs of `Casework`."""

    @property
    def desk(self) -> Desk:
        """The wiring behind the door."""
        ...


def utcnow() -> datetime:
    """Return desk time: wall time, aware, UTC."""
    return datetime.now(UTC)


class Worker:
    """Leases due effects, sends them, settles them; fires due escalations; beats."""

    def __init__(
        self,
        casework: Door,
        adapters: Mapping[str, Adapter] | None = None,
        *,
        clock: Callable[[], datetime] = utcnow,
        name: str | None = None,
    ) -> None:
        """Work for this door with these adapters by target (those the environment configures, if none)."""
        self.desk = casework.desk
        self.adapters = adapters if adapters is not None else standard(self.desk.home)
        self.clock = clock
        self.name = (name or f"worker:{platform.node()}")[:60]
        self._audit: dict[str, Any] = {}
        self._audited_at: datetime | None = None

    def tick(self, now: datetime | None = None) -> dict[str, int]:
        """Do once everything that is due; return counts by outcome (`escalated`, `applied`, `refused`, …)."""
        clock = self.clock if now is None else lambda: now
        counts = Counter(self.fire(clock)) + Counter(self.send(clock))
        self.beat(clock(), counts)
        return dict(counts)

    def fire(self, clock: Callable[[], datetime] | None = None) -> dict[str, int]:
        """Fire the escalation steps that are due, and those of hand-overs that nobody accepted."""
        now = (clock or self.clock)()
        fired = escalation.fire_due(self.desk, now, actor=outbox.ACTOR)
        return {"escalated": fired + handover.fire_due(self.desk, now, actor=outbox.ACTOR)}

    def send(self, clock: Callable[[], datetime] | None = None) -> dict[str, int]:
        """Send the effects that are due, one after another."""
        now, counts = clock or self.clock, Counter[str]()
        for found in outbox.due(self.desk.engine, now(), BATCH):
            about = {"tenant_id": found.tenant_id, "effect_id": found.effect_id, "target": found.target}
            with telemetry.span("effect.send", found.traceparent, **about) as span:
                outcome = self._send_one(found, now)
                span.set_attribute("tidewaiter.outcome", outcome)
            telemetry.SENDS.labels(found.target, outcome).inc()
            counts[outcome] += 1
        return dict(counts)

    def _send_one(self, found: outbox.Due, now: Callable[[], datetime]) -> str:
        """Lease, send and settle one effect; return what became of it."""
        adapter = self.adapters.get(CARRIED_BY.get(found.target, found.target))
        if adapter is None:
            log.error("No adapter for target %s; effect %s waits.", found.target, found.effect_id)
            return "without_adapter"
        # A notice that may have arrived is told again, under the same id.
        is_idempotent = adapter.describe().is_idempotent or found.target in notices.TARGETS
        try:
            leased = outbox.lease(self.desk, found, now, self.name, is_idempotent=is_idempotent)
        except StoreIsOlder as older:
            log.error("%s Effect %s was not sent.", older, found.effect_id)
            return "store_is_older"
        if leased is None:
            return "not_sent"
        crashpoint("worker:after-lease")
        try:
            outcome = self._applied(adapter, leased)
        except LeaseLost as lost:
            log.warning("%s", lost)
            return "lease_lost"
        crashpoint("worker:after-send-before-settle")
        state = settlement.settle(
            self.desk, leased, outcome, now(), is_idempotent=is_idempotent, actor=outbox.ACTOR
        )
        crashpoint("worker:after-settle")
        return state.value if state else "lease_lost"

    def _applied(self, adapter: Adapter, leased: Leased) -> Outcome:
        """Send; an adapter that fails in a way of its own counts as an unknown outcome."""
        try:
            with telemetry.span("effect.apply", target=leased.target, attempt=leased.attempt):
                return adapter.apply(leased, leased.idempotency_key)
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception as error:
            log.exception("The adapter for %s failed.", leased.target)
            return Outcome(Result.UNKNOWN, f"The adapter failed ({type(error).__name__}).")

    def beat(self, now: datetime, counts: Mapping[str, Any]) -> None:
        """Say that this worker is alive, and what its auditor of escalations found last."""
        details = {"pid": os.getpid(), "last": dict(counts), "escalations": self._audited(now)}
        row = {"process": self.name, "beat_at": now, "details": details}
        with writing(self.desk.engine, None) as connection:
            added = connection.execute(insert_new(connection, heartbeats), [row])
            if added.rowcount == 0:
                mine = heartbeats.c.process == self.name
                connection.execute(update(heartbeats).where(mine).values(beat_at=now, details=details))

    def _audited(self, now: datetime) -> dict[str, Any]:
        """Look for escalations that were missed, once a minute, and see that no case stays forgotten.

        Counts alone are told, since a heartbeat has no tenant.
        """
        if self._audited_at is None or now - self._audited_at >= AUDIT_EVERY:
            missed = auditor.audit_missed(self.desk, now)
            self._audit = {"missed": len(missed), "audited_at": instant(now)}
            self._audited_at = now
            for found in missed:
                if found.problem == escalation.FORGOTTEN:
                    escalation.remind(self.desk, found.tenant_id, found.case_id, now, outbox.ACTOR)
            if missed:
                log.error("%d escalations were missed; see `tidewaiter escalations audit`.", len(missed))
        return self._audit

    def run_forever(self, stop: threading.Event, interval: float = INTERVAL_SECONDS) -> None:
        """Work until told to stop; errors of the store or the network are logged and tried again."""
        firing = threading.Thread(
            target=self._loop, args=(self._fire_and_beat, stop, interval), name="escalations", daemon=True
        )
        firing.start()
        self._loop(self.send, stop, interval)
        firing.join(timeout=30)

    def _fire_and_beat(self) -> dict[str, int]:
        counts = self.fire()
        self.beat(self.clock(), counts)
        return counts

    def _loop(self, work: Callable[[], dict[str, int]], stop: threading.Event, interval: float) -> None:
        while not stop.is_set():
            try:
                work()
            except CaseworkError as problem:
                log.warning("%s", problem)
            except Exception:
                log.exception("The worker's round failed; it goes on.")
            stop.wait(interval)


def standard(home: Path) -> dict[str, Adapter]:
    """Return the adapters this process' environment configures."""
    return standard_adapters.standard(home, os.environ)


def build_worker(casework: Door, *, home: Path) -> Worker:
    """Return the worker of a home folder, with the adapters this process' environment configures."""
    return Worker(casework, standard(home))
