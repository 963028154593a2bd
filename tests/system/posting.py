"""A receiver of its own process, and senders that sign with the standard's own library."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from casework.store.engine import migrate
from orchestration.receiver import Limits, Receiver, doors_of
from orchestration.resources import Platform
from orchestration.settings import Settings
from tests.conftest import ROOT, TIDEWAITER, Home

NOTICE = (
    b'{"alert_id":"WX-1","location_code":"DC-1","alert_type":"storm","severity":"minor",'
    b'"starts_at":"2026-08-30T00:00:00Z","ends_at":"2026-08-31T00:00:00Z","issued_at":"2026-08-29T00:00:00Z"}\n'
)


def secret_of(letter: str) -> str:
    """Return a secret as the standard writes it."""
    return "whsec_" + b64encode(letter.encode() * 32).decode()


SECRETS = {
    "TIDEWAITER_WEBHOOK_SECRET_DEMO_WEATHER": f"{secret_of('o')} {secret_of('n')}",  # the old one and the new one
    "TIDEWAITER_WEBHOOK_SECRET_DEMO_SHIPMENT": secret_of("s"),
    "TIDEWAITER_WEBHOOK_SECRET_HEALTH_LINE_ITEM": secret_of("h"),
}


def settings_of(home: Path) -> Settings:
    """Return the settings of a home folder with the embedded store."""
    return Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}")


def set_up(home: Path) -> Platform:
    """Make the store of a home folder, tenants and clocks in it."""
    platform = Platform(settings_of(home))
    migrate(platform.engine)
    platform.casework.bootstrap()
    return platform


def rows(home: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return what a query finds in the store."""
    with sqlite3.connect(home / "operational.db", timeout=30) as store:
        return store.execute(query, values).fetchall()


@dataclass
class Sender:
    """Signs and posts to one door."""

    base: str
    secret: str = secret_of("o")
    place: str = "demo/weather"
    media: str = "application/x-ndjson"
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, verify=False))

    def headers(
        self, webhook_id: str, body: bytes = NOTICE, *, late: float = 0, **changed: str
    ) -> dict[str, str]:
        """Return the headers of a post signed `late` seconds ago; `changed` ones replace them unsigned."""
        at = datetime.now(UTC) - timedelta(seconds=late)
        signed = {
            "content-type": self.media,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(webhook_id, at, body.decode()),
        }
        return signed | {name.replace("_", "-"): value for name, value in changed.items()}

    def post(
        self, webhook_id: str, body: bytes = NOTICE, *, sent: Any = None, late: float = 0, **changed: str
    ) -> httpx.Response:
        """Post a signed body; `sent` is what really goes out."""
        headers = self.headers(webhook_id, body, late=late, **changed)
        content = body if sent is None else sent
        return self.client.post(f"{self.base}/feeds/{self.place}", content=content, headers=headers)


def in_this_process(
    platform: Platform, limits: Limits | None = None, secrets: Mapping[str, str] = SECRETS
) -> TestClient:
    """Return a client of the application itself, without a server."""
    chosen = limits or Limits()
    return TestClient(Receiver(platform, doors_of(platform, secrets, chosen), chosen).app)


@contextmanager
def receiver(home: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `tidewaiter receiver` on a free port; yield where it is and its process."""
    process = subprocess.Popen(
        [str(TIDEWAITER), "receiver", "--port", "0"],
        env={**Home(home).environment, **SECRETS, **environment},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        told = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert told, process.stderr.read()
        yield told[0], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
        process.stderr.close()
