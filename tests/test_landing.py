"""Whatever lies in the landing folder: what can be taken is, and what cannot stops no other file."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from casework import ledger
from casework.errors import DetailsRefused, StoreUnavailable
from casework.store.engine import migrate
from data.contract import stamp_of
from data.originals import Originals
from orchestration import landing, looking
from orchestration.landing import landed_files, register_landed
from orchestration.looking import MAX_NAME, Looks, stored_name
from orchestration.resources import Platform, utcnow
from orchestration.settings import Settings
from orchestration.watching import Moves
from orchestration.world import copy_in
from tests.data.test_mapping import MEIER


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which nothing has landed."""
    home = tmp_path_factory.mktemp("empty") / "var"
    (home / "landing" / "demo" / "shipment").mkdir(parents=True)
    made = over(home)
    migrate(made.engine)
    made.casework.bootstrap()
    made.engine.dispose()
    return home


@pytest.fixture
def platform(tmp_path: Path, empty: Path) -> Platform:
    return over(shutil.copytree(empty, tmp_path / "var"))


def over(home: Path) -> Platform:
    return Platform(Settings(home, None, f"sqlite:///{home / 'operational.db'}"))


def put(platform: Platform, name: str | bytes, *, feed: str = "demo/shipment", age: float = 60) -> Path:
    """Lay a file whose content is its name, as last changed so many seconds ago."""
    folder = platform.settings.landing / feed
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / os.fsdecode(name)
    path.write_bytes(os.fsencode(name))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def names(platform: Platform) -> list[str]:
    return sorted(row.file_name for row in ledger.pending(platform.engine, utcnow()))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


# --- names ---------------------------------------------------------------------------------------------------


def test_a_name_that_is_no_utf8_is_taken_with_all_others(platform: Platform) -> None:
    put(platform, b"Auftr\xe4ge_20260901T053000Z.csv")
    put(platform, "zz_after.csv")
    put(platform, "h.csv", feed="health/line_item")
    assert (register_landed(platform), register_landed(platform)) == (3, 0)
    assert names(platform) == [r"Auftr\xe4ge_20260901T053000Z.csv", "h.csv", "zz_after.csv"]
    for row in ledger.pending(platform.engine, utcnow(), "demo"):
        kept = platform.originals.path(row.file_sha256).read_bytes()
        assert kept == row.file_name.replace(r"\xe4", "\udce4").encode("utf-8", "surrogateescape")


def test_a_name_that_is_no_utf8_is_known_to_the_next_process(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(platform, b"caf\xe9.csv")
    assert register_landed(platform) == 1
    monkeypatch.setattr(Originals, "keep_chunks", lambda *_: pytest.fail("it was read again"))
    assert register_landed(Platform(platform.settings)) == 0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"plain.csv", "plain.csv"),
        ("Aufträge 計画.csv".encode(), "Aufträge 計画.csv"),
        (b"a\xff_20260901T053000Z.csv", r"a\xff_20260901T053000Z.csv"),
        (b"a\n\x1b[31m\x7f.csv", r"a\x0a\x1b[31m\x7f.csv"),
        (b"a\xc2\x85.csv", r"a\x85.csv"),  # a control character too
        (b"\xed\xa0\x80.csv", r"\xed\xa0\x80.csv"),  # half of a pair, as UTF-8 may not hold it
    ],
)
def test_a_name_is_kept_as_every_store_and_terminal_takes_it(
    platform: Platform, sent: bytes, kept: str
) -> None:
    put(platform, sent)
    assert register_landed(platform) == 1
    assert names(platform) == [kept]


@pytest.mark.parametrize("odd", [b"\xe9", b"\x01"])
def test_a_name_that_is_too_long_once_escaped_keeps_its_stamp_and_is_no_other(
    platform: Platform, odd: bytes
) -> None:
    stamp = b"_20260901T053000Z.csv"
    put(platform, odd * (255 - len(stamp)) + stamp)
    put(platform, odd * (254 - len(stamp)) + b"n" + stamp)
    put(platform, "n" * 255)
    assert register_landed(platform) == 3
    kept = names(platform)
    assert len(set(kept)) == 3 and max(map(len, kept)) <= MAX_NAME
    assert [stamp_of(name) for name in kept].count(None) == 1
    assert len(stored_name("\x01" * 400)) == MAX_NAME


@pytest.mark.parametrize("name", [b"n" * 255, b"caf\xe9.csv"])
def test_a_file_of_any_name_can_be_copied_in(platform: Platform, tmp_path: Path, name: bytes) -> None:
    source = tmp_path / os.fsdecode(name)
    source.write_text("a")
    copy_in(source, platform.settings.landing / "demo" / "shipment" / source.name)
    assert register_landed(platform, settle_seconds=0) == 1


def test_a_name_that_is_no_utf8_counts_at_once_when_it_is_moved_in(platform: Platform) -> None:
    moves = Moves()
    with moves.watching(platform.settings.landing):
        path = put(platform, b".caf\xe9.csv", age=0)
        path.rename(path.with_name(os.fsdecode(b"caf\xe9.csv")))
        moves.wait(5)
        time.sleep(0.1)
        assert register_landed(platform, moved=moves.take()) == 1


