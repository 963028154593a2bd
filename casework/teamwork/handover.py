"""One shift hands its cases to the next: a packet that the incoming person must accept.

The outgoing person can forget nothing: every open case they own is in the packet, or left behind with a
reason. Nothing changes hands until the incoming person accepts; then everything does, in that transaction.
A packet that nobody accepts in time is told to the lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, select, update

from casework import cases as case_actions
from casework import changes, lifecycle, rows
from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.escalations import escalation
from casework.model import Action, Principal
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.queue import search
from casework.store.tables import Values, cases, handover_items, handovers
from casework.store.work import Work, new_id
from casework.teamwork import ownership

PERMISSION = "case:assign"
RULE = "handover_unaccepted"
OFFERED, ACCEPTED, DECLINED, WITHDRAWN = "offered", "accepted", "declined", "withdrawn"
LONGEST_TEXT = 2_000
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Given:
    """A case to hand over: what is to be done next, and when to look again."""

    case_id: str
    next_action: str
    next_check_at: datetime


@dataclass(frozen=True, slots=True)
class Left:
    """A case that stays with the outgoing person, and why."""

    case_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandoverItem:
    """One case of a packet."""

    case_id: str
    subject: str
    is_left: bool
    next_action: str | None
    next_check_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Handover:
    """One packet with the cases in it that the reader may see."""

    handover_id: str
    from_owner: str
    from_name: str
    to_owner: str
    to_name: str
    note: str
    state: str  # offered | accepted | declined | withdrawn
    made_at: datetime
    accept_by: datetime
    escalated_at: datetime | None
    decided_at: datetime | None
    reason: str | None
    items: tuple[HandoverItem, ...] = ()


# --- making ----------------------------------------------------------------------------------------------


def offer(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    to: str,
    given: Sequence[Given],
    left: Sequence[Left],
    note: str,
) -> Handover:
    """Offer a person's open cases to another; raise, naming what is missing, and offer nothing."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        actor = grants.current(work.connection, principal.principal_id)
        scope = Scope.of(actor, tenant_id, PERMISSION, desk.config)
        if scope.is_empty:
            raise NotPermitted("Your role does not let you hand cases over.", permission=PERMISSION)
        _refuse_second(work, actor.principal_id)
        owned = _owned(work.connection, scope, actor.principal_id)
        items = [*_given_items(given, work.now), *_left_items(left)]
        _check_complete(items, owned)
        _check_receiver(work.connection, desk, to, actor, [owned[item.case_id] for item in given])
        packet: dict[str, Any] = {
            "tenant_id": tenant_id,
            "handover_id": new_id(),
            "from_owner": actor.principal_id,
            "to_owner": to,
            "note": _text(note, "note", needed=False),
            "state": OFFERED,
            "made_at": work.now,
            "accept_by": work.now + timedelta(minutes=desk.config.tenants[tenant_id].handover_minutes),
            "escalated_at": None,
            "decided_at": None,
            "reason": None,
        }
        key = {"tenant_id": tenant_id, "handover_id": packet["handover_id"]}
        work.connection.execute(handovers.insert(), [packet])
        work.connection.execute(handover_items.insert(), [key | item for item in items])
        details = {"to": to, "accept_by": packet["accept_by"], "note": packet["note"], "items": items}
        work.say("handover:offered", object_id=packet["handover_id"], details=details)
        return _view(work.connection, scope, packet)


def owned_cases(connection: Connection, scope: Scope, owner: str) -> Sequence[Values]:
    """Return the open cases somebody owns within a scope, the most at stake first."""
    query = select(cases).where(
        scope.where(), cases.c.owner == owner, cases.c.is_open, cases.c.merged_into.is_(None)
    )
    order = query.order_by(cases.c.ranked_amount.desc(), cases.c.case_id)
    return connection.execute(order).mappings().all()


def _owned(connection: Connection, scope: Scope, owner: str) -> dict[str, Values]:
    return {row["case_id"]: row for row in owned_cases(connection, scope, owner)}


def _refuse_second(work: Work, owner: str) -> None:
    query = select(handovers.c.handover_id).where(
        handovers.c.tenant_id == work.tenant_id,
        handovers.c.from_owner == owner,
        handovers.c.state == OFFERED,
    )
    if work.connection.scalar(query):
        raise TransitionRefused("You have offered a hand-over already; withdraw it to make another.")


