"""Posts from outside: who is believed, what is too much, and that the same post again is no second one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import httpx
import pytest
from starlette.testclient import TestClient

from casework.errors import ConfigError
from data.contract import stamp_of
from data.originals import Originals
from orchestration.assets.raw import raw_tables
from orchestration.loading import load_feed
from orchestration.receiver import Limits, doors_of
from orchestration.resources import Platform
from orchestration.settings import Settings
from orchestration.supervisor import processes
from tests.conftest import Home
from tests.faults.test_loading_crashes import HEADING, line, load_once
from tests.system.posting import (
    NOTICE,
    SECRETS,
    Sender,
    in_this_process,
    receiver,
    rows,
    secret_of,
    set_up,
    settings_of,
)

LEDGER = "select count(*) from ingested_files where tenant_id = 'demo' and feed = 'weather'"


def notice(number: int | str, size: int = 0) -> bytes:
    return NOTICE.replace(b"WX-1", f"WX-{number}".encode()).replace(b"\n", b" " * size + b"\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("receiver") / "var"
    set_up(home)
    return home


@pytest.fixture(scope="module")
def base(home: Path) -> Iterator[str]:
    with receiver(home) as (base, _process):
        yield base


@pytest.fixture
def sender(base: str) -> Sender:
    return Sender(base)


def told(answer: httpx.Response, status: int) -> str:
    """Return the sentence of a refusal, which is one, ends, and gives nothing of the machine away."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    (sentence,) = answer.json().values()
    assert (
        sentence.endswith(".")
        and "Traceback" not in sentence
        and "/" not in sentence.replace("content-", "")[:1]
    )
    for secret in SECRETS.values():
        assert secret[:20] not in answer.text
    return str(sentence)


def test_a_signed_post_is_kept_and_waits_in_the_ledger(home: Path, sender: Sender) -> None:
    body = notice("kept")
    answer = sender.post("msg_kept", body)
    sha256 = hashlib.sha256(body).hexdigest()
    assert (answer.status_code, answer.json()) == (202, {"sha256": sha256, "is_new": True})
    Originals(home / "originals").verify(sha256)
    ((name, size, state, recorded),) = rows(
        home,
        "select file_name, size_bytes, state, recorded_at from ingested_files where file_sha256 = ?",
        sha256,
    )
    assert (size, state) == (len(body), "landed")
    assert name == "weather_20260901T060000Z_msg_kept.jsonl"
    assert f"{stamp_of(name):%Y-%m-%d %H:%M:%S}" == recorded[:19]  # the tenant's feed time, not the wall's


def test_the_same_content_under_another_id_is_a_duplicate_file(home: Path, sender: Sender) -> None:
    body = notice("twice")
    assert sender.post("msg_first", body).json()["is_new"] is True
    assert sender.post("msg_second", body).json()["is_new"] is False
    sha256 = hashlib.sha256(body).hexdigest()
    assert rows(home, "select count(*) from ingested_files where file_sha256 = ?", sha256) == [(1,)]
    assert rows(home, "select file_name from duplicate_files where file_sha256 = ?", sha256) == [
        ("weather_20260901T060000Z_msg_second.jsonl",)
    ]


def test_both_secrets_hold_while_one_is_changed(sender: Sender) -> None:
    assert sender.post("msg_old", notice("old")).status_code == 202
    sender.secret = secret_of("n")
    assert sender.post("msg_new", notice("new")).status_code == 202
    assert sender.post("msg_new", notice("new")).json()["is_new"] is False


@pytest.mark.parametrize("letter", ["h", "s", "x"])
def test_another_doors_secret_and_a_strangers_are_not_believed(
    home: Path, sender: Sender, letter: str
) -> None:
    before = rows(home, LEDGER)
    sender.secret = secret_of(letter)
    assert "signature does not verify" in told(sender.post("msg_forged", notice("forged")), 401)
    assert rows(home, LEDGER) == before


@pytest.mark.parametrize("late", [3600, 310, -310, -3600])
def test_a_post_from_long_ago_or_from_the_future_is_not_believed(sender: Sender, late: float) -> None:
    assert "five minutes" in told(sender.post("msg_late", late=late), 401)


@pytest.mark.parametrize("late", [290, -290])
def test_a_clock_that_is_a_little_off_is_believed(sender: Sender, late: float) -> None:
    assert sender.post(f"msg_off{late}", notice(f"off{late}"), late=late).status_code == 202


