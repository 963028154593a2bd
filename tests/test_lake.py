"""The lake: one writer at a time, readers that see one publication whole, nothing kept that nobody can read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from orchestration import lake as lakes_module
from orchestration.errors import LeaseLost, NothingPublished, OrchestrationError
from orchestration.lake import Lake
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from tests import lakes
from tests.lakes import NOW

ROWS = "select count(*) from marts.facts"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    return lakes.server(tmp_path_factory.mktemp("postgres"))


@pytest.fixture
def lake(server: str, tmp_path: Path) -> Lake:
    return lakes.lake(server, str(tmp_path / "data"))


def build(lake: Lake, rows: int) -> None:
    """Make the one mart anew with so many rows."""
    with Warehouse(lake).transaction() as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table marts.facts as select range as n from range({rows})")


def publish(lake: Lake, number: int, hours_ago: float = 0) -> None:
    with Warehouse(lake).transaction() as connection:
        lake.publish(connection, f"pub_{number:03}", NOW - timedelta(hours=hours_ago))


def read(lake: Lake, query: str = ROWS) -> Any:
    with lake.reading() as connection:
        return connection.execute(query).fetchall()[0][0]


def test_a_reader_sees_the_newest_publication_and_nothing_built_since(lake: Lake) -> None:
    with pytest.raises(NothingPublished), lake.reading():
        pass
    build(lake, 3)
    publish(lake, 1)
    build(lake, 5)
    assert read(lake) == 3
    with lake.reading() as connection:
        publish(lake, 2)
        build(lake, 7)
        assert connection.execute(ROWS).fetchall() == [(3,)], "a publication that is read stays as it is"
    assert read(lake) == 5


def test_a_reader_changes_nothing(lake: Lake) -> None:
    build(lake, 3)
    publish(lake, 1)
    with lake.reading() as connection, pytest.raises(Exception, match="read-only"):
        connection.execute("delete from marts.facts")


def test_a_second_writer_waits_for_the_first(lake: Lake) -> None:
    first, second, taken = Warehouse(lake), Warehouse(lake), threading.Event()

    def wait_for_it() -> None:
        with second.lock():
            taken.set()

    with first.lock():
        waiting = threading.Thread(target=wait_for_it)
        assert not first.is_wanted()
        waiting.start()
        assert not taken.wait(0.5)
        assert first.is_wanted()
    assert taken.wait(10)
    waiting.join()


def test_a_writer_whose_right_was_lost_commits_nothing(server: str, lake: Lake) -> None:
    build(lake, 3)
    warehouse = Warehouse(lake)
    with pytest.raises(LeaseLost, match="somebody else may write"), warehouse.transaction() as connection:
        connection.execute("delete from marts.facts")
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'tidewaiter warehouse%'"
            )
    publish(lake, 1)
    assert read(lake) == 3


def test_what_no_reader_can_be_in_is_forgotten_and_the_newest_stays(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        build(lake, number * 1000)
        publish(lake, number, hours_ago=6 - number)
    files = sorted((tmp_path / "data").rglob("*.parquet"))
    assert len(files) >= 5
    with Warehouse(lake).connect() as connection:
        lake.tidy(connection, keep=2)
        assert sorted((tmp_path / "data").rglob("*.parquet")) >= files[:5], (
            "readers of an hour ago may be in them"
        )
    stray = tmp_path / "data" / "marts" / "facts" / "killed.parquet"
    stray.write_bytes(b"half a file")
    monkeypatch.setattr(lakes_module, "LONGEST_READING", timedelta(0))
    with Warehouse(lake).connect() as connection:
        lake.tidy(connection, keep=2)
    left = list((tmp_path / "data").rglob("*.parquet"))
    assert stray not in left and len(left) < len(files)
    assert read(lake) == 5000
    with Warehouse(lake).connect() as connection:
        before = connection.execute(
            "select snapshot_id from published.publications where publication_id = 'pub_004'"
        ).fetchall()[0][0]
        assert connection.execute(f"{ROWS} at (version => {before})").fetchall() == [(4000,)]


def test_a_lake_needs_both_addresses(tmp_path: Path) -> None:
    half = Settings(tmp_path, None, "sqlite://", lake_data=str(tmp_path))
    with pytest.raises(OrchestrationError, match="TIDEWAITER_LAKE_CATALOGUE"):
        Lake.from_environment(half.for_dbt())


def test_a_catalogue_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OrchestrationError, match="TIDEWAITER_LAKE_CATALOGUE"):
        Lake(f"postgresql://nobody@/none?host={tmp_path}", str(tmp_path)).take()


def test_an_extension_that_is_not_installed_is_named() -> None:
    with pytest.raises(OrchestrationError, match="extra `lake`"):
        lakes_module._extension("nothing")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    store = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "te'st", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="lake")
    yield "s3://lake/warehouse"
    store.stop()


def test_a_lake_over_an_object_store(server: str, bucket: str) -> None:
    lake = lakes.lake(server, bucket)
    build(lake, 3)
    publish(lake, 1)
    build(lake, 5)
    assert read(lake) == 3
    held = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="lake")["Contents"]
    assert all(found["Key"].startswith("warehouse/marts/facts/") for found in held if "facts" in found["Key"])
    assert len(held) >= 3
