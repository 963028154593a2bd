"""A desk to try things at: a real store, the real door, a clock that a test moves, and a few exceptions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from casework.config import Config, TenantConfig, load_config
from casework.drafting.drafter import Drafter
from casework.drafting.known_ids import StoreIds
from casework.evidence.keys import Keys
from casework.model import (
    Action,
    CaseDetail,
    CaseView,
    DraftKind,
    DraftView,
    ExceptionRecord,
    Fact,
    Principal,
    Publication,
)
from casework.permissions import grants
from casework.service import Casework
from casework.store.tables import cases, effects
from tests.casework.statements import watch

TENANT = "demo"
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
FEED_TIME = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
LEAD, PLANNER, APPROVER = "person:lead", "person:planner", "person:approver"
AUDITOR, ENGINEER, ADMIN = "person:auditor", "person:engineer", "person:admin"
CUSTOMER, CARRIER = "partner:customer", "partner:carrier"
OWN_CUSTOMER, OWN_CARRIER = "0011ZEPS1BB45W8", "TSWN"
CONFIG = load_config()


class Clock:
    """Desk time, moved by hand."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


def fact(fact_id: str, value: Any, kind: str = "text", row: int | None = 1) -> Fact:
    return Fact(fact_id, fact_id.replace("_", " "), value, kind, "fct_shipments:x", "ab" * 32, row)


def exception(number: int = 1, **changed: Any) -> ExceptionRecord:
    """One predicted-late exception of shipment SH-<number>."""
    shipment = f"SH-{number}"
    record = ExceptionRecord(
        tenant_id=TENANT,
        exception_key=f"predicted_late:{shipment}",
        exception_type="predicted_late",
        subject_type="shipment",
        subject=shipment,
        shipment_id=shipment,
        detected_at=FEED_TIME,
        due_at=FEED_TIME + timedelta(days=2),
        predicted_at=FEED_TIME + timedelta(days=3),
        late_probability=0.87,
        severity="high",
        expected_loss=Decimal("1000.00"),
        sla_penalty_amount=Decimal("600.00"),
        revenue_amount=Decimal("300.00"),
        inventory_amount=Decimal("100.00"),
        customer_tier_amount=Decimal("0.00"),
        currency_code="USD",
        customer_id=OWN_CUSTOMER,
        carrier_id=OWN_CARRIER,
        facility_id="DC-1",
        customer_tier="gold",
        assumption="Assumed for the test.",
        facts=(
            fact("shipment_id", shipment),
            fact("customer_name", "Acme Health"),
            fact("carrier_name", "Highway Mutual"),
            fact("promised_at", "2026-09-03T06:00:00Z", "instant"),
            fact("predicted_arrival_at", "2026-09-04T06:00:00Z", "instant"),
            fact("late_probability", 0.87, "probability"),
            fact("penalty_per_day", "500.00", "money"),
        ),
        documents=({"document_type": "BOL", "is_required": True, "status": "received"},),
    )
    return replace(record, **changed)


def with_fact(record: ExceptionRecord, fact_id: str, value: Any) -> ExceptionRecord:
    facts = tuple(replace(f, value=value) if f.fact_id == fact_id else f for f in record.facts)
    return replace(record, facts=facts)


class Office:
    """The door over one store, with shortcuts for what tests do all the time."""

    def __init__(self, engine: Engine, home: Path, *, drafting: bool = True) -> None:
        self.engine, self.home, self.clock, self.config = engine, home, Clock(), CONFIG
        watch(engine)
        self.drafter = Drafter(is_known_elsewhere=StoreIds(engine)) if drafting else None
        self.casework = self.door()

    def door(self) -> Casework:
        """Another door over the same store: what a second process has."""
        return Casework(
            self.engine,
            config=self.config,
            keys=Keys(self.home / "keys"),
            home=self.home,
            clock=self.clock,
            drafter=self.drafter,
        )

    def configure(self, **tenant: Any) -> None:
        """Open the door again with some of the tenant's configuration changed, checked as a file's would be."""
        values = self.config.tenants[TENANT].model_dump() | tenant
        tenants = {**self.config.tenants, TENANT: TenantConfig.model_validate(values)}
        self.config = Config.model_validate({**dict(self.config), "tenants": tenants})
        self.casework = self.door()

    def who(self, principal_id: str) -> Principal:
        with self.casework.desk.reading_across() as connection:
            return grants.current(connection, principal_id)

    def sync(self, *records: ExceptionRecord, publication: str = "pub-1") -> Any:
        return self.casework.sync(TENANT, Publication(publication, "run-1", "dbt-1"), records)

    def perform(self, case: CaseView | str, action: Action, who: str = LEAD, **told: Any) -> CaseView:
        case_id = case if isinstance(case, str) else case.case_id
        return self.casework.perform(self.who(who), TENANT, case_id, action, **told)

    def case(self, key: str = "predicted_late:SH-1") -> dict[str, Any]:
        """The newest case of an exception, straight from the table."""
        query = select(cases).where(cases.c.exception_key == key).order_by(cases.c.case_id.desc())
        with self.casework.desk.reading_across() as connection:
            return dict(connection.execute(query).mappings().first() or {})

    def case_id(self, key: str = "predicted_late:SH-1") -> str:
        return self.case(key)["case_id"]

    def detail(self, case_id: str | None = None, who: str = LEAD) -> CaseDetail:
        return self.casework.get(self.who(who), TENANT, case_id or self.case_id())

    def draft(self, kind: DraftKind = DraftKind.CUSTOMER_UPDATE, case_id: str | None = None) -> DraftView:
        return next(d for d in self.detail(case_id).drafts if d.kind == kind)

    def approve(self, draft: DraftView, who: str = APPROVER, **options: Any) -> Any:
        return self.casework.approve(
            self.who(who),
            TENANT,
            draft.draft_id,
            version=draft.version,
            content_sha256=draft.content_sha256,
            **options,
        )

    def effects(self) -> list[dict[str, Any]]:
        with self.casework.desk.reading_across() as connection:
            found = connection.execute(select(effects).order_by(effects.c.effect_id)).mappings()
            return [dict(row) for row in found]

    def facts_of(self, case_id: str | None = None) -> list[str]:
        return [entry.fact for entry in self.detail(case_id).history]
