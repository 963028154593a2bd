"""A home in which X12 files land and are answered, and a process that loads it and can be killed."""

from __future__ import annotations

import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

from casework.store.engine import migrate
from data.contract import Contract
from orchestration.assets.raw import raw_tables
from orchestration.landing import register_landed
from orchestration.loading import FeedLoad, load_feed
from orchestration.resources import Platform
from orchestration.settings import Settings

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def opened(home: Path) -> Platform:
    """The platform of a home, at one instant of desk time."""
    settings = Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}")
    return Platform(settings, clock=lambda: AT)


def begin(home: Path) -> None:
    """Make the stores of a home; they hold nothing."""
    home.mkdir(parents=True)
    made = opened(home)
    migrate(made.engine)
    made.casework.bootstrap()
    made.warehouse.prepare(raw_tables(made))
    made.engine.dispose()


def land(platform: Platform, name: str, content: str | bytes, feed: str = "x12_214") -> None:
    """Let a file land."""
    path = platform.settings.landing / "demo" / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def load(platform: Platform, feed: str = "x12_214", **changes: object) -> FeedLoad:
    """Load what landed; `changes` are those of the feed's contract."""
    register_landed(platform, settle_seconds=0)
    contract: Contract | None = platform.contract_of("demo", feed)
    assert contract is not None
    return load_feed(platform, contract.model_copy(update=changes), "demo", "run")


def laid(platform: Platform, feed: str = "x12_214") -> dict[str, bytes]:
    """What lies in a feed's outgoing folder, by name."""
    folder = platform.settings.outgoing / "demo" / feed
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}


def _load_once(home: str, crash_at: str | None) -> None:
    from casework import ledger

    os.environ.pop("TIDEWAITER_CRASH_AT", None)
    platform = opened(Path(home))
    platform.warehouse.hold()
    ledger.release_claims(platform.engine)
    if crash_at:
        os.environ["TIDEWAITER_CRASH_AT"] = crash_at
    load(platform, answer_content=True)


def load_in_a_process(home: Path, crash_at: str | None = None) -> int | None:
    """Load what landed in a process of its own, dead at the crash point if one is named; return its exit code."""
    process = _CONTEXT.Process(target=_load_once, args=(str(home), crash_at), daemon=True)
    process.start()
    process.join(timeout=120)
    return process.exitcode
