"""A stream of posts, files and corrections while receiver and loading are killed: every row is somewhere, once."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from casework import ledger
from casework.errors import CaseworkError
from orchestration.assets.raw import raw_tables
from orchestration.resources import Platform
from tests.conftest import free_port
from tests.faults import figures
from tests.faults.sizes import SEED, figure
from tests.faults.streaming import load_once, start
from tests.faults.test_loading_crashes import HEADING, line
from tests.system.posting import Sender, rows, set_up, settings_of

SENDERS = 3
#: Of each post: two new alerts, one that no alert may be, and the first alert of the sender's post before it again.
POST_ROWS, FILE_ROWS = 4, 3

pytestmark = [pytest.mark.faults, pytest.mark.feeds]


def alert(name: str, severity: str = "minor") -> str:
    return json.dumps(
        {
            "alert_id": name, "location_code": "DC-1", "alert_type": "storm", "severity": severity,
            "starts_at": "2026-08-30T00:00:00Z", "ends_at": "2026-08-31T00:00:00Z", "issued_at": "2026-08-29T00:00:00Z",
        }
    )  # fmt: skip


def name_of(sender: int, turn: int, part: str) -> str:
    return f"WX-{sender + 1}{turn:05}{'abc'.index(part)}"


def post_of(sender: int, turn: int) -> bytes:
    before = name_of(sender, max(turn - 1, 0), "a")
    names = (name_of(sender, turn, "a"), name_of(sender, turn, "b"))
    bad = alert(name_of(sender, turn, "c"), "dreadful")
    return "\n".join([*map(alert, names), bad, alert(before), ""]).encode()


class Stream:
    """What was sent, and what was acknowledged or landed, until it is told to end."""

    def __init__(self, home: Path, base: str) -> None:
        self.home, self.base, self.stop = home, base, threading.Event()
        self.turns = [0] * SENDERS
        self.files = 0
        self.corrected: set[str] = set()

    def post(self, number: int) -> None:
        """Post one message after another, each until it is acknowledged."""
        sender = Sender(self.base)
        while not self.stop.is_set():
            body = post_of(number, self.turns[number])
            while True:
                with suppress(httpx.HTTPError):
                    answer = sender.post(f"post-{number}-{self.turns[number]}", body)
                    if answer.status_code == 202:
                        break
                    assert answer.status_code in (429, 503), answer.text
                time.sleep(0.05)
            self.turns[number] += 1
            time.sleep(0.1)

    def land(self) -> None:
        """Let one file after another land, whole."""
        folder = self.home / "landing" / "demo" / "shipment"
        folder.mkdir(parents=True)
        while not self.stop.is_set():
            first = 1 + 2 * self.files
            lines = [HEADING, line(first), line(first + 1), line(first, "lost at sea")]
            path = folder / f"shipment_20260820T{self.files:06}Z.csv"
            path.with_suffix(".part").write_text("\n".join(lines) + "\n")
            path.with_suffix(".part").replace(path)
            self.files += 1
            time.sleep(0.15)

    def correct(self) -> None:
        """Put one refused alert right after another."""
        desk = Platform(settings_of(self.home)).casework
        while not self.stop.is_set():
            page = desk.quarantine(desk.operator(), "demo", feed="weather", state="quarantined", limit=1)
            for row in page.rows:
                with suppress(CaseworkError):  # its file may have been settled anew in between
                    desk.correct_row(desk.operator(), "demo", row.quarantine_id, {"severity": "severe"})
                    self.corrected.add(row.quarantine_id)
            time.sleep(0.2)

    @contextmanager
    def going(self) -> Iterator[None]:
        """Run all of it beside what is done inside; on leaving, everything begun has been acknowledged."""
        failures: list[BaseException] = []

        def kept(work: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                try:
                    work()
                except BaseException as failed:  # noqa: BLE001 - it is raised below
                    failures.append(failed)

            return run

        works = [*(lambda n=n: self.post(n) for n in range(SENDERS)), self.land, self.correct]
        threads = [threading.Thread(target=kept(work), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(600)
        assert not any(thread.is_alive() for thread in threads), "what was begun was never acknowledged"
        if failures:
            raise failures[0]


def test_killing_receiver_and_loading_in_a_stream_loses_no_row_and_doubles_none(tmp_path: Path) -> None:
    home, port = tmp_path / "var", free_port()
    platform = set_up(home)
    platform.warehouse.prepare(raw_tables(platform))
    chance, kills = random.Random(SEED), Counter[str]()
    stream = Stream(home, f"http://127.0.0.1:{port}")
    running = {what: start(what, home, port) for what in ("receiver", "loader")}
    with stream.going():
        for _kill in range(figure("stream_kills")):
            time.sleep(chance.uniform(0.05, 1.0))
            what = chance.choice(sorted(running))
            os.kill(running[what].pid or 0, signal.SIGKILL)
            running[what].join(30)
            kills[what] += 1
            running[what] = start(what, home, port)
    for process in running.values():
        process.kill()
        process.join(30)
    read_again_what_was_interrupted_too_often(platform, home, at_most=3 + sum(kills.values()) // 50)
    load_once(platform)
    assert_all_is_there_once(platform, home, stream)
    for what, times in kills.items():
        figures.count("I4", "sqlite", f"kill -9 of the {what} in a stream", times)
    figures.count("I4", "sqlite", "posts and files in that stream", sum(stream.turns) + stream.files)


def read_again_what_was_interrupted_too_often(platform: Platform, home: Path, *, at_most: int) -> None:
    """Do as an operator would with files that the kills made look poisonous; there are few, each by its own."""
    refused = rows(home, "select feed, file_sha256, error from ingested_files where state = 'refused'")
    assert len(refused) <= at_most, refused
    for feed, sha256, error in refused:
        assert "interrupted" in error
        platform.casework.read_again(platform.casework.operator(), "demo", feed, sha256, "It was a kill.")


def assert_all_is_there_once(platform: Platform, home: Path, stream: Stream) -> None:
    """Every post and file is loaded; every row is in its table once, in quarantine, or counted as known."""
    posts = sum(stream.turns)
    assert rows(home, "select count(*) from received_posts") == [(posts,)]
    states = rows(home, "select feed, state, count(*) from ingested_files group by 1, 2 order by 1")
    assert states == [("shipment", "loaded", stream.files), ("weather", "loaded", posts)]
    assert [ledger.gaps(platform.engine, "demo", feed) for feed in ("weather", "shipment")] == [[], []]
    counted = rows(
        home,
        "select feed, sum(row_count), sum(loaded_count), sum(quarantined_count), sum(duplicate_count) "
        "from ingested_files group by 1 order by 1",
    )
    mended = len(stream.corrected)
    assert counted == [
        ("shipment", FILE_ROWS * stream.files, 2 * stream.files, stream.files, 0),
        ("weather", POST_ROWS * posts, 2 * posts + mended, posts - mended, posts),
    ]
    alerts = [
        name_of(number, turn, part)
        for number in range(SENDERS)
        for turn in range(stream.turns[number])
        for part in "ab"
    ]
    corrected = [
        json.loads(raw)["alert_id"]
        for (raw,) in rows(
            home, "select raw from quarantined_rows where feed = 'weather' and state = 'replayed'"
        )
    ]
    assert len(corrected) == mended
    assert held(platform, "weather", "alert_id") == Counter([*alerts, *corrected])
    assert held(platform, "shipment", "shipment_no") == Counter(
        f"SH-{number:06d}" for number in range(1, 2 * stream.files + 1)
    )


def held(platform: Platform, feed: str, column: str) -> Counter[str]:
    """Return what a raw table holds, each row with the file, row and loader it came by."""
    found = platform.warehouse.read(
        f"select {column} as name, _file_sha256, _row_number, _loader_version from raw.network__{feed}"
    ).to_pylist()
    known = {sha256 for (sha256,) in rows(platform.settings.home, "select file_sha256 from ingested_files")}
    assert all(
        row["_file_sha256"] in known and row["_row_number"] and row["_loader_version"] for row in found
    )
    return Counter(row["name"] for row in found)