def mutants(text: str) -> Iterator[str]:
    for place in range(len(text)):
        for other in ("A", "0", " ", ".", "="):
            if text[place] != other:
                yield text[:place] + other + text[place + 1 :]
        yield text[:place] + text[place + 1 :]


def test_any_change_to_any_signed_part_is_refused(home: Path) -> None:
    """In this process, because there are many; by the application itself."""
    client = in_this_process(Platform(settings_of(home)))
    sender, body = Sender("http://x"), notice("mutant")
    headers = sender.headers("msg_mutant", body)
    before, tried = rows(home, LEDGER), 0
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for mutant in {*mutants(headers[name]), f"{headers[name]}0", f"+{headers[name]}", ""}:
            if mutant.strip(" ") == headers[name]:
                continue  # blanks around a header's value are none of it
            answer = client.post("/feeds/demo/weather", content=body, headers=headers | {name: mutant})
            assert answer.status_code in (400, 401), (name, mutant, answer.text)
            tried += 1
    for place in range(0, len(body), 7):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        answer = client.post("/feeds/demo/weather", content=changed, headers=headers)
        assert answer.status_code == 401
    assert tried > 200
    assert rows(home, LEDGER) == before
    assert client.post("/feeds/demo/weather", content=body, headers=headers).status_code == 202


def test_a_time_written_in_another_way_is_not_the_one_that_was_signed(sender: Sender) -> None:
    headers = sender.headers("msg_time")
    for written in ("{}.0", "{}.7", "+{}", "0{}", "{}e0", "nan", "-{}", "9" * 13):
        stamp = written.format(headers["webhook-timestamp"])
        assert "whole seconds" in told(sender.post("msg_time", webhook_timestamp=stamp), 400)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_or_sent_twice_is_no_signature(sender: Sender, name: str) -> None:
    headers = sender.headers("msg_header")
    url = f"{sender.base}/feeds/demo/weather"
    less = {key: value for key, value in headers.items() if key != name}
    assert "not signed" in told(httpx.post(url, content=NOTICE, headers=less), 401)
    twice = [*headers.items(), (name, headers[name])]
    assert "once each" in told(httpx.post(url, content=NOTICE, headers=twice), 401)


@pytest.mark.parametrize("webhook_id", ["a.b", "a b", "a" * 129, "a/b"])
def test_an_id_that_could_be_misread_is_refused(sender: Sender, webhook_id: str) -> None:
    assert "webhook-id must be" in told(sender.post(webhook_id), 400)


@pytest.mark.parametrize(
    "place", ["demo/nothing", "nobody/weather", "demo/order", "demo", "demo/weather/x", "..", "%00/%2e"]
)
def test_every_unknown_place_is_answered_with_the_same_words(sender: Sender, place: str) -> None:
    known = httpx.post(f"{sender.base}/feeds/demo/inventory", content=NOTICE)  # a feed without a secret
    sender.place = place
    answer = sender.post("msg_place")
    assert (answer.status_code, answer.content) == (404, known.content)
    told(answer, 404)


def test_only_post_is_answered(sender: Sender) -> None:
    for method in ("GET", "PUT", "DELETE"):
        told(httpx.request(method, f"{sender.base}/feeds/demo/weather"), 405)
        told(httpx.request(method, f"{sender.base}/feeds/no/where"), 405)


@pytest.mark.parametrize(
    "changed",
    [{"content_type": "text/html"}, {"content_type": ""}, {"content_encoding": "gzip"}],
    ids=lambda changed: str(changed),
)
def test_a_post_of_another_kind_is_refused(sender: Sender, changed: dict[str, str]) -> None:
    told(sender.post("msg_media", **changed), 415)


def test_a_body_that_is_empty_or_no_text_is_refused(sender: Sender) -> None:
    assert "empty" in told(sender.post("msg_empty", b""), 400)
    assert "UTF-8 text from byte 2" in told(sender.post("msg_latin", NOTICE, sent=b'{"\xe9"}'), 400)


def chunks(size: int) -> Iterator[bytes]:
    while size > 0:
        yield b"x" * min(size, 50_000)
        size -= 50_000


def test_too_large_a_post_is_refused_whether_or_not_it_says_its_length(home: Path, sender: Sender) -> None:
    before = rows(home, LEDGER)
    limit = 1024 * 1024
    for sent in (b"x" * (limit + 1), b"x" * (3 * limit), chunks(limit + 1), chunks(3 * limit)):
        assert f"at most {limit} bytes" in told(sender.post("msg_large", sent=sent), 413)
    assert rows(home, LEDGER) == before
    whole = notice("whole", limit - len(notice("whole")))
    assert len(whole) == limit
    assert sender.post("msg_whole", whole).status_code == 202
    assert sender.post("msg_chunked", notice("chunked"), sent=iter([notice("chunked")])).status_code == 202


