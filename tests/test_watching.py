"""Files that are moved into the landing folder are told of at once; those written there are looked for as ever."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.landing import landed_files
from orchestration.watching import Moves

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of moves")


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def moves(landing: Path) -> Iterator[Moves]:
    told = Moves()
    with told.watching(landing):
        (landing / "demo" / "shipment").mkdir(parents=True)
        time.sleep(0.2)  # until new folders are watched too
        yield told


def took(moves: Moves) -> frozenset[str]:
    """What was moved here, once the kernel has told."""
    moves.wait(5)
    time.sleep(0.1)
    return moves.take()


def names(landing: Path, moved: frozenset[str]) -> list[str]:
    return [file.name for file in landed_files(landing, moved=moved)]


def test_a_file_that_is_moved_in_counts_at_once(landing: Path, moves: Moves, tmp_path: Path) -> None:
    folder = landing / "demo" / "shipment"
    (tmp_path / "elsewhere").write_text("a")
    (tmp_path / "elsewhere").rename(folder / "from_outside.csv")
    (folder / ".b.part").write_text("b")
    (folder / ".b.part").rename(folder / "renamed.csv")
    (folder / "written.csv").write_text("c")
    moved = took(moves)
    assert moved == {str(folder / "from_outside.csv"), str(folder / "renamed.csv")}
    assert names(landing, moved) == ["from_outside.csv", "renamed.csv"]
    assert moves.take() == frozenset()
    assert names(landing, frozenset()) == []
    two_seconds_ago = time.time() - 2
    os.utime(folder / "written.csv", (two_seconds_ago, two_seconds_ago))
    assert names(landing, frozenset()) == ["written.csv"]


def test_a_file_that_is_moved_under_an_unfinished_name_does_not_count(landing: Path, moves: Moves) -> None:
    folder = landing / "demo" / "shipment"
    (folder / "a.csv").write_text("a")
    (folder / "a.csv").rename(folder / "a.csv.part")
    assert names(landing, took(moves)) == []


def test_a_file_that_is_written_to_after_it_was_moved_waits_like_any_other(
    landing: Path, moves: Moves
) -> None:
    path = landing / "demo" / "shipment" / "a.csv"
    (path.parent / ".a").write_text("a")
    (path.parent / ".a").rename(path)
    with path.open("a") as stream:
        stream.write("b")
    assert took(moves) == frozenset()


def test_a_file_that_was_moved_away_again_is_not_told_of(landing: Path, moves: Moves, tmp_path: Path) -> None:
    path = landing / "demo" / "shipment" / "a.csv"
    (path.parent / ".a").write_text("a")
    (path.parent / ".a").rename(path)
    path.rename(tmp_path / "a.csv")
    time.sleep(
        1.5
    )  # whether it is moved to another watched folder, the kernel's reader waits half a second to see
    assert moves.take() == frozenset()


def test_where_the_kernel_watches_no_more_folders_files_are_looked_for(
    landing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from watchdog.observers.inotify import InotifyObserver

    def full(_self: InotifyObserver) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(InotifyObserver, "start", full)
    told = Moves()
    with told.watching(landing):
        told.wait(0.01)
        assert told.take() == frozenset() and landing.is_dir()
    assert "limit reached" in caplog.text
