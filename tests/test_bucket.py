"""Files that land in a bucket of a real S3 server: taken in once, as they were listed, beside those in folders."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.exceptions import GenericError

from casework import ledger
from casework.store.engine import migrate
from orchestration import bucket as buckets
from orchestration.bucket import Bucket
from orchestration.errors import OrchestrationError
from orchestration.landing import register_landed
from orchestration.resources import Platform, utcnow
from orchestration.settings import Settings

URL = "s3://partners/landing"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="partners")
    yield client
    while held := client.list_objects_v2(Bucket="partners").get("Contents"):
        for found in held:
            client.delete_object(Bucket="partners", Key=found["Key"])
    client.delete_bucket(Bucket="partners")


@pytest.fixture
def platform(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(buckets, "LIST_SECONDS", 0.0)
    home = tmp_path / "var"
    home.mkdir()
    made = Platform(Settings(home, None, f"sqlite:///{home / 'operational.db'}", URL))
    migrate(made.engine)
    made.casework.bootstrap()
    return made


def put(s3: Any, key: str, content: bytes = b"a,b\n") -> str:
    s3.put_object(Bucket="partners", Key=f"landing/{key}", Body=content)
    return hashlib.sha256(content).hexdigest()


def names(platform: Platform) -> list[tuple[str, str, str]]:
    return [
        (row.feed, row.file_name, row.file_sha256)
        for row in ledger.pending(platform.engine, utcnow(), "demo")
    ]


def test_an_object_is_kept_and_acknowledged_once(s3: Any, platform: Platform) -> None:
    sha256 = put(s3, "demo/shipment/shipment_20260901T053000Z.csv", b"x" * 3_000_000)
    assert (register_landed(platform), register_landed(platform)) == (1, 0)
    assert names(platform) == [("shipment", "shipment_20260901T053000Z.csv", sha256)]
    platform.originals.verify(sha256)
    again = Platform(platform.settings)  # another process, and the cache of the first is gone
    (platform.settings.home / "landing_index.json").unlink()
    assert register_landed(again) == 0
    assert names(platform) == [("shipment", "shipment_20260901T053000Z.csv", sha256)]


def test_what_was_acknowledged_is_not_fetched_again(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "demo/shipment/a.csv")
    assert register_landed(platform) == 1
    monkeypatch.setattr(buckets.obstore, "get", lambda *_a, **_k: pytest.fail("it was fetched again"))
    assert register_landed(platform) == 0


def test_an_object_written_anew_under_its_name_is_another_file(s3: Any, platform: Platform) -> None:
    first = put(s3, "demo/shipment/a.csv", b"one")
    register_landed(platform)
    second = put(s3, "demo/shipment/a.csv", b"two")
    assert register_landed(platform) == 1
    assert {sha256 for _, _, sha256 in names(platform)} == {first, second}


def test_an_object_replaced_between_list_and_get_is_taken_as_what_it_is_then(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "demo/shipment/a.csv", b"one")
    whole = buckets.obstore.get

    def late(store: Any, path: str, **told: Any) -> Any:
        monkeypatch.setattr(buckets.obstore, "get", whole)
        second.append(put(s3, "demo/shipment/a.csv", b"two"))
        return whole(store, path, **told)

    second: list[str] = []
    monkeypatch.setattr(buckets.obstore, "get", late)
    assert register_landed(platform) == 0
    assert register_landed(platform) == 1
    assert [sha256 for _, _, sha256 in names(platform)] == second


def test_an_object_that_could_not_be_fetched_is_taken_with_the_next_look(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = put(s3, "demo/shipment/a.csv")
    with monkeypatch.context() as patched:
        patched.setattr(
            buckets.obstore, "get", lambda *_a, **_k: (_ for _ in ()).throw(GenericError("cut off"))
        )
        assert register_landed(platform) == 0
    assert register_landed(platform) == 1
    assert [found for _, _, found in names(platform)] == [sha256]


def test_only_what_lies_where_files_land_is_taken(s3: Any, platform: Platform) -> None:
    for key in (
        "demo/shipment/.hidden.csv", "demo/shipment/a.csv.part", "demo/shipment/deeper/a.csv", "demo/loose.csv",
        "demo/nothing/a.csv", "nobody/shipment/a.csv", f"demo/shipment/{'n' * 301}.csv", "demo/shipment/",
    ):  # fmt: skip
        put(s3, key)
    s3.put_object(Bucket="partners", Key="demo/shipment/outside.csv", Body=b"x")
    put(s3, "demo/shipment/good.csv")
    assert register_landed(platform) == 1
    assert [name for _, name, _ in names(platform)] == ["good.csv"]


def test_a_name_that_no_object_may_have_stops_its_own_feed_alone(
    s3: Any, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    put(s3, "demo/milestone/a\x07.jsonl")
    put(s3, "demo/milestone/good.jsonl")
    put(s3, "demo/shipment/good.csv")
    with caplog.at_level(logging.ERROR):
        assert register_landed(platform) == 1
    assert [name for _, name, _ in names(platform)] == ["good.csv"]
    assert "demo/milestone cannot be listed" in caplog.text


def test_folders_go_on_while_the_bucket_cannot_be_asked(
    s3: Any, platform: Platform, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(buckets, "RETRIES", {"max_retries": 0})
    folder = platform.settings.landing / "demo" / "shipment"
    folder.mkdir(parents=True)
    (folder / "local.csv").write_text("a")
    with caplog.at_level(logging.ERROR):
        assert register_landed(platform, settle_seconds=0) == 1
        assert register_landed(platform, settle_seconds=0) == 0
    assert [record.message.split(" (")[0] for record in caplog.records] == [f"{URL} cannot be read"]
    assert [name for _, name, _ in names(platform)] == ["local.csv"]


def test_more_objects_than_one_page_are_all_found(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")  # a page, of which a real server's has a thousand
    for number in range(8):
        put(s3, f"demo/shipment/{number}.csv", str(number).encode())
    assert s3.list_objects_v2(Bucket="partners")["IsTruncated"]
    assert register_landed(platform) == 8


def test_a_bucket_is_not_listed_with_every_look(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "LIST_SECONDS", 60.0)
    put(s3, "demo/shipment/a.csv")
    assert register_landed(platform) == 1
    put(s3, "demo/shipment/b.csv", b"b")
    assert register_landed(platform) == 0


@pytest.mark.parametrize("url", ["partners/landing", "ftp://partners", "s3://"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(OrchestrationError, match="TIDEWAITER_LANDING_URL cannot be used"):
        Bucket(url)
