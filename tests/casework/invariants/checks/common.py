"""What several invariants ask of: canonical text, the desk's rules said once more, notices."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.casework.invariants.snapshot import Snapshot

DAY = timedelta(hours=24)
ENDED = {"applied", "refused", "superseded", "needs_human", "dead"}
OPEN = {"new", "triaged", "in_progress", "waiting"}
# How the desk whose lives are lived is configured (`desk_choices`), said once more: from how much at stake on,
# how many people, in which roles, one of them in which, and who may approve an own edit.
TIERS: tuple[tuple[Decimal, int, set[str], str | None, set[str]], ...] = (
    (Decimal(0), 1, {"planner", "approver", "ops_lead"}, None, {"ops_lead"}),
    (Decimal(20000), 1, {"approver", "ops_lead"}, None, {"ops_lead"}),
    (Decimal(100000), 2, {"approver", "ops_lead"}, "ops_lead", set()),
)
UP_TO: dict[str, Decimal | None] = {"planner": Decimal(5000), "approver": None, "ops_lead": None}
PARTY_OF = {"customer_update": "customer_id", "carrier_request": "carrier_id"}
CHANNEL_OF = {"mail": "mail", "portal_webhook": "webhook"}
# Notices to the tenant's own people, which no approval covers: a step that fired told them.
TO_THE_TEAM = "team_mail"
SETTLED_AS = {
    "applied": "writeback:delivered",
    "refused": "writeback:refused",
    "needs_human": "writeback:outcome:unknown",
    "dead": "writeback:abandoned",
}
HELD = "writeback:held"  # needs_human too, for want of budget


def canonical_text(value: Any) -> str:
    """A value's canonical JSON, worked out a second time."""

    def plain(item: Any) -> Any:
        if isinstance(item, datetime):
            return item.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if isinstance(item, date):
            return item.isoformat()
        if isinstance(item, Decimal):
            return f"{item:f}"
        raise TypeError(type(item))

    return json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """The hash of a value's canonical JSON."""
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def notices_told(seen: Snapshot) -> dict[str, str]:
    """Notices by their ids, with the hashes of what steps that fired told."""
    said = [entry["payload"]["details"] for entry in seen.said("case:escalated")]
    return {details["effect_id"]: details["payload_sha256"] for details in said if "effect_id" in details}
