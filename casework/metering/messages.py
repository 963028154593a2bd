"""Counting what leaves: one row per attempt of an effect, begun with its lease and settled with its outcome.

What was certainly not taken costs nothing and leaves the budget; what may have been taken counts.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from casework import rows
from casework.config import Config
from casework.metering import meter
from casework.store.tables import Values, usage
from casework.store.work import Work

KIND_OF = {
    "mail": "mail",
    "portal_webhook": "portal_message",
    "team_mail": "team_notice",
    "team_webhook": "team_notice",
}
OTHERWISE = "write_back"


def kind_of(target: str) -> str:
    """Return what a message to a target counts as."""
    return KIND_OF.get(target, OTHERWISE)


def why_held(work: Work, config: Config, effect: Values) -> str | None:
    """Return why an effect may not leave now for want of budget, or None; reads within the lease."""
    return meter.used_up(work.connection, config, work.tenant_id, kind_of(effect["target"]), work.now)


def begin(work: Work, config: Config, effect: Values) -> None:
    """Write the row of an attempt, in the transaction that leases it."""
    case = rows.case_row(work.connection, work.tenant_id, effect["case_id"])
    use = meter.Use(
        kind_of(effect["target"]),
        effect["target"],
        effect["case_id"],
        case["customer_id"] if case is not None else None,
        effect_id=effect["effect_id"],
    )
    meter.begin(work.connection, config, work.tenant_id, use, work.now)


def end(work: Work, effect: Values, outcome: str, *, counts: bool) -> None:
    """Settle the attempt under way, if there is one; `counts` unless it was certainly not taken now."""
    values: dict[str, Any] = {"outcome": outcome, "settled_at": work.now}
    if not counts:
        values |= {"quantity": 0, "cost": 0}
    mine = (usage.c.tenant_id == work.tenant_id) & (usage.c.effect_id == effect["effect_id"])
    work.connection.execute(update(usage).where(mine, usage.c.settled_at.is_(None)).values(values))