def test_a_head_that_is_too_large_or_never_ends_is_not_waited_for(base: str) -> None:
    def status_of(size: int) -> int:
        head = {"x": "y" * size}
        return httpx.post(f"{base}/feeds/demo/weather", headers=head, content=NOTICE).status_code

    assert status_of(17_000) == 431
    # The connection is closed within the head: a sender that still writes may lose the answer to the reset.
    with suppress(httpx.ReadError, httpx.WriteError):
        assert status_of(900_000) == 400
    assert status_of(0) == 415  # it answers on
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])), timeout=30) as slow:
        slow.sendall(b"POST /feeds/demo/weather HTTP/1.1\r\nhost: x\r\n")
        assert slow.recv(100) == b""
    assert 3 < time.monotonic() - began < 15


def test_a_body_that_trickles_is_not_waited_for(home: Path, sender: Sender) -> None:
    before, began = rows(home, LEDGER), time.monotonic()

    def trickle() -> Iterator[bytes]:
        for byte in notice("slow"):
            yield bytes([byte])
            time.sleep(0.3)

    try:
        answer = sender.post("msg_slow", notice("slow"), sent=trickle())
        assert "within 10 seconds" in told(answer, 408)
    except httpx.WriteError:  # it may notice the closed connection first
        pass
    assert 8 < time.monotonic() - began < 25
    assert rows(home, LEDGER) == before


def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing(home: Path, sender: Sender) -> None:
    before = rows(home, LEDGER)
    head = "".join(f"{name}: {value}\r\n" for name, value in sender.headers("msg_gone").items())
    with socket.create_connection(("127.0.0.1", int(sender.base.rpartition(":")[2]))) as gone:
        gone.sendall(
            f"POST /feeds/demo/weather HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(NOTICE)}\r\n\r\n".encode()
        )
        gone.sendall(NOTICE[:50])
    assert sender.post("msg_after", notice("after")).status_code == 202
    assert rows(home, LEDGER) == [(before[0][0] + 1,)]


def effects_of(home: Path, webhook_id: str) -> list[int]:
    counts = []
    for table, column in (
        ("received_posts", "webhook_id"),
        ("ingested_files", "file_name"),
        ("duplicate_files", "file_name"),
    ):
        like = f"%{webhook_id}%"
        counts += [n for (n,) in rows(home, f"select count(*) from {table} where {column} like ?", like)]  # noqa: S608
    return counts


def test_twenty_at_once_are_one(home: Path, sender: Sender) -> None:
    body = notice("many")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: sender.post("msg-many", body), range(20)))
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.json()["sha256"] for answer in answers}) == 1
    assert sum(answer.json()["is_new"] for answer in answers) == 1
    assert effects_of(home, "msg-many") == [1, 1, 0]


def test_a_thousand_times_is_once(home: Path, sender: Sender) -> None:
    body = notice("thousand")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.post("msg-thousand", body).status_code, range(1000)))
    assert answers == [202] * 1000
    assert effects_of(home, "msg-thousand") == [1, 1, 0]


def test_twenty_different_bodies_under_one_id_are_one_and_nineteen_refusals(
    home: Path, sender: Sender
) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: sender.post("msg-fight", notice(f"fight{n}")), range(20)))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 19]
    for answer in answers:
        if answer.status_code == 409:
            assert "with other bytes" in told(answer, 409)
    assert effects_of(home, "msg-fight") == [1, 1, 0]


def test_the_same_id_at_another_door_is_another_post(home: Path, base: str) -> None:
    body = f"{HEADING}\n{line(1)}\n".encode()
    assert Sender(base).post("msg-shared", notice("shared")).json()["is_new"] is True
    other = Sender(base, secret_of("s"), "demo/shipment", "text/csv; charset=utf-8")
    assert other.post("msg-shared", body).json()["is_new"] is True
    assert effects_of(home, "msg-shared") == [2, 2, 0]


