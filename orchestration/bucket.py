"""Files that land in an object store: `<url>/<tenant>/<feed>/<file>`, read and never changed.

An object appears whole or not at all, so it counts at once. It is known by its address and its entity tag; written
anew under the same name it is another file. Where the store cannot be asked, that is said, and the folders go on.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import obstore
from obstore.exceptions import BaseError, InvalidPathError
from obstore.store import from_url

from data.originals import CHUNK_BYTES, Originals
from orchestration.errors import OrchestrationError
from orchestration.landing import LandedFile, NotTaken, is_unfinished
from orchestration.looking import MAX_NAME

log = logging.getLogger(__name__)

LIST_SECONDS = 10.0
RETRY_SECONDS = 60.0
PATIENCE: dict[str, Any] = {"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=5)}
RETRIES: dict[str, Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}


class Bucket:
    """One landing area in an object store, listed at most every few seconds."""

    def __init__(self, url: str) -> None:
        """Open such as s3://bucket/prefix; how to sign in stands in the environment, as for any S3 client.

        Plain http, which a store beside this process may speak, needs `AWS_ALLOW_HTTP=true`. Raises
        `OrchestrationError` for an address of another kind.
        """
        self.url = url.rstrip("/")
        patience = PATIENCE | {"allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"}
        try:
            self._store: Any = from_url(self.url, client_options=patience, retry_config=RETRIES)  # type: ignore[call-overload]
        except (BaseError, ValueError, TypeError) as error:
            raise OrchestrationError(
                f"TIDEWAITER_LANDING_URL cannot be used ({_short(error)}). Give an address such as s3://bucket/landing."
            ) from error
        self._next_at = 0.0

    def files(self, feeds: Iterable[tuple[str, str]]) -> Iterator[LandedFile]:
        """Yield every object of these feeds (tenant, feed); nothing until it is time to look again.

        Each feed is listed by itself: a name that no object may have stops the feed of whoever wrote it, no other.
        """
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + LIST_SECONDS
        for tenant_id, feed in feeds:
            try:
                for page in obstore.list(self._store, f"{tenant_id}/{feed}/", chunk_size=1000):
                    yield from filter(None, map(self._file, page))
            except InvalidPathError as error:
                log.error("%s/%s/%s cannot be listed (%s).", self.url, tenant_id, feed, _short(error))
            except BaseError as error:
                self._next_at = time.monotonic() + RETRY_SECONDS
                log.error(
                    "%s cannot be read (%s). Files there wait; it is tried again.", self.url, _short(error)
                )
                return

    def _file(self, found: Any) -> LandedFile | None:
        parts = found["path"].split("/")
        if len(parts) != 3 or is_unfinished(parts[2]):
            return None
        if len(parts[2]) > MAX_NAME:
            log.error("%s/%s has a name longer than %d; it is left.", self.url, found["path"][:400], MAX_NAME)
            return None
        mark = (found["size"], found["e_tag"] or "", found["last_modified"].isoformat())
        place = f"{self.url}/{found['path']}"
        keep = partial(self._keep, path=found["path"], tag=found["e_tag"])
        return LandedFile(parts[0], parts[1], parts[2], found["size"], place, mark, keep)

    def _keep(self, originals: Originals, *, path: str, tag: str | None) -> str:
        """Keep the bytes that were listed; an object that was replaced since is listed again as another."""
        is_same: Any = {"if_match": tag} if tag else {}
        try:
            found = obstore.get(self._store, path, options=is_same)
            return originals.keep_chunks(bytes(chunk) for chunk in found.stream(min_chunk_size=CHUNK_BYTES))
        except BaseError as error:
            raise NotTaken(_short(error)) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
