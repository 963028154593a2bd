"""How a browser stays signed in over a reload or a link: a cookie that no script can read.

The page cannot set such a cookie over its web socket, so it hands out a ticket, good once and for seconds,
which the browser exchanges for the cookie at `POST /session`. The cookie holds the session's token and nothing
else; what it is worth is still decided by the store on every run. Strict: another site's page never sends it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from functools import cache

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response

NAME = "tidewaiter_session"
ADDRESS = "/session"
TICKET_SECONDS = 30.0
LONGEST_TICKET = 200

# The ticket is the only thing a script of the page ever holds; the request outlives a page that is left.
EXCHANGE = """
export default function({ data }) {
    fetch("session", { method: "POST", body: data.ticket, credentials: "same-origin", keepalive: true });
}
"""


class Tickets:
    """Tickets handed out and not yet exchanged, in this process' memory; safe to use from many threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, float]] = {}

    def issue(self, token: str) -> str:
        """Return a new ticket for a session's token."""
        ticket, moment = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._open = {name: kept for name, kept in self._open.items() if kept[1] > moment}
            self._open[ticket] = (token, moment + TICKET_SECONDS)
        return ticket

    def is_open(self, ticket: str) -> bool:
        """Say whether a ticket can still be exchanged."""
        with self._lock:
            kept = self._open.get(ticket)
        return kept is not None and kept[1] > time.monotonic()

    def redeem(self, ticket: str) -> str | None:
        """Return the token behind a ticket, once; None for a used, late or unknown one."""
        with self._lock:
            kept = self._open.pop(ticket, None)
        return kept[0] if kept is not None and kept[1] > time.monotonic() else None


tickets = Tickets()


async def exchange(request: Request) -> Response:
    """Exchange a ticket for the cookie: 204, or 403 where the ticket is not good."""
    ticket = await body_of(request, LONGEST_TICKET)
    if ticket is None:
        return Response(status_code=413)
    token = tickets.redeem(ticket)
    return Response(status_code=403) if token is None else answer_with(request, token)


async def body_of(request: Request, longest: int) -> str | None:
    """Return a short text that was posted, or None when it is too long to be one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > longest:
            return None
    return body.decode("ascii", "replace")


def answer_with(request: Request, token: str) -> Response:
    """Return an empty answer that leaves a session's token with the browser."""
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    keep(answer, token, is_secure=request.url.scheme == "https")
    return answer


def keep(answer: Response, token: str, *, is_secure: bool) -> None:
    """Let an answer put a session's token into the browser, out of reach of scripts and other sites."""
    answer.set_cookie(NAME, token, path="/", httponly=True, samesite="strict", secure=is_secure)


def token_sent() -> str | None:
    """Return the token that this page's browser sent when it connected, if any."""
    return st.context.cookies.get(NAME)


def hand_over(ticket: str) -> None:
    """Let the browser exchange a ticket; shows nothing."""
    _exchange()(key="session_exchange", data={"ticket": ticket}, height=0)


@cache
def _exchange() -> Callable[..., object]:
    # Not when this module is imported: a component can be registered only once the server runs.
    return st.components.v2.component("tidewaiter_session", js=EXCHANGE)
