"""What strikes the network: weather and port closures, congestion, a customs campaign, late papers, a silent
carrier.

Episodes sit at fixed shares of the world's time, so that a world of any length has the same story; the
big storm closes the port of Shanghai from about 74 % of it (30 August in the default world) for about
four days.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.simulate.network import dice
from data.simulate.world import Clock, minute


@dataclass(frozen=True)
class Alert:
    """A weather or port notice, and the truth behind it: hours it really lasted."""

    alert_id: str
    location: str
    kind: str
    severity: str
    starts: float
    ends: float
    issues: tuple[tuple[float, float], ...]

    @property
    def closes(self) -> bool:
        """Whether nothing moves at the place while it lasts."""
        return self.kind == "port_closure"

    @property
    def is_disruption(self) -> bool:
        """Whether it counts as a disruption: a port closure or a severe storm."""
        return self.closes or (self.kind == "storm" and self.severity == "severe")


@dataclass(frozen=True)
class Slowdown:
    """A place where handling takes `factor` times as long between two hours."""

    location: str
    starts: float
    ends: float
    factor: float


@dataclass(frozen=True)
class Episodes:
    """All episodes of a world."""

    alerts: tuple[Alert, ...]
    slowdowns: tuple[Slowdown, ...]
    campaign: tuple[str, float, float]
    outage: tuple[str, float, float]
    broker_backlog: tuple[float, float]

    def handling_factor(self, location: str, hour: float) -> float:
        """How many times longer handling takes at a place and hour than planned."""
        factor = 1.0
        for slow in self.slowdowns:
            if slow.location == location and slow.starts <= hour < slow.ends:
                factor *= slow.factor
        for alert in self.alerts:
            if alert.location == location and not alert.closes and alert.starts <= hour < alert.ends:
                factor *= {"minor": 1.15, "moderate": 1.5, "severe": 2.2}[alert.severity]
        return factor

    def stormy(self, location: str, hour: float) -> bool:
        """Whether a moderate or severe storm or flood is over a place."""
        return any(
            a.location == location and not a.closes and a.severity != "minor" and a.starts <= hour < a.ends
            for a in self.alerts
        )

    def inspects(self, location: str, hour: float) -> bool:
        """Whether customs inspects more than usual at a place."""
        place, starts, ends = self.campaign
        return place == location and starts <= hour < ends


# place, kind, severity, share of the world's time at which it starts, hours it lasts
_ALERTS = (
    ("USMEM", "storm", "minor", 0.055, 20),
    ("USSLC", "storm", "moderate", 0.130, 30),
    ("USSAV", "storm", "severe", 0.290, 44),
    ("DEDUI", "flood", "moderate", 0.385, 60),
    ("INNSA", "port_closure", "moderate", 0.470, 40),
    ("HKHKG", "storm", "moderate", 0.560, 28),
    ("USIND", "storm", "minor", 0.640, 18),
    ("CNSHA", "storm", "moderate", 0.733, 24),
    ("CNSHA", "port_closure", "severe", 0.7442, 100),
    ("USSAV", "storm", "moderate", 0.905, 36),
)


def build_episodes(seed: int, clock: Clock) -> Episodes:
    """The episodes of a world; a seed moves them by some hours."""
    span = clock.span
    alerts = tuple(_alert(seed, clock, number, *row) for number, row in enumerate(_ALERTS))
    slowdowns = (
        Slowdown("USLAX", 0.40 * span, 0.47 * span, 2.2),
        Slowdown("USLAX", 0.68 * span, 0.80 * span, 2.4),
        Slowdown("NLRTM", 0.55 * span, 0.63 * span, 2.0),
        Slowdown("USSLC", 0.30 * span, 0.36 * span, 3.0),
    )
    campaign, outage = ("USLAX", 0.60 * span, 0.80 * span), ("BLTQ", 0.712 * span, 0.781 * span)
    return Episodes(alerts, slowdowns, campaign, outage, (0.71 * span, 0.79 * span))


def _alert(
    seed: int, clock: Clock, number: int, place: str, kind: str, severity: str, share: float, lasts: float
) -> Alert:
    """An alert, issued with a guessed end some hours before it starts, and again when the end is known."""
    draw = dice(seed, "alert", number)
    starts = minute(clock.span * share + draw.uniform(-4, 4))
    ends = minute(starts + lasts * draw.uniform(0.95, 1.05))
    issued = minute(max(0.5, starts - draw.uniform(6, 20)))
    guess = minute(starts + lasts * draw.uniform(0.6, 0.85))
    issues = ((issued, guess), (minute(starts + lasts * 0.3), minute(ends + draw.uniform(-2, 6))))
    day = clock.at(starts).strftime("%Y%m%d")
    return Alert(f"WX-{day}-{place}-{number:02d}", place, kind, severity, starts, ends, issues)
