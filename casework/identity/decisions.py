"""What a reference means where identity could not say it: a person's decision, and its undoing.

A decision is about one reference of one carrier, in identity's comparable form; every message that gives it
follows, those that are still to come too. The name of a place means a facility, the number of a customer an
account, every other reference a shipment. An account or a facility of the tenant's own may be said to be another
of them: two are one from then on, and two again once that is undone. One decision stands at a time. A mistake is
undone, never overwritten: both stay in the table and in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, or_, select, update

from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.model import Principal
from casework.permissions import grants, policy
from casework.store.engine import reading
from casework.store.tables import Values, reference_decisions
from casework.store.tables.identity import STANDING
from casework.store.work import Work, new_id

DECIDES, READS = "identity:decide", "quarantine:read"
MATCH, IGNORE = "match", "ignore"
FACTS = {MATCH: "reference:matched", IGNORE: "reference:ignored"}
UNDONE = "reference:decision:undone"
MAX_PAGE = 500
PLACE, CUSTOMER = "PLACE", "CUSTOMER"
# The id of one of our own, said to be another of them: what is known of it is known of that one from then on.
ACCOUNT, FACILITY = "ACCOUNT", "FACILITY"
OURS = {ACCOUNT: "account", FACILITY: "facility"}
OF_NO_CARRIER = {CUSTOMER: "A customer's number", ACCOUNT: "An account", FACILITY: "A facility"}
# By the type of the reference the column that says what it means; of every other type it is a shipment.
MEANS = {PLACE: "facility_id", FACILITY: "facility_id", CUSTOMER: "customer_id", ACCOUNT: "customer_id"}
WHAT = {"shipment_id": "shipment", "facility_id": "facility", "customer_id": "customer"}
# What identity needs to know of a decision that stands.
TOLD = (
    *("tenant_id", "reference_type", "reference_key", "carrier_id"),
    *("decision", "shipment_id", "facility_id", "customer_id", "decision_id", "decided_at"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as identity compares it; without a carrier where the messages do not say who speaks."""

    reference_type: str  # PRO, CONTAINER, SHIPMENT, ..., PLACE, CUSTOMER, ACCOUNT, FACILITY
    reference_key: str
    carrier_id: str | None = None

    @property
    def means(self) -> str:
        """Name the column that says what it means."""
        return MEANS.get(self.reference_type, "shipment_id")

    def __str__(self) -> str:
        """Name it in a sentence."""
        carrier = f" of carrier {self.carrier_id}" if self.carrier_id else " without a carrier"
        return f"{self.reference_type} {self.reference_key}{carrier}"


@dataclass(frozen=True, slots=True)
class ReferenceDecision:
    """A person's word on a reference: `match` with what it means, or `ignore` for nothing of the tenant's."""

    decision_id: str
    reference_type: str
    reference_key: str
    carrier_id: str | None
    decision: str
    shipment_id: str | None
    facility_id: str | None
    customer_id: str | None
    reason: str
    decided_by: str
    decided_by_name: str
    decided_at: datetime
    undone_by: str | None
    undone_by_name: str | None
    undone_at: datetime | None
    undo_reason: str | None

    @property
    def stands(self) -> bool:
        """Whether it was not undone."""
        return self.undone_at is None

    @property
    def means(self) -> str | None:
        """What the reference means: the shipment, facility or customer, by its type; None where it is left out."""
        return self.shipment_id or self.facility_id or self.customer_id


