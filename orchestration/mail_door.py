"""The mail door in: what is attached to a mail to <tenant>.<feed>@… is kept, entered in the ledger, then acknowledged.

It stands behind a mail server (MTA) of one's own, on loopback alone. That server checks where a mail really comes
from and writes the result on top, as RFC 8601 says; a mail is believed where that result is the configured server's,
says `dmarc=pass` for the domain of From, and that sender may write to the feed. A door is there only where the
environment names senders: TIDEWAITER_MAIL_SENDERS_<TENANT>_<FEED>, addresses or @domains parted by blanks. Every
refusal that concerns who may write reads the same, whether or not there is such a feed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import PurePosixPath

from aiosmtpd.smtp import SMTP as SMTPServer  # noqa: N811 - the mail server, not a constant
from aiosmtpd.smtp import Envelope, Session

from casework import ledger
from casework.crashpoints import crashpoint
from casework.errors import ConfigError
from casework.ledger import FileKey
from data.contract import Contract, stamp_of
from orchestration.errors import PortTaken
from orchestration.resources import Platform

log = logging.getLogger("tidewaiter.mail")

SENDERS, SERVER = "TIDEWAITER_MAIL_SENDERS_", "TIDEWAITER_MAIL_SERVER"
LOOPBACK = "127.0.0.1"
MAIL_BYTES = 32 * 1024 * 1024
MAX_PARTS = 100
STORE_THREADS = 8  # below the store's pool of connections
# By a contract's format: how the name of an attachment that is meant for it ends.
ENDINGS = {
    "csv": (".csv", ".txt"), "jsonl": (".jsonl", ".ndjson"), "parquet": (".parquet",), "xlsx": (".xlsx",),
    "x12": (".x12", ".edi", ".txt"), "edifact": (".edi", ".edifact", ".txt"),
    "json": (".json",), "dcsa": (".json",), "epcis": (".json", ".jsonld"), "webhook": (".json",),
}  # fmt: skip
NOT_HERE = "550 5.7.1 There is no such address, or it takes no mail from you."
ADDRESS = re.compile(r"(@|[^@\s,;<>\"]+@)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


class _Refused(Exception):
    """The reply to a mail that is not taken in."""


@dataclass(frozen=True)
class MailDoor:
    """Where one tenant's feed is written to, and who may."""

    tenant_id: str
    feed: str
    senders: frozenset[str]

    def admits(self, address: str) -> bool:
        """Say whether mail from this address, whose domain was proven, is for the feed."""
        return address in self.senders or f"@{address.rpartition('@')[2]}" in self.senders


def doors_of(platform: Platform, environment: Mapping[str, str]) -> dict[str, MailDoor]:
    """Return the doors the environment names senders for, by the part of the address before the @.

    Raises `ConfigError`, naming the variable: it names no feed or two, or holds what is no address.
    """
    known: dict[str, list[tuple[str, str]]] = {}
    for tenant_id, feed in platform.feeds():
        name = SENDERS + re.sub(r"[^A-Z0-9]", "_", f"{tenant_id}_{feed}".upper())
        known.setdefault(name, []).append((tenant_id, feed))
    doors = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(SENDERS) or not value.strip():
            continue
        places, senders = known.get(name, []), value.lower().replace(",", " ").split()
        if len(places) != 1:
            raise ConfigError(
                f"{name} names no tenant's feed, or two. It must read {SENDERS}<TENANT>_<FEED>."
            )
        if wrong := [sender for sender in senders if not ADDRESS.fullmatch(sender)]:
            raise ConfigError(
                f"{name} holds {wrong[0]!r}, which is neither an address nor an @domain. Correct it."
            )
        ((tenant_id, feed),) = places
        doors[f"{tenant_id}.{feed}"] = MailDoor(tenant_id, feed, frozenset(senders))
    if doors and not environment.get(SERVER, "").strip():
        raise ConfigError(
            f"{SERVER} must name the mail server whose word counts: the authserv-id that it writes at the beginning "
            "of Authentication-Results."
        )
    return doors


