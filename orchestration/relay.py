"""The event log told on to NATS JetStream: in each tenant's order, at least once, from a cursor of its own.

An event is published and acknowledged before the next one; the cursor moves only over what was acknowledged. After a
crash or a lost answer the same events go out again under the same `Nats-Msg-Id`, which the stream knows within its
window and a reader by the event's id. The log of record stays in the store: what is lost there can be told anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from casework.crashpoints import crashpoint
from casework.errors import CaseworkError
from casework.service import Casework

log = logging.getLogger("tidewaiter.relay")
CONSUMER = "nats"
STREAM, SUBJECTS = "TIDEWAITER", "tidewaiter.>"
BATCH = 200
INTERVAL_SECONDS = 1.0
ACK_SECONDS = 5.0
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # after one failure, two, …
DUPLICATES_SECONDS = 3_600.0
KEPT_SECONDS = 30 * 86_400.0
CONTENT_TYPE = "application/cloudevents+json"
ROOM_FOR_HEADERS = 1_024


@dataclass(frozen=True)
class Settings:
    """Which servers, and the file of credentials for them."""

    url: str
    credentials: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings | None:
        """Read TIDEWAITER_NATS_URL and TIDEWAITER_NATS_CREDENTIALS; None when no server is named."""
        url = environment.get("TIDEWAITER_NATS_URL")
        return cls(url, environment.get("TIDEWAITER_NATS_CREDENTIALS") or None) if url else None


def subject_of(event: Mapping[str, Any]) -> str:
    """Return an event's subject: `tidewaiter.<tenant>.<type>`, each a word that NATS allows."""
    words = [event["tenant"], *str(event["type"]).removeprefix("tidewaiter.").split(".")]
    return ".".join(["tidewaiter", *(re.sub(r"[^A-Za-z0-9_-]", "_", word) or "_" for word in words)])


def message_of(event: Mapping[str, Any], most: int) -> bytes:
    """Return an event as it is published; one that is too large for the server goes without its data, and says so."""
    whole = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    if len(whole) <= most:
        return whole
    log.error("Event %s of %s is too large to relay whole.", event["sequence"], event["tenant"])
    rest = {key: value for key, value in event.items() if key != "data"}
    return json.dumps(rest | {"dataomitted": True}, ensure_ascii=False).encode()


class Relay:
    """Tells every tenant's events on, from where it was."""

    def __init__(self, casework: Casework, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._door, self._settings = casework, settings
        self._principal = casework.operator()

    def run_forever(self, stop: threading.Event, interval: float = INTERVAL_SECONDS) -> None:
        """Relay until told to stop; whatever goes wrong is logged, and tried again after a pause."""
        failures = 0
        while not stop.is_set():
            try:
                asyncio.run(self._connected(stop, interval))
                failures = 0
            except (NatsError, CaseworkError, OSError, TimeoutError) as problem:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                log.warning("The relay to NATS paused for %s s: %s", pause, problem or type(problem).__name__)
                stop.wait(pause)
            except Exception:
                log.exception("The relay to NATS failed; it goes on.")
                stop.wait(PAUSES[-1])

    async def _connected(self, stop: threading.Event, interval: float) -> None:
        """Relay over one connection until it fails or the end; a new one is made from outside.

        The client's own reconnecting is off: it would keep messages back and send them when it likes.
        """
        client = await nats.connect(
            self._settings.url,
            name="tidewaiter",
            user_credentials=self._settings.credentials,
            allow_reconnect=False,
            connect_timeout=int(ACK_SECONDS),
        )
        try:
            stream = client.jetstream(timeout=ACK_SECONDS)
            await _ensure(stream)
            while not stop.is_set():
                if not await self.once(client, stream):
                    await asyncio.sleep(interval)
        finally:
            await client.close()

    async def once(self, client: Client, stream: JetStreamContext) -> int:
        """Relay what is new, up to a batch of each tenant; return how many events that was."""
        return sum([await self._tenant(client, stream, name) for name in sorted(self._door.config.tenants)])

    async def _tenant(self, client: Client, stream: JetStreamContext, tenant_id: str) -> int:
        pending = await self._ask(self._pending, tenant_id)
        acknowledged = 0
        try:
            for event in pending:
                await stream.publish(
                    subject_of(event),
                    message_of(event, client.max_payload - ROOM_FOR_HEADERS),
                    stream=STREAM,
                    headers={"Nats-Msg-Id": event["id"], "Content-Type": CONTENT_TYPE},
                )
                acknowledged = event["sequence"]
                crashpoint("relay:after-ack-before-cursor")
        finally:
            if acknowledged:
                await self._ask(self._advance, tenant_id, acknowledged)
        return len(pending)

    async def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the store without keeping the connection from its heartbeats."""
        return await asyncio.to_thread(call, *arguments)

    def _pending(self, tenant_id: str) -> list[dict[str, Any]]:
        self._door.follow_events(self._principal, tenant_id, CONSUMER)
        return self._door.pending_events(self._principal, tenant_id, CONSUMER, BATCH)

    def _advance(self, tenant_id: str, through: int) -> None:
        self._door.advance_events(self._principal, tenant_id, CONSUMER, through)


async def _ensure(stream: JetStreamContext) -> None:
    """Make the stream where there is none; one that somebody made stays as it is."""
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        wanted = StreamConfig(
            name=STREAM,
            subjects=[SUBJECTS],
            storage=StorageType.FILE,
            duplicate_window=DUPLICATES_SECONDS,
            max_age=KEPT_SECONDS,
        )
        await stream.add_stream(wanted)
