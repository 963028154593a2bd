"""A limit on the whole of a conversation: a peer that drips bytes cannot hold a worker."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cut_after(seconds: float, current_socket: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut the socket down when the time is over; the reader then gets an error or an end of file."""

    def cut() -> None:
        sock = current_socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
