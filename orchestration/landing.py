"""The landing area, compared with the ledger: what is there, whole, and not yet loaded.

Level-triggered: nothing here remembers an earlier look. A file counts once it has stopped changing;
names that begin with a dot or end in `.part` or `.tmp` are somebody's unfinished writing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETTLE_SECONDS = 1.0
UNFINISHED = (".part", ".tmp", ".crdownload")


@dataclass(frozen=True)
class LandedFile:
    """One file in the landing area."""

    tenant_id: str
    feed: str
    path: Path
    size_bytes: int
    changed_ns: int

    @property
    def name(self) -> str:
        """The name the partner gave it."""
        return self.path.name


def landed_files(landing: Path, settle_seconds: float = SETTLE_SECONDS) -> Iterator[LandedFile]:
    """Yield every whole file under `landing/<tenant>/<feed>/`, in name order."""
    moment = time.time()
    for path in sorted(landing.glob("*/*/*")):
        if (
            path.name.startswith(".")
            or path.name.endswith(UNFINISHED)
            or path.is_symlink()
            or not path.is_file()
        ):
            continue
        status = path.stat()
        if moment - status.st_mtime >= settle_seconds:
            yield LandedFile(
                path.parent.parent.name, path.parent.name, path, status.st_size, status.st_mtime_ns
            )
