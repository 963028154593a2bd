"""How a partner's link is opened: a small page that carries its token from the address to the cookie.

The token stands after the `#`, which no browser sends to a server, so no log and no referrer ever has it. The
page takes it out of the address bar, posts it, and gets the cookie of a session that can be taken back.
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from casework.errors import CaseworkError, LinkRefused
from dashboard import context, cookie

ADDRESS = "/link"
LONGEST_TOKEN = 200

SCRIPT = """
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const say = (words) => { document.getElementById("said").textContent = words; };
fetch("link", { method: "POST", body: token, credentials: "same-origin", referrerPolicy: "no-referrer" })
  .then(async (answer) => answer.status === 204 ? location.replace("./") : say(await answer.text()))
  .catch(() => say("The page could not be reached. Try again in a moment."));
"""
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex"><title>Tidewaiter</title></head>
<body><p id="said">Opening…</p><noscript><p>This page needs JavaScript.</p></noscript>
<script>{SCRIPT}</script></body></html>
"""
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


async def page(request: Request) -> Response:
    """Serve the page; it is the same for every link, and fetching it opens none."""
    return HTMLResponse(PAGE, headers=HEADERS)


async def open_link(request: Request) -> Response:
    """Exchange a link's token for the cookie: 204, or 403 with the one sentence for whatever is wrong."""
    if not _is_own(request):
        return PlainTextResponse("Open the link itself.", status_code=403, headers=HEADERS)
    if not context.is_set_up():
        return PlainTextResponse("There is no store here yet.", status_code=503, headers=HEADERS)
    token = await cookie.body_of(request, LONGEST_TOKEN)
    if token is None:
        return Response(status_code=413)
    address = request.client.host if request.client else None
    agent = request.headers.get("user-agent")
    try:
        session = await run_in_threadpool(context.casework().open_link, token, address, agent)
    except LinkRefused as refused:
        return PlainTextResponse(refused.message, status_code=403, headers=HEADERS)
    except CaseworkError as trouble:
        return PlainTextResponse(trouble.message, status_code=503, headers=HEADERS)
    return cookie.answer_with(request, session)


def _is_own(request: Request) -> bool:
    """Tell whether this dashboard's own page asks; another site must not sign its visitors in here."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