def _given_items(given: Iterable[Given], now: datetime) -> Iterable[dict[str, Any]]:
    for item in given:
        at = item.next_check_at
        if not isinstance(at, datetime) or at.tzinfo is None or at <= now:
            raise DetailsRefused(
                f"Say when case {item.case_id} is to be looked at next: an instant in the future.",
                case_id=item.case_id,
            )
        action = _text(item.next_action, f"next action of case {item.case_id}")
        yield _item(item.case_id, next_action=action, next_check_at=at)


def _left_items(left: Iterable[Left]) -> Iterable[dict[str, Any]]:
    for item in left:
        reason = _text(item.reason, f"reason why case {item.case_id} stays with you")
        yield _item(item.case_id, is_left=True, reason=reason)


def _item(case_id: str, **values: Any) -> dict[str, Any]:
    blank = {"is_left": False, "next_action": None, "next_check_at": None, "reason": None}
    return {"case_id": case_id} | blank | values


def _text(text: Any, what: str, *, needed: bool = True) -> str:
    said = clean_text(text or "", limit=LONGEST_TEXT).strip()
    if needed and not said:
        raise DetailsRefused(f"Say the {what}.", field=what)
    return said


def _check_complete(items: Sequence[dict[str, Any]], owned: dict[str, Values]) -> None:
    """Refuse a packet that forgets a case, names one twice, or names one that is not the person's own."""
    named = [item["case_id"] for item in items]
    for case_id in named:
        if case_id not in owned:
            raise DetailsRefused(f"Case {case_id} is no open case of yours.", case_id=case_id)
    twice = sorted({case_id for case_id in named if named.count(case_id) > 1})
    if twice:
        raise DetailsRefused(f"Named more than once: {', '.join(twice)}.", case_ids=twice)
    missing = sorted(set(owned) - set(named))
    if missing:
        raise DetailsRefused(
            f"These cases of yours are neither handed over nor left with a reason: {', '.join(missing)}.",
            missing=missing,
        )
    if all(item["is_left"] for item in items):
        raise DetailsRefused("There is nothing in this hand-over: no case of yours is given on.")


def _check_receiver(
    connection: Connection, desk: Desk, to: str, actor: Principal, given: Iterable[Values]
) -> None:
    if not to:
        raise DetailsRefused("Say whom the hand-over goes to.", to=to)
    if to == actor.principal_id:
        raise DetailsRefused("A hand-over goes to somebody else.", to=to)
    for case in given:
        if not ownership.can_own(connection, desk, case, to):
            raise DetailsRefused(
                f"{to!r} cannot work case {case['case_id']}; pick somebody else, or leave it with a reason.",
                to=to,
                case_id=case["case_id"],
            )


# --- deciding --------------------------------------------------------------------------------------------


