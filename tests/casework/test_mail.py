"""Mail: exactly the approved headers and text, and an honest answer to whether it was taken."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.drafting.drafter import Drafter
from casework.effects import adapter
from casework.effects.adapter import Leased, LeaseLost, Result
from casework.effects.adapters.mail import MailAdapter, MailSettings, is_address, message_id, mime
from casework.errors import ConfigError
from casework.model import DraftKind
from tests.casework.effects_fixtures import case, contact, detail
from tests.casework.effects_world import free_port

SENDER = "desk@tidewaiter.example"
DATE = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Tidewaiter-Case",
    "X-Tidewaiter-Kind",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}


def leased(payload=None, recipient="ops@acme.example", point=lambda: None, key="k" * 64) -> Leased:
    """An effect as the outbox would lease it."""
    payload = payload or {
        "to": recipient,
        "subject": "Hello",
        "body": "Text\n",
        "case_id": "C-1",
        "kind": "x",
    }
    return Leased(
        tenant_id="demo",
        effect_id="E1",
        case_id="C-1",
        target="mail",
        recipient=recipient,
        idempotency_key=key,
        payload=payload,
        attempt=1,
        created_at=DATE,
        token="t",
        pass_point_of_no_return=point,
        _made=adapter._MADE_BY_THE_OUTBOX,
    )


class Scripted:
    """An SMTP server's handler that answers as told and remembers what it got."""

    def __init__(self, **answers) -> None:
        self.answers = answers
        self.mails: list[bytes] = []
        self.recipients: list[list[str]] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append(envelope.original_content)
        self.recipients.append(envelope.rcpt_tos)
        if self.answers.get("drops"):
            server.transport.abort()
        return self.answers.get("data", "250 OK")


@contextmanager
def server(**answers):
    handler, port = Scripted(**answers), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, MailAdapter(MailSettings("127.0.0.1", port, SENDER, step_seconds=2, total_seconds=4))
    finally:
        controller.stop()


def test_a_mail_is_sent_to_the_one_recipient_and_the_servers_word_is_kept():
    passed = []
    with server() as (got, mail):
        outcome = mail.apply(leased(point=lambda: passed.append(1)), "k" * 64)
    assert outcome.result == Result.APPLIED and outcome.receipt["code"] == 250
    assert got.recipients == [["ops@acme.example"]] and passed == [1]
    assert set(message_from_bytes(got.mails[0], policy=SMTP).keys()) == HEADERS


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ({"mail": "451 later"}, Result.RETRY),
        ({"mail": "550 no"}, Result.REFUSED),
        ({"rcpt": "450 greylisted"}, Result.RETRY),
        ({"rcpt": "550 no such user"}, Result.REFUSED),
        ({"data": "452 full"}, Result.RETRY),
        ({"data": "554 refused"}, Result.REFUSED),
        ({"drops": True}, Result.UNKNOWN),
    ],
)
def test_each_answer_of_a_server_means_what_it_says(answers, result):
    with server(**answers) as (_got, mail):
        assert mail.apply(leased(), "k" * 64).result == result


@pytest.mark.parametrize("answers", [{"mail": "451 later"}, {"rcpt": "550 no"}])
def test_before_the_text_the_point_of_no_return_is_not_passed(answers):
    def never() -> None:
        raise AssertionError("passed too early")

    with server(**answers) as (got, mail):
        mail.apply(leased(point=never), "k" * 64)
    assert got.mails == []


def test_a_lost_lease_sends_no_text():
    def lost() -> None:
        raise LeaseLost("gone")

    with server() as (got, mail), pytest.raises(LeaseLost):
        mail.apply(leased(point=lost), "k" * 64)
    assert got.mails == []


def test_no_server_is_worth_another_attempt():
    mail = MailAdapter(MailSettings("127.0.0.1", free_port(), SENDER, step_seconds=1))
    assert mail.apply(leased(), "k" * 64).result == Result.RETRY


