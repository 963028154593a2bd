"""Mail over SMTP: plain text, one recipient, and a Message-ID that follows from the idempotency key.

SMTP has no idempotency: once the message's last bytes are on their way, only the server's answer says
whether it took it. Until then every failure is safe to try again; after that, a missing answer is `unknown`
and nobody but a person may decide to send again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from casework.crashpoints import crashpoint
from casework.drafting import sanitise
from casework.effects.adapter import Description, Leased, LeaseLost, Outcome, Result
from casework.effects.deadline import cut_after
from casework.errors import ConfigError

SANDBOX_URL = "smtp://127.0.0.1:8025"
DEFAULT_SENDER = "desk@tidewaiter.example"
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)


def is_address(text: str) -> bool:
    """Whether a text is exactly one plain ASCII mail address and nothing else."""
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text and len(text) <= 254


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class MailSettings:
    """Where mail goes out, as whom, and how long it may take (seconds, per step and in all)."""

    host: str
    port: int
    sender: str = DEFAULT_SENDER
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    uses_tls: bool = False  # smtps: TLS from the first byte
    uses_starttls: bool = False
    step_seconds: float = 15.0
    total_seconds: float = 60.0
    is_sandbox: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> MailSettings:
        """Read TIDEWAITER_SMTP_URL and TIDEWAITER_MAIL_FROM; the local sandbox when no server is named.

        smtp://user:password@host:port?starttls=never|required or smtps://…; STARTTLS is required by default
        except on this machine. Raises ConfigError.
        """
        url = environment.get("TIDEWAITER_SMTP_URL") or ""
        sender = environment.get("TIDEWAITER_MAIL_FROM") or DEFAULT_SENDER
        if not is_address(sender):
            raise ConfigError(
                "TIDEWAITER_MAIL_FROM is not a mail address; set it to one such as desk@you.example."
            )
        return cls.from_url(url or SANDBOX_URL, sender, is_sandbox=not url)

    @classmethod
    def from_url(cls, url: str, sender: str = DEFAULT_SENDER, *, is_sandbox: bool = False) -> MailSettings:
        """Read one SMTP URL; raises ConfigError without repeating the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ConfigError(
                "TIDEWAITER_SMTP_URL must read smtp://user:password@host:port?starttls=required."
            )
        uses_tls = parts.scheme == "smtps"
        wanted = parse_qs(parts.query).get("starttls", [""])[0]
        default = "never" if uses_tls or is_loopback(parts.hostname) else "required"
        return cls(
            host=parts.hostname,
            port=port or (465 if uses_tls else 587),
            sender=sender,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            uses_tls=uses_tls,
            uses_starttls=(wanted or default) not in ("never", "false", "0", "no"),
            is_sandbox=is_sandbox,
        )


def message_id(idempotency_key: str, sender: str) -> str:
    """Return the Message-ID of a key: the same for every attempt, so that a copy is recognisable."""
    return f"<{re.sub(r'[^A-Za-z0-9._-]', '', idempotency_key)[:64]}@{sender.rsplit('@', 1)[1]}>"


