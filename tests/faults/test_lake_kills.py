"""Hosts that want to write one lake, killed at random, while others read: nothing lost, torn, doubled or refused."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from orchestration.warehouse import Warehouse
from tests import lakes
from tests.faults import figures
from tests.faults.lake_hosts import start_reader, start_writer
from tests.faults.sizes import SEED, figure

WRITERS, READERS = 3, 10

pytestmark = [pytest.mark.faults, pytest.mark.feeds]


def test_writers_are_killed_and_readers_see_whole_publications(tmp_path: Path) -> None:
    lake = lakes.lake(lakes.server(tmp_path / "postgres"), str(tmp_path / "data"))
    with Warehouse(lake).transaction() as connection:
        for statement in (
            "create schema raw",
            "create schema marts",
            "create table raw.rows (number bigint, name varchar)",
            "create table marts.one as from raw.rows",
            "create table marts.other as from raw.rows",
        ):
            connection.execute(statement)
    with Warehouse(lake).transaction() as connection:
        lake.publish(connection, "pub_000000000", lakes.NOW)

    told = [tmp_path / f"writer{number}.txt" for number in range(WRITERS)]
    wrong = [tmp_path / f"reader{number}.txt" for number in range(READERS)]
    until = tmp_path / "until"
    writers = [start_writer(lake, path) for path in told]
    readers = [start_reader(lake, path, until) for path in wrong]
    chance, kills = random.Random(SEED), figure("lake_kills")
    for _ in range(kills):
        _until_more_is_told(told)
        time.sleep(chance.uniform(0, 1.2))
        number = chance.randrange(WRITERS)
        assert writers[number].is_alive(), "a writer ended by itself"
        os.kill(writers[number].pid or 0, signal.SIGKILL)
        writers[number].join()
        writers[number] = start_writer(lake, told[number])
    _until_more_is_told(told)
    for writer in writers:
        writer.kill()
        writer.join()
    until.touch()
    for reader in readers:
        reader.join(60)

    assert [line for path in wrong if path.exists() for line in path.read_text().splitlines()] == []
    acknowledged = [name for path in told if path.exists() for name in path.read_text().splitlines()]
    with Warehouse(lake).connect() as connection:
        rows = connection.execute("select number, name from raw.rows order by number").fetchall()
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1)), (
        "two wrote at once, or a commit was lost"
    )
    assert len({name for _, name in rows}) == len(rows)
    assert set(acknowledged) <= {name for _, name in rows}
    assert len(acknowledged) > kills
    times = sum(int(path.with_suffix(".times").read_text()) for path in wrong)
    assert times > READERS
    figures.count("I5", "lake", "kill -9 of a writer of the lake", kills)
    figures.count("I5", "lake", "commits of three writers", len(rows))
    figures.count("I5", "lake", "publications read whole by ten readers", times)


def _until_more_is_told(told: list[Path]) -> None:
    """Wait until a writer has committed once more, however busy the machine is."""
    before, end = _lines(told), time.monotonic() + 600
    while _lines(told) == before:
        assert time.monotonic() < end, "nobody gets to write"
        time.sleep(0.05)


def _lines(told: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in told if path.exists())