def decide(
    desk: Desk, principal: Principal, tenant_id: str, asked: Reference, means: str | None, reason: str
) -> ReferenceDecision:
    """Say what a reference means, or (None) that it means nothing of the tenant's; of one of its own, no other."""
    reference = _clean(asked)
    meant = None if means is None else _said(means, f"the {WHAT[reference.means]}", 120, "means")
    why = _said(reason, "why; it stays in the log", 1_000, "reason")
    _refuse_stranger(desk, principal, tenant_id)
    with desk.writing(tenant_id, principal.principal_id) as work:
        _require(work.connection, principal, tenant_id, DECIDES)
        _refuse_second(work, reference)
        if meant is not None and reference.reference_type in OURS:
            _refuse_ring(work, reference, meant)
        row = _row(work, reference, meant, why)
        work.connection.execute(reference_decisions.insert(), [row])
        work.say(FACTS[row["decision"]], object_id=row["decision_id"], details={"reference_decision": row})
        return _view(row, grants.names(work.connection, tenant_id))


def undo(
    desk: Desk, principal: Principal, tenant_id: str, decision_id: str, reason: str
) -> ReferenceDecision:
    """Take a decision back, and say why; the reference waits for a decision again."""
    why = _said(reason, "why; it stays in the log", 1_000, "reason")
    _refuse_stranger(desk, principal, tenant_id)
    with desk.writing(tenant_id, principal.principal_id) as work:
        _require(work.connection, principal, tenant_id, DECIDES)
        mine = (
            reference_decisions.c.tenant_id == tenant_id,
            reference_decisions.c.decision_id == decision_id,
        )
        found = work.connection.execute(select(reference_decisions).where(*mine)).mappings().first()
        if found is None:
            raise NotFound("There is no such decision about a reference.", decision_id=decision_id)
        if found["undone_at"] is not None:
            raise TransitionRefused(
                f"The decision about {_of(found)} was undone already.", decision_id=decision_id
            )
        undone = {"undone_by": principal.principal_id, "undone_at": work.now, "undo_reason": why}
        work.connection.execute(update(reference_decisions).where(*mine).values(undone))
        row = {**found, **undone}
        work.say(UNDONE, object_id=decision_id, details={"reference_decision": row})
        return _view(row, grants.names(work.connection, tenant_id))


def listed(
    desk: Desk, principal: Principal, tenant_id: str, *, include_undone: bool, limit: int, offset: int
) -> tuple[ReferenceDecision, ...]:
    """Return decisions of a tenant, newest first, at most `limit` (500)."""
    clause: list[ColumnElement[bool]] = [reference_decisions.c.tenant_id == tenant_id]
    if not include_undone:
        clause.append(STANDING)
    query = select(reference_decisions).where(*clause).order_by(reference_decisions.c.decision_id.desc())
    page = query.limit(max(0, min(limit, MAX_PAGE))).offset(max(0, offset))
    with desk.reading(tenant_id) as connection:
        _require(connection, principal, tenant_id, READS)
        names = grants.names(connection, tenant_id)
        return tuple(_view(row, names) for row in connection.execute(page).mappings())


def standing(engine: Engine, tenant_id: str, at: datetime | None = None) -> list[dict[str, Any]]:
    """Return every decision of a tenant that stands, oldest first, as the warehouse is told of it.

    With an aware instant `at`, by the desk's clock: those that stood then, undone since or not.
    """
    c = reference_decisions.c
    stands = STANDING if at is None else (c.decided_at <= at) & or_(STANDING, c.undone_at > at)
    query = select(*(c[name] for name in TOLD)).where(c.tenant_id == tenant_id, stands)
    with reading(engine, tenant_id) as connection:
        return [dict(row) for row in connection.execute(query.order_by(c.decision_id)).mappings()]


def _refuse_stranger(desk: Desk, principal: Principal, tenant_id: str) -> None:
    """Ask before the tenant's lock is taken, so that whoever may not decide makes nobody wait."""
    with desk.reading(tenant_id) as connection:
        _require(connection, principal, tenant_id, DECIDES)


def _require(connection: Connection, principal: Principal, tenant_id: str, permission: str) -> None:
    caller = grants.current(connection, principal.principal_id)
    if not policy.decide(caller, permission, policy.tenant(tenant_id)):
        raise NotPermitted("You hold no role that allows this here.", permission=permission)


