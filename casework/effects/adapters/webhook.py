"""Signed webhooks to customers' portals (Standard Webhooks): one POST, no redirects, bounded answer.

The webhook id follows from the idempotency key, and a receiver that follows the standard ignores an id it
has seen; so an unknown outcome may be sent again with the same id.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from standardwebhooks import Webhook

from casework.canonical import canonical_bytes
from casework.crashpoints import crashpoint
from casework.drafting import sanitise
from casework.effects.adapter import Description, Leased, LeaseLost, Outcome, Result
from casework.effects.adapters.mail import is_loopback
from casework.effects.deadline import cut_after
from casework.errors import ConfigError

SANDBOX_URL = "http://127.0.0.1:8503/webhooks"
MAX_ANSWER_BYTES = 64 * 1024
_TRY_AGAIN = frozenset({408, 425, 429})


def portal_secret(environment: Mapping[str, str], home: Path) -> str:
    """Return TIDEWAITER_PORTAL_SECRET, or the one kept in home/keys (made once, for its owner's eyes)."""
    return _secret(environment.get("TIDEWAITER_PORTAL_SECRET"), home / "keys" / "portal.secret")


def team_secret(environment: Mapping[str, str], home: Path) -> str:
    """Return TIDEWAITER_TEAM_SECRET, or the one kept in home/keys; no portal knows it."""
    return _secret(environment.get("TIDEWAITER_TEAM_SECRET"), home / "keys" / "team.secret")


def _secret(configured: str | None, path: Path) -> str:
    if configured:
        return _checked(configured)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(b"whsec_" + b64encode(secrets.token_bytes(32)))
    with contextlib.suppress(FileExistsError):
        os.link(partial, path)
    partial.unlink()
    return _checked(path.read_text("ascii").strip())


def _checked(secret: str) -> str:
    try:
        Webhook(secret)
    except Exception as error:
        raise ConfigError("The portal secret must read whsec_ and base64; make a new one.") from error
    return secret


@dataclass(frozen=True)
class WebhookSettings:
    """The signing secret, where to send instead of the portal's own address, and time limits in seconds."""

    secret: str = field(repr=False)
    url_override: str | None = None
    is_sandbox: bool = False
    step_seconds: float = 10.0
    total_seconds: float = 30.0
    target: str = "portal_webhook"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], home: Path) -> WebhookSettings:
        """Read TIDEWAITER_PORTAL_SECRET and TIDEWAITER_PORTAL_URL.

        Without TIDEWAITER_PORTAL_URL and TIDEWAITER_SMTP_URL everything goes to the local sandbox.
        """
        override = environment.get("TIDEWAITER_PORTAL_URL") or None
        is_sandbox = override is None and not environment.get("TIDEWAITER_SMTP_URL")
        return cls(
            portal_secret(environment, home), override or (SANDBOX_URL if is_sandbox else None), is_sandbox
        )

    @classmethod
    def for_teams(cls, environment: Mapping[str, str], home: Path) -> WebhookSettings:
        """Sign with the teams' own secret and post to each team's own endpoint.

        TIDEWAITER_PORTAL_URL does not count here: it may be a partner's. Where the portal is the sandbox, so is
        this.
        """
        portal = cls.from_environment(environment, home)
        if portal.is_sandbox:
            return replace(portal, target="team_webhook")
        return cls(team_secret(environment, home), target="team_webhook")


def webhook_id(idempotency_key: str) -> str:
    """Return the id of a key: the same for every attempt."""
    return f"msg_{idempotency_key[:48]}"


