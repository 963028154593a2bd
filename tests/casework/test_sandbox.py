"""The sandbox: real protocols on this machine, everything kept once, nothing leaving."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import subprocess
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from casework.effects.adapters.webhook import portal_secret
from casework.sandbox import Sandbox, keep_once
from tests.casework.effects_world import free_port


@pytest.fixture
def running(tmp_path):
    smtp_port = free_port()
    with Sandbox(tmp_path, smtp_port, 0, {}) as sandbox:
        yield tmp_path, smtp_port, sandbox.portal_port


def post(port, identifier="msg_1", secret=None, body=b'{"a": 1}', at=None, **headers):
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(identifier, at, body.decode()) if secret else "v1,AAAA"
    sent = {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", "/webhooks", body, sent | headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_an_update_is_kept_once_however_often_it_comes(running):
    home, _, port = running
    secret = portal_secret({}, home)
    answers = {post(port, secret=secret) for _ in range(5)}
    assert answers == {(200, b'{"acknowledged": "msg_1"}')}
    (kept,) = (home / "sandbox" / "portal").iterdir()
    assert json.loads(kept.read_text()) == {"webhook_id": "msg_1", "payload": {"a": 1}}


def test_forged_stale_and_future_updates_are_refused(running):
    home, _, port = running
    secret = portal_secret({}, home)
    other = "whsec_" + b64encode(b"o" * 32).decode()
    now = datetime.now(UTC)
    assert post(port)[0] == 401
    assert post(port, secret=other)[0] == 401
    assert post(port, secret=secret, at=now - timedelta(minutes=6))[0] == 401
    assert post(port, secret=secret, at=now + timedelta(minutes=6))[0] == 401
    assert post(port, secret=secret, **{"webhook-id": "msg_2"})[0] == 401
    assert list((home / "sandbox" / "portal").iterdir()) == []


def test_an_id_cannot_name_a_file_elsewhere(running):
    home, _, port = running
    assert post(port, "../../../evil", portal_secret({}, home))[0] == 200
    (kept,) = (home / "sandbox" / "portal").iterdir()
    assert kept.parent == home / "sandbox" / "portal"
    assert not (home / "evil.json").exists()


def test_an_update_that_is_too_big_is_refused(running):
    assert post(running[2], **{"content-length": "9999999"})[0] == 413


def test_a_mail_is_kept_whole_and_once_by_its_message_id(running):
    home, port, _ = running
    for _ in range(3):
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail(
                "a@x.example", ["b@x.example"], b"Message-ID: <m1@x>\r\nSubject: s\r\n\r\n.dot\r\n"
            )
    (kept,) = (home / "sandbox" / "mail").iterdir()
    assert kept.name == "m1@x.eml" and kept.read_bytes().endswith(b"\r\n\r\n.dot\r\n")


def test_both_listen_on_this_machine_only(running):
    address = next(info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))
    outside = address if not address.startswith("127.") else None
    for port in running[1:]:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        if outside:
            with pytest.raises(OSError):
                socket.create_connection((outside, port), timeout=2)


def test_a_file_is_kept_whole_or_not_at_all(tmp_path):
    assert keep_once(tmp_path, "a.json", b"1") is True
    assert keep_once(tmp_path, "a.json", b"2") is False
    assert (tmp_path / "a.json").read_bytes() == b"1"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    keep_once(tmp_path, "..", b"3")
    assert all(p.parent == tmp_path for p in tmp_path.iterdir())


def test_it_runs_as_a_process_of_its_own_and_stops_when_told(tmp_path):
    smtp_port, portal_port = free_port(), free_port()
    code = "import sys; from pathlib import Path; from casework.sandbox import serve; "
    code += f"serve(Path(sys.argv[1]), {smtp_port}, {portal_port})"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    try:
        for _ in range(200):
            try:
                with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as client:
                    assert client.noop()[0] == 250
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError("the sandbox did not start")
        assert post(portal_port, secret=portal_secret({}, tmp_path))[0] == 200
    finally:
        process.terminate()
        process.wait(timeout=10)