def mime(payload: Mapping[str, Any], sender: str, idempotency_key: str, date: datetime) -> EmailMessage:
    """Return the message for a payload; the same arguments give the same bytes.

    Raises ValueError when a header would not be one line, whatever it was made from.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = payload["to"]
    message["Subject"] = payload["subject"]
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id(idempotency_key, sender)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Tidewaiter-Case"] = payload["case_id"]
    message["X-Tidewaiter-Kind"] = payload.get("kind") or "notification"
    message.set_content(payload["body"], charset="utf-8", cte="quoted-printable")
    return message


def _check(data: bytes, message: EmailMessage) -> None:
    """Read the bytes back as a receiver would; raise ValueError when they say anything else than the message."""
    parsed = message_from_bytes(data, policy=SMTP)
    if list(parsed.keys()) != list(message.keys()) or parsed.is_multipart():
        raise ValueError("its headers would not read back as written")
    for name in ("From", "To", "Message-ID", "X-Tidewaiter-Case"):
        if str(parsed[name]) != str(message[name]):
            raise ValueError(f"its {name} would not read back as written")


class MailAdapter:
    """Sends one leased mail at a time over a fresh connection."""

    def __init__(self, settings: MailSettings) -> None:
        """Use this server."""
        self.settings = settings

    def describe(self) -> Description:
        """Not idempotent and not readable back: that is SMTP."""
        where = f"{self.settings.host}:{self.settings.port}" + (
            " (sandbox)" if self.settings.is_sandbox else ""
        )
        return Description("mail", is_idempotent=False, can_read_back=False, destination=where)

    def verify(self, change: Leased) -> bool | None:
        """Mail cannot be read back."""
        return None

    def apply(self, change: Leased, idempotency_key: str) -> Outcome:
        """Send one mail."""
        problem = self._unsendable(change)
        if problem:
            return Outcome(Result.REFUSED, problem)
        try:
            message = mime(change.payload, self.settings.sender, idempotency_key, change.created_at)
            data = message.as_bytes()
            _check(data, message)
        except (ValueError, KeyError, TypeError, LookupError) as error:
            return Outcome(Result.REFUSED, f"The message cannot be written as a mail: {error}")
        receipt = {
            "message_id": str(message["Message-ID"]),
            "server": f"{self.settings.host}:{self.settings.port}",
        }
        return self._converse(change, data, receipt)

    def _unsendable(self, change: Leased) -> str | None:
        if change.payload.get("to") != change.recipient:
            return "The message's recipient is not the approved one."
        if not is_address(change.recipient):
            return "The recipient is not one plain mail address. Correct the contact and approve again."
        return None

    def _converse(self, change: Leased, data: bytes, receipt: dict[str, Any]) -> Outcome:
        """Talk to the server; say for every way in which it can end what that means."""
        connection: smtplib.SMTP | None = None
        stage = "connecting"
        try:
            with cut_after(self.settings.total_seconds, lambda: connection.sock if connection else None):
                connection = self._client()
                code, reply = connection.connect(self.settings.host, self.settings.port)
                refusal = _declined(code, reply) if code != 220 else None
                refusal = refusal or self._prepare(connection, change.recipient)
                if refusal:
                    return refusal
                crashpoint("worker:before-point-of-no-return")
                change.pass_point_of_no_return()
                stage = "sending"
                crashpoint("worker:before-data")
                code, reply = _send_content(connection, data)
                stage = "answered"
                return _meaning(code, reply, receipt)
        except LeaseLost:
            raise
        except (OSError, smtplib.SMTPException) as error:
            if stage == "sending":
                text = f"The server took the message's text and gave no answer ({_said(error)})."
                return Outcome(Result.UNKNOWN, text, receipt)
            return Outcome(Result.RETRY, f"The mail server could not be used ({_said(error)}).")
        finally:
            if connection is not None:
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    connection.close()

    def _client(self) -> smtplib.SMTP:
        """Return a client that is not connected yet, so that connecting is under the time limit too."""
        name, seconds = self.settings.sender.rsplit("@", 1)[1], self.settings.step_seconds
        client = smtplib.SMTP(local_hostname=name, timeout=seconds)
        if self.settings.uses_tls:
            context = ssl.create_default_context()
            client = smtplib.SMTP_SSL(local_hostname=name, timeout=seconds, context=context)
        client._host = self.settings.host  # type: ignore[attr-defined]  # the name that TLS verifies
        return client

    def _prepare(self, connection: smtplib.SMTP, recipient: str) -> Outcome | None:
        """Everything up to the server's go-ahead for the text; an outcome when it does not come to that."""
        connection.ehlo_or_helo_if_needed()
        if self.settings.uses_starttls:
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
        if self.settings.user:
            connection.login(self.settings.user, self.settings.password or "")
        for answer, accepted in (
            (lambda: connection.mail(self.settings.sender), (250,)),
            (lambda: connection.rcpt(recipient), (250, 251)),
            (lambda: connection.docmd("DATA"), (354,)),
        ):
            code, reply = answer()
            if code not in accepted:
                return _declined(code, reply)
        return None


def _send_content(connection: smtplib.SMTP, data: bytes) -> tuple[int, bytes]:
    """Send the text, dots doubled and ended as SMTP wants it, and wait for the server's word."""
    text = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", data))
    connection.send(text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    return connection.getreply()


def _meaning(code: int, reply: bytes, receipt: dict[str, Any]) -> Outcome:
    """What the server's answer to the whole text means; a closed connection answers -1."""
    if code == 250:
        said = {"code": code, "reply": _plain(reply)}
        return Outcome(Result.APPLIED, "The mail server accepted the message.", receipt | said)
    if 400 <= code < 600:
        return _declined(code, reply)
    return Outcome(Result.UNKNOWN, "The server took the message's text and gave no clear answer.", receipt)


def _declined(code: int, reply: bytes) -> Outcome:
    """A server's no: for now (4xx, or no code at all), or for good (5xx)."""
    result = Result.REFUSED if 500 <= code < 600 else Result.RETRY
    return Outcome(result, f"The mail server answered {code}: {_plain(reply)}", {"code": code})


def _plain(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return sanitise.line(text, 300)


def _said(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    text = getattr(error, "smtp_error", b"") or str(error)
    return " ".join(part for part in (type(error).__name__, str(code or ""), _plain(text)) if part)
