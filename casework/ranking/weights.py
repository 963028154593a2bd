"""A tenant's weights: which are in force, what a change would move, and putting a change into force.

The file is where they are changed; the store says what is in force, so every process ranks alike and no case
moves before somebody applied the change. Applying it is one transaction per tenant: the new version, and every
open case ranked anew under it, each told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from casework import changes
from casework.canonical import plain
from casework.config import Config
from casework.config.priority import Weights
from casework.ranking import priority
from casework.store.tables import Values, cases, priority_weights
from casework.store.work import Work


@dataclass(frozen=True, slots=True)
class Applied:
    """Weights and the version they are of; version 0 is from before any were put into force."""

    version: int
    weights: Weights


@dataclass(frozen=True, slots=True)
class Move:
    """How one open case would move in the queue."""

    case_id: str
    rank: int  # 1 is first
    new_rank: int
    ranked_amount: Decimal
    new_ranked_amount: Decimal


UNWEIGHTED = Applied(0, Weights())


def in_force(connection: Connection, tenant_id: str) -> Applied:
    """Return the weights that rank a tenant's cases now."""
    query = select(priority_weights).where(priority_weights.c.tenant_id == tenant_id)
    newest = query.order_by(priority_weights.c.version.desc()).limit(1)
    return _applied(connection.execute(newest).mappings().first())


def of_version(connection: Connection, tenant_id: str, version: int) -> Applied:
    """Return the weights of a version."""
    query = select(priority_weights).where(
        priority_weights.c.tenant_id == tenant_id, priority_weights.c.version == version
    )
    return _applied(connection.execute(query).mappings().first())


def _applied(row: RowMapping | None) -> Applied:
    return UNWEIGHTED if row is None else Applied(row["version"], Weights.model_validate(row["weights"]))


def ranked(applied: Applied, amounts: Mapping[str, Any] | Values) -> dict[str, Any]:
    """Return the columns of a case that weights make of its amounts."""
    return {
        "ranked_amount": priority.ranked_amount(amounts, applied.weights),
        "weights_version": applied.version,
    }


def ranked_now(work: Work, case: Values) -> dict[str, Any]:
    """Return the columns of a case under the weights in force."""
    return ranked(in_force(work.connection, work.tenant_id), case)


# --- changing them ----------------------------------------------------------------------------------------


def put(work: Work, config: Config, config_version: int | None) -> int:
    """Put the configured weights into force and rank every open case anew; return how many moved in amount.

    Nothing happens where they are in force already.
    """
    wanted = config.tenants[work.tenant_id].priority.weights
    before = in_force(work.connection, work.tenant_id)
    if before.weights == wanted:
        return 0
    row = {
        "tenant_id": work.tenant_id,
        "version": before.version + 1,
        "weights": plain(wanted.model_dump()),
        "config_version": config_version,
        "applied_by": work.actor,
        "applied_at": work.now,
    }
    work.connection.execute(priority_weights.insert(), [row])
    moved = _rank_anew(work, Applied(before.version + 1, wanted))
    details = {"weighting": row, "was": plain(before.weights.model_dump()), "cases_moved": moved}
    work.say("priority:weighted", object_id=f"weights:{row['version']}", details=details)
    return moved


def _rank_anew(work: Work, applied: Applied) -> int:
    saved, moved = [], 0
    for case in _open(work.connection, work.tenant_id):
        after = changes.moved(work, case, **ranked(applied, case))
        moved += after["ranked_amount"] != case["ranked_amount"]
        saved.append((case, after))
        details = {"ranked_amount": after["ranked_amount"], "was": case["ranked_amount"]}
        work.say("case:ranked", case=after, details=details | {"weights_version": applied.version})
    changes.save_all(work, saved)
    return moved


def _open(connection: Connection, tenant_id: str) -> Sequence[RowMapping]:
    """Return the open cases of a tenant in the order of the queue."""
    query = select(cases).where(cases.c.tenant_id == tenant_id, cases.c.is_open)
    return connection.execute(query.order_by(cases.c.ranked_amount.desc(), cases.c.case_id)).mappings().all()


def moves(connection: Connection, tenant_id: str, wanted: Weights) -> list[Move]:
    """Return the open cases whose place or amount other weights would change, by their new place."""
    standing = _open(connection, tenant_id)
    amounts = {case["case_id"]: priority.ranked_amount(case, wanted) for case in standing}
    ordered = sorted(amounts, key=lambda case_id: (-amounts[case_id], case_id))
    places = {case_id: place for place, case_id in enumerate(ordered, start=1)}
    found = [
        Move(case["case_id"], rank, places[case["case_id"]], case["ranked_amount"], amounts[case["case_id"]])
        for rank, case in enumerate(standing, start=1)
    ]
    changed = [m for m in found if m.rank != m.new_rank or m.ranked_amount != m.new_ranked_amount]
    return sorted(changed, key=lambda move: move.new_rank)
