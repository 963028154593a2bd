"""A small real desk: a SQLite store with cases opened by sync, accounts, contacts, and published tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from casework.config import load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.model import Contact, ExceptionRecord, Fact, Publication
from casework.service import Casework
from casework.store.engine import migrate, open_store
from tests.dashboard.published import AS_OF, publish

FIRST_GRANTS = {account.login: account.grants[0] for account in load_config().accounts.accounts}
OURS, THEIRS = str(FIRST_GRANTS["customer"].customer_id), "CRM-0002"
CARRIER, OTHER_CARRIER = str(FIRST_GRANTS["carrier"].carrier_id), "OTHR"
HOSTILE = "SHP-<b>9</b>![x](http://evil.test/a.png)[y](http://evil.test)"


@dataclass(frozen=True)
class World:
    """A home folder with everything in it, and the door to its store."""

    home: Path
    casework: Casework
    passwords: dict[str, str]

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.home / 'operational.db'}"


def fact(fact_id: str, label: str, value: Any, kind: str = "text") -> Fact:
    """Return one fact with a source row behind it."""
    return Fact(fact_id, label, value, kind, "fct_shipments:x", "ab" * 32, 7)


def late(shipment_id: str, customer_id: str, carrier_id: str, loss: int, **changes: Any) -> ExceptionRecord:
    """Return a predicted late arrival whose four parts add up to `loss` and 1 for the tier."""
    promised, predicted = AS_OF + timedelta(days=2), AS_OF + timedelta(days=2, hours=19)
    facts = (
        fact("shipment_id", "Shipment", shipment_id),
        fact("customer_name", "Customer", f"Firm {customer_id}"),
        fact("carrier_name", "Carrier", f"Line {carrier_id}"),
        fact("origin_name", "Origin", "Yantian terminal"),
        fact("destination_name", "Destination", "Duisburg DC"),
        fact("promised_at", "Promised", promised.isoformat(), "instant"),
        fact("planned_arrival_at", "Planned arrival", promised.isoformat(), "instant"),
        fact("predicted_arrival_at", "Predicted arrival", predicted.isoformat(), "instant"),
        fact("interval_low_at", "Earliest", (predicted - timedelta(hours=9)).isoformat(), "instant"),
        fact("interval_high_at", "Latest", (predicted + timedelta(hours=14)).isoformat(), "instant"),
        fact("late_probability", "Late probability", 0.87, "probability"),
        fact("expected_delay_hours", "Expected delay in hours", 19.0, "number"),
        fact("reason_1", "Reason", "it left Singapore 34 h behind plan"),
        fact("reason_2", "Reason", "this lane arrives late in 41 % of 214 trips"),
        fact("last_milestone", "Last milestone", "Departed Singapore"),
        fact("last_milestone_at", "Last milestone at", (AS_OF - timedelta(days=15)).isoformat(), "instant"),
    )
    values: dict[str, Any] = {
        "tenant_id": "demo",
        "exception_key": f"predicted_late:{shipment_id}",
        "exception_type": "predicted_late",
        "subject_type": "shipment",
        "subject": shipment_id,
        "shipment_id": shipment_id,
        "detected_at": AS_OF - timedelta(hours=2),
        "due_at": promised,
        "predicted_at": predicted,
        "late_probability": 0.87,
        "customer_id": customer_id,
        "carrier_id": carrier_id,
        "customer_tier": "gold",
        "severity": "high",
        "expected_loss": Decimal(loss + 1),
        "sla_penalty_amount": Decimal(loss // 2),
        "revenue_amount": Decimal(loss // 4),
        "inventory_amount": Decimal(loss - loss // 2 - loss // 4),
        "customer_tier_amount": Decimal(1),
        "currency_code": "USD",
        "assumption": "No commitment names a penalty; we assume USD 500 a day up to USD 5,000.",
        "facts": facts,
        "documents": (
            {"document_type": "BOL", "is_required": True, "status": "received",
             "received_at": (AS_OF - timedelta(days=20)).isoformat(), "needed_by_at": None},
            {"document_type": "CUSTOMS", "is_required": True, "status": "missing", "received_at": None,
             "needed_by_at": (AS_OF + timedelta(hours=20)).isoformat()},
        ),
    }  # fmt: skip
    return ExceptionRecord(**(values | changes))


def records() -> list[ExceptionRecord]:
    """Return the exceptions of the small desk: three customers' worth, one with hostile text."""
    silent = late("SHP-3", THEIRS, CARRIER, 900)
    silent_facts = (
        fact("shipment_id", "Shipment", "SHP-3"),
        fact("silent_hours", "Silent hours", 61.0, "number"),
    )
    hostile = late(HOSTILE, THEIRS, OTHER_CARRIER, 40)
    return [
        late("SHP-1", OURS, CARRIER, 18000),
        late("SHP-2", THEIRS, OTHER_CARRIER, 5000),
        ExceptionRecord(
            **{
                **{name: getattr(silent, name) for name in silent.__slots__},
                "exception_key": "tracking_silent:SHP-3",
                "exception_type": "tracking_silent",
                "late_probability": None,
                "predicted_at": None,
                "severity": "low",
                "facts": silent_facts,
                "documents": (),
            }
        ),
        hostile,
    ]


def contacts() -> list[Contact]:
    """Return verified addresses of the parties."""
    return [
        Contact(OURS, "mail", "customer", "Firm one", "ops@one.example", True),
        Contact(OURS, "webhook", "customer", "Firm one", f"portal:{OURS}", True),
        Contact(THEIRS, "mail", "customer", "Firm two", "ops@two.example", True),
        Contact(CARRIER, "mail", "carrier", "Tide Lines", "dispatch@tdwl.example", True),
        Contact(OTHER_CARRIER, "mail", "carrier", "Other", "dispatch@othr.example", True),
    ]


def build(home: Path) -> World:
    """Make the whole desk in a folder."""
    home.mkdir(parents=True, exist_ok=True)
    engine = open_store(f"sqlite:///{home / 'operational.db'}")
    migrate(engine)
    door = Casework(engine, config=load_config(), keys=Keys(home / "keys"), home=home, drafter=Drafter())
    passwords = {account.login: account.password for account in door.bootstrap()}
    door.put_contacts("demo", contacts(), "service:orchestration")
    found = records()
    door.sync("demo", Publication("pub-1", "run-1", "dbt-1", {"demo": "m-1"}), found)
    publish(home, [(str(r.shipment_id), str(r.customer_id), str(r.carrier_id)) for r in found])
    return World(home, door, passwords)