class WebhookAdapter:
    """Posts one leased payload at a time."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Sign with this secret."""
        self.settings = settings
        self._signer = Webhook(settings.secret)

    def describe(self) -> Description:
        """Idempotent by webhook-id, as the standard asks of receivers; not readable back."""
        own = (
            "each portal's own address"
            if self.settings.target == "portal_webhook"
            else "each team's endpoint"
        )
        where = self.settings.url_override or own
        where += " (sandbox)" if self.settings.is_sandbox else ""
        return Description(self.settings.target, is_idempotent=True, can_read_back=False, destination=where)

    def verify(self, change: Leased) -> bool | None:
        """Portals cannot be read back."""
        return None

    def apply(self, change: Leased, idempotency_key: str) -> Outcome:
        """Post one payload."""
        url = self.settings.url_override or change.recipient
        parts, problem = _target(url)
        if parts is None:
            return Outcome(Result.REFUSED, problem)
        body = canonical_bytes(change.payload)
        headers = self._headers(change, idempotency_key, body)
        receipt = {"webhook_id": headers["webhook-id"], "url": f"{parts.scheme}://{parts.netloc}{parts.path}"}
        return self._post(change, parts, body, headers, receipt)

    def _headers(self, change: Leased, idempotency_key: str, body: bytes) -> dict[str, str]:
        """Id, time and signature over both and the body."""
        now, identifier = datetime.now(UTC), webhook_id(idempotency_key)
        return {
            "content-type": "application/json",
            "user-agent": "tidewaiter",
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(identifier, now, body.decode("ascii")),
        }

    def _post(
        self,
        change: Leased,
        parts: SplitResult,
        body: bytes,
        headers: dict[str, str],
        receipt: dict[str, Any],
    ) -> Outcome:
        """Connect, pass the point of no return, send and read; say what each way of ending means."""
        connection = self._connection(parts)
        stage = "connecting"
        try:
            with cut_after(self.settings.total_seconds, lambda: connection.sock):
                connection.connect()
                crashpoint("worker:before-point-of-no-return")
                change.pass_point_of_no_return()
                stage = "sending"
                crashpoint("worker:before-data")
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", path, body=body, headers=headers)
                response = connection.getresponse()
                answer = response.read(MAX_ANSWER_BYTES)
                return _meaning(response, answer, receipt)
        except LeaseLost:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = f"{type(error).__name__} {sanitise.line(str(error), 200)}".strip()
            if stage == "sending":
                return Outcome(Result.UNKNOWN, f"The portal gave no whole answer ({said}).", receipt)
            return Outcome(Result.RETRY, f"The portal could not be reached ({said}).", receipt)
        finally:
            connection.close()

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        timeout = self.settings.step_seconds
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=timeout, context=context
            )
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _target(url: str) -> tuple[SplitResult | None, str]:
    """Read a portal's address: https anywhere, plain http on this machine only."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None, "The portal's address cannot be read. Correct the contact and approve again."
    is_plain_local = parts.scheme == "http" and is_loopback(host)
    if not host or not (parts.scheme == "https" or is_plain_local) or parts.username or not url.isprintable():
        return None, "The portal's address must be https. Correct the contact and approve again."
    return parts, ""


def _meaning(response: http.client.HTTPResponse, answer: bytes, receipt: dict[str, Any]) -> Outcome:
    """What a status and an answer mean; the answer is kept, bounded, as the acknowledgement."""
    status = response.status
    said = sanitise.line(answer[:4_000].decode("utf-8", "replace"), 500)
    receipt = receipt | {"status": status, "acknowledgement": said}
    if 200 <= status < 300:
        if _says_error(answer):
            return Outcome(Result.RETRY, f"The portal answered {status} but reported an error.", receipt)
        return Outcome(Result.APPLIED, f"The portal acknowledged with {status}.", receipt)
    if status == 409:
        return Outcome(Result.ALREADY_APPLIED, "The portal says it had this update before.", receipt)
    if status in _TRY_AGAIN or status >= 500:
        wait = _retry_after(response.getheader("retry-after"))
        return Outcome(Result.RETRY, f"The portal answered {status}.", receipt, wait)
    if 300 <= status < 400:
        return Outcome(Result.REFUSED, f"The portal answered {status}; redirects are not followed.", receipt)
    return Outcome(Result.REFUSED, f"The portal refused the update with {status}.", receipt)


def _says_error(answer: bytes) -> bool:
    """Whether a successful status carries an error in its JSON."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    return bool(value.get("error")) or str(value.get("status", "")).lower() in {"error", "failed", "failure"}


def _retry_after(header: str | None) -> timedelta | None:
    """Read Retry-After as seconds or as a date; None when it says nothing usable."""
    if not header:
        return None
    if header.strip().isdigit():
        return timedelta(seconds=min(int(header.strip()[:9]), 86_400))
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(header)
        if moment.tzinfo is not None:
            return max(moment - datetime.now(UTC), timedelta(0))
    return None
