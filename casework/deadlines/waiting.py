"""What a waiting case waits for: always a time, so that nothing sleeps for ever, and perhaps an event.

Whichever comes first lets it go on. The time is a step that the worker fires; an event is heard in the
transaction that says it, whoever says it, so neither a crash nor a second door can come between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, literal, select

from casework import changes, lifecycle
from casework.config import Config
from casework.deadlines import clocks
from casework.errors import DetailsRefused
from casework.escalations import escalation
from casework.model import OPEN_STATES, Action, State
from casework.store.tables import Values, cases
from casework.store.work import Work

ACTOR = "service:waiting"


class WaitEvent(StrEnum):
    """What a case can wait for beside a time."""

    FACTS_CHANGED = "facts_changed"
    REPLY_RECEIVED = "reply_received"
    MESSAGE_DELIVERED = "message_delivered"
    CHILDREN_ENDED = "children_ended"
    INCIDENT_ENDED = "incident_ended"


# How each reads after "Waiting until".
WORDS: dict[WaitEvent, str] = {
    WaitEvent.FACTS_CHANGED: "the facts change",
    WaitEvent.REPLY_RECEIVED: "a reply comes in",
    WaitEvent.MESSAGE_DELIVERED: "a message is delivered",
    WaitEvent.CHILDREN_ENDED: "the last case of this incident has ended",
    WaitEvent.INCIDENT_ENDED: "the incident it is part of has ended",
}
# The facts about a case that are the event a case may wait for.
TELLS: dict[str, WaitEvent] = {
    "case:facts:changed": WaitEvent.FACTS_CHANGED,
    "exception:recovered": WaitEvent.FACTS_CHANGED,
    "exception:reappeared": WaitEvent.FACTS_CHANGED,
    "writeback:delivered": WaitEvent.MESSAGE_DELIVERED,
}


def event_named(name: Any) -> WaitEvent | None:
    """Return the event a person named, or None for none; raise `DetailsRefused` for any other word."""
    if name is None:
        return None
    try:
        return WaitEvent(name)
    except ValueError:
        options = ", ".join(WaitEvent)
        raise DetailsRefused(f"A case cannot wait for {name!r}; it can for {options}.", event=name) from None


def react(config: Config, work: Work, said: Iterable[Mapping[str, Any]]) -> int:
    """Let the cases go on that waited for something just said; return how many did."""
    heard: defaultdict[WaitEvent, set[str]] = defaultdict(set)
    ended: set[str] = set()
    for fact in said:
        event = _event_of(fact)
        if event:
            heard[event].add(fact["case_id"])
        if _ends(fact):
            ended.add(fact["case_id"])
    resumed = [
        _resume(config, work, case, event) for event, ids in heard.items() for case in _of(work, event, ids)
    ]
    if ended:
        for event, clause in _relatives(work, ended).items():
            resumed += [_resume(config, work, case, event) for case in _waiting(work, event, clause)]
    return len(resumed)


def _event_of(fact: Mapping[str, Any]) -> WaitEvent | None:
    if fact["details"].get("direction") == "in":
        return WaitEvent.REPLY_RECEIVED
    return TELLS.get(fact["fact"])


def _ends(fact: Mapping[str, Any]) -> bool:
    """Whether a fact says that an open case ended."""
    before, after = fact["details"].get("from"), fact["details"].get("to")
    return before in OPEN_STATES and after in set(State) - OPEN_STATES


def _relatives(work: Work, ended: set[str]) -> dict[WaitEvent, ColumnElement[bool]]:
    """Return who hears that cases ended: the incident whose last case it was, and the cases of an incident."""
    child = cases.alias("child")
    of_tenant = child.c.tenant_id == work.tenant_id
    parents = select(child.c.parent_case_id).where(of_tenant, child.c.case_id.in_(sorted(ended)))
    # asked of each case, for a join would read the cases of all incidents there ever were
    mine = select(literal(1)).where(of_tenant, child.c.parent_case_id == cases.c.case_id, child.c.is_open)
    is_busy = mine.limit(1).correlate(cases).scalar_subquery().is_not(None)
    return {
        WaitEvent.CHILDREN_ENDED: cases.c.case_id.in_(parents) & ~is_busy,
        WaitEvent.INCIDENT_ENDED: cases.c.parent_case_id.in_(sorted(ended)),
    }


def _of(work: Work, event: WaitEvent, case_ids: set[str]) -> list[Values]:
    return _waiting(work, event, cases.c.case_id.in_(sorted(case_ids)))


def _waiting(work: Work, event: WaitEvent, clause: ColumnElement[bool]) -> list[Values]:
    query = select(cases).where(
        cases.c.tenant_id == work.tenant_id,
        cases.c.state == State.WAITING.value,
        cases.c.waiting_for == event.value,
        clause,
    )
    # sorted here: asked for an order, SQLite would read the tenant's cases by their numbers instead
    return sorted(work.connection.execute(query).mappings(), key=lambda case: str(case["case_id"]))


def _resume(config: Config, work: Work, case: Values, event: WaitEvent) -> str:
    escalation.end_wait(work, config, case, work.now)
    after = lifecycle.advance(State.WAITING, Action.RESUME)
    saved = changes.touch(work, case, state=after.value, **clocks.resume(config, case, work.now))
    details = {"from": State.WAITING.value, "to": after.value, "event": event.value}
    work.say(lifecycle.FACTS[Action.RESUME], case=saved, details=details, actor=ACTOR)
    body = f"It waited until {WORDS[event]}, and that has happened. The case is in progress again."
    changes.add_message(work, saved, direction="note", channel="desk", body=body)
    return str(case["case_id"])
