"""A mail server and a portal on this machine: what would leave can be looked at, and nothing does leave.

Real protocols, loopback only: mail is kept as home/sandbox/mail/<Message-ID>.eml, portal updates (signature
verified, once per webhook id) as home/sandbox/portal/<webhook id>.json. Not a production receiver.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from email import message_from_bytes
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as SMTPServer  # noqa: N811 - the mail server, not a constant
from aiosmtpd.smtp import Envelope, Session
from standardwebhooks import Webhook

from casework.effects.adapters.webhook import portal_secret

HOST = "127.0.0.1"
MAX_BODY = 1_000_000
STARTS_WITHIN_SECONDS = 10.0


def keep_once(folder: Path, name: str, data: bytes) -> bool:
    """Write a file whole or not at all; an existing one of that name stays. Return whether it is new."""
    folder.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^A-Za-z0-9._@-]", "_", name).lstrip(".")[:150] or hashlib.sha256(data).hexdigest()
    partial = folder / f".{safe}.{os.getpid()}.{threading.get_ident()}"
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(partial, folder / safe)
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    return True


class Mailbox:
    """Keeps every mail by its Message-ID."""

    def __init__(self, folder: Path) -> None:
        """Keep mail in this folder."""
        self.folder = folder

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTPServer, session: Session, envelope: Envelope
    ) -> str:
        """Keep one mail; answer only when it is on the disk."""
        data = envelope.original_content or b""
        identifier = str(message_from_bytes(data, policy=SMTP)["Message-ID"] or "").strip("<> ")
        name = (identifier or hashlib.sha256(data).hexdigest()) + ".eml"
        is_new = keep_once(self.folder, name, data)
        return "250 Message kept" if is_new else "250 Message known"


class _Portal(BaseHTTPRequestHandler):
    """Takes signed updates at any path."""

    server: PortalServer
    timeout = 10

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        """Verify, keep once, acknowledge."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self._answer(413, {"error": "send a content-length of at most 1 MB"})
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            value = self.server.signer.verify(body, headers)
        except Exception:  # the library raises several kinds for one meaning: do not trust it
            self._answer(401, {"error": "the signature does not verify"})
            return
        self._keep(headers["webhook-id"], value)

    def _keep(self, identifier: str, value: Any) -> None:
        kept = json.dumps({"webhook_id": identifier, "payload": value}, indent=1, sort_keys=True)
        keep_once(self.server.folder, f"{identifier}.json", kept.encode())
        self._answer(200, {"acknowledged": identifier})

    def _answer(self, status: int, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


class PortalServer(ThreadingHTTPServer):
    """The portal receiver on loopback."""

    daemon_threads = True

    def __init__(self, folder: Path, secret: str, port: int) -> None:
        """Keep updates signed with this secret in this folder; port 0 takes any free one."""
        self.folder = folder
        self.signer = Webhook(secret)
        super().__init__((HOST, port), _Portal)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])


class Sandbox:
    """Both servers, started and stopped together."""

    def __init__(
        self,
        home: Path,
        smtp_port: int = 8025,
        portal_port: int = 8503,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Prepare them for a home folder; they share the portal secret with the worker of that home."""
        self.mail_folder = home / "sandbox" / "mail"
        self.portal_folder = home / "sandbox" / "portal"
        self.mail_folder.mkdir(parents=True, exist_ok=True)
        self.portal_folder.mkdir(parents=True, exist_ok=True)
        self._mail = Controller(
            Mailbox(self.mail_folder),
            hostname=HOST,
            port=smtp_port,
            ready_timeout=STARTS_WITHIN_SECONDS,
            data_size_limit=MAX_BODY,
        )
        self._portal = PortalServer(self.portal_folder, portal_secret(environment, home), portal_port)
        self._thread = threading.Thread(
            target=self._portal.serve_forever, args=(0.05,), name="portal", daemon=True
        )

    @property
    def portal_port(self) -> int:
        """The port the portal listens on."""
        return self._portal.port

    def __enter__(self) -> Sandbox:
        """Start both."""
        try:
            self._mail.start()
        except BaseException:
            self._portal.server_close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop both."""
        self._portal.shutdown()
        self._portal.server_close()
        with suppress(AssertionError):
            self._mail.stop()


def serve(
    home: Path, smtp_port: int = 8025, portal_port: int = 8503, stop: threading.Event | None = None
) -> None:
    """Run the sandbox until `stop` is set (for ever without one). Raises OSError when a port is taken."""
    with Sandbox(home, smtp_port, portal_port):
        (stop or threading.Event()).wait()