class Postbox:
    """Takes mail in at the doors of one platform."""

    def __init__(self, platform: Platform, environment: Mapping[str, str]) -> None:
        """Open what mail needs now, so that no two threads do."""
        self.platform = platform
        self.doors = doors_of(platform, environment)
        self.server = environment.get(SERVER, "").strip().lower()
        self._threads = asyncio.Semaphore(STORE_THREADS)
        _ = platform.engine, platform.casework, platform.originals

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTPServer, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Note one address; a mail for several feeds is sent for each."""
        if envelope.rcpt_tos:
            return "452 4.5.3 One feed at a time. Send the mail again for the other."
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTPServer, session: Session, envelope: Envelope
    ) -> str:
        """Answer one mail: 250 once what is attached is kept and in the ledger, else a sentence."""
        content = envelope.original_content or b""
        try:
            async with self._threads:
                return await asyncio.to_thread(self.take, envelope.rcpt_tos[0], content)
        except _Refused as refused:
            return str(refused)
        except Exception:  # whatever it was: what was not kept is not acknowledged
            log.exception("a mail to %r could not be kept", envelope.rcpt_tos[0][:200])
            return "451 4.3.0 The mail could not be kept. Send it again later."

    def take(self, address: str, content: bytes) -> str:
        """Believe a mail or not, then keep what is attached to it; return the reply."""
        message = _parsed(content)
        door = self.doors.get(address.rpartition("@")[0].lower())
        sender = _sender(message)
        if door is None or sender is None or _proven(message, self.server) != sender.rpartition("@")[2]:
            raise _Refused(NOT_HERE)
        contract = self.platform.contract_of(door.tenant_id, door.feed)
        if not door.admits(sender) or contract is None:
            raise _Refused(NOT_HERE)
        files = list(_attached(message, contract))
        for name, body in files:
            self._keep(door, contract, name, body)
        return f"250 2.0.0 Taken in: {len(files)} file{'s' if len(files) > 1 else ''}."

    def _keep(self, door: MailDoor, contract: Contract, name: str, body: bytes) -> None:
        feed_time = self.platform.casework.clock_of(door.tenant_id).as_of
        sha256 = self.platform.originals.keep_bytes(body)
        crashpoint("mail:after-keep-before-register")
        stem, _, ending = _plain(name).rpartition(".")
        if contract.recorded_at == "file_stamp" and stamp_of(name) is None:
            stem = f"{stem}_{feed_time:%Y%m%dT%H%M%SZ}"
        ledger.register(
            self.platform.engine, FileKey(door.tenant_id, door.feed, sha256), file_name=f"{stem or 'file'}.{ending}",
            size_bytes=len(body), recorded_at=feed_time, now=self.platform.clock(),
        )  # fmt: skip


def _parsed(content: bytes) -> EmailMessage:
    try:
        message = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
        if sum(1 for _ in message.walk()) <= MAX_PARTS:
            return message
    except (RecursionError, ValueError, LookupError) as error:
        log.warning("a mail cannot be read (%s)", type(error).__name__)
    raise _Refused(
        "554 5.6.0 The mail cannot be read, or has too many parts. Attach the file to a plain one."
    )


def _sender(message: EmailMessage) -> str | None:
    """Return the one address it says it is from, where that is written in the one way that counts."""
    said = message.get_all("From", [])
    if len(said) != 1 or said[0].defects or len(said[0].addresses) != 1:
        return None
    address = str(said[0].addresses[0].addr_spec).lower()
    return address if ADDRESS.fullmatch(address) and not address.startswith("@") else None


def _proven(message: EmailMessage, server: str) -> str | None:
    """Return the domain that this server's topmost result proves the mail to come from (RFC 8601, DMARC)."""
    for value in message.get_all("Authentication-Results", []):
        head, *results = _bare(str(value)).split(";")
        if not head.split() or head.split()[0].lower() != server:
            continue  # another server's word, which anybody could have written
        verdicts = [result.split() for result in results if result.strip().lower().startswith("dmarc")]
        if len(verdicts) != 1 or verdicts[0][0].lower() != "dmarc=pass":
            return None
        domains = [part[12:].lower() for part in verdicts[0] if part.lower().startswith("header.from=")]
        return domains[0] if len(domains) == 1 else None
    return None


def _bare(text: str) -> str:
    """Return a header's text without comments and with every quoted string blotted out; nothing if one never ends."""
    kept, depth, is_quoted, skip = [], 0, False, False
    for mark in text:
        if skip or mark == "\\":
            skip = not skip
        elif is_quoted:
            is_quoted = mark != '"'
        elif mark == '"' and not depth:
            is_quoted = True
            kept.append("~")
        elif mark in "()":
            depth += 1 if mark == "(" else -1
            kept.append(" ")
        elif not depth:
            kept.append(mark)
        if depth < 0:
            return ""
    return "" if depth or is_quoted or skip else "".join(kept)


def _attached(message: EmailMessage, contract: Contract) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of what is attached for a feed, or refuse the mail; a mail within it is not looked into."""
    endings, count = ENDINGS[contract.format], 0
    for part in _parts(message):
        name = part.get_filename() or ""
        if not name.lower().endswith(endings):
            continue
        body = part.get_payload(decode=True)
        if part.defects or not isinstance(body, bytes):
            raise _Refused("554 5.6.0 An attachment is damaged. Send the mail again.")
        if not 0 < len(body) <= contract.max_bytes:
            raise _Refused(f"552 5.3.4 An attachment is empty, or larger than {contract.max_bytes} bytes.")
        count += 1
        yield name, body
    if not count:
        raise _Refused(f"554 5.6.0 Nothing is attached that this feed takes: {' or '.join(endings)}.")


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from _parts(part)  # type: ignore[arg-type]
    elif not message.is_multipart():
        yield message


def _plain(name: str) -> str:
    """Return an attachment's name as a file's may be; it names a file and is never a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")
    return safe[-150:] or hashlib.sha256(name.encode()).hexdigest()[:16]


def serve(
    platform: Platform,
    environment: Mapping[str, str],
    port: int,
    stop: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Take mail in on this port of loopback until asked to stop; `tell` hears where, and at how many doors.

    Raises `ConfigError` for senders that cannot be meant, `PortTaken` where something else listens.
    """
    postbox = Postbox(platform, environment)
    try:
        listener = socket.create_server((LOOPBACK, port))
    except OSError as taken:
        raise PortTaken(
            f"Something already listens on {LOOPBACK}:{port}. Set TIDEWAITER_MAIL_PORT to another port."
        ) from taken
    tell(f"Mail is taken in at {LOOPBACK}:{port}, for {len(postbox.doors)} feed(s).")
    asyncio.run(_serve(postbox, listener, stop))


async def _serve(postbox: Postbox, listener: socket.socket, stop: threading.Event) -> None:
    loop = asyncio.get_running_loop()

    def conversation() -> SMTPServer:
        return SMTPServer(postbox, data_size_limit=MAIL_BYTES, ident="Tidewaiter", timeout=60, loop=loop)

    async with await loop.create_server(conversation, sock=listener):
        while not stop.is_set():
            await asyncio.sleep(0.2)