def accept(desk: Desk, principal: Principal, tenant_id: str, handover_id: str) -> Handover:
    """Take over every case of a packet that is still the outgoing person's; the others stay and are named."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        scope, packet = _offered(desk, work, principal, handover_id, "to_owner")
        moved: list[str] = []
        stayed: dict[str, str] = {}
        for item in _items(work.connection, packet):
            if item["is_left"]:
                continue
            case = rows.case_row(work.connection, tenant_id, item["case_id"])
            problem = _why_it_stays(work.connection, desk, case, packet)
            if problem or case is None:
                stayed[item["case_id"]] = problem
                continue
            _give(desk, work, case, packet, item)
            moved.append(item["case_id"])
        details = {"from": packet["from_owner"], "moved": moved, "stayed": stayed}
        return _settle(work, scope, packet, ACCEPTED, None, details)


def decline(desk: Desk, principal: Principal, tenant_id: str, handover_id: str, reason: str) -> Handover:
    """Refuse to take a packet over, and say why; its cases stay where they are."""
    return _end(desk, principal, tenant_id, handover_id, reason, "to_owner", DECLINED)


def withdraw(desk: Desk, principal: Principal, tenant_id: str, handover_id: str, reason: str) -> Handover:
    """Take an offer back that nobody has accepted yet, and say why."""
    return _end(desk, principal, tenant_id, handover_id, reason, "from_owner", WITHDRAWN)


def _end(
    desk: Desk, principal: Principal, tenant_id: str, handover_id: str, reason: str, party: str, state: str
) -> Handover:
    said = _text(reason, "reason")
    with desk.writing(tenant_id, principal.principal_id) as work:
        scope, packet = _offered(desk, work, principal, handover_id, party)
        return _settle(work, scope, packet, state, said, {"reason": said})


def _offered(
    desk: Desk, work: Work, principal: Principal, handover_id: str, party: str
) -> tuple[Scope, Values]:
    """Return an open offer that this person decides on, or raise."""
    actor = grants.current(work.connection, principal.principal_id)
    scope = _inside(actor, work.tenant_id, desk)
    query = select(handovers).where(
        handovers.c.tenant_id == work.tenant_id, handovers.c.handover_id == handover_id
    )
    packet = work.connection.execute(query).mappings().first()
    if packet is None:
        raise NotFound("There is no such hand-over that you can see.", handover_id=handover_id)
    if packet[party] != actor.principal_id:
        name = grants.names(work.connection, work.tenant_id).get(packet[party], packet[party])
        raise NotPermitted(f"Only {name} can decide that about this hand-over.", handover_id=handover_id)
    if packet["state"] != OFFERED:
        raise TransitionRefused(
            f"This hand-over is {packet['state']} already; nothing was changed.", handover_id=handover_id
        )
    return scope, packet


def _inside(reader: Principal, tenant_id: str, desk: Desk) -> Scope:
    scope = search.reading_scope(reader, tenant_id, desk)
    if scope.has_partners:
        raise NotPermitted("You cannot see who works here.", tenant_id=tenant_id)
    return scope


def _why_it_stays(connection: Connection, desk: Desk, case: Values | None, packet: Values) -> str:
    """Return why a case does not change hands after all; empty when it does."""
    if case is None or not case["is_open"]:
        return "it has ended"
    if case["owner"] != packet["from_owner"]:
        return "it has another owner by now"
    if not ownership.can_own(connection, desk, case, packet["to_owner"]):
        return "it is out of reach of whoever takes over"
    return ""


def _give(desk: Desk, work: Work, case: Values, packet: Values, item: Values) -> None:
    """Give one case to the incoming person as an assignment would, and say what is to be done next."""
    catalogue = desk.catalogue(case["exception_type"])
    told = {"owner": packet["to_owner"]}
    decision = case_actions.decide(case, Action.ASSIGN, told, work.actor, work.now, catalogue, desk.config)
    saved = changes.touch(work, case, **decision.changes)
    escalation.cancel(work, saved, desk.config)
    next_up = {"next_action": item["next_action"], "next_check_at": item["next_check_at"]}
    details = decision.details | next_up | {"handover_id": packet["handover_id"]}
    work.say(lifecycle.FACTS[Action.ASSIGN], case=saved, details=details)
    at = f"{item['next_check_at']:%Y-%m-%d %H:%M} UTC"
    body = f"Handed over. Next: {item['next_action']} Look again at {at}."
    changes.add_message(work, saved, direction="note", channel="desk", body=body)


def _settle(
    work: Work, scope: Scope, packet: Values, state: str, reason: str | None, details: dict[str, Any]
) -> Handover:
    decided = {"state": state, "decided_at": work.now, "reason": reason}
    _save(work, packet, **decided)
    work.say(f"handover:{state}", object_id=packet["handover_id"], details=details)
    return _view(work.connection, scope, {**packet, **decided})


def _save(work: Work, packet: Values, **values: Any) -> None:
    work.connection.execute(
        update(handovers)
        .where(handovers.c.tenant_id == packet["tenant_id"], handovers.c.handover_id == packet["handover_id"])
        .values(values)
    )


# --- reading ---------------------------------------------------------------------------------------------


def find(desk: Desk, principal: Principal, tenant_id: str, *, include_ended: bool) -> tuple[Handover, ...]:
    """Return the hand-overs of a tenant, newest first; for its own people only."""
    with desk.reading(tenant_id) as connection:
        scope = _inside(grants.current(connection, principal.principal_id), tenant_id, desk)
        query = select(handovers).where(handovers.c.tenant_id == tenant_id)
        if not include_ended:
            query = query.where(handovers.c.state == OFFERED)
        order = (handovers.c.made_at.desc(), handovers.c.handover_id.desc())
        found = connection.execute(query.order_by(*order).limit(MOST_SHOWN)).mappings().all()
        return tuple(_view(connection, scope, packet) for packet in found)


def _items(connection: Connection, packet: Values) -> Sequence[Values]:
    query = select(handover_items).where(
        handover_items.c.tenant_id == packet["tenant_id"],
        handover_items.c.handover_id == packet["handover_id"],
    )
    return connection.execute(query.order_by(handover_items.c.case_id)).mappings().all()


def _view(connection: Connection, scope: Scope, packet: Values) -> Handover:
    """Return a packet with those of its cases that are within the reader's scope."""
    names = grants.names(connection, packet["tenant_id"])
    seen = select(cases.c.case_id, cases.c.subject).where(
        scope.where(), cases.c.case_id.in_([item["case_id"] for item in _items(connection, packet)])
    )
    subjects: dict[str, str] = {row[0]: row[1] for row in connection.execute(seen)}
    hidden = {"tenant_id", "handover_id", "case_id"}
    items = tuple(
        HandoverItem(
            case_id=item["case_id"],
            subject=subjects[item["case_id"]],
            **{key: value for key, value in item.items() if key not in hidden},
        )
        for item in _items(connection, packet)
        if item["case_id"] in subjects
    )
    return Handover(
        **{key: value for key, value in packet.items() if key != "tenant_id"},
        from_name=str(names.get(packet["from_owner"]) or packet["from_owner"]),
        to_name=str(names.get(packet["to_owner"]) or packet["to_owner"]),
        items=items,
    )


