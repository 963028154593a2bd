"""A case's facts as a drafter may use them: typed, formatted in one way, and limited to the audience.

`FactSheet` holds the evidence of one case plus the few columns of the case itself that text may speak of
(ids starting with `case:`). `for_audience` drops everything the reader must not learn; what is dropped
cannot be cited, formatted or sent to a language model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from casework.drafting import formatting, sanitise

if TYPE_CHECKING:
    from casework.model import Fact

PLACES = frozenset(
    (
        "shipment_id",
        "order_id",
        "origin_name",
        "destination_name",
        "mode",
        "facility_name",
        "hold_place",
        "alert_place",
    )
)
_PROGRESS = frozenset(
    (
        "promised_at",
        "planned_arrival_at",
        "carrier_eta_at",
        "delay_hours",
        "last_milestone",
        "last_milestone_at",
        "hold_since_at",
        "dwell_since_at",
        "document_type",
        "needed_by_at",
        "alert_type",
        "alert_starts_at",
        "alert_until_at",
    )
)
# What each reader may learn. No money, no penalties, no tiers, nobody else's names outside the company;
# the customer's order and name stay with the customer, the carrier's name with the carrier.
VISIBLE: dict[str, frozenset[str]] = {
    "customer": PLACES
    | _PROGRESS
    | {
        "customer_name",
        "predicted_arrival_at",
        "interval_low_at",
        "interval_high_at",
        "expected_delay_hours",
        "product_name",
        "inbound_arrival_at",
    },
    "carrier": (PLACES - {"order_id"}) | _PROGRESS | {"carrier_name", "silent_hours", "dwell_hours"},
}
CASE_FACTS = {
    "expected_loss": ("money", "Expected loss"),
    "sla_penalty_amount": ("money", "Late-delivery penalty at stake"),
    "revenue_amount": ("money", "Revenue at stake"),
    "inventory_amount": ("money", "Inventory at stake"),
    "customer_tier_amount": ("money", "Customer-tier weight"),
    "due_at": ("instant", "Promise at stake"),
    "severity": ("text", "Severity"),
    "customer_tier": ("text", "Customer tier"),
    "carrier_id": ("text", "Carrier"),
}


@dataclass(frozen=True)
class KnownFact:
    """One fact with its value read to its type; `text` is how every draft writes it."""

    fact_id: str
    label: str
    type: str
    value: datetime | date | Decimal | str
    text: str
    currency_code: str | None = None


def _read(fact_id: str, label: str, kind: str, value: Any, currency_code: str) -> KnownFact | None:
    """Type and format one value; None when it is absent or not of its type (then it is not known)."""
    if value is None or value == "":
        return None
    try:
        if kind == "instant":
            moment = formatting.parse_instant(value)
            return KnownFact(fact_id, label, kind, moment, formatting.instant(moment))
        if kind == "date":
            day = formatting.parse_date(value)
            return KnownFact(fact_id, label, kind, day, formatting.day(day))
        if kind in ("money", "number", "probability"):
            return _read_number(fact_id, label, kind, formatting.parse_decimal(value), currency_code)
    except ValueError:
        return None
    text = sanitise.fact_text(str(value))
    return KnownFact(fact_id, label, "text", text, text) if text else None


def _read_number(fact_id: str, label: str, kind: str, value: Decimal, currency_code: str) -> KnownFact:
    """Format an amount, a share, a duration in hours (ids ending in `_hours`) or a plain number."""
    if kind == "money":
        return KnownFact(fact_id, label, kind, value, formatting.money(value, currency_code), currency_code)
    if kind == "probability":
        return KnownFact(fact_id, label, kind, value, formatting.probability(value))
    if fact_id.endswith("_hours"):
        return KnownFact(fact_id, label, "hours", value, formatting.hours(value))
    return KnownFact(fact_id, label, kind, value, formatting.number(value))


class FactSheet:
    """The facts of one case by id, in their order; unknown and unreadable ones are simply not there."""

    def __init__(self, facts: Iterable[KnownFact]) -> None:
        """Hold these facts; a repeated id keeps its first value."""
        self._facts: dict[str, KnownFact] = {}
        for fact in facts:
            self._facts.setdefault(fact.fact_id, fact)

    @classmethod
    def of(cls, case: Any, facts: Iterable[Fact]) -> FactSheet:
        """Read a case's evidence and the case's own columns (`case` is an ExceptionRecord or a CaseView)."""
        currency = str(getattr(case, "currency_code", "") or "USD")
        read = [_read(f.fact_id, f.label, f.type, f.value, currency) for f in facts]
        for name, (kind, label) in CASE_FACTS.items():
            read.append(_read(f"case:{name}", label, kind, getattr(case, name, None), currency))
        subject = getattr(case, "shipment_id", None) or getattr(case, "subject", None)
        read.append(_read("case:reference", "Reference", "text", subject, currency))
        return cls(fact for fact in read if fact is not None)

    def for_audience(self, audience: str) -> FactSheet:
        """Return what this reader may learn: customer, carrier, or internal (everything)."""
        if audience == "internal":
            return self
        visible = VISIBLE[audience] | {"case:reference"}
        return FactSheet(fact for fact in self if fact.fact_id in visible)

    def has(self, *fact_ids: str) -> bool:
        """Whether all of these are known."""
        return all(fact_id in self._facts for fact_id in fact_ids)

    def get(self, fact_id: str) -> KnownFact | None:
        """Return the fact, or None when it is not known."""
        return self._facts.get(fact_id)

    def text(self, fact_id: str) -> str | None:
        """Return the fact as drafts write it, or None."""
        fact = self._facts.get(fact_id)
        return fact.text if fact else None

    def amount(self, fact_id: str) -> Decimal | None:
        """Return a number, share or amount of money, or None."""
        fact = self._facts.get(fact_id)
        return fact.value if fact and isinstance(fact.value, Decimal) else None

    def moment(self, fact_id: str) -> datetime | None:
        """Return an aware UTC instant, or None."""
        fact = self._facts.get(fact_id)
        return fact.value if fact and isinstance(fact.value, datetime) else None

    def ids(self) -> tuple[str, ...]:
        """Every known id."""
        return tuple(self._facts)

    def __iter__(self) -> Iterator[KnownFact]:
        """Go through the facts in order."""
        return iter(self._facts.values())

    def __len__(self) -> int:
        """How many facts are known."""
        return len(self._facts)
