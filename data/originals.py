"""The bytes as they came, addressed by their SHA-256, written once and never changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from io import BufferedReader, BufferedWriter
from pathlib import Path

from data.errors import OriginalMissing

CHUNK_BYTES = 1024 * 1024
ADDRESS = re.compile(r"[0-9a-f]{64}")


class Originals:
    """A folder `<root>/<first two digits>/<sha256>`; several processes may keep the same file at once."""

    def __init__(self, root: Path) -> None:
        """`root` is made when the first file is kept."""
        self.root = Path(root)

    def keep(self, path: Path) -> str:
        """Copy the file's bytes here and return their SHA-256; on return they survive a crash.

        Keeping the same bytes again changes nothing. The hash is taken from the copy's own bytes, so a file
        that grows while it is read is kept as it was read.
        """
        with path.open("rb") as source:
            return self.keep_chunks(iter(lambda: source.read(CHUNK_BYTES), b""))

    def keep_bytes(self, content: bytes) -> str:
        """Write these bytes here and return their SHA-256; on return they survive a crash, as with `keep`."""
        sha256 = hashlib.sha256(content).hexdigest()
        if self.path(sha256).exists():
            self._sync_name(sha256)
            return sha256
        return self.keep_chunks([content])

    def open(self, sha256: str) -> BufferedReader:
        """A stream over the kept bytes; OriginalMissing where they are not here."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise OriginalMissing(sha256, "is not kept here; look for it in the backups.") from None

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash belong, whether or not they are there."""
        if not ADDRESS.fullmatch(sha256):
            raise OriginalMissing(sha256, "cannot exist: a SHA-256 has 64 digits 0-9 and a-f.")
        return self.root / sha256[:2] / sha256

    def verify(self, sha256: str) -> None:
        """Read the kept bytes back; OriginalMissing where they are absent or no longer match the hash."""
        with self.open(sha256) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256:
            raise OriginalMissing(sha256, "has been changed on disk; restore it from the backups.")

    def keep_chunks(self, chunks: Iterable[bytes]) -> str:
        """Write bytes here as they come and return their SHA-256; nothing is kept unless all of them came."""
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="incoming-", dir=self.root)
        try:
            with os.fdopen(descriptor, "wb") as copy:
                sha256 = _copy(chunks, copy)
                copy.flush()
                os.fsync(copy.fileno())
            self._settle(Path(name), sha256)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
        return sha256

    def _settle(self, copy: Path, sha256: str) -> None:
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            copy.chmod(0o444)
            copy.replace(target)
        self._sync_name(sha256)

    def _sync_name(self, sha256: str) -> None:
        # The name too must survive a crash, not only the bytes; and whoever made the folder a moment ago
        # may not have come to sync it yet.
        _sync_folder(self.path(sha256).parent)
        _sync_folder(self.root)


def _copy(chunks: Iterable[bytes], target: BufferedWriter) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
