"""What stands beside the platform when nothing is configured to send its messages."""

from __future__ import annotations

import pytest

from orchestration.supervisor import sandbox_addresses


def test_the_sandbox_stands_in_only_for_what_nobody_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIDEWAITER_SMTP_URL", "TIDEWAITER_PORTAL_URL"):
        monkeypatch.delenv(name, raising=False)
    assert sandbox_addresses()["TIDEWAITER_SANDBOX"] == "mail portal"

    monkeypatch.setenv("TIDEWAITER_PORTAL_URL", "https://portal.example/webhooks")
    standing_in = sandbox_addresses()
    assert "TIDEWAITER_PORTAL_URL" not in standing_in
    assert standing_in["TIDEWAITER_SANDBOX"] == "mail"
