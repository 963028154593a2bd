"""What a real worker shows to Prometheus, what reaches a real collector of traces, and what never does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from casework import events, gauges, telemetry
from tests.casework.effects_world import World, copied, free_port, prepared, sandbox
from tests.casework.office import TENANT, Office, exception

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TIDEWAITER = Path(sys.executable).with_name("tidewaiter")
# What no label, attribute or line may carry: names, addresses, words of messages, numbers of cases.
PRIVATE = ("Acme", "acme.example", "nwfr.example", "SHP-20817", "Secret", "CRM-7", "NWFR", "lead@")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with copied(prepared(tmp_path_factory.getbasetemp()), tmp_path / "home") as found:
        yield found


def environment(world: World, smtp_port: int, portal_port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEWAITER", "OTEL"))}
    return kept | {
        "TIDEWAITER_HOME": str(world.home),
        "TIDEWAITER_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "TIDEWAITER_PORTAL_URL": f"http://127.0.0.1:{portal_port}/webhooks",
        **more,
    }


@contextmanager
def running(command: list[str], told: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=told, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def until(found: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)
    return value


def scrape(port: int) -> tuple[Samples, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return {}, ""
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return samples, text


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def test_prometheus_reads_a_real_worker(world: World) -> None:
    port = free_port()
    with (
        sandbox(world) as (smtp_port, portal_port),
        running(
            [str(TIDEWAITER), "worker", "--interval", "0.2"],
            environment(world, smtp_port, portal_port, TIDEWAITER_METRICS_PORT=str(port)),
        ),
    ):
        samples, _ = until(lambda: (found := scrape(port))[0] and found)
        assert value(samples, "tidewaiter_store_up") == 1
        assert value(samples, "tidewaiter_open_cases", tenant="demo", state="new") == 1
        world.approve()
        until(lambda: set(world.states().values()) == {"applied"})
        samples, text = scrape(port)
    assert value(samples, "tidewaiter_events_total", tenant="demo", type="draft.approved") == 1
    assert value(samples, "tidewaiter_events_total", tenant="demo", type="writeback.delivered") == 2
    assert value(samples, "tidewaiter_sends_total", target="mail", outcome="applied") == 1
    assert value(samples, "tidewaiter_sends_total", target="portal_webhook", outcome="applied") == 1
    assert value(samples, "tidewaiter_lateness_seconds_count", what="effect") == 2
    assert value(samples, "tidewaiter_oldest_due_seconds", what="effect") == 0
    assert value(samples, "tidewaiter_usage_quantity", tenant="demo", kind="mail") == 1
    assert any(name == "tidewaiter_heartbeat_age_seconds" and age < 60 for (name, _), age in samples.items())
    assert not [word for word in (*PRIVATE, world.case_id) if word in text]


def test_metrics_listen_on_this_machine_alone_and_only_when_asked(world: World) -> None:
    port = free_port()
    with sandbox(world) as (smtp_port, portal_port):
        told = environment(world, smtp_port, portal_port, TIDEWAITER_METRICS_PORT=str(port))
        with running([str(TIDEWAITER), "worker"], told):
            until(lambda: scrape(port)[0])
            own = socket.gethostbyname(socket.gethostname())
            if not own.startswith("127."):
                with pytest.raises(OSError), socket.create_connection((own, port), timeout=2):
                    pass
            second = subprocess.run(
                [str(TIDEWAITER), "worker"], env=told, cwd=ROOT, capture_output=True, text=True
            )
    assert second.returncode == 1 and "TIDEWAITER_METRICS_PORT" in second.stderr


@contextmanager
def collector(folder: Path) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """Run a collector; yield its address and a look at the spans it has."""
    port_file, log = folder / "port", folder / "spans.jsonl"
    with running(
        [sys.executable, str(HERE / "otlp_receiver.py"), str(port_file), str(log)], dict(os.environ)
    ):
        port = until(lambda: port_file.exists() and port_file.read_text())
        yield (
            f"http://127.0.0.1:{port}",
            lambda: [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else [],
        )


def test_one_trace_leads_from_the_decision_to_the_message_that_leaves(world: World, tmp_path: Path) -> None:
    with collector(tmp_path) as (address, seen), sandbox(world) as (smtp_port, portal_port):
        told = environment(world, smtp_port, portal_port, OTEL_EXPORTER_OTLP_ENDPOINT=address)
        script = [sys.executable, "-m", "tests.casework.traced_decision", str(world.home)]
        subprocess.run(script, env=told, cwd=ROOT, check=True)
        subprocess.run(
            [str(TIDEWAITER), "worker", "--once"], env=told, cwd=ROOT, check=True, capture_output=True
        )
        spans = seen()
    assert set(world.states().values()) == {"applied"}
    named = {span["name"]: span for span in spans}
    approved = named["draft.approve"]
    sent = [span for span in spans if span["name"] == "effect.send" and span["trace"] == approved["trace"]]
    assert {span["attributes"]["tidewaiter.target"] for span in sent} == {"mail", "portal_webhook"}
    assert {span["parent"] for span in sent} == {approved["span"]}
    assert {(span["service"], span["attributes"]["tidewaiter.outcome"]) for span in sent} == {
        ("tidewaiter-worker", "applied")
    }
    for name in ("effect.lease", "effect.apply"):
        within = [span for span in spans if span["name"] == name and span["trace"] == approved["trace"]]
        assert {span["parent"] for span in within} == {span["span"] for span in sent}
    refused = [span for span in spans if span["name"] == "case.perform" and span["status"][0] == 2]
    assert [span["status"][1] for span in refused] == ["TransitionRefused"]
    assert {span["path"] for span in spans} == {"/v1/traces"}
    assert all(span["took"] >= 0 and span["events"] == 0 for span in spans)
    everything = json.dumps(spans)
    assert not [word for word in PRIVATE if word in everything]


def test_without_a_collector_nothing_is_set_up_and_nothing_is_carried(world: World) -> None:
    assert telemetry.carried() is None
    with telemetry.span("a piece of work", tenant_id="demo"):
        assert telemetry.carried() is None
    world.approve()
    assert {row["traceparent"] for row in world.effects()} == {None}


def test_a_publication_and_its_drafts_are_timed(tmp_path: Path) -> None:
    with collector(tmp_path) as (address, seen):
        told = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        program = (
            "import os, sys; from pathlib import Path; from casework import telemetry;"
            "end = telemetry.begin('tidewaiter-orchestration', os.environ);"
            "from tests.casework.effects_world import World; world = World(Path(sys.argv[1]));"
            "world.set_up(); world.close(); end()"
        )
        (tmp_path / "home").mkdir()
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "home")], env=told, cwd=ROOT, check=True
        )
        spans = seen()
    (synced,) = [span for span in spans if span["name"] == "publication.sync"]
    drafts = [span for span in spans if span["name"] == "draft.write"]
    assert drafts and {span["trace"] for span in drafts} == {synced["trace"]}


def test_events_are_counted_for_the_tenant_they_are_of(office: Office) -> None:
    office.sync(exception())
    desk = office.casework.desk
    found = gauges.events_since(desk, {TENANT: 0, "health": 0}, 1_000)
    for tenant_id in (TENANT, "health"):
        told = [(row["sequence"], row["type"]) for row in events.read(desk.engine, tenant_id, 0, 1_000)]
        assert [(sequence, kind) for tenant, sequence, kind in found if tenant == tenant_id] == told
    assert any(tenant == TENANT for tenant, _sequence, _kind in found)
