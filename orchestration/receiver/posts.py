"""One post, from its head to its answer: 202 once its bytes are durable and in the ledger, a sentence otherwise."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from casework import ledger
from casework.crashpoints import crashpoint
from casework.errors import LedgerRefused
from casework.ledger import FileKey
from data.contract import Contract
from orchestration.receiver.doors import MEDIA, Door, Limits
from orchestration.resources import Platform

log = logging.getLogger("tidewaiter.receiver")

STORE_THREADS = 8  # below the store's pool of connections
DRAIN_BYTES, DRAIN_SECONDS = 4 * 1024 * 1024, 2.0
RETRY_SECONDS = 5
HEAD_BYTES = 16 * 1024

# A dot would let an id and a time be read in two ways from what is signed, so the standard warns of it.
WEBHOOK_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}")
# As signed: the library would take 1.7e9 or +1700000000 for the same time.
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
# 32 bytes in base64, written in the only way that leaves no bit over.
SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")

NOT_HERE = (
    "There is nothing to post to here. Check the address, and whether this receiver was given its secret."
)
NOT_SIGNED = (
    "The post is not signed: send the headers webhook-id, webhook-timestamp and webhook-signature of Standard "
    "Webhooks, once each."
)
NOT_TRUSTED = (
    "The signature does not verify. Sign the very bytes that are sent with this feed's secret, and send them within "
    "five minutes of webhook-timestamp."
)
NOT_AGREED = (
    "What was agreed on this feed cannot be used now, and the post was not taken in. Send it again later."
)
NOT_SAVED = "The post could not be kept and was not taken in. Send it again, under the same webhook-id."


class Receiver:
    """Takes posts in at the doors of one platform; the application it answers as is `app`."""

    def __init__(self, platform: Platform, doors: Mapping[tuple[str, str], Door], limits: Limits) -> None:
        """Open what posts need now, so that no two threads do."""
        self.platform, self.doors, self.limits = platform, doors, limits
        self.app = Starlette(
            routes=[Route("/feeds/{tenant}/{feed}", self.post, methods=["POST"])],
            exception_handlers={HTTPException: _refused},  # type: ignore[dict-item]
        )
        self._now_here = 0
        self._threads = anyio.CapacityLimiter(STORE_THREADS)
        _ = platform.engine, platform.casework, platform.originals

    async def post(self, request: Request) -> JSONResponse:
        """Answer one post: 202 once its bytes are kept and in the ledger, a sentence otherwise."""
        self._now_here += 1
        try:
            return await self._answer(request)
        except HTTPException as refusal:
            await _drain(request)
            return _refused(request, refusal)
        finally:
            self._now_here -= 1

    async def _answer(self, request: Request) -> JSONResponse:
        door = self.doors.get((request.path_params["tenant"], request.path_params["feed"]))
        if door is None:
            raise HTTPException(404, NOT_HERE)
        if self._now_here > self.limits.at_once:
            raise _later(429, "Too many posts are being taken in. Send it again a little later.")
        _check_head(request)
        _check_media(request, door.contract)
        signed = _signed(request)
        body = await _body(request, door.max_bytes, self.limits.read_seconds)
        work = partial(self._take, door, signed, body)
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _take(self, door: Door, signed: Mapping[str, str], body: bytes) -> JSONResponse:
        """Verify, keep, enter in the ledger; in a thread of its own, because disks make it wait."""
        if not door.knows(signed, body):
            raise HTTPException(401, NOT_TRUSTED)
        try:
            kept = self._keep(door, signed["webhook-id"], body)
        except LedgerRefused as refused:
            raise HTTPException(409, refused.message) from refused
        except Exception as problem:  # whatever it was: what was not kept is not acknowledged
            log.exception("a post to %s/%s could not be kept", door.tenant_id, door.contract.feed)
            raise _later(503, NOT_SAVED) from problem
        if kept is None:
            raise _later(503, NOT_AGREED)
        sha256, is_new = kept
        crashpoint("receiver:after-register-before-answer")
        return _json(202, {"sha256": sha256, "is_new": is_new})

    def _keep(self, door: Door, webhook_id: str, body: bytes) -> tuple[str, bool] | None:
        """Return a kept post's hash and whether it is new; nothing is kept for a feed that is none any more.

        A mapping can be broken or taken away at any time, and what belongs to no feed would never be loaded.
        """
        if self.platform.contract_of(door.tenant_id, door.contract.feed) is None:
            return None
        feed_time = self.platform.casework.clock_of(door.tenant_id).as_of
        crashpoint("receiver:after-verify-before-keep")
        sha256 = self.platform.originals.keep_bytes(body)
        crashpoint("receiver:after-keep-before-register")
        ending, _ = MEDIA[door.contract.format]
        is_new = ledger.receive(
            self.platform.engine, FileKey(door.tenant_id, door.contract.feed, sha256), webhook_id,
            file_name=f"{door.contract.feed}_{feed_time:%Y%m%dT%H%M%SZ}_{webhook_id}.{ending}",
            size_bytes=len(body), recorded_at=feed_time, now=self.platform.clock(),
        )  # fmt: skip
        return sha256, is_new


def _check_head(request: Request) -> None:
    # The server's own limit holds only for a head that arrives in pieces.
    if sum(len(name) + len(value) for name, value in request.headers.raw) > HEAD_BYTES:
        raise HTTPException(431, f"The headers are more than {HEAD_BYTES} bytes. Send fewer.")


def _check_media(request: Request, contract: Contract) -> None:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _, allowed = MEDIA[contract.format]
    if said not in allowed:
        raise HTTPException(
            415, f"This feed takes content-type {' or '.join(sorted(allowed))}. Send it as that."
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "The body is compressed. Send it as it is, without content-encoding.")


def _signed(request: Request) -> dict[str, str]:
    """Return the three headers of the standard, each sent once and written in the one way that counts."""
    if any(len(request.headers.getlist(name)) != 1 for name in SIGNED):
        raise HTTPException(401, NOT_SIGNED)
    found = {name: request.headers[name] for name in SIGNED}
    if not WEBHOOK_ID.fullmatch(found["webhook-id"]):
        raise HTTPException(400, "webhook-id must be 1 to 128 of a-z, A-Z, 0-9, _, : and -. Send such an id.")
    if not TIMESTAMP.fullmatch(found["webhook-timestamp"]):
        raise HTTPException(400, "webhook-timestamp must be whole seconds since 1970, in digits. Send it so.")
    signatures = [part for part in found["webhook-signature"].split(" ") if SIGNATURE.fullmatch(part)]
    if not signatures:
        raise HTTPException(401, NOT_TRUSTED)
    return found | {"webhook-signature": " ".join(signatures)}


async def _body(request: Request, max_bytes: int, seconds: float) -> bytes:
    too_large = HTTPException(
        413, f"This feed takes at most {max_bytes} bytes in one post. Send less in each."
    )
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise _later(
            408, f"The body did not arrive within {seconds:g} seconds. Send it again, whole."
        ) from None
    except ClientDisconnect:
        raise HTTPException(400, "The connection ended before the body did. Send it again, whole.") from None
    return _text(bytes(body))


def _text(body: bytes) -> bytes:
    if not body:
        raise HTTPException(400, "The body is empty. Send the message in it.")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(
            400, f"The body is no UTF-8 text from byte {error.start} on. Send it as UTF-8, and sign that."
        ) from None
    return body


async def _drain(request: Request) -> None:
    """Read a refused post on for a while: who closes at once takes the answer from a sender that still writes."""
    left = DRAIN_BYTES
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return


def _later(status: int, sentence: str) -> HTTPException:
    return HTTPException(status, sentence, headers={"retry-after": str(RETRY_SECONDS)})


def _refused(_request: Request, refusal: HTTPException) -> JSONResponse:
    sentence = {404: NOT_HERE, 405: "Only POST is answered here. Post to it."}.get(refusal.status_code)
    return _json(refusal.status_code, {"error": sentence or refusal.detail}, refusal.headers)


def _json(status: int, said: Mapping[str, object], headers: Mapping[str, str] | None = None) -> JSONResponse:
    # One post a connection: then no connection can wait idle, and none is left in doubt after a refusal.
    return JSONResponse(dict(said), status, headers={**(headers or {}), "connection": "close"})
