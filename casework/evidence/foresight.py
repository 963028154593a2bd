"""What other configuration files would mean for the work at hand, in words: nothing is changed by looking.

Applying moves no deadline and no escalation step that stands. What changes at once is how open cases rank,
whom the steps that stand reach when they fire, and what a waiting draft must have before it leaves; what cases
opened from then on get is said beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from casework.approvals import tiers
from casework.config import Config
from casework.desk import Desk
from casework.escalations import policies
from casework.model import DraftKind, DraftState
from casework.ranking import weights
from casework.store.tables import Values, cases, drafts, escalations

SHOWN = 5


def words(
    desk: Desk,
    was: Config,
    will_be: Config,
    moves: Mapping[str, Sequence[weights.Move]],
) -> list[str]:
    """Return what would change for the open cases of every tenant, as sentences; each is asked by itself."""
    said: list[str] = []
    for tenant_id in sorted(set(was.tenants) & set(will_be.tenants)):
        with desk.reading(tenant_id) as connection:
            about = [
                *_ranking(moves.get(tenant_id, ())),
                *_for_cases(connection, was, will_be, tenant_id),
            ]
        said += [f"{tenant_id}: {sentence}" for sentence in about]
    return said


def _for_cases(connection: Connection, was: Config, will_be: Config, tenant_id: str) -> Iterator[str]:
    query = select(cases).where(cases.c.tenant_id == tenant_id, cases.c.is_open)
    standing = connection.execute(query.order_by(cases.c.case_id)).mappings().all()
    yield from _receivers(connection, was, will_be, tenant_id)
    yield from _steps(was, will_be, standing)
    yield from _approvals(connection, was, will_be, standing, tenant_id)


def _ranking(moved: Sequence[weights.Move]) -> Iterator[str]:
    places = [move for move in moved if move.rank != move.new_rank]
    if moved:
        yield f"{_count(len(moved), 'open case')} would be ranked by another amount or place, {len(places)} elsewhere."
    for move in places[:SHOWN]:
        yield (
            f"{move.case_id} would go from place {move.rank} to {move.new_rank} "
            f"({move.ranked_amount:,.2f} becomes {move.new_ranked_amount:,.2f})."
        )


def _receivers(connection: Connection, was: Config, will_be: Config, tenant_id: str) -> Iterator[str]:
    """Yield whom steps that stand would reach instead."""
    query = select(escalations).where(escalations.c.tenant_id == tenant_id, escalations.c.state == "due")
    changed: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(escalations.c.case_id, escalations.c.step)).mappings():
        if "team" not in row["details"]:
            continue
        before, after = (
            policies.receiver(config, tenant_id, row["details"], row["due_at"]) for config in (was, will_be)
        )
        if before != after:
            changed[row["rule"], _whom(before), _whom(after)].append(row["case_id"])
    for (rule, former, new), found in sorted(changed.items()):
        yield f"steps of {rule} that stand would reach {new} instead of {former} ({_cases(found)})."


def _whom(receiver: policies.Receiver | None) -> str:
    return "nobody" if receiver is None else f"{receiver.team} at {receiver.address}"


def _steps(was: Config, will_be: Config, standing: Sequence[Values]) -> Iterator[str]:
    """Yield where the steps planned for such cases would differ; the steps they have stay as they are."""
    changed: dict[str, list[str]] = defaultdict(list)
    for case in standing:
        before, after = (_planned(config, case) for config in (was, will_be))
        for rule in sorted({*before, *after}):
            if before.get(rule) != after.get(rule):
                changed[_difference(rule, before.get(rule, []), after.get(rule, []))].append(case["case_id"])
    for difference, found in sorted(changed.items()):
        yield f"opened anew, {_cases(found)} {difference}; the steps that stand stay as they are."


def _planned(config: Config, case: Values) -> dict[str, list[tuple[Any, str]]]:
    found: dict[str, list[tuple[Any, str]]] = defaultdict(list)
    if case["exception_type"] in config.types:
        for step in policies.plan(config, case):
            found[step.rule].append((step.due_at - case["opened_at"], str(step.details.get("action"))))
    return found


def _difference(rule: str, before: Sequence[Any], after: Sequence[Any]) -> str:
    if not before:
        return f"would also have {_count(len(after), 'step')} of {rule}"
    if not after:
        return f"would have no step of {rule}"
    if len(before) != len(after):
        return f"would have {_count(len(after), 'step')} of {rule} instead of {len(before)}"
    times = [(b[0], a[0]) for b, a in zip(before, after, strict=True) if b[0] != a[0]]
    if times:
        return f"would have a step of {rule} after {times[0][1]} instead of {times[0][0]}"
    return f"would have steps of {rule} that do something else"


def _approvals(
    connection: Connection, was: Config, will_be: Config, standing: Sequence[Values], tenant_id: str
) -> Iterator[str]:
    """Yield which waiting drafts would have to be approved otherwise."""
    query = select(drafts.c.case_id, drafts.c.kind).where(
        drafts.c.tenant_id == tenant_id, drafts.c.state == DraftState.WAITING.value
    )
    kinds = defaultdict(list)
    for row in connection.execute(query):
        kinds[row.case_id].append(row.kind)
    changed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case in standing:
        for kind in kinds[case["case_id"]]:
            before, after = (_asks(config, case, kind) for config in (was, will_be))
            if before != after:
                changed[kind, after].append(case["case_id"])
    for (kind, after), found in sorted(changed.items()):
        yield f"a waiting {kind.replace('_', ' ')} of {_cases(found)} is asked otherwise: {after}"


def _asks(config: Config, case: Values, kind: str) -> str:
    rules, exposure = config.tenants[case["tenant_id"]].approval, case["expected_loss"]
    tier = rules.tier(DraftKind(kind), exposure)
    said = tiers.sentence(tiers.Asked(tier, exposure, case["currency_code"], ""))
    limits = ", ".join(
        f"{role.value} up to {rules.limits[role]:,.0f}" for role in tier.roles if role in rules.limits
    )
    return f"{said} It holds for {tier.expires_hours} hours." + (f" ({limits})" if limits else "")


def _cases(found: Iterable[str]) -> str:
    named = sorted(set(found))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{_count(len(named), 'case')}: {', '.join(named[:SHOWN])}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
