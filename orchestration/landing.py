"""The landing area, compared with the ledger: what is there, whole, and not yet acknowledged.

Files land under `landing/<tenant>/<feed>/` of the home folder, and in a bucket where one is configured.
Level-triggered: nothing here remembers an earlier look but a cache. A file in a folder counts once it has stopped
changing, or was moved there; names that begin with a dot or end in `.part` or `.tmp` are somebody's unfinished writing.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casework import ledger
from casework.crashpoints import crashpoint
from casework.ledger import FileKey
from data.originals import Originals

if TYPE_CHECKING:
    from orchestration.resources import Platform

SETTLE_SECONDS = 1.0
UNFINISHED = (".part", ".tmp", ".crdownload")


log = logging.getLogger(__name__)


class NotTaken(OSError):
    """A landed file's bytes could not be had now."""


@dataclass(frozen=True)
class LandedFile:
    """One file in the landing area: `mark` is what of it changes when its content does, beside its `place`."""

    tenant_id: str
    feed: str
    name: str
    size_bytes: int
    place: str
    mark: tuple[Any, ...]
    keep: Callable[[Originals], str] = field(repr=False, compare=False)


def landed_files(
    landing: Path, settle_seconds: float = SETTLE_SECONDS, moved: Container[str] = ()
) -> Iterator[LandedFile]:
    """Yield every whole file under `landing/<tenant>/<feed>/`, in name order; those `moved` there at once."""
    moment = time.time()
    for path in sorted(landing.glob("*/*/*")):
        if is_unfinished(path.name) or path.is_symlink() or not path.is_file():
            continue
        status = path.stat()
        if moment - status.st_mtime >= settle_seconds or str(path) in moved:
            yield LandedFile(
                path.parent.parent.name, path.parent.name, path.name, status.st_size, str(path),
                (status.st_size, status.st_mtime_ns), partial(Originals.keep, path=path),
            )  # fmt: skip


def is_unfinished(name: str) -> bool:
    """Say whether a file of this name is somebody's unfinished writing."""
    return name.startswith(".") or name.endswith(UNFINISHED)


def register_landed(
    platform: Platform, settle_seconds: float = SETTLE_SECONDS, moved: Container[str] = ()
) -> int:
    """Keep the bytes of every landed file and acknowledge it; return how many contents were new.

    A file whose place and mark were acknowledged before is not read again. `moved` are paths of files that are
    whole, however young.
    """
    index = LandingIndex(platform.settings.home / "landing_index.json")
    in_folders = landed_files(platform.settings.landing, settle_seconds, moved)
    in_bucket: Iterable[LandedFile] = platform.bucket.files(platform.feeds()) if platform.bucket else ()
    new = sum(_register(platform, file, index) for file in chain(in_folders, in_bucket))
    index.save()
    return new


def _register(platform: Platform, file: LandedFile, index: LandingIndex) -> bool:
    if platform.contract_of(file.tenant_id, file.feed) is None or index.knows(file):
        return False
    try:
        sha256 = file.keep(platform.originals)
    except (FileNotFoundError, NotTaken) as gone:  # what is still there is taken with the next look
        log.warning("%s was not taken in (%s).", file.place, gone)
        return False
    crashpoint("landing:after-keep-before-register")
    as_of = platform.casework.clock_of(file.tenant_id).as_of
    is_new = ledger.register(
        platform.engine, FileKey(file.tenant_id, file.feed, sha256), file_name=file.name,
        size_bytes=file.size_bytes, recorded_at=as_of, now=platform.clock(),
    )  # fmt: skip
    index.note(file)
    return is_new


class LandingIndex:
    """Which landed files were acknowledged, by place and mark; a cache that may be thrown away."""

    def __init__(self, path: Path) -> None:
        """Read the cache; a missing or damaged one is an empty one."""
        self.path = path
        self.changed = False
        try:
            self.seen: dict[str, list[Any]] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self.seen = {}

    def knows(self, file: LandedFile) -> bool:
        """Say whether exactly this file was acknowledged before."""
        return self.seen.get(file.place) == list(file.mark)

    def note(self, file: LandedFile) -> None:
        """Remember an acknowledged file."""
        self.seen[file.place] = list(file.mark)
        self.changed = True

    def save(self) -> None:
        """Write the cache whole."""
        if self.changed:
            draft = self.path.with_suffix(".part")
            draft.write_text(json.dumps(self.seen))
            draft.replace(self.path)
