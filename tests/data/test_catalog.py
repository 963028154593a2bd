"""Data sets: found beside the project, else fetched with a pinned hash, else missed in a clear sentence."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data import catalog
from data.catalog import DATASETS, Missing, find
from tests.data.builders import c2k_file, c2k_process


class Quiet(SimpleHTTPRequestHandler):
    """A publisher that counts what it was asked for."""

    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "publisher"
    folder.mkdir()
    c2k_file(folder / "c2k.csv", [c2k_process(0)])
    Quiet.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def pinned(tmp_path: Path, publisher: str, monkeypatch: pytest.MonkeyPatch) -> str:
    sha256 = hashlib.sha256((tmp_path / "publisher" / "c2k.csv").read_bytes()).hexdigest()
    monkeypatch.setitem(DATASETS, "c2k", replace(DATASETS["c2k"], sha256=sha256))
    return f"{publisher}/c2k.csv"


@pytest.mark.parametrize("name", list(DATASETS))
def test_a_public_part_in_the_data_set_folder_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    for candidate in reversed(DATASETS[name].file_names):
        (tmp_path / candidate).parent.mkdir(exist_ok=True)
        (tmp_path / candidate).write_text("as it is", encoding="utf-8")
        assert find(name, tmp_path) == tmp_path / candidate


def test_the_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_DATASETS", str(tmp_path))
    assert catalog.default_dir() == tmp_path
    missing = find("scms", download=False)
    assert isinstance(missing, Missing)
    assert str(tmp_path) in missing.sentence


def test_without_the_environment_the_shared_folder_beside_the_work_is_taken_when_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEWAITER_DATASETS", raising=False)
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "nowhere" / "data" / "catalog.py"))
    (tmp_path / "a" / "work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "work")
    assert catalog.default_dir() is None
    (tmp_path / "a" / "shared" / "datasets").mkdir(parents=True)
    assert catalog.default_dir() == tmp_path / "a" / "shared" / "datasets"


def test_the_original_is_fetched_once_and_kept(tmp_path: Path, pinned: str) -> None:
    for _ in range(2):
        found = find("c2k", tmp_path, downloads_dir=tmp_path / "home", url=pinned)
        assert isinstance(found, Path)
        assert found.parent == tmp_path / "home"
        assert found.read_bytes() == (tmp_path / "publisher" / "c2k.csv").read_bytes()
    assert len(Quiet.asked) == 1


def test_downloads_go_into_the_home_folder(
    tmp_path: Path, pinned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_HOME", str(tmp_path / "home"))
    found = find("c2k", tmp_path, url=pinned)
    assert isinstance(found, Path)
    assert found.parent == tmp_path / "home" / "downloads"


@pytest.mark.parametrize(
    ("path", "words"), [("/c2k.csv", "its SHA-256 differs"), ("/none.csv", "could not be reached")]
)
def test_what_is_not_the_original_is_refused_and_not_kept(
    tmp_path: Path, publisher: str, path: str, words: str
) -> None:
    found = find("c2k", tmp_path, downloads_dir=tmp_path / "home", url=publisher + path)
    assert isinstance(found, Missing)
    assert words in found.sentence
    assert "TIDEWAITER_DATASETS" in found.sentence
    assert [item for item in (tmp_path / "home").rglob("*") if item.is_file()] == []


def test_a_publisher_out_of_reach_is_a_sentence_and_not_a_stack_trace(tmp_path: Path) -> None:
    found = find("scms", tmp_path, downloads_dir=tmp_path / "home", url="http://127.0.0.1:9/scms.csv")
    assert not found
    assert isinstance(found, Missing)
    assert "could not be reached" in found.sentence


def test_a_silent_publisher_is_left_after_the_timeout(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as silent:  # accepts, never answers
        url = f"http://127.0.0.1:{silent.server_port}/scms.csv"
        found = find("scms", tmp_path, downloads_dir=tmp_path / "home", url=url, timeout_seconds=0.3)
    assert isinstance(found, Missing)
    assert "could not be reached" in found.sentence


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path, pinned: str) -> None:
    (tmp_path / "home").write_text("a file where a folder should be", encoding="utf-8")
    found = find("c2k", tmp_path, downloads_dir=tmp_path / "home", url=pinned)
    assert isinstance(found, Missing)
    assert "could not be kept" in found.sentence


def test_the_licence_of_the_cargo_data_is_honoured_with_its_attribution() -> None:
    text = DATASETS["c2k"].attribution
    assert "Metzger" in text
    assert "CC BY 4.0" in text
    assert "Changed by Tidewaiter" in text