# --- what cannot be read -------------------------------------------------------------------------------------


class Broken:
    """A file whose reading fails half way."""

    def __init__(self) -> None:
        self.pieces = [b"half"]

    def read(self, _size: int) -> bytes:
        if self.pieces:
            return self.pieces.pop()
        raise OSError(errno.EIO, "Input/output error")

    def __enter__(self) -> Broken:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def unreadable(name: str, monkeypatch: pytest.MonkeyPatch, instead: Callable[[], Any]) -> None:
    """Let opening the file of this name do something else; a test that runs as root reads what it likes."""
    plain = Path.open

    def opened(path: Path, *args: Any, **told: Any) -> BinaryIO:
        return instead() if path.name == name else plain(path, *args, **told)

    monkeypatch.setattr(Path, "open", opened)


def denied() -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(("instead", "why"), [(denied, "Permission denied"), (Broken, "Input/output error")])
def test_a_file_that_cannot_be_read_stops_no_other_and_is_taken_once_it_can(
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    instead: Callable[[], Any],
    why: str,
) -> None:
    private = put(platform, "a_private.csv")
    put(platform, "z.csv")
    put(platform, "h.csv", feed="health/line_item")
    with monkeypatch.context() as patched:
        unreadable(private.name, patched, instead)
        assert register_landed(platform) == 2
        (sentence,) = told(caplog)
        assert sentence.startswith(f"{private} was not taken in ({why}).") and "let the user" in sentence
        assert (register_landed(platform), told(caplog)) == (0, [])
        os.utime(private, (1, 1))
        assert (register_landed(platform), len(told(caplog))) == (0, 1)
        assert list(platform.originals.root.glob("incoming-*")) == []
    assert register_landed(platform) == 1
    assert names(platform) == ["a_private.csv", "h.csv", "z.csv"]


