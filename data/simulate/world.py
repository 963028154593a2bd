"""What the simulated world holds: shipments with their plan and their true course, orders, messages, papers.

Times inside the simulator are hours since the world's start, rounded to the minute; `Clock` turns them
into aware UTC instants. Nothing here is noise: this is what really happened.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data.simulate.network import Customer
from data.simulate.places import Carrier, Lane


@dataclass(frozen=True)
class Clock:
    """The world's time axis: hours since `starts_at`, until `ends_at`."""

    starts_at: datetime
    ends_at: datetime

    @property
    def span(self) -> float:
        """Length of the world in hours."""
        return (self.ends_at - self.starts_at) / timedelta(hours=1)

    def at(self, hours: float) -> datetime:
        """The UTC instant of an hour of the world, to the minute."""
        return (self.starts_at + timedelta(minutes=round(hours * 60))).astimezone(UTC)

    def hours(self, instant: datetime) -> float:
        """Hours of the world at an instant."""
        return (instant - self.starts_at) / timedelta(hours=1)


@dataclass
class Stop:
    """A place of a journey: planned and true arrival and departure; a customs hold where there was one."""

    code: str
    planned_arrival: float
    planned_departure: float
    arrived: float | None = None
    departed: float | None = None
    held_from: float | None = None
    held_until: float | None = None


@dataclass(frozen=True)
class OrderLine:
    """A line of an order: pieces and US dollars a piece."""

    number: int
    sku: str
    quantity: int
    unit_price: float


@dataclass(frozen=True)
class Message:
    """A message a carrier truly sent; for planned and estimated events `occurred` lies ahead."""

    code: str
    classifier: str
    location: str | None
    occurred: float
    sent: float
    reference_type: str
    remark: str | None = None


@dataclass(frozen=True)
class Paper:
    """A trade document: when it came in, and whether the intake took it."""

    kind: str
    received: float
    status: str = "received"


@dataclass
class Shipment:
    """One shipment: plan, promise and true course. `blame` counts hours lost by cause."""

    index: int
    number: str
    order_no: str
    customer: Customer
    carrier: Carrier
    lane: Lane
    service_level: str
    pro_number: str
    container_no: str | None
    ordered: float
    booked: float
    stops: list[Stop]
    planned_delivery: float
    promised: float
    requested: float
    has_commitment: bool
    penalty_share: float
    international: bool
    lines: list[OrderLine] = field(default_factory=list)
    cancelled: float | None = None
    delivered: float | None = None
    blame: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    messages: list[Message] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    silences: list[tuple[float, float]] = field(default_factory=list)

    @property
    def departed(self) -> float | None:
        """When it truly left its origin, or None."""
        return self.stops[0].departed

    @property
    def planned_departure(self) -> float:
        """Planned departure from the origin."""
        return self.stops[0].planned_departure

    @property
    def planned_arrival(self) -> float:
        """Planned arrival at the destination."""
        return self.stops[-1].planned_arrival

    @property
    def required(self) -> tuple[str, ...]:
        """Document types the journey needs."""
        return ("BOL", "CUSTOMS", "POD") if self.international else ("BOL", "POD")

    @property
    def value(self) -> float:
        """Value of the goods in US dollars, as sold."""
        return round(sum(line.quantity * line.unit_price for line in self.lines), 2)

    @property
    def is_late(self) -> bool | None:
        """Whether it was delivered after its promise; None while it is not delivered, or cancelled."""
        return None if self.delivered is None else self.delivered > self.promised

    @property
    def main_cause(self) -> str:
        """The cause that cost it most hours."""
        return (
            max(sorted(self.blame), key=lambda cause: self.blame[cause])
            if self.blame
            else "ordinary_variation"
        )

    def open_at(self, hour: float) -> bool:
        """Whether it was booked and neither delivered nor cancelled at an hour."""
        ended = self.delivered if self.cancelled is None else self.cancelled
        return self.booked <= hour and (ended is None or ended > hour)


@dataclass(frozen=True)
class Snapshot:
    """Stock of a product at a facility on a morning: pieces, and mean pieces a day."""

    facility: str
    sku: str
    hour: float
    on_hand: int
    safety: int
    daily_demand: int
    unit_value: float


def minute(hours: float) -> float:
    """Hours rounded to the minute."""
    return round(hours * 60) / 60
