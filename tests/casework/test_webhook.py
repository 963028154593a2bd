"""Signed webhooks: the receiver can trust them, and we say honestly what became of each."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from casework.canonical import canonical_bytes
from casework.effects import adapter
from casework.effects.adapter import Leased, LeaseLost, Result
from casework.effects.adapters import standard
from casework.effects.adapters.webhook import WebhookAdapter, WebhookSettings, portal_secret, webhook_id
from casework.errors import ConfigError
from tests.casework.effects_world import free_port

SECRET = "whsec_" + b64encode(b"s" * 32).decode()
KEY = "k" * 64
PAYLOAD = {"data": {"case_id": "C-1", "message": "späte Ankunft ✈"}, "id": "upd_1"}


def leased(recipient="https://portal.acme.example/hooks", point=lambda: None) -> Leased:
    return Leased(
        tenant_id="demo",
        effect_id="E1",
        case_id="C-1",
        target="portal_webhook",
        recipient=recipient,
        idempotency_key=KEY,
        payload=PAYLOAD,
        attempt=1,
        created_at=datetime(2026, 9, 1, tzinfo=UTC),
        token="t",
        pass_point_of_no_return=point,
        _made=adapter._MADE_BY_THE_OUTBOX,
    )


@contextmanager
def portal(status=200, body=b"{}", headers=None, act=None):
    got: list[tuple[dict, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            got.append(({k.lower(): v for k, v in self.headers.items()}, data))
            if act:
                return act(self)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/hooks?a=1"
    try:
        yield got, WebhookAdapter(WebhookSettings(SECRET, url, step_seconds=1, total_seconds=2))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_independent_verifier_accepts_what_we_sign_and_no_mutant_of_it():
    with portal() as (got, hook):
        outcome = hook.apply(leased(), KEY)
    ((headers, body),) = got
    assert outcome.result == Result.APPLIED
    assert Webhook(SECRET).verify(body, headers) == PAYLOAD and body == canonical_bytes(PAYLOAD)
    assert headers["webhook-id"] == webhook_id(KEY)
    signature = headers["webhook-signature"]
    other = "v1," + ("A" if signature[3] != "A" else "B") + signature[4:]
    mutants = {"webhook-id": "msg_other", "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    for name, value in {**mutants, "webhook-signature": other}.items():
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, headers | {name: value})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"C-1", b"C-2"), headers)


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, b'{"acknowledged": "x"}', Result.APPLIED),
        (202, b"", Result.APPLIED),
        (204, b"", Result.APPLIED),
        (200, b"<html>ok</html>", Result.APPLIED),
        (200, b'{"error": "database down"}', Result.RETRY),
        (200, b'{"status": "failed"}', Result.RETRY),
        (409, b"", Result.ALREADY_APPLIED),
        (400, b"", Result.REFUSED),
        (401, b"", Result.REFUSED),
        (404, b"", Result.REFUSED),
        (410, b"", Result.REFUSED),
        (422, b"", Result.REFUSED),
        (408, b"", Result.RETRY),
        (425, b"", Result.RETRY),
        (429, b"", Result.RETRY),
        (500, b"", Result.RETRY),
        (503, b"", Result.RETRY),
        (302, b"", Result.REFUSED),
        (307, b"", Result.REFUSED),
    ],
)
def test_each_answer_of_a_portal_means_what_it_says(status, body, result):
    with portal(status, body, {"location": "http://127.0.0.1:9/"}) as (got, hook):
        assert hook.apply(leased(), KEY).result == result
    assert len(got) == 1


@pytest.mark.parametrize(
    ("header", "low", "high"), [("120", 120, 120), ("999999999", 86_400, 86_400), ("soon", None, None)]
)
def test_retry_after_in_seconds_is_handed_on(header, low, high):
    with portal(503, b"", {"retry-after": header}) as (_got, hook):
        wait = hook.apply(leased(), KEY).retry_after
    assert wait is None if low is None else timedelta(seconds=low) <= wait <= timedelta(seconds=high)


def test_retry_after_as_a_date_is_handed_on():
    when = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    with portal(503, b"", {"retry-after": when}) as (_got, hook):
        wait = hook.apply(leased(), KEY).retry_after
    assert timedelta(minutes=9) < wait <= timedelta(minutes=10)


def hang_up(receiver) -> None:
    receiver.connection.close()


def be_silent(receiver) -> None:
    time.sleep(1.5)


def drip(receiver) -> None:
    receiver.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(60):
        receiver.wfile.write(b" ")
        receiver.wfile.flush()
        time.sleep(0.1)


def talk_nonsense(receiver) -> None:
    receiver.wfile.write(b"\x00\xffnonsense\r\n\r\n")


def drip_headers(receiver) -> None:
    for _ in range(60):
        receiver.wfile.write(b"H")
        receiver.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("act", [hang_up, be_silent, talk_nonsense, drip_headers])
def test_without_a_whole_answer_the_outcome_is_unknown_and_the_wait_bounded(act):
    started = time.monotonic()
    with portal(act=act) as (got, hook):
        outcome = hook.apply(leased(), KEY)
        took = time.monotonic() - started
    assert outcome.result == Result.UNKNOWN and outcome.receipt["webhook_id"] == webhook_id(KEY)
    assert len(got) == 1 and took < 4


def test_an_answer_that_drips_is_cut_off():
    started = time.monotonic()
    with portal(act=drip) as (_got, hook):
        outcome = hook.apply(leased(), KEY)
        took = time.monotonic() - started
    assert outcome.result == Result.APPLIED and took < 4


def test_a_huge_answer_is_kept_only_in_part():
    with portal(200, b"x" * 5_000_000) as (_got, hook):
        outcome = hook.apply(leased(), KEY)
    assert outcome.result == Result.APPLIED and len(json.dumps(outcome.receipt)) < 2_000


def test_an_unreachable_portal_is_worth_another_attempt():
    hook = WebhookAdapter(WebhookSettings(SECRET, f"http://127.0.0.1:{free_port()}/"))
    assert hook.apply(leased(), KEY).result == Result.RETRY


def test_a_lost_lease_posts_nothing():
    def lost() -> None:
        raise LeaseLost("gone")

    with portal() as (got, hook), pytest.raises(LeaseLost):
        hook.apply(leased(point=lost), KEY)
    assert got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.acme.example/hooks",
        "ftp://portal.acme.example",
        "file:///etc/passwd",
        "https://",
        "https://user:pw@portal.acme.example/",
        "https://portal.acme.example/\r\nx: y",
        "https://portal.acme.example:notaport/",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_address_that_is_not_https_is_refused_before_any_connection(url):
    def never() -> None:
        raise AssertionError("connected")

    hook = WebhookAdapter(WebhookSettings(SECRET))
    assert hook.apply(leased(url, never), KEY).result == Result.REFUSED


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    first, second = portal_secret({}, tmp_path), portal_secret({}, tmp_path)
    path = tmp_path / "keys" / "portal.secret"
    assert first == second and path.stat().st_mode & 0o077 == 0
    assert portal_secret({"TIDEWAITER_PORTAL_SECRET": SECRET}, tmp_path) == SECRET
    assert [p.name for p in path.parent.iterdir()] == ["portal.secret"]
    with pytest.raises(ConfigError, match="whsec_"):
        portal_secret({"TIDEWAITER_PORTAL_SECRET": "whsec_"}, tmp_path)


def test_without_a_mail_server_configured_everything_stays_on_this_machine(tmp_path):
    made = standard(tmp_path, {})
    assert made["mail"].describe().destination == "127.0.0.1:8025 (sandbox)"
    assert made["portal_webhook"].describe().destination == "http://127.0.0.1:8503/webhooks (sandbox)"
    real = standard(tmp_path, {"TIDEWAITER_SMTP_URL": "smtp://mail.example"})
    assert real["portal_webhook"].describe().destination == "each portal's own address"
    assert SECRET not in repr(WebhookSettings(SECRET))
