"""The bytes as they came: kept once, found by their hash, never changed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import OriginalMissing
from data.originals import Originals


@pytest.fixture
def originals(tmp_path: Path) -> Originals:
    return Originals(tmp_path / "originals")


def arrived(tmp_path: Path, content: bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_kept_comes_back_byte_by_byte_under_its_sha256(
    tmp_path: Path, originals: Originals, content: bytes
) -> None:
    sha256 = originals.keep(arrived(tmp_path, content))
    assert sha256 == hashlib.sha256(content).hexdigest()
    with originals.open(sha256) as stream:
        assert stream.read() == content
    originals.verify(sha256)


def test_keeping_the_same_bytes_again_changes_nothing(tmp_path: Path, originals: Originals) -> None:
    first = originals.keep(arrived(tmp_path, b"one"))
    before = originals.path(first).stat().st_mtime_ns
    assert originals.keep(arrived(tmp_path, b"one", "other name.csv")) == first
    assert originals.path(first).stat().st_mtime_ns == before
    assert [path for path in originals.root.rglob("*") if path.is_file()] == [originals.path(first)]


@given(st.binary(max_size=3000))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_bytes_and_a_file_of_the_same_bytes_are_one_original(
    tmp_path: Path, originals: Originals, content: bytes
) -> None:
    sha256 = originals.keep_bytes(content)
    assert originals.keep(arrived(tmp_path, content)) == originals.keep_bytes(content) == sha256
    originals.verify(sha256)
    assert not list(originals.root.glob("incoming-*"))


def test_many_at_once_keep_one_copy(tmp_path: Path, originals: Originals) -> None:
    path = arrived(tmp_path, b"x" * 3_000_000)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: originals.keep(path), range(16)))
    [sha256] = found
    originals.verify(sha256)
    assert [path for path in originals.root.rglob("*") if path.is_file()] == [originals.path(sha256)]


def test_a_kept_file_cannot_be_written_by_accident(tmp_path: Path, originals: Originals) -> None:
    sha256 = originals.keep(arrived(tmp_path, b"one"))
    assert originals.path(sha256).stat().st_mode & 0o222 == 0


def test_a_failed_copy_leaves_nothing_behind(tmp_path: Path, originals: Originals) -> None:
    with pytest.raises(FileNotFoundError):
        originals.keep(tmp_path / "never arrived.csv")
    assert list(originals.root.rglob("*")) == []


def test_bytes_changed_on_disk_are_noticed(tmp_path: Path, originals: Originals) -> None:
    sha256 = originals.keep(arrived(tmp_path, b"one"))
    originals.path(sha256).chmod(0o644)
    originals.path(sha256).write_bytes(b"two")
    with pytest.raises(OriginalMissing, match="changed on disk"):
        originals.verify(sha256)


@pytest.mark.parametrize("address", ["0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 63 + "\n"])
def test_an_address_that_is_not_here_is_a_sentence(originals: Originals, address: str) -> None:
    with pytest.raises(OriginalMissing, match="not kept here|cannot exist"):
        originals.open(address)
