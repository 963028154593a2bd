"""The event log on a real NATS server: in order, at least once, once by id, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import TimeoutError as NothingMore
from nats.js.api import StreamConfig

from casework import events as event_log
from casework.model import Action
from orchestration import relay
from tests.casework.effects_world import World, copied, prepared
from tests.casework.office import TENANT, Office, exception
from tests.conftest import ROOT, free_port

BIN = Path(sys.executable).parent
Told = list[tuple[str, dict[str, str], dict[str, Any]]]


class Server:
    """A NATS server's process over a folder that outlives it."""

    def __init__(self, folder: Path, max_payload: int = 1_048_576) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.config = folder / "nats.conf"
        self.config.write_text(
            f"listen: 127.0.0.1:{self.port}\nmax_payload: {max_payload}\n"
            f'jetstream {{ store_dir: "{folder / "nats"}", sync_interval: always }}\n'
        )
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(BIN / "nats-server"), "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.ask(lambda client, stream: stream.account_info(), patience=100)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, call: Callable[[Any, Any], Any], patience: int = 1) -> Any:
        async def asked() -> Any:
            client = await nats.connect(self.url, allow_reconnect=False)
            try:
                return await call(client, client.jetstream())
            finally:
                await client.close()

        for left in range(patience - 1, -1, -1):
            try:
                return asyncio.run(asked())
            except Exception:
                if not left:
                    raise
                time.sleep(0.1)
        return None

    def told(self) -> Told:
        """Everything in the stream, oldest first: subject, headers, event."""

        async def read(client: Any, stream: Any) -> Told:
            found: Told = []
            reading = await stream.subscribe(relay.SUBJECTS, ordered_consumer=True)
            try:
                while True:
                    message = await reading.next_msg(timeout=0.7)
                    found.append((message.subject, message.headers, json.loads(message.data)))
            except NothingMore:
                return found

        return self.ask(read)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    running = Server(folder)
    yield running
    running.kill()


@contextmanager
def relaying(office: Office, url: str) -> Iterator[None]:
    """A relay in a thread of its own until the block ends."""
    stop = threading.Event()
    telling = relay.Relay(office.door(), relay.Settings(url))
    thread = threading.Thread(target=telling.run_forever, args=(stop, 0.05))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
        assert not thread.is_alive()


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def behind(office: Office | World, tenant_id: str = TENANT) -> int:
    """How many events of a tenant the relay has not handled, all of them where it never began."""
    door = office.casework
    found = [c for c in door.event_consumers(door.operator(), tenant_id) if c.consumer == relay.CONSUMER]
    return found[0].behind if found else event_log.last(office.engine, tenant_id)


def has_caught_up(office: Office | World) -> bool:
    return all(behind(office, name) == 0 for name in office.casework.config.tenants)


def logged(office: Office | World, tenant_id: str = TENANT) -> list[dict[str, Any]]:
    return event_log.read(office.engine, tenant_id, limit=100_000)


def of(told: Told, tenant_id: str = TENANT) -> list[dict[str, Any]]:
    return [event for _subject, _headers, event in told if event["tenant"] == tenant_id]


def work(office: Office, times: int = 3) -> None:
    """Have something said."""
    for number in range(times):
        office.perform(office.case_id(), Action.COMMENT, text=f"Note {number}.")


def test_every_event_of_every_tenant_is_told_in_order_and_whole(office: Office, server: Server) -> None:
    office.sync(exception(1), exception(2))
    with relaying(office, server.url):
        work(office)
        until(lambda: has_caught_up(office))
    told = server.told()
    for tenant_id in office.casework.config.tenants:
        assert of(told, tenant_id) == logged(office, tenant_id)
    assert len(of(told)) >= 5
    for subject, headers, event in told:
        assert subject == f"tidewaiter.{event['tenant']}.{event['type'].removeprefix('tidewaiter.')}"
        assert (headers["Nats-Msg-Id"], headers["Content-Type"]) == (event["id"], relay.CONTENT_TYPE)
        assert (event["specversion"], event["source"]) == ("1.0", f"/tidewaiter/{event['tenant']}")


