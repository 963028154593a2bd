"""A post until its answer, against the least that could be promised: one synced file and one bare row.

A real receiver on loopback, a post at a time, each with a body of its own; the bare way takes its turn after every
post, so that a busy machine slows both.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from casework.store.engine import writing
from casework.store.tables import ingested_files
from tests.bench.stores import KINDS, door, urls
from tests.bench.warehouse import tell
from tests.system.posting import NOTICE, Sender, receiver

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
TENANT, POSTS, WARM = "demo", 300, 20


def measure(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a comparison for each store."""
    with urls(folder) as stores:
        for kind in KINDS:
            home = folder / kind
            casework = door(stores[kind], home)
            casework.bootstrap()
            with receiver(home, TIDEWAITER_STORE_URL=stores[kind]) as (base, _process):
                yield _compared(kind, Sender(base), home, casework.engine)
            casework.engine.dispose()


def _compared(kind: str, sender: Sender, home: Path, engine: sa.Engine) -> dict[str, Any]:
    posts, bare = [], []
    for number in range(POSTS + WARM):
        body = NOTICE.replace(b"WX-1", f"WX-{number}".encode())
        posts.append(_seconds(partial(_post, sender, f"msg_{number}", body)))
        bare.append(_seconds(partial(_least, engine, home, number, body)))
    slow, quick = sorted(posts[WARM:]), sorted(bare[WARM:])
    return {
        "what": f"post to answer : one synced file and one bare insert, {kind}",
        "ratio": statistics.median(slow) / statistics.median(quick),
        "ratio_p95": round(_p95(slow) / _p95(quick), 2),
        "post_p50_ms": round(statistics.median(slow) * 1000, 2),
        "post_p95_ms": round(_p95(slow) * 1000, 2),
        "bare_p50_ms": round(statistics.median(quick) * 1000, 2),
        "bare_p95_ms": round(_p95(quick) * 1000, 2),
    }


def _p95(ordered: list[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _post(sender: Sender, webhook_id: str, body: bytes) -> None:
    answer = sender.post(webhook_id, body)
    assert answer.json()["is_new"], answer.text


def _least(engine: sa.Engine, home: Path, number: int, body: bytes) -> None:
    with (home / f"bare-{number}").open("wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
    row = {
        "tenant_id": TENANT, "feed": "bare", "file_sha256": f"{number:064d}", "file_name": f"bare_{number}.jsonl",
        "size_bytes": len(body), "state": "landed", "attempts": 0, "landed_at": NOW, "recorded_at": NOW,
    }  # fmt: skip
    with writing(engine, TENANT) as connection:
        connection.execute(ingested_files.insert().values(row))


if __name__ == "__main__":
    tell(measure)
