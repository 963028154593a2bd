"""One file a way out: mail and signed webhooks. Which ones a worker has is decided in `standard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from casework.effects.adapter import Adapter
from casework.effects.adapters.mail import MailAdapter, MailSettings
from casework.effects.adapters.webhook import WebhookAdapter, WebhookSettings


def standard(home: Path, environment: Mapping[str, str]) -> dict[str, Adapter]:
    """Return the adapters by target, as the environment configures them (the sandbox where it does not)."""
    return {
        "mail": MailAdapter(MailSettings.from_environment(environment)),
        "portal_webhook": WebhookAdapter(WebhookSettings.from_environment(environment, home)),
        "team_webhook": WebhookAdapter(WebhookSettings.for_teams(environment, home)),
    }
