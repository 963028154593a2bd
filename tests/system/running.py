"""A running platform: `tidewaiter up` over a home of its own, on free ports, stopped whole."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests.conftest import ROOT, TIDEWAITER, Home, free_port

Found = TypeVar("Found")


class Running:
    """Processes over one home, and how to reach them."""

    def __init__(
        self, home: Home, dashboard_port: int, dagster_port: int, process: subprocess.Popen[bytes]
    ) -> None:
        self.home = home
        self.dashboard = f"http://127.0.0.1:{dashboard_port}"
        self.dagster = f"http://127.0.0.1:{dagster_port}"
        self.process = process

    def kill(self, name: str) -> None:
        """Kill one of the long-lived processes and all it started, as hard as a power cut."""
        pid = int((self.home.path / "logs" / f"{name}.pid").read_text())
        os.killpg(pid, signal.SIGKILL)

    def log(self, name: str) -> str:
        """Return the end of a process' log, for the message of a failed test."""
        path = self.home.path / "logs" / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""


@contextmanager
def up(home: Home, **environment: str) -> Iterator[Running]:
    """Run `tidewaiter up`; the dashboard answers when this yields."""
    dashboard, dagster = free_port(), free_port()
    smtp, portal = free_port(), free_port()
    process = subprocess.Popen(
        [str(TIDEWAITER), "up"],
        env={
            **home.environment,
            "TIDEWAITER_DASHBOARD_PORT": str(dashboard),
            "TIDEWAITER_DAGSTER_PORT": str(dagster),
            "TIDEWAITER_SANDBOX_SMTP_PORT": str(smtp),
            "TIDEWAITER_SANDBOX_PORTAL_PORT": str(portal),
            **environment,
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running = Running(home, dashboard, dagster, process)
    try:
        wait_for(lambda: answers(f"{running.dashboard}/_stcore/health"), 90, "the dashboard to answer")
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def answers(url: str) -> bool:
    """Say whether a page answers with success."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=3) as response:
        return bool(response.status == 200)
    return False


def wait_for(look: Callable[[], Found], seconds: float, what: str, every: float = 0.5) -> Found:
    """Return the first true answer of `look`; fail with a sentence after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def drop(home: Home, tenant: str, feed: str, name: str, content: bytes) -> Path:
    """Put a file where a partner would."""
    folder = home.path / "landing" / tenant / feed
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    target.write_bytes(content)
    return target


def move_in(home: Home, tenant: str, feed: str, name: str, content: bytes) -> Path:
    """Write a file under an unfinished name, and move it to where a partner would put it."""
    unfinished = drop(home, tenant, feed, f".{name}.part", content)
    return unfinished.rename(unfinished.with_name(name))


def exported_shipments(home: Home) -> Iterator[dict[str, str]]:
    """Yield what was exported of shipments, the newest export first, to make others like them."""
    for path in sorted((home.path / "landing" / "demo" / "shipment").glob("*.csv"), reverse=True):
        with path.open(newline="") as stream:
            yield from (row for row in csv.DictReader(stream) if row["shipment_no"].startswith("SH-"))


def as_csv(records: list[dict[str, str]]) -> bytes:
    """Return records as a partner's file."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, records[0].keys())
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


def late_shipment(home: Home, number: str, like: dict[str, str] | None = None) -> dict[str, str]:
    """Return a shipment that should have arrived days before the tenant's clock, and has not."""
    return {
        **(like or next(exported_shipments(home))),
        "shipment_no": number,
        "pro_number": "99" + number.removeprefix("SH-").zfill(8),
        "container_no": "",
        "mode": "truck",
        "planned_departure_at": "2026-08-24T06:00:00Z",
        "planned_arrival_at": "2026-08-28T06:00:00Z",
        "required_documents": "POD",
        "status": "in_transit",
        "exported_at": "2026-09-01T05:30:00Z",
    }
