"""What readers see: one whole build or another, whatever happens while the next is published."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dashboard.queries import current
from orchestration.changes import NOTES, Changes
from orchestration.places import OneFile
from orchestration.publication import KEPT_PUBLICATIONS, PUBLISHED_MARTS, Publisher
from orchestration.warehouse import Warehouse

AT = datetime(2026, 9, 1, 6, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(OneFile(tmp_path / "warehouse.duckdb"))
    made.prepare({})
    with made.connect() as connection:
        for schema in ("marts", "features"):
            connection.execute(f"create schema {schema}")
        for schema, mart in PUBLISHED_MARTS:
            connection.execute(f"create or replace table {schema}.{mart} (tenant_id varchar, number integer)")
    return made


def build(warehouse: Warehouse, number: int, *, backwards: bool = False) -> None:
    """Fill every mart with rows of one build."""
    rows = [("b", number), ("a", number), ("c", None)]
    with warehouse.connect() as connection:
        for schema, mart in PUBLISHED_MARTS:
            connection.execute(f"delete from {schema}.{mart}")
            connection.executemany(
                f"insert into {schema}.{mart} values (?, ?)", rows[:: -1 if backwards else 1]
            )


def publish_as(warehouse: Warehouse, root: Path, number: int) -> dict[str, Any]:
    return published(Publisher(warehouse, root), number)


def published(publisher: Publisher, number: int) -> dict[str, Any]:
    return publisher.publish(f"pub_{number:04}", AT + timedelta(hours=number), {"demo": {"n": number}})


def seen(root: Path) -> int:
    """Return which build a reader sees who follows the pointer now; whatever it reads belongs to that build."""
    publication = current(root)
    assert publication is not None
    manifest = json.loads((publication.folder / "manifest.json").read_text())
    assert set(manifest) == {mart for _, mart in PUBLISHED_MARTS}
    numbers = {json.loads((publication.folder / "models.json").read_text())["demo"]["n"]}
    for mart, about in manifest.items():
        path = publication.folder / f"{mart}.parquet"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == about["sha256"]
        found = [row["number"] for row in pq.read_table(path).to_pylist()]
        assert len(found) == about["rows"] == 3
        numbers |= {value for value in found if value is not None}
    (number,) = numbers
    assert publication.publication_id == f"pub_{number:04}"
    return int(number)


def changed(warehouse: Warehouse, *tables: str) -> None:
    """Note that a short run built these tables again, and that they are others than they were."""
    with warehouse.transaction() as connection:
        changes = Changes(connection, [])
        for table in tables:
            changes.built(table, is_other=True)
        changes.note()


def files(root: Path, number: int) -> dict[str, tuple[int, str]]:
    """Return each file of a publication: which it is on the disk, and its hash."""
    folder = root / f"pub_{number:04}"
    return {
        path.stem: (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.glob("*.parquet")
    }


def test_a_mart_that_is_as_it_was_published_is_the_same_file_and_outlives_the_older_publication(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = tmp_path / "published"
    build(warehouse, 1)
    changed(warehouse)
    publish_as(warehouse, root, 1)
    with warehouse.connect() as connection:
        connection.execute("insert into marts.fct_orders values ('d', 1)")
    changed(warehouse, "marts.fct_orders")
    told = publish_as(warehouse, root, 2)
    one, two = files(root, 1), files(root, 2)
    assert {mart for mart in one if one[mart] != two[mart]} == {"fct_orders"}
    assert {mart: about["sha256"] for mart, about in told.items()} == {
        mart: sha256 for mart, (_, sha256) in two.items()
    }
    assert (told["fct_orders"]["rows"], told["fct_shipments"]["rows"]) == (4, 3)
    shutil.rmtree(root / "pub_0001")
    assert files(root, 2) == two
    publish_as(warehouse, root, 3)
    assert files(root, 3) == two


def test_what_was_written_ahead_is_published_where_its_mart_is_still_as_it_was(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = tmp_path / "published"
    build(warehouse, 1)
    changed(warehouse)
    ahead, anew = Publisher(warehouse, root), Publisher(warehouse, tmp_path / "anew")
    with warehouse.lock():
        ahead.write_ahead([("marts", "fct_orders"), ("marts", "fct_shipments")])
    written = {path.stem: path.stat().st_ino for path in (root / ".ahead").iterdir()}  # the warehouse waited
    assert set(written) == {"fct_orders", "fct_shipments"}
    with warehouse.connect() as connection:
        connection.execute("insert into marts.fct_orders values ('d', 1)")
    changed(warehouse, "marts.fct_orders")
    told, expected = published(ahead, 1), published(anew, 1)
    found = files(root, 1)
    assert told == expected and told["fct_orders"]["rows"] == 4
    assert found["fct_shipments"][0] == written["fct_shipments"]
    assert found["fct_orders"][0] != written["fct_orders"]
    assert {mart: sha256 for mart, (_, sha256) in found.items()} == {
        mart: about["sha256"] for mart, about in told.items()
    }


def test_what_stands_as_it_was_published_is_not_written_ahead(warehouse: Warehouse, tmp_path: Path) -> None:
    root = tmp_path / "published"
    build(warehouse, 1)
    publisher = Publisher(warehouse, root)
    with warehouse.lock():
        publisher.write_ahead(PUBLISHED_MARTS)  # nothing is noted of what they hold
        assert not list((root / ".ahead").iterdir())
        changed(warehouse)
        published(publisher, 1)
        changed(warehouse, "marts.fct_orders")
        publisher.write_ahead(PUBLISHED_MARTS)
    assert [path.stem for path in (root / ".ahead").iterdir()] == ["fct_orders"]


@pytest.mark.parametrize("lost", ["the notes", "the file", "what was published"])
def test_where_nothing_tells_that_a_mart_is_as_it_was_it_is_written(
    warehouse: Warehouse, tmp_path: Path, lost: str
) -> None:
    root = tmp_path / "published"
    build(warehouse, 1)
    changed(warehouse)
    publish_as(warehouse, root, 1)
    build(warehouse, 2)  # by dbt: the notes know nothing of it, or begin anew
    if lost == "the file":
        shutil.rmtree(root / "pub_0001")
    else:
        table = {"the notes": NOTES, "what was published": "raw.published_tables"}[lost]
        with warehouse.connect() as connection:
            connection.execute(f"delete from {table}")
    if lost == "the notes":
        changed(warehouse)
    publish_as(warehouse, root, 2)
    assert seen(root) == 2


class _Cut(Exception):
    """The process ends here."""


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count what reaches the disk; the step whose number is `at` is the last that does not."""
    state = {"at": 0, "step": 0}

    def counted(owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def stepped(*arguments: Any, **told: Any) -> Any:
            state["step"] += 1
            if state["step"] == state["at"]:
                raise _Cut
            return whole(*arguments, **told)

        monkeypatch.setattr(owner, name, stepped)

    counted(os, "fsync")
    for name in ("replace", "write_text", "mkdir"):
        counted(Path, name)
    yield state


def test_whenever_publishing_is_cut_readers_see_the_build_before_or_the_new_one_whole(
    warehouse: Warehouse, tmp_path: Path, cut: dict[str, int]
) -> None:
    root, outcomes = tmp_path / "published", set()
    build(warehouse, 0)
    for _once_more in range(2):  # the first time makes the folder too
        cut["step"] = 0
        publish_as(warehouse, root, 0)
    steps = cut["step"]
    assert steps > len(PUBLISHED_MARTS)
    for number in range(1, steps + 1):
        build(warehouse, number)
        cut.update(at=number, step=0)
        with pytest.raises(_Cut):
            publish_as(warehouse, root, number)
        cut.update(at=0)
        outcomes.add(seen(root) - number)
        publish_as(warehouse, root, number)  # as the next run does
        assert seen(root) == number
    assert outcomes == {-1}  # the pointer is the last thing that is swapped


def test_everything_is_on_the_disk_before_the_pointer_says_so(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    synced, swapped = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (told.append(Path(f"/proc/self/fd/{fd}").readlink().name), synced(fd))[1]
    )
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (told.append(f"-> {Path(to).name}"), swapped(self, to))[1]
    )
    build(warehouse, 1)
    publish_as(warehouse, tmp_path / "published", 1)
    swap = told.index("-> CURRENT")
    wanted = {f"{mart}.parquet" for _, mart in PUBLISHED_MARTS} | {
        "manifest.json",
        "models.json",
        ".CURRENT.part",
    }
    assert wanted <= set(told[:swap])
    assert told.index("-> pub_0001") < swap