def test_what_was_posted_is_loaded_like_a_landed_file(home: Path, base: str, tmp_path: Path) -> None:
    other = Sender(base, secret_of("s"), "demo/shipment", "text/csv")
    assert other.post("msg-load", f"{HEADING}\n{line(7)}\n{line(8, 'lost')}\n".encode()).status_code == 202
    copied = Home(tmp_path / "var")
    shutil.copytree(home, copied.path)
    assert load_once(copied) == 0
    found = (
        "select state, loaded_count, quarantined_count from ingested_files where file_name like '%msg-load%'"
    )
    assert rows(copied.path, found) == [("loaded", 1, 1)]
    with duckdb.connect(str(copied.path / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        loaded = warehouse.execute("select shipment_no from raw.network__shipment").fetchall()
    assert ("SH-000007",) in loaded


# --- when it cannot be kept ----------------------------------------------------------------------------------


def refused_for_now(client: TestClient, webhook_id: str) -> None:
    sender = Sender("http://x")
    answer = client.post("/feeds/demo/weather", content=NOTICE, headers=sender.headers(webhook_id))
    assert int(answer.headers["retry-after"]) > 0
    assert "Send it again, under the same webhook-id" in told(answer, 503)


def test_a_full_disk_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = set_up(tmp_path)
    client = in_this_process(platform)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        refused_for_now(client, "msg_full")
    assert rows(tmp_path, "select count(*) from received_posts") == [(0,)]
    assert [path for path in (tmp_path / "originals").rglob("*") if path.is_file()] == []
    sender = Sender("http://x")
    again = client.post("/feeds/demo/weather", content=NOTICE, headers=sender.headers("msg_full"))
    assert again.json()["is_new"] is True


def test_a_store_that_cannot_be_reached_or_was_never_made_acknowledges_nothing(tmp_path: Path) -> None:
    away = Settings(tmp_path, None, "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    refused_for_now(in_this_process(Platform(away)), "msg_away")
    refused_for_now(in_this_process(Platform(settings_of(tmp_path / "empty"))), "msg_unmade")


def test_too_many_at_once_are_asked_to_come_again(home: Path) -> None:
    client = in_this_process(Platform(settings_of(home)), Limits(at_once=0))
    answer = client.post("/feeds/demo/weather", content=NOTICE, headers=Sender("x").headers("msg_busy"))
    assert int(answer.headers["retry-after"]) > 0
    told(answer, 429)


# --- secrets -------------------------------------------------------------------------------------------------

NAME = "TIDEWAITER_WEBHOOK_SECRET_"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({f"{NAME}DEMO_WETHER": secret_of("a")}, "names no tenant's feed"),
        ({f"{NAME}DEMO_WEATHER": "whsec_c2hvcnQ="}, "24 to 64 random bytes"),
        ({f"{NAME}DEMO_WEATHER": secret_of("a").removeprefix("whsec_")}, "must hold whsec_"),
        ({f"{NAME}DEMO_WEATHER": "whsec_" + "!" * 44}, "24 to 64 random bytes"),
        ({f"{NAME}DEMO_WEATHER": secret_of("a"), f"{NAME}DEMO_ORDER": secret_of("a")}, "the same secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_not_told(
    tmp_path: Path, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        doors_of(Platform(settings_of(tmp_path)), environment, Limits())
    for value in environment.values():
        assert value not in str(refused.value)


def test_the_receiver_is_kept_alive_only_where_there_is_a_door(tmp_path: Path) -> None:
    for wanted in (True, False):
        children = processes(settings_of(tmp_path), sandbox=False, receiver=wanted, mail_door=False)
        assert ("receiver" in {child.name for child in children}) is wanted


def test_without_a_secret_there_is_no_door(tmp_path: Path) -> None:
    platform = Platform(settings_of(tmp_path))
    assert doors_of(platform, {}, Limits()) == {}
    assert doors_of(platform, {f"{NAME}DEMO_WEATHER": " "}, Limits()) == {}
    door = doors_of(platform, SECRETS, Limits())["demo", "weather"]
    assert secret_of("o") not in repr(door)


# --- partners' own tables ------------------------------------------------------------------------------------

MEIER_SECRET = {f"{NAME}DEMO_MEIER": secret_of("m")}
ALERT = ["alert_id", "location_code", "alert_type", "severity", "starts_at", "ends_at", "issued_at"]


def mapped(home: Path, *says: str, name: str = "meier") -> Path:
    """Lay a mapping of weather alerts that says these lines too; their columns are named as ours are."""
    lines = ["tenant: demo", "contract: network/weather", *says, "columns:"]
    path = home / "mappings" / "demo" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, *(f"  {column}: {{from: {column}}}" for column in ALERT)]) + "\n")
    return path


def table() -> bytes:
    cells = json.loads(NOTICE)
    return f"{';'.join(ALERT)}\n{';'.join(cells[name] for name in ALERT)}\n".encode()


@pytest.mark.parametrize(
    ("says", "media", "ending", "body"),
    [
        (["format: json", "rows_at: events"], "application/json", "json", b'{"events": [' + NOTICE + b"]}"),
        (["format: jsonl"], "application/x-ndjson", "jsonl", NOTICE),
        (["format: csv", 'delimiter: ";"'], "text/csv", "csv", table()),
    ],
)
def test_a_mapped_feed_is_posted_to_like_any_other(
    tmp_path: Path, says: list[str], media: str, ending: str, body: bytes
) -> None:
    platform = set_up(tmp_path)
    mapped(tmp_path, *says)
    client = in_this_process(platform, secrets=MEIER_SECRET)
    sender = Sender("http://x", secret_of("m"), "demo/meier", media)
    answer = client.post("/feeds/demo/meier", content=body, headers=sender.headers("msg_map", body))
    assert (answer.status_code, answer.json().get("is_new")) == (202, True), answer.text
    found = rows(tmp_path, "select feed, file_name, state from ingested_files")
    assert found == [("meier", f"meier_20260901T060000Z_msg_map.{ending}", "landed")]
    other = client.post(
        "/feeds/demo/meier", content=body, headers=sender.headers("msg_x", body, content_type="text/html")
    )
    assert media in told(other, 415)
    platform.warehouse.prepare(raw_tables(platform))
    contract = platform.contract_of("demo", "meier")
    assert contract is not None
    done = load_feed(platform, contract, "demo", "run")
    assert (done.files, done.loaded, done.quarantined) == (1, 1, 0)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (["format: xlsx"], "a feed in xlsx, which cannot be posted"),
        (["format: parquet"], "a feed in parquet, which cannot be posted"),
        (["format: csv", "encoding: cp1252"], "a feed in csv written as cp1252, which cannot be posted"),
        (["format: csv", "encoding: utf-16"], "a feed in csv written as utf-16, which cannot be posted"),
        (["format: nonsense"], "meier.yml cannot be used: format"),
    ],
)
def test_a_mapped_feed_that_cannot_be_posted_is_told_at_the_start(
    tmp_path: Path, says: list[str], why: str
) -> None:
    mapped(tmp_path, *says)
    with pytest.raises(ConfigError, match=f"{NAME}DEMO_MEIER is for .*{why}"):
        doors_of(Platform(settings_of(tmp_path)), MEIER_SECRET, Limits())