def test_a_server_that_dies_delays_and_loses_nothing(office: Office, server: Server) -> None:
    office.sync(exception())
    with relaying(office, server.url):
        until(lambda: has_caught_up(office))
        server.kill()
        work(office, 5)
        time.sleep(1.5)
        assert behind(office) == 5, "the cursor moves only over what was acknowledged"
        server.start()
        until(lambda: has_caught_up(office))
    assert of(server.told()) == logged(office)


def test_relays_side_by_side_tell_each_event_once_and_in_order(office: Office, server: Server) -> None:
    office.sync(exception())
    with relaying(office, server.url), relaying(office, server.url), relaying(office, server.url):
        work(office, 15)
        until(lambda: has_caught_up(office))
    assert of(server.told()) == logged(office)


def test_a_reader_who_wants_it_again_gets_it_again(office: Office, server: Server) -> None:
    """Past the stream's window an event is told twice, and its id says so."""
    stream = StreamConfig(name=relay.STREAM, subjects=[relay.SUBJECTS], duplicate_window=0.2)
    server.ask(lambda client, js: js.add_stream(stream))
    office.sync(exception())
    with relaying(office, server.url):
        until(lambda: has_caught_up(office))
        time.sleep(0.5)
        office.casework.replay_events(office.casework.operator(), TENANT, relay.CONSUMER, after=0)
        until(lambda: has_caught_up(office))
    told, once = of(server.told()), logged(office)
    assert len(told) == 2 * len(once)
    assert list({event["id"]: event for event in told}.values()) == once


def test_what_is_too_large_for_the_server_is_told_without_its_data(office: Office, tmp_path: Path) -> None:
    server = Server(tmp_path, max_payload=4_096)
    try:
        office.sync(exception())
        office.perform(office.case_id(), Action.COMMENT, text="word " * 1_000)
        with relaying(office, server.url):
            work(office, 1)
            until(lambda: has_caught_up(office))
        told, once = of(server.told()), logged(office)
    finally:
        server.kill()
    assert [event["id"] for event in told] == [event["id"] for event in once]
    cut = [event for event in told if event.get("dataomitted")]
    assert cut and all("data" not in event for event in cut) and not told[-1].get("dataomitted")


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with copied(prepared(tmp_path_factory.getbasetemp()), tmp_path / "home") as found:
        yield found


def worker(world: World, url: str, **more: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEWAITER")}
    told = kept | {"TIDEWAITER_HOME": str(world.home), "TIDEWAITER_NATS_URL": url, **more}
    return subprocess.Popen(
        [str(BIN / "tidewaiter"), "worker"], env=told, cwd=ROOT, stderr=subprocess.DEVNULL
    )


def test_a_worker_killed_between_acknowledgement_and_cursor_tells_nothing_twice(
    world: World, server: Server
) -> None:
    crash = {"TIDEWAITER_CRASH_AT": "relay:after-ack-before-cursor"}
    for _ in range(2):
        assert worker(world, server.url, **crash).wait(timeout=90) == -signal.SIGKILL
    assert not has_caught_up(world)
    process = worker(world, server.url)
    try:
        until(lambda: has_caught_up(world))
        world.approve()
        until(lambda: has_caught_up(world))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    told = server.told()
    for tenant_id in world.casework.config.tenants:
        told_of, once = of(told, tenant_id), logged(world, tenant_id)
        assert told_of == once[: len(told_of)] and len(told_of) >= len(once) - 2
    assert "tidewaiter.draft.approved" in {event["type"] for event in of(told)}


def test_without_a_server_the_worker_works_all_the_same(world: World) -> None:
    world.approve()
    process = worker(world, f"nats://127.0.0.1:{free_port()}")
    try:
        until(lambda: all(row["attempts"] for row in world.effects()))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert behind(world) > 0


@given(tenant=st.text(min_size=1, max_size=20), fact=st.text(min_size=1, max_size=30))
def test_a_subject_is_always_words_that_nats_allows(tenant: str, fact: str) -> None:
    words = relay.subject_of({"tenant": tenant, "type": f"tidewaiter.{fact}"}).split(".")
    assert words[0] == "tidewaiter" and len(words) == 2 + len(fact.split("."))
    assert all(
        word and set(word) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        for word in words
    )