# --- when nobody accepts ---------------------------------------------------------------------------------


def fire_due(desk: Desk, now: datetime, actor: str = "service:worker") -> int:
    """Tell the lead of every packet that was not accepted in time, each once; return how many here."""
    with desk.reading_across() as connection:
        found = connection.execute(_overdue(now)).all()
    return sum(_fire(desk, row.tenant_id, row.handover_id, now, actor) for row in found)


def _overdue(now: datetime) -> Any:
    return (
        select(handovers)
        .where(handovers.c.state == OFFERED, handovers.c.escalated_at.is_(None), handovers.c.accept_by <= now)
        .order_by(handovers.c.accept_by, handovers.c.handover_id)
    )


def _fire(desk: Desk, tenant_id: str, handover_id: str, now: datetime, actor: str) -> int:
    with desk.writing(tenant_id, actor, now) as work:
        # Under the tenant's lock: whoever comes second finds it told, or decided on.
        mine = and_(handovers.c.tenant_id == tenant_id, handovers.c.handover_id == handover_id)
        packet = work.connection.execute(_overdue(now).where(mine)).mappings().first()
        if packet is None:
            return 0
        _save(work, packet, escalated_at=now)
        team = desk.config.tenants[tenant_id].teams.get("lead")
        names = grants.names(work.connection, tenant_id)
        to, giver = (names.get(packet[key], packet[key]) for key in ("to_owner", "from_owner"))
        note = f"{to} has not accepted the hand-over of {giver}. It is still with {giver}."
        details = {"rule": RULE, "due_at": packet["accept_by"], "team": "lead", "note": note}
        details |= {"address": team.mail if team else None, "handover_id": handover_id}
        for case in _still_theirs(work.connection, packet):
            work.say("case:escalated", case=case, object_id=handover_id, details=details)
            changes.add_message(
                work, case, direction="note", channel="desk", address=details["address"], body=note
            )
        work.say("handover:escalated", object_id=handover_id, details=details)
    return 1


def _still_theirs(connection: Connection, packet: Values) -> Sequence[Values]:
    given = [item["case_id"] for item in _items(connection, packet) if not item["is_left"]]
    query = select(cases).where(
        cases.c.tenant_id == packet["tenant_id"],
        cases.c.case_id.in_(given),
        cases.c.is_open,
        cases.c.owner == packet["from_owner"],
    )
    return connection.execute(query.order_by(cases.c.case_id)).mappings().all()


def missed(desk: Desk, now: datetime) -> list[escalation.Missed]:
    """Return every packet whose deadline passed unheard by more than the policy allows."""
    late = now - timedelta(seconds=desk.config.escalation.missed_after_seconds)
    with desk.reading_across() as connection:
        return [
            escalation.Missed(row.tenant_id, "", RULE, row.accept_by, "It should have fired and did not.")
            for row in connection.execute(_overdue(late))
        ]