def test_a_mapping_that_cannot_be_used_closes_no_other_door(tmp_path: Path) -> None:
    mapped(tmp_path, "format: jsonl", name="weather")  # a feed of that name is there already
    mapped(tmp_path, "format: jsonl", name="Weather")
    mapped(tmp_path, "format: nonsense")
    assert list(doors_of(Platform(settings_of(tmp_path)), SECRETS, Limits())) == [
        ("demo", "shipment"), ("demo", "weather"), ("health", "line_item"),
    ]  # fmt: skip


def test_two_feeds_that_one_variable_could_mean_are_told(tmp_path: Path) -> None:
    mapped(tmp_path, "format: jsonl", name="meier")
    platform = Platform(settings_of(tmp_path))
    held = platform.mappings
    held.feeds["demo", "Meier"] = held.feeds["demo", "meier"]
    with pytest.raises(ConfigError, match="could mean demo/Meier and demo/meier"):
        doors_of(platform, MEIER_SECRET, Limits())


def test_posts_to_a_mapping_that_is_broken_meanwhile_are_not_acknowledged(tmp_path: Path) -> None:
    platform = set_up(tmp_path)
    path = mapped(tmp_path, "format: jsonl")
    client = in_this_process(platform, secrets=MEIER_SECRET)
    sender = Sender("http://x", secret_of("m"), "demo/meier")
    agreed = path.read_text()
    path.write_text("tenant: ?\n")
    answer = client.post("/feeds/demo/meier", content=NOTICE, headers=sender.headers("msg_wait"))
    assert int(answer.headers["retry-after"]) > 0
    assert "What was agreed on this feed cannot be used now" in told(answer, 503)
    assert rows(tmp_path, "select * from received_posts") == []
    path.write_text(agreed)
    assert client.post("/feeds/demo/meier", content=NOTICE, headers=sender.headers("msg_wait")).json() == {
        "sha256": hashlib.sha256(NOTICE).hexdigest(),
        "is_new": True,
    }
