"""Signing in with a company account: two addresses beside the pages, `GET /signin` and its callback.

The provider establishes who somebody is; from then on the session is ours, as with a password: a row in the
store that can be revoked, 30 minutes idle and 12 hours in all, named by our own cookie. Nothing of the
provider's tokens is kept.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from html import escape
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from casework.errors import CaseworkError, SignInRefused
from dashboard import context, cookie
from dashboard.oidc import CALLBACK, Attempt, Provider, Settings

ADDRESS = "/signin"
BROWSER = "tidewaiter_signin"  # ties an attempt to the browser that began it
ATTEMPT_SECONDS = 600.0
MOST_ATTEMPTS = 10_000
STALE = "This sign-in was used already, is too old, or began in another browser. Start again."


@dataclass(frozen=True)
class Begun:
    """An attempt under way, in this process' memory."""

    attempt: Attempt
    browser: str = field(repr=False)
    back_to: str
    until: float


class Attempts:
    """Attempts that were begun and have not come back; each can come back once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._open: dict[str, Begun] = {}

    def begin(self, back_to: str) -> tuple[str, Begun]:
        """Return a new attempt's state, and the attempt."""
        moment = time.monotonic()
        attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        begun = Begun(attempt, secrets.token_urlsafe(32), back_to, moment + ATTEMPT_SECONDS)
        state = secrets.token_urlsafe(32)
        with self._lock:
            alive = [(name, kept) for name, kept in self._open.items() if kept.until > moment]
            self._open = dict(alive[-MOST_ATTEMPTS + 1 :]) | {state: begun}
        return state, begun

    def come_back(self, state: str, browser: str) -> Begun:
        """Return an attempt, once, to the browser that began it; raise `SignInRefused` otherwise."""
        with self._lock:
            begun = self._open.pop(state, None)
        is_good = begun is not None and begun.until > time.monotonic()
        if begun is None or not is_good or not hmac.compare_digest(begun.browser, browser):
            raise SignInRefused(STALE)
        return begun


attempts = Attempts()


@cache
def provider() -> Provider | None:
    """Return the provider that the environment names, if any; raise `ConfigError` for a wrong one."""
    settings = Settings.from_environment(os.environ)
    return Provider(settings) if settings else None


def own_path(asked: str) -> str:
    """Return an address of ours to come back to: a path and its query, never another site."""
    parts = urlsplit(asked)
    is_ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and not parts.netloc
    is_plain = asked.isascii() and asked.isprintable() and "\\" not in asked and len(asked) < 500
    return asked if is_ours and is_plain else "/"


async def begin(request: Request) -> Response:
    """Send the browser to the provider."""
    found = provider()
    if found is None:
        return Response(status_code=404)
    state, begun = attempts.begin(own_path(request.query_params.get("to", "/")))
    try:
        address = await run_in_threadpool(found.address, state, begun.attempt)
    except SignInRefused as refused:
        return _refusal(refused)
    answer = RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
    # Lax: the provider sends the browser back from another site.
    answer.set_cookie(
        BROWSER, begun.browser, path=ADDRESS, max_age=int(ATTEMPT_SECONDS), httponly=True, samesite="lax",
        secure=found.settings.redirect_uri.startswith("https:"),
    )  # fmt: skip
    return answer


async def callback(request: Request) -> Response:
    """Take the provider's answer: a session of ours for whom it names, or the reason why not."""
    found = provider()
    if found is None:
        return Response(status_code=404)
    try:
        begun = attempts.come_back(request.query_params.get("state", ""), request.cookies.get(BROWSER, ""))
        token = await run_in_threadpool(_session, found, begun.attempt, request.query_params.get("code", ""))
    except CaseworkError as refused:
        return _refusal(refused)
    answer = RedirectResponse(begun.back_to, status_code=303, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(BROWSER, path=ADDRESS)
    cookie.keep(answer, token, is_secure=found.settings.redirect_uri.startswith("https:"))
    return answer


def _session(found: Provider, attempt: Attempt, code: str) -> str:
    if not code:
        raise SignInRefused("Your company's sign-in was not completed, so you were not signed in.")
    issuer, subject = found.subject(code, attempt)
    token, _principal = context.casework().sign_in_as(issuer, subject)
    return token


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not signed in</title></head>
<body><h1>Not signed in</h1><p>{sentence}</p><p><a href="/">Back to the sign-in</a></p></body></html>"""


def _refusal(refused: CaseworkError) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}
    page = PAGE.format(sentence=escape(refused.message))
    answer = HTMLResponse(page, status_code=403, headers=headers)
    answer.delete_cookie(BROWSER, path=ADDRESS)
    return answer


ROUTES = [Route(ADDRESS, begin, methods=["GET"]), Route(CALLBACK, callback, methods=["GET"])]