def test_a_file_that_another_user_closed_is_told_of(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads what it likes")
    put(platform, "a_private.csv").chmod(0)
    put(platform, "closed.csv", feed="demo/order").parent.chmod(0)
    put(platform, "z.csv")
    try:
        assert register_landed(platform) == 1
    finally:
        (platform.settings.landing / "demo" / "order").chmod(0o755)
    assert ["Permission denied" in sentence for sentence in told(caplog)] == [True, True]


def test_what_is_no_file_is_told_of_once_and_stops_nothing(
    platform: Platform, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    folder = put(platform, "z.csv").parent
    (folder / "a_folder.csv").mkdir()
    os.mkfifo(folder / "b_pipe.csv")
    (folder / "d_dangling.csv").symlink_to("nowhere")
    (folder / "e_loop.csv").symlink_to("e_loop.csv")
    (folder.parent / "loop").symlink_to("loop")
    (folder.parent / "beside.csv").write_text("of no feed")
    (folder.parent / ".mark").write_text("somebody's own")
    listening = socket.socket(socket.AF_UNIX)
    previous = Path.cwd()
    os.chdir(folder)  # a socket's path may not be long
    listening.bind("c_socket.csv")
    os.chdir(previous)
    assert register_landed(platform) == 1
    listening.close()
    assert [sentence.removeprefix(f"{folder.parent}/").split(". ")[0] for sentence in told(caplog)] == [
        "beside.csv lies in the folder of no feed that can be used, so nobody reads it",
        "loop cannot be looked into (Too many levels of symbolic links)",
        "shipment/a_folder.csv is a folder",
        "shipment/b_pipe.csv is no file but a pipe, a socket or a device",
        "shipment/c_socket.csv is no file but a pipe, a socket or a device",
        "shipment/d_dangling.csv is a link, and links are not followed",
        "shipment/e_loop.csv is a link, and links are not followed",
    ]
    assert (register_landed(platform), told(caplog)) == (0, [])
    (folder / "b_pipe.csv").unlink()
    register_landed(platform)
    os.mkfifo(folder / "b_pipe.csv")
    register_landed(platform)
    assert len(told(caplog)) == 1  # it came anew


def test_a_file_of_no_feed_is_told_of_once_and_taken_when_there_is_one(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    put(platform, "a.csv", feed="demo/shipmnet")
    put(platform, "b.csv", feed="nobody/shipment")
    put(platform, "z.csv")
    assert register_landed(platform) == 1
    assert [sentence.split(" lies in the folder of no feed")[0][-10:] for sentence in told(caplog)] == [
        "mnet/a.csv",
        "ment/b.csv",
    ]
    assert (register_landed(platform), told(caplog)) == (0, [])
    mapping = platform.settings.home / "mappings" / "demo" / "shipmnet.yml"
    mapping.parent.mkdir(parents=True, exist_ok=True)
    mapping.write_text(MEIER)
    assert register_landed(platform) == 1


@pytest.mark.parametrize("method", ["lstat", "iterdir"])
def test_a_disk_that_fails_under_one_feed_stops_no_other(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    put(platform, "o.csv", feed="demo/order")
    put(platform, "z.csv")
    plain = getattr(Path, method)

    def failing(path: Path) -> Any:
        if path.name in ("order", "o.csv"):
            raise OSError(errno.EIO, "Input/output error")
        return plain(path)

    monkeypatch.setattr(Path, method, failing)
    assert register_landed(platform) == 1
    (sentence,) = told(caplog)
    assert "Input/output error" in sentence and "demo/order" in sentence


def test_a_path_is_told_in_signs_that_a_terminal_takes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(platform, b"a\n\x1b[31m\xe9.csv")
    unreadable(path.name, monkeypatch, denied)
    register_landed(platform)
    (sentence,) = told(caplog)
    assert r"a\x0a\x1b[31m\xe9.csv was not taken in" in sentence


def test_what_the_ledger_refuses_is_left_until_it_changes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd = put(platform, "a_odd.csv")
    put(platform, "z.csv")
    asked, register = [], ledger.register

    def strict(*args: Any, file_name: str, **told: Any) -> bool:
        asked.append(file_name)
        if file_name == "a_odd.csv":
            raise DetailsRefused("It cannot be stored.", reason="integer out of range")
        return register(*args, file_name=file_name, **told)

    monkeypatch.setattr(ledger, "register", strict)
    assert (register_landed(platform), register_landed(platform)) == (1, 0)
    assert asked == ["a_odd.csv", "z.csv"]
    (sentence,) = told(caplog)
    assert sentence.startswith(f"{odd} cannot be entered in the ledger (integer out of range).")
    os.utime(odd, (1, 1))
    register_landed(platform)
    assert asked == ["a_odd.csv", "z.csv", "a_odd.csv"]


def test_what_was_taken_before_the_store_failed_is_noted(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(platform, "a.csv")
    put(platform, "z.csv")
    register = ledger.register

    def failing(*args: Any, file_name: str, **told: Any) -> bool:
        if file_name == "z.csv":
            raise StoreUnavailable("It could not be reached.")
        return register(*args, file_name=file_name, **told)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "register", failing)
        with pytest.raises(StoreUnavailable):
            register_landed(platform)
    kept, keep = [], Originals.keep_chunks

    def noted(self: Originals, chunks: Iterable[bytes]) -> str:
        kept.append(keep(self, chunks))
        return kept[-1]

    monkeypatch.setattr(Originals, "keep_chunks", noted)
    assert register_landed(platform) == 1
    assert kept == [hashlib.sha256(b"z.csv").hexdigest()]


def test_a_full_disk_of_our_own_is_no_file_s_fault(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(platform, "a.csv")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        register_landed(platform)


# --- whether it is whole -------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Our own clock, which goes on as told."""
    now = [1000.0]
    monkeypatch.setattr(looking.time, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


def test_a_file_from_the_future_counts_once_it_has_stopped_changing(
    platform: Platform, clock: Callable[[float], None]
) -> None:
    path = put(platform, "future.csv", age=-3600)
    assert register_landed(platform) == 0
    clock(landing.SETTLE_SECONDS - 0.1)
    assert register_landed(platform) == 0
    path.write_bytes(b"more")  # it is still being written
    os.utime(path, (time.time() + 3600,) * 2)
    clock(0.2)
    assert register_landed(platform) == 0
    os.utime(path, (time.time() + 7200,) * 2)
    clock(landing.SETTLE_SECONDS)
    assert register_landed(platform) == 0
    clock(landing.SETTLE_SECONDS)
    assert (register_landed(platform), register_landed(platform)) == (1, 0)
    assert names(platform) == ["future.csv"]


def test_a_file_that_was_taken_away_settles_anew(platform: Platform, clock: Callable[[float], None]) -> None:
    path = put(platform, "future.csv", age=-3600)
    register_landed(platform)
    status = path.stat()
    path.unlink()
    register_landed(platform)
    clock(60)
    os.utime(put(platform, "future.csv"), ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert register_landed(platform) == 0


def test_who_waits_for_nothing_takes_a_file_from_the_future_at_once(platform: Platform) -> None:
    put(platform, "future.csv", age=-3600)
    assert register_landed(platform, settle_seconds=0) == 1


def test_a_young_file_waits_by_its_own_age(platform: Platform) -> None:
    put(platform, "young.csv", age=0)
    looks = Looks()
    assert list(landed_files(platform.settings.landing, 60, looks=looks)) == []
    assert list(landed_files(platform.settings.landing, 60, looks=looks)) == []


@pytest.mark.parametrize(
    "name",
    [".a.csv", "a.csv.part", "a.csv.PART", "a.csv.filepart", "a.csv.Filepart", "a.TMP", "a.CrDownload"],
)
def test_unfinished_names_are_left_alone(
    platform: Platform, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    put(platform, name)
    assert register_landed(platform, settle_seconds=0) == 0
    assert told(caplog) == []