def _clean(asked: Reference) -> Reference:
    carrier = (asked.carrier_id or "").strip()
    kind = _said(asked.reference_type, "the type of the reference", 40, "reference_type").upper()
    if kind in OF_NO_CARRIER and carrier:
        raise DetailsRefused(
            f"{OF_NO_CARRIER[kind]} belongs to no carrier. Leave the carrier out.", field="carrier_id"
        )
    return Reference(
        kind,
        _said(asked.reference_key, "the reference", 200, "reference_key"),
        _said(carrier, "the carrier", 120, "carrier_id") if carrier else None,
    )


def _said(value: str, what: str, limit: int, field: str) -> str:
    """Return a text without what surrounds it; an empty or longer one is refused, for a cut one is another."""
    said = clean_text(value, limit=limit + 1).strip()
    if not 0 < len(said) <= limit:
        raise DetailsRefused(f"Say {what}, in at most {limit:,} characters.", field=field)
    return said


def _refuse_second(work: Work, reference: Reference) -> None:
    """Refuse to decide over a decision that stands; the tenant's lock is held, so none comes between."""
    c = reference_decisions.c
    query = select(reference_decisions).where(
        c.tenant_id == work.tenant_id,
        c.reference_type == reference.reference_type,
        c.reference_key == reference.reference_key,
        c.carrier_id.is_not_distinct_from(reference.carrier_id),
        STANDING,
    )
    found = work.connection.execute(query).mappings().first()
    if found is not None:
        raise TransitionRefused(_already(work, reference, found), decision_id=found["decision_id"])


def _refuse_ring(work: Work, reference: Reference, meant: str) -> None:
    """Refuse one of ours to be itself, or one that is said to be another: nobody could say which is kept."""
    what = OURS[reference.reference_type]
    if meant == reference.reference_key:
        raise DetailsRefused(f"{meant} is that {what} itself. Name the {what} that it is.", field="means")
    c = reference_decisions.c
    query = select(reference_decisions).where(
        c.tenant_id == work.tenant_id,
        c.reference_type == reference.reference_type,
        c.reference_key == meant,
        c.decision == MATCH,
        STANDING,
    )
    found = work.connection.execute(query).mappings().first()
    if found is not None:
        kept = found[reference.means]
        raise TransitionRefused(
            f"{meant} is itself said to be {kept} ({found['decision_id']}). Name {kept}, or undo that decision first.",
            decision_id=found["decision_id"],
        )


def _already(work: Work, reference: Reference, found: RowMapping) -> str:
    means = f"it means {found[reference.means]}" if found["decision"] == MATCH else "it is to be left out"
    by = grants.name_of(work.connection, found["decided_by"]).get(found["decided_by"], found["decided_by"])
    return (
        f"{by} decided about {reference} before: {means}. That decision ({found['decision_id']}) stands; "
        "undo it first to decide otherwise."
    )


def _row(work: Work, reference: Reference, means: str | None, reason: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(WHAT),
        "tenant_id": work.tenant_id,
        "decision_id": new_id(),
        "reference_type": reference.reference_type,
        "reference_key": reference.reference_key,
        "carrier_id": reference.carrier_id,
        "decision": IGNORE if means is None else MATCH,
        reference.means: means,
        "reason": reason,
        "decided_by": work.actor,
        "decided_at": work.now,
        "undone_by": None,
        "undone_at": None,
        "undo_reason": None,
    }


def _of(row: Values) -> Reference:
    return Reference(row["reference_type"], row["reference_key"], row["carrier_id"])


def _view(row: Values, names: Mapping[str, str]) -> ReferenceDecision:
    by, undone_by = row["decided_by"], row["undone_by"]
    known = {field.name: row[field.name] for field in fields(ReferenceDecision) if field.name in row}
    return ReferenceDecision(
        **known, decided_by_name=names.get(by, by), undone_by_name=names.get(undone_by, undone_by)
    )
