"""A worker in a process of its own, for tests that kill it.

Processes are forked from a server that has everything imported, so that one costs milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.casework.effects_world import World

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "tests.casework.scripted_target"])


def work(home: str, ports: tuple[int, int], rounds: int, crash_at: str | None, store_url: str | None) -> None:
    """Work some rounds on a home folder; die at the crash point, if one is named."""
    os.environ.pop("TIDEWAITER_CRASH_AT", None)
    world = World(Path(home), store_url)
    worker = world.worker(*ports, name=f"worker:{os.getpid()}")
    if crash_at:
        os.environ["TIDEWAITER_CRASH_AT"] = crash_at
    for _ in range(rounds):
        worker.tick()
        time.sleep(0.02)
    world.close()


def start(world: World, ports: tuple[int, int], rounds: int = 1, crash_at: str | None = None) -> BaseProcess:
    """Start a worker's process."""
    process = _CONTEXT.Process(
        target=work, args=(str(world.home), ports, rounds, crash_at, world.store_url), daemon=True
    )
    process.start()
    return process


def work_until_killed(
    home: str,
    ports: tuple[int, int],
    ahead: timedelta,
    store_url: str,
    crash_at: str | None,
    line: Connection,
) -> None:
    """Work rounds without end, or until the crash point; say when they begin."""
    os.environ.pop("TIDEWAITER_CRASH_AT", None)
    world = World(Path(home), store_url)
    world.clock.ahead = ahead
    worker = world.worker(*ports, name=f"worker:{os.getpid()}")
    if crash_at:
        os.environ["TIDEWAITER_CRASH_AT"] = crash_at
    worker.beat(world.clock(), {})  # its connection is open before its life is counted
    line.send("ready")
    while True:
        worker.tick()


def killed_after(world: World, ports: tuple[int, int], seconds: float) -> int | None:
    """Let a worker's process live for a while, kill it as hard as a power cut, and return its exit code."""
    process = _begun(world, ports, None)
    time.sleep(seconds)
    process.kill()
    process.join(timeout=30)
    return process.exitcode


def killed_at(world: World, ports: tuple[int, int], point: str) -> int | None:
    """Let a worker's process live until it comes to a crash point, and return its exit code."""
    process = _begun(world, ports, point)
    process.join(timeout=60)
    return process.exitcode


def _begun(world: World, ports: tuple[int, int], crash_at: str | None) -> BaseProcess:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(
        target=work_until_killed,
        args=(str(world.home), ports, world.clock.ahead, world.store_url, crash_at, theirs),
        daemon=True,
    )
    process.start()
    assert ours.recv() == "ready"
    return process
