"""Cases that no detector found: somebody called, and a person opens a case for what they said.

Such a case has the clocks, steps and endings of every other one. Its facts name the person as their source,
and it never counts as present in a publication, so no publication rewrites it or finds it gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from casework import sync
from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotPermitted
from casework.model import CaseView, ExceptionRecord, Fact, Principal, Publication
from casework.permissions import grants, masks
from casework.permissions.scope import Scope
from casework.ranking import priority
from casework.store.tables import Values, cases, tenant_clocks
from casework.store.work import Work, new_id
from casework.teamwork import ownership

MANUAL = "manual"
PERMISSION = "case:open"
SEVERITIES = ("low", "medium", "high", "critical")
MOST = Decimal(10) ** 12  # no single case can cost more than a store holds exactly
# How long each text may be; the columns of `cases` are as wide.
LIMITS = {
    "title": 200,
    "reason": 4_000,
    "shipment_id": 120,
    "subject": 120,
    "customer_id": 120,
    "carrier_id": 120,
    "facility_id": 120,
    "reference": 120,
}
LABELS = {
    "title": "What happened",
    "reason": "What was said",
    "shipment_id": "Shipment",
    "customer_id": "Customer",
    "carrier_id": "Carrier",
    "facility_id": "Facility",
}


@dataclass(frozen=True, slots=True)
class ManualCase:
    """What a person says when they open a case; what is not known stays empty, money unknown is nothing.

    The same `reference` opens one case, so a form sent twice does no harm.
    """

    title: str
    reason: str
    severity: str = "medium"
    shipment_id: str | None = None
    subject: str | None = None
    customer_id: str | None = None
    carrier_id: str | None = None
    facility_id: str | None = None
    team: str | None = None
    due_at: datetime | None = None
    sla_penalty_amount: Decimal = Decimal(0)
    revenue_amount: Decimal = Decimal(0)
    inventory_amount: Decimal = Decimal(0)
    customer_tier_amount: Decimal = Decimal(0)
    reference: str | None = None


def open_case(desk: Desk, principal: Principal, tenant_id: str, asked: ManualCase) -> CaseView:
    """Open a case for what a person says; raise `NotPermitted` or `DetailsRefused` and open nothing."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        actor = grants.current(work.connection, principal.principal_id)
        scope = Scope.of(actor, tenant_id, PERMISSION, desk.config)
        refused = NotPermitted(
            "Your role does not let you open a case here. Ask an operations lead.", permission=PERMISSION
        )
        if scope.is_empty:
            raise refused
        told = checked(asked)
        team = asked.team and ownership.team_named(asked.team, tenant_id, desk.config)
        record = _record(desk, work, told, asked)
        if not scope.covers(_reached(record)):
            raise refused
        _refuse_again(work.connection, scope, record)
        changed = {"is_present": False, "team": team or None}
        saved = sync.open_one(desk, work, Publication(MANUAL), record, **changed)
        return masks.case_view(saved, None, grants.name_of(work.connection, saved["owner"]))


def checked(asked: ManualCase) -> dict[str, str | None]:
    """Return the texts as they may be stored; raise `DetailsRefused`, naming what is wrong."""
    told: dict[str, str | None] = {}
    for name, limit in LIMITS.items():
        text = clean_text(getattr(asked, name) or "").strip()
        if len(text) > limit:
            raise DetailsRefused(
                f"The {name.replace('_', ' ')} is longer than {limit} characters; shorten it.", field=name
            )
        told[name] = text or None
    for name in ("title", "reason"):
        if told[name] is None:
            raise DetailsRefused(f"To open a case say {LABELS[name].lower()}.", field=name)
    if asked.severity not in SEVERITIES:
        raise DetailsRefused(f"The severity is one of {', '.join(SEVERITIES)}.", field="severity")
    for part, label in priority.PARTS.items():
        amount = getattr(asked, part)
        if not (isinstance(amount, Decimal) and amount.is_finite() and 0 <= amount < MOST):
            raise DetailsRefused(f"The {label} is an amount of nothing or more.", field=part)
    if asked.due_at is not None and asked.due_at.tzinfo is None:
        raise DetailsRefused("The promise needs a time zone.", field="due_at")
    return told


def _record(desk: Desk, work: Work, told: dict[str, str | None], asked: ManualCase) -> ExceptionRecord:
    """Return what the person says in the form in which exceptions are taken up."""
    amounts = {part: getattr(asked, part) for part in priority.PARTS}
    subject = told["shipment_id"] or told["subject"] or told["title"] or ""
    return ExceptionRecord(
        tenant_id=work.tenant_id,
        exception_key=f"{MANUAL}:{told['reference'] or new_id()}",
        exception_type=MANUAL,
        subject_type="shipment" if told["shipment_id"] else "other",
        subject=subject,
        detected_at=_feed_time(work),
        severity=asked.severity,
        expected_loss=sum(amounts.values(), Decimal(0)),
        **amounts,
        currency_code=desk.config.tenants[work.tenant_id].currency_code,
        due_at=asked.due_at,
        assumption="Stated by the person who opened the case.",
        facts=_facts(told, work.actor),
        shipment_id=told["shipment_id"],
        customer_id=told["customer_id"],
        carrier_id=told["carrier_id"],
        facility_id=told["facility_id"],
    )


def _facts(told: dict[str, str | None], actor: str) -> tuple[Fact, ...]:
    return tuple(
        Fact(name, label, told[name], "text", source=actor) for name, label in LABELS.items() if told[name]
    )


def _feed_time(work: Work) -> datetime:
    """Return what time it is in the tenant's data: that is when the case was seen there."""
    query = select(tenant_clocks).where(tenant_clocks.c.tenant_id == work.tenant_id)
    row = work.connection.execute(query).first()
    return work.now if row is None or row.mode == "live" else row.as_of


def _reached(record: ExceptionRecord) -> Values:
    """Return the columns by which a grant reaches the case that would be opened."""
    columns = ("tenant_id", "exception_type", "customer_id", "carrier_id", "facility_id")
    return {column: getattr(record, column) for column in columns}


def _refuse_again(connection: Connection, scope: Scope, record: ExceptionRecord) -> None:
    query = select(cases).where(
        cases.c.tenant_id == record.tenant_id, cases.c.exception_key == record.exception_key
    )
    known: Any = connection.execute(query).mappings().first()
    if known is not None:
        name = f"case {known['case_id']}" if scope.covers(known) else "a case"
        raise DetailsRefused(
            f"Under this reference {name} was opened already; work that one.",
            reference=record.exception_key,
        )
