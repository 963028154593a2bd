"""The server: loopback alone, bounded in connections, in bytes of a request's head and in the time for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestration.errors import PortTaken
from orchestration.receiver.doors import Limits, doors_of
from orchestration.receiver.posts import HEAD_BYTES, Receiver
from orchestration.resources import Platform

LOOPBACK = "127.0.0.1"
HEAD_SECONDS = 5.0
CONNECTIONS = 256
STOP_SECONDS = 10


class _Prompt(H11Protocol):
    """A connection that is closed where its request's head does not arrive in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


def serve(
    platform: Platform, environment: Mapping[str, str], port: int, limits: Limits, tell: Callable[[str], None]
) -> None:
    """Take posts in on this port of loopback until asked to end; `tell` hears where, and at how many doors.

    Raises `ConfigError` for a secret that cannot be used, `PortTaken` where something else listens.
    """
    receiver = Receiver(platform, doors_of(platform, environment, limits), limits)
    config = uvicorn.Config(
        receiver.app, http=_Prompt, ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=STOP_SECONDS,
    )  # fmt: skip
    with _listening(port) as listener:
        where = f"http://{LOOPBACK}:{listener.getsockname()[1]}/feeds/<tenant>/<feed>"
        tell(f"Posts are taken in at {where}, for {len(receiver.doors)} feed(s).")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(CONNECTIONS)  # from here on a post waits for the server instead of being turned away
    except OSError as taken:
        listener.close()
        raise PortTaken(
            f"Something already listens on {LOOPBACK}:{port}. Set TIDEWAITER_RECEIVER_PORT to another port."
        ) from taken
    return listener
