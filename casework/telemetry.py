"""What a process tells of itself while it works: spans, and counters in its own memory.

Nothing here needs anybody to listen. Spans go nowhere until `begin` finds a collector in the environment, and
counters are read by whoever serves `REGISTRY`. Neither ever carries content, an address or a person's name: ids,
states and numbers alone, and no label that grows with the number of cases.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Histogram

P = ParamSpec("P")
R = TypeVar("R")

COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORT_SECONDS = 3.0
BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 900, 3_600, 14_400)
REGISTRY = CollectorRegistry()
SENDS = Counter(
    "tidewaiter_sends", "Effects this worker took up, by what became of them.", ("target", "outcome"),
    registry=REGISTRY,
)  # fmt: skip
LATENESS = Histogram(
    "tidewaiter_lateness_seconds", "How long after it was due this worker took it up.", ("what",),
    registry=REGISTRY, buckets=BUCKETS,
)  # fmt: skip
_TRACER = trace.get_tracer("tidewaiter")
_PROPAGATOR = TraceContextTextMapPropagator()
_has_begun = False


def begin(service: str, environment: Mapping[str, str]) -> Callable[[], None]:
    """Send this process' spans to the collector that the environment names; return what ends it.

    Without OTEL_EXPORTER_OTLP_ENDPOINT (or _TRACES_ENDPOINT) nothing is set up and nothing leaves. The other
    OTEL_ variables mean what OpenTelemetry says. The first call of a process decides; later ones do nothing.
    """
    global _has_begun
    if _has_begun or not any(environment.get(name) for name in COLLECTOR):
        return lambda: None
    _has_begun = True
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.name": environment.get("OTEL_SERVICE_NAME") or service}
    provider = TracerProvider(resource=Resource.create(named))
    # A collector that is gone must not keep a process from ending; its own variable says otherwise.
    seconds = None if environment.get("OTEL_EXPORTER_OTLP_TIMEOUT") else EXPORT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=seconds)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


@contextmanager
def span(name: str, parent: str | None = None, **attributes: object) -> Iterator[Span]:
    """Time a piece of work; `parent` is a trace context that was carried from elsewhere.

    An error is told by its type alone: its message may quote what somebody wrote.
    """
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    told = {f"tidewaiter.{key}": str(value) for key, value in attributes.items() if value is not None}
    with _TRACER.start_as_current_span(
        name, context=context, attributes=told, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def traced(name: str, *parameters: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Time every call of a function, and tell these of its parameters: ids and words of our own only."""

    def around(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            if not _has_begun:
                return function(*args, **kwargs)
            given: dict[str, Any] = signature.bind_partial(*args, **kwargs).arguments
            told = {parameter: given.get(parameter) for parameter in parameters}
            with span(name, None, **told):
                return function(*args, **kwargs)

        return timed

    return around


def carried() -> str | None:
    """Return the trace context of the work under way, to be stored with what follows from it; None without one."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")
