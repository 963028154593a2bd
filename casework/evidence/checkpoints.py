"""Signed checkpoints: the head of a tenant's chain, kept outside the store, one JSON line each.

They show what a chain alone cannot: that its end was cut off, or the whole file put back to an older state.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from casework.canonical import canonical_bytes, instant
from casework.evidence.keys import Keys, is_signed

PURPOSE = b"tidewaiter audit checkpoint 1\n"
TAIL = 4096  # bytes; several times the longest line
FLUSHED_WITHIN = 1.0  # seconds

log = logging.getLogger("tidewaiter.checkpoints")
_to_flush: set[Path] = set()
_appended: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}  # by file, one for each tenant
os.register_at_fork(after_in_child=_to_flush.clear)  # timers stay with the parent


def checkpoint(keys: Keys, tenant_id: str, sequence: int, entry_hash: str, at: datetime) -> dict[str, Any]:
    """Return a signed checkpoint of a chain's head."""
    said = {"tenant_id": tenant_id, "sequence": sequence, "entry_hash": entry_hash, "at": instant(at)}
    return said | {"signature": keys.sign(PURPOSE + canonical_bytes(said)).hex()}


def restored(
    keys: Keys, tenant_id: str, sequence: int, entry_hash: str, abandoned: int, at: datetime
) -> dict[str, Any]:
    """Return a signed mark that a chain goes on from an older head; later checkpoints before it are void."""
    said = checkpoint(keys, tenant_id, sequence, entry_hash, at) | {"restored": True, "abandoned": abandoned}
    del said["signature"]
    return said | {"signature": keys.sign(PURPOSE + canonical_bytes(said)).hex()}


def last_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the newest whole line of a checkpoint file, read from its end; None where there is none.

    What this process appended itself need not be read again while the file is as it was left.
    """
    try:
        known, mark = _appended.get(path, (None, None))
        if known is not None and known == _identity(path.stat()):
            return mark
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _mark_in(_tail(descriptor)[0])
    finally:
        os.close(descriptor)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from another, and from itself once it was written to."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def _tail(descriptor: int) -> tuple[bytes, int]:
    """Return the end of an open file, in which its last whole line is, and the file's size."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, TAIL, max(0, size - TAIL)), size


def _mark_in(tail: bytes) -> dict[str, Any] | None:
    try:
        mark = json.loads(tail.split(b"\n")[-2])
        return mark if isinstance(mark["sequence"], int) and isinstance(mark["entry_hash"], str) else None
    except (IndexError, ValueError, KeyError, TypeError):
        return None  # what is no checkpoint is for a verification to name


def append_checkpoint(path: Path, mark: dict[str, Any]) -> None:
    """Append one checkpoint; a line torn by a crash is cut off first.

    No decision waits for a second disk: the file is flushed within `FLUSHED_WITHIN` seconds, for all that was
    appended by then. Only a power failure can take what was not flushed, and only of its last second: such a
    file is behind its store, as after a crash between commit and checkpoint, and still ahead of any backup.
    """
    line = canonical_bytes(mark) + b"\n"
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        tail, end = _tail(descriptor)
        if tail and not tail.endswith(b"\n"):
            end -= len(tail) - tail.rfind(b"\n") - 1
            os.ftruncate(descriptor, end)
        os.pwrite(descriptor, line, end)
        _appended[path] = (_identity(os.fstat(descriptor)), mark)
    finally:
        os.close(descriptor)  # lets go of the lock too
    _flush_soon(path)


def _flush_soon(path: Path) -> None:
    if path in _to_flush:
        return
    _to_flush.add(path)
    timer = threading.Timer(FLUSHED_WITHIN, _flush, [path])
    timer.daemon = True
    timer.start()


def _flush(path: Path) -> None:
    """Bring to the disk what was appended; whatever comes from now on has a flush of its own."""
    _to_flush.discard(path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        pass  # its home is gone
    except OSError:
        log.exception("The checkpoints in %s could not be brought to the disk.", path)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def is_genuine(mark: dict[str, Any], public_key: bytes) -> bool:
    """Tell whether a checkpoint carries the key's signature over everything else it says."""
    said = {key: value for key, value in mark.items() if key != "signature"}
    try:
        signature = bytes.fromhex(str(mark["signature"]))
    except (KeyError, ValueError):
        return False
    return is_signed(public_key, signature, PURPOSE + canonical_bytes(said))


def read_checkpoints(
    path: Path, tenant_id: str, public_key: bytes | None
) -> tuple[dict[int, str], str | None]:
    """Return sequence -> entry hash, and a sentence when a line is not to be trusted.

    A last line without its line end was torn by a crash while it was written, and is left out.
    """
    marks: dict[int, str] = {}
    if not path.exists():
        return marks, None
    lines = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, start=1):
        try:
            mark = json.loads(line)
            sequence, entry_hash, owner = int(mark["sequence"]), str(mark["entry_hash"]), mark["tenant_id"]
        except (ValueError, KeyError, TypeError):
            return marks, f"Line {number} of {path.name} is no checkpoint."
        if owner != tenant_id or (public_key and not is_genuine(mark, public_key)):
            return marks, f"Line {number} of {path.name} does not carry this installation's signature."
        if mark.get("restored"):
            marks = {known: seen for known, seen in marks.items() if known <= sequence}
        if marks.setdefault(sequence, entry_hash) != entry_hash:
            return (
                marks,
                f"Line {number} of {path.name} contradicts an earlier checkpoint of entry {sequence}.",
            )
    return marks, None
