"""What Prometheus reads: the worker's own counters and, at each scrape, how the store stands."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from casework import telemetry
from casework.desk import Desk
from casework.errors import StoreUnavailable
from casework.gauges import Standing, events_since, heads, standing
from orchestration.errors import PortTaken

LOOPBACK = "127.0.0.1"
MOST_EVENTS = 5_000  # of a tenant in one reading; a scrape reads until it has caught up


def serve(desk: Desk, port: int, clock: Callable[[], datetime]) -> Callable[[], None]:
    """Serve /metrics on loopback from now on; return what ends it. Raises `PortTaken`."""
    collector = StoreCollector(desk, clock)
    telemetry.REGISTRY.register(collector)
    try:
        server, thread = start_http_server(port, addr=LOOPBACK, registry=telemetry.REGISTRY)
    except OSError as taken:
        telemetry.REGISTRY.unregister(collector)
        raise PortTaken(
            f"Something already listens on {LOOPBACK}:{port}. Set TIDEWAITER_METRICS_PORT to another port."
        ) from taken

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
        telemetry.REGISTRY.unregister(collector)

    return stop


class StoreCollector(Collector):
    """Reads the store when it is asked; where it cannot be reached, says that and nothing else."""

    def __init__(self, desk: Desk, clock: Callable[[], datetime]) -> None:
        """Count events from now on, as a counter that begins with its process."""
        self._desk, self._clock = desk, clock
        self._lock = threading.Lock()
        self._said = Counter[tuple[str, str]]()
        self._positions: dict[str, int] | None = None

    def describe(self) -> Iterable[Metric]:
        """Promise nothing beforehand: describing must not need the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        up = GaugeMetricFamily("tidewaiter_store_up", "Whether the operational store answered.")
        try:
            found = standing(self._desk, self._clock())
            said = self._events()
        except StoreUnavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _gauges(found)
        counted = CounterMetricFamily(
            "tidewaiter_events",
            "What was said by anybody since this process began.",
            labels=("tenant", "type"),
        )
        for labels, number in sorted(said.items()):
            counted.add_metric(labels, number)
        yield counted

    def _events(self) -> Counter[tuple[str, str]]:
        """Count the events that are new since the last scrape."""
        with self._lock:
            if self._positions is None:
                with self._desk.reading_across() as connection:
                    newest = heads(connection)
                self._positions = {name: newest.get(name, 0) for name in self._desk.config.tenants}
            while found := events_since(self._desk, self._positions, MOST_EVENTS):
                for tenant_id, sequence, kind in found:
                    self._said[tenant_id, kind.removeprefix("tidewaiter.")] += 1
                    self._positions[tenant_id] = sequence
            return Counter(self._said)


def _gauges(found: Standing) -> Iterator[Metric]:
    yield _gauge(
        "effects",
        "Effects that have not left: pending, claimed, or waiting for a person.",
        ("tenant", "target", "state"),
        ((row[:3], row[3]) for row in found.effects),
    )
    yield _gauge(
        "escalations_due",
        "Steps that are due and have not fired.",
        ("tenant",),
        (((tenant,), number) for tenant, number in sorted(found.escalations_due.items())),
    )
    oldest = (("effect",), found.oldest_effect_seconds), (("escalation",), found.oldest_escalation_seconds)
    yield _gauge("oldest_due_seconds", "How long the oldest due one has been due.", ("what",), oldest)
    yield _gauge(
        "open_cases", "Open cases.", ("tenant", "state"), ((row[:2], row[2]) for row in found.open_cases)
    )
    yield _gauge(
        "usage_quantity",
        "What was used of a budget in its window.",
        ("tenant", "kind"),
        ((row[:2], row[2]) for row in found.budgets),
    )
    yield _gauge(
        "usage_cost",
        "What it cost, in the tenant's currency.",
        ("tenant", "kind"),
        ((row[:2], row[3]) for row in found.budgets),
    )
    yield _gauge(
        "heartbeat_age_seconds",
        "How long ago a process said that it was alive.",
        ("process",),
        (((process,), age) for process, age in sorted(found.heartbeat_seconds.items())),
    )
    yield _gauge(
        "events_behind",
        "Events that a named reader has not handled.",
        ("tenant", "consumer"),
        ((row[:2], row[2]) for row in found.consumers_behind),
    )


def _gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tidewaiter_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family