def test_a_reader_that_holds_the_pointer_goes_on_with_what_it_said(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = tmp_path / "published"
    for number in (1, 2):
        build(warehouse, number)
        publish_as(warehouse, root, number)
        if number == 1:
            held, publication = (root / "CURRENT").open(), current(root)
    assert publication is not None
    with held:
        assert json.loads(held.read())["publication_id"] == "pub_0001"
    assert pq.read_table(publication.file("fct_shipments")).column("number").to_pylist() == [1, 1, None]


def test_readers_that_look_all_the_time_never_see_half_a_build(warehouse: Warehouse, tmp_path: Path) -> None:
    root, failures, found = tmp_path / "published", list[BaseException](), list[int]()
    build(warehouse, 0)
    publish_as(warehouse, root, 0)
    stop = threading.Event()

    def look() -> None:
        try:
            while not stop.is_set():
                found.append(seen(root))
        except BaseException as failed:  # noqa: BLE001 - it is raised below
            failures.append(failed)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 9):
        build(warehouse, number)
        publish_as(warehouse, root, number)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failures and seen(root) == 8 and len(found) > 2


def test_the_same_rows_are_the_same_files_in_whatever_order_they_were_built(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    build(warehouse, 1)
    one = publish_as(warehouse, tmp_path / "one", 1)
    build(warehouse, 1, backwards=True)
    assert publish_as(warehouse, tmp_path / "other", 1) == one


def test_the_last_publications_stay_for_whoever_still_reads_them(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = tmp_path / "published"
    build(warehouse, 1)
    for number in range(1, KEPT_PUBLICATIONS + 4):
        publish_as(warehouse, root, number)
    kept = sorted(path.name for path in root.iterdir() if path.is_dir())
    assert kept == [f"pub_{number:04}" for number in range(4, KEPT_PUBLICATIONS + 4)]
