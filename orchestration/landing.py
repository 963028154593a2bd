"""The landing area, compared with the ledger: what is there, whole, and not yet acknowledged.

Files land under `landing/<tenant>/<feed>/` of the home folder, and in a bucket where one is configured.
Level-triggered: nothing here remembers an earlier look but caches. A file in a folder counts once it has stopped
changing, or was moved there; names that begin with a dot or end in `.part` or `.tmp` are somebody's unfinished writing.
What cannot be taken is told of and stops nothing else; it is taken as soon as it can be.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from casework import ledger
from casework.crashpoints import crashpoint
from casework.errors import DetailsRefused
from casework.ledger import FileKey
from data.originals import CHUNK_BYTES, Originals
from orchestration.looking import Looks, stored_name

if TYPE_CHECKING:
    from orchestration.resources import Platform

SETTLE_SECONDS = 1.0
UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload")

AGAIN = "It is tried again at each look: let the user of this process read it, or lay it there anew."
LEFT = (
    "It is left until it changes or this process is started again: send it under a plainer name, or in parts."
)
NO_FEED = (
    "lies in the folder of no feed that can be used, so nobody reads it. "
    "Lay it in landing/TENANT/FEED of a feed that `tidewaiter feeds` shows, mend its mapping, or make one: "
    "`tidewaiter feed new`."
)
NO_FILE = {
    stat.S_IFDIR: "is a folder. Only files directly in a feed's folder are taken: move what is in it up.",
    stat.S_IFLNK: "is a link, and links are not followed. Lay the file itself there.",
}


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
    landing: Path,
    settle_seconds: float = SETTLE_SECONDS,
    moved: Container[str] = (),
    looks: Looks | None = None,
) -> Iterator[LandedFile]:
    """Yield every whole file under `landing/<tenant>/<feed>/`, in name order; those `moved` there at once.

    `looks` remembers since when a file has not changed whose own time cannot tell it.
    """
    looks, moment = looks or Looks(), time.time()
    for path in _paths(landing, looks):
        status = _status(path, looks)
        if status is None:
            continue
        place, mark = str(path), (status.st_size, status.st_mtime_ns)
        if place in moved or looks.is_settled(place, mark, moment - status.st_mtime, settle_seconds):
            yield LandedFile(
                path.parent.parent.name, path.parent.name, path.name, status.st_size, place, mark,
                partial(_keep, path=path),
            )  # fmt: skip


def _paths(landing: Path, looks: Looks) -> Iterator[Path]:
    for tenant in _within(landing, looks):
        for feed in _within(tenant, looks):
            yield from (path for path in _within(feed, looks) if not is_unfinished(path.name))


def _within(folder: Path, looks: Looks) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        if not is_unfinished(folder.name):
            looks.tell(str(folder), ("no feed",), NO_FEED)
        return []
    except OSError as problem:
        looks.tell(str(folder), ("closed",), f"cannot be looked into ({_why(problem)}). {AGAIN}")
        return []


def _status(path: Path, looks: Looks) -> os.stat_result | None:
    """Return what the system says of a file; of what is none, or cannot be asked about, tell."""
    try:
        status = path.lstat()
    except FileNotFoundError:  # taken away since the folder was read
        return None
    except OSError as problem:
        looks.tell(str(path), ("closed",), f"cannot be looked at ({_why(problem)}). {AGAIN}")
        return None
    if stat.S_ISREG(status.st_mode):
        return status
    kind = stat.S_IFMT(status.st_mode)
    what = NO_FILE.get(kind, "is no file but a pipe, a socket or a device. Take it away.")
    looks.tell(str(path), ("no file", kind), what)
    return None


def _keep(originals: Originals, *, path: Path) -> str:
    """Keep a file's bytes. `NotTaken` is of this file alone; that nothing can be kept at all is another error."""
    try:
        source = path.open("rb")
    except OSError as problem:
        raise NotTaken(_why(problem)) from problem
    with source:
        return originals.keep_chunks(_chunks(source))


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    try:
        yield from iter(lambda: source.read(CHUNK_BYTES), b"")
    except OSError as problem:
        raise NotTaken(_why(problem)) from problem


def _why(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__


def is_unfinished(name: str) -> bool:
    """Say whether a file of this name is somebody's unfinished writing."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def register_landed(
    platform: Platform, settle_seconds: float = SETTLE_SECONDS, moved: Container[str] = ()
) -> int:
    """Keep the bytes of every landed file and acknowledge it; return how many contents were new.

    A file whose place and mark were acknowledged before is not read again. `moved` are paths of files that are
    whole, however young.
    """
    index = LandingIndex(platform.settings.home / "landing_index.json")
    in_folders = landed_files(platform.settings.landing, settle_seconds, moved, platform.looks)
    in_bucket: Iterable[LandedFile] = platform.bucket.files(platform.feeds()) if platform.bucket else ()
    try:
        new = sum(_register(platform, file, index) for file in chain(in_folders, in_bucket))
    finally:  # what was acknowledged before the store failed is not read again
        index.save()
    platform.looks.end()
    return new


def _register(platform: Platform, file: LandedFile, index: LandingIndex) -> bool:
    looks, refused = platform.looks, ("refused", *file.mark)
    if platform.contract_of(file.tenant_id, file.feed) is None:
        looks.tell(file.place, ("no feed",), NO_FEED)
        return False
    if index.knows(file):
        return False
    if looks.was_told(file.place, refused):
        return False
    try:
        is_new = _take(platform, file)
    except NotTaken as gone:  # what is still there is taken with the next look
        looks.tell(file.place, ("unread", *file.mark), f"was not taken in ({gone}). {AGAIN}")
        return False
    except DetailsRefused as problem:  # its bytes are kept; to copy them again at each look would be no use
        reason = problem.fields.get("reason", problem.message)
        looks.tell(file.place, refused, f"cannot be entered in the ledger ({reason}). {LEFT}")
        return False
    index.note(file)
    return is_new


def _take(platform: Platform, file: LandedFile) -> bool:
    sha256 = file.keep(platform.originals)
    crashpoint("landing:after-keep-before-register")
    as_of = platform.casework.clock_of(file.tenant_id).as_of
    return ledger.register(
        platform.engine, FileKey(file.tenant_id, file.feed, sha256), file_name=stored_name(file.name),
        size_bytes=file.size_bytes, recorded_at=as_of, now=platform.clock(),
    )  # fmt: skip


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