@contextmanager
def rude(script):
    """A TCP server that runs `script(connection)` for one client."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)

    def run() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                try:
                    script(connection)
                except OSError:
                    return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(timeout=3)


def test_a_server_that_drips_its_greeting_is_cut_off():
    def drip(connection) -> None:
        for _ in range(200):
            connection.sendall(b"2")
            threading.Event().wait(0.1)

    started = time.monotonic()
    with rude(drip) as port:
        mail = MailAdapter(MailSettings("127.0.0.1", port, SENDER, step_seconds=1, total_seconds=1))
        outcome = mail.apply(leased(), "k" * 64)
    assert outcome.result == Result.RETRY and time.monotonic() - started < 4


def test_a_server_silent_after_the_text_leaves_the_outcome_unknown():
    def silent(connection) -> None:
        connection.sendall(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            connection.recv(4096)
            connection.sendall(answer)
        connection.recv(65536)
        threading.Event().wait(2)

    with rude(silent) as port:
        mail = MailAdapter(MailSettings("127.0.0.1", port, SENDER, step_seconds=1, total_seconds=5))
        outcome = mail.apply(leased(), "k" * 64)
    assert outcome.result == Result.UNKNOWN and outcome.receipt["message_id"]


NAUGHTY = [
    "a\r\nBcc: eve@evil.example",
    "a\nBcc: eve@evil.example",
    "a\rBcc: eve@evil.example",
    "a%0d%0aBcc: eve@evil.example",
    "a\u2028Bcc: eve@evil.example",
    "a\x0bBcc: eve@evil.example",
    "a\x85Bcc: eve@evil.example",
    "=?utf-8?q?a=0d=0aBcc:_eve=40evil.example?=",
    "a\x00b",
    "\u202egnp.exe",
    "=?utf-8?b?YQ0KQmNjOiBldmVAZXZpbC5leGFtcGxl?=",
    "=\u200b?utf-8?q?a=0d=0aBcc:_eve=40evil.example?=",
    "a" * 5_000,
    "Übergröße 件名 ✈",
    "\r\n\r\n<script>alert(1)</script>",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
]


@pytest.mark.parametrize("text", NAUGHTY)
@pytest.mark.parametrize("field", ["subject", "body", "case_id", "kind"])
def test_naughty_text_adds_no_header_no_recipient_and_no_second_mail(text, field):
    payload = {"to": "ops@acme.example", "subject": "s", "body": "b\n", "case_id": "C-1", "kind": "x"}
    with server() as (got, mail):
        outcome = mail.apply(leased(payload | {field: text}), "k" * 64)
    if outcome.result == Result.REFUSED:
        assert got.mails == []
        return
    assert outcome.result == Result.APPLIED and len(got.mails) == 1
    assert got.recipients == [["ops@acme.example"]]
    parsed = message_from_bytes(got.mails[0], policy=SMTP)
    assert set(parsed.keys()) == HEADERS and not parsed.is_multipart()
    assert parsed["To"] == "ops@acme.example" and parsed["From"] == SENDER


@settings(max_examples=200, deadline=None)
@given(subject=st.text(max_size=300), text=st.text(max_size=500))
def test_any_approved_draft_reads_back_as_exactly_what_was_rendered(subject, text):
    draft = Drafter().draft(DraftKind.CUSTOMER_UPDATE, detail())
    draft["subject"], draft["paragraphs"][1]["text"] = subject, text
    rendered = Drafter().render(draft, case(), contact())
    message = mime(rendered.payload, SENDER, "k" * 64, DATE)
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert set(parsed.keys()) == HEADERS
    assert parsed["Subject"] == rendered.subject
    assert parsed.get_content().replace("\r\n", "\n") == rendered.body


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: eve@evil.example",
        "a@b.example,eve@evil.example",
        "a@b.example eve@evil.example",
        "A <a@b.example>",
        "a@b@c.example",
        "a@",
        "@b.example",
        "a@b..example",
        "ä@b.example",
        "a@bücher.example",
        "",
        "a" * 300 + "@b.example",
        '"a b"@b.example',
        "a@b.example\x00",
    ],
)
def test_what_is_not_one_plain_address_is_refused_before_any_connection(address):
    assert not is_address(address)
    mail = MailAdapter(MailSettings("127.0.0.1", 9, SENDER))
    assert mail.apply(leased(recipient=address), "k" * 64).result == Result.REFUSED


def test_lines_that_begin_with_dots_arrive_as_they_were_written():
    text = "first\n.\n..\n.hidden\nlast\n"
    payload = {"to": "ops@acme.example", "subject": "s", "body": text, "case_id": "C", "kind": "x"}
    with server() as (got, mail):
        assert mail.apply(leased(payload), "k" * 64).result == Result.APPLIED
    assert message_from_bytes(got.mails[0], policy=SMTP).get_content().replace("\r\n", "\n") == text


def test_a_payload_for_another_recipient_is_refused():
    payload = {"to": "eve@evil.example", "subject": "s", "body": "b", "case_id": "C", "kind": "x"}
    with server() as (got, mail):
        assert mail.apply(leased(payload), "k" * 64).result == Result.REFUSED
    assert got.mails == []


def test_the_message_id_and_the_bytes_follow_from_the_key():
    payload = leased().payload
    first, second = (mime(payload, SENDER, "a" * 64, DATE).as_bytes() for _ in range(2))
    assert first == second
    assert message_id("a" * 64, SENDER) != message_id("b" * 64, SENDER)


def test_where_mail_goes_comes_from_the_environment():
    chosen = MailSettings.from_environment({"TIDEWAITER_SMTP_URL": "smtp://ana:p%40ss@mail.example:2525"})
    assert (chosen.host, chosen.port, chosen.user, chosen.password) == ("mail.example", 2525, "ana", "p@ss")
    assert chosen.uses_starttls and not chosen.is_sandbox and "p@ss" not in repr(chosen)
    sandbox = MailSettings.from_environment({})
    assert (sandbox.host, sandbox.port, sandbox.is_sandbox) == ("127.0.0.1", 8025, True)
    assert not sandbox.uses_starttls
    assert MailSettings.from_url("smtps://mail.example").uses_tls
    assert not MailSettings.from_url("smtp://mail.example?starttls=never").uses_starttls


@pytest.mark.parametrize("url", ["mail.example:25", "http://mail.example", "smtp://", "smtp://h:notaport"])
def test_an_unreadable_server_address_says_how_to_write_it_and_repeats_no_password(url):
    with pytest.raises(ConfigError, match="TIDEWAITER_SMTP_URL"):
        MailSettings.from_environment({"TIDEWAITER_SMTP_URL": url})


def test_a_server_without_starttls_gets_no_password_and_no_text():
    with server() as (got, mail):
        strict = MailSettings(
            "127.0.0.1", mail.settings.port, SENDER, "ana", "secret", uses_starttls=True, step_seconds=2
        )
        outcome = MailAdapter(strict).apply(leased(), "k" * 64)
    assert outcome.result == Result.RETRY and got.mails == []
    assert "secret" not in outcome.detail
