"""Laying the tenants' worlds: real data sets and the simulated network as files in landing folders.

What a replay has not reached yet lies under `upcoming/`, in the same layout; the stamp in each name says
when it arrives. Nothing here reads a feed: it only puts files where partners would.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from data import catalog
from data.contract import stamp_of
from data.feeds import c2k, scms
from data.simulate import lay as lay_network
from orchestration.resources import Platform


@dataclass(frozen=True)
class Laid:
    """What was laid for one tenant: how many files lie in the landing folder, or why there are none."""

    tenant_id: str
    files: int
    sentence: str | None = None


def lay_tenant(platform: Platform, tenant_id: str, as_of: datetime) -> Laid:
    """Lay one tenant's world up to `as_of`; files that lie there already are left as they are."""
    settings = platform.settings
    landing, upcoming = settings.landing / tenant_id, settings.upcoming / tenant_id
    if tenant_id == "demo":
        lay_network(landing, upcoming, settings.truth, as_of)
        return Laid(tenant_id, count_files(landing))
    name, lay = {"health": ("scms", scms.lay), "airfreight": ("c2k", c2k.lay)}[tenant_id]
    source = catalog.find(name, settings.datasets, downloads_dir=settings.home / "downloads")
    if isinstance(source, catalog.Missing):
        return Laid(tenant_id, count_files(landing), source.sentence)
    lay(source, landing, upcoming, as_of)
    return Laid(tenant_id, count_files(landing))


def count_files(folder: Path) -> int:
    """Return how many files lie in a tenant's landing folders."""
    return sum(1 for path in folder.glob("*/*") if path.is_file() and not path.name.startswith("."))


def upcoming_files(platform: Platform, tenants: Sequence[str]) -> list[tuple[datetime, Path]]:
    """Return what has not arrived yet, in order of arrival."""
    found = []
    for tenant in tenants:
        for path in (platform.settings.upcoming / tenant).glob("*/*"):
            stamp = stamp_of(path.name)
            if stamp is not None and not path.name.startswith("."):
                found.append((stamp, path))
    return sorted(found)


@dataclass(frozen=True)
class Step:
    """One step of a replay: the tenant's clock stands at `as_of` and these files have landed."""

    tenant_id: str
    as_of: datetime
    files: int


def replay(
    platform: Platform,
    tenant_id: str,
    *,
    until: datetime,
    step: timedelta,
    hours_per_second: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Step]:
    """Go on from a tenant's clock: move it step by step and land what arrived by then.

    `hours_per_second` is the speed of history; 0 waits for nothing. The clock moves before the files land,
    so that no row is ever dated after the clock it is read under.
    """
    landing = platform.settings.landing / tenant_id
    waiting = upcoming_files(platform, [tenant_id])
    as_of = platform.casework.clock_of(tenant_id).as_of
    while as_of < until:
        as_of = min(as_of + step, until)
        due = [path for stamp, path in waiting if stamp <= as_of]
        waiting = waiting[len(due) :]
        platform.casework.set_clock(tenant_id, as_of)
        for path in due:
            land(path, landing / path.parent.name / path.name)
        yield Step(tenant_id, as_of, len(due))
        if hours_per_second > 0 and as_of < until:
            sleep(step.total_seconds() / 3600 / hours_per_second)


def copy_in(source: Path, target: Path) -> None:
    """Copy a file into a landing folder whole: it appears under its name only when all of it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Its own name may be as long as a name can be.
    draft = target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]}.part")
    shutil.copyfile(source, draft)
    draft.replace(target)


def land(source: Path, target: Path) -> None:
    """Move a file that was upcoming into a landing folder."""
    copy_in(source, target)
    source.unlink()
