"""The receiver killed: whatever it had acknowledged is there, once; whatever it had not can be sent again."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from pathlib import Path

import httpx
import pytest

from data.originals import Originals
from tests.system.posting import NOTICE, Sender, in_this_process, receiver, rows, set_up

ROUNDS = int(os.environ.get("TIDEWAITER_FAULT_ROUNDS", "1"))
POINTS = [
    "receiver:after-verify-before-keep",
    "receiver:after-keep-before-register",
    "ledger:after-post-before-file",
    "ledger:before-post-commit",
    "receiver:after-register-before-answer",
]

pytestmark = pytest.mark.faults


def body_of(webhook_id: str) -> bytes:
    return NOTICE.replace(b"WX-1", webhook_id.encode())


def assert_kept_once(home: Path, acknowledged: set[str]) -> None:
    """Each acknowledged post is a post, a file of the ledger and an original, one of each; no file is without."""
    originals = Originals(home / "originals")
    posts = rows(home, "select webhook_id, body_sha256 from received_posts")
    files = [sha256 for (sha256,) in rows(home, "select file_sha256 from ingested_files")]
    assert acknowledged <= {webhook_id for webhook_id, _sha256 in posts}
    assert sorted(sha256 for _id, sha256 in posts) == sorted(files)
    for webhook_id, sha256 in posts:
        assert sha256 == hashlib.sha256(body_of(webhook_id)).hexdigest()
        originals.verify(sha256)
    assert rows(home, "select count(*) from duplicate_files") == [(0,)]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_between_two_steps_acknowledges_nothing_and_the_same_post_is_taken_in_once(
    tmp_path: Path, point: str
) -> None:
    home = tmp_path / "var"
    platform = set_up(home)
    is_committed = point == "receiver:after-register-before-answer"
    with receiver(home, TIDEWAITER_CRASH_AT=point) as (base, process):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            Sender(base).post("msg-1", body_of("msg-1"))
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert rows(home, "select count(*) from ingested_files") == [(int(is_committed),)]
    assert_kept_once(home, set())
    again = Sender("http://testserver", client=in_this_process(platform))
    answers = [again.post("msg-1", body_of("msg-1")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["is_new"] for answer in answers] == [not is_committed, False]
    assert_kept_once(home, {"msg-1"})


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_kill_in_the_middle_of_a_stream_loses_nothing_that_was_acknowledged(
    tmp_path: Path, round_number: int
) -> None:
    home = tmp_path / "var"
    set_up(home)
    acknowledged: set[str] = set()
    tried: set[str] = set()
    for life in range(3):
        with receiver(home) as (base, process):
            until_killed(base, process.pid, f"life{life}", acknowledged, tried, posts=60 + 17 * round_number)
            assert process.wait(timeout=30) == -signal.SIGKILL
        assert_kept_once(home, acknowledged)
    assert len(acknowledged) >= 180
    with receiver(home) as (base, _process):
        sender = Sender(base)
        assert {sender.post(name, body_of(name)).status_code for name in tried} == {202}
    assert_kept_once(home, tried)
    assert rows(home, "select count(*) from ingested_files") == [(len(tried),)]


def until_killed(
    base: str, pid: int, prefix: str, acknowledged: set[str], tried: set[str], *, posts: int
) -> None:
    """Let six senders post until one of them, after so many answers, kills the receiver under the others."""
    sender, before = Sender(base), len(acknowledged)

    def send(number: int) -> None:
        for turn in range(10_000):
            name = f"{prefix}-{number}-{turn}"
            tried.add(name)
            try:
                if sender.post(name, body_of(name)).status_code == 202:
                    acknowledged.add(name)
            except httpx.HTTPError:
                return
            if len(acknowledged) - before == posts:
                os.kill(pid, signal.SIGKILL)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join(timeout=120)
