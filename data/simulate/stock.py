"""Stock at distribution centres: used up by daily demand, refilled by shipments, ordered up to a level.

The level covers the mean planned lead time and a few safety days; a place with few safety days runs dry
when an inbound shipment is late, which is what `stock_out_before_inbound` is about.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from data.simulate.network import Network, dice
from data.simulate.world import OrderLine, Snapshot

SNAPSHOT_HOUR = 4.5


@dataclass
class Pile:
    """One product at one facility: pieces on hand and on their way, and the rule it is ordered by."""

    facility: str
    sku: str
    daily_demand: int
    safety: int
    level: int
    on_hand: int
    on_order: int = 0

    @property
    def cover_days(self) -> float:
        """Days of demand that stock on hand and on order cover."""
        return (self.on_hand + self.on_order) / self.daily_demand


class Stock:
    """All piles of a network; the daily process takes demand off and notes the morning's snapshot."""

    def __init__(self, network: Network, lead_days: dict[str, float], days: int) -> None:
        """Fill every pile to its level; lead_days is the mean planned lead time to each centre."""
        self.network = network
        self.days = days
        self.snapshots: list[Snapshot] = []
        self.piles = {
            (code, sku): _pile(network, code, sku, lead_days.get(code, 20.0))
            for code, skus in sorted(network.ranges.items())
            for sku in skus
        }

    def replenish(self, facility: str, number_of_lines: int) -> list[OrderLine]:
        """Order the products with the least cover at a facility up to their level."""
        piles = sorted((p for p in self.piles.values() if p.facility == facility), key=lambda p: p.cover_days)
        lines = []
        for position, pile in enumerate(piles[:number_of_lines], start=1):
            wanted = pile.level - pile.on_hand - pile.on_order
            quantity = max(wanted, -(-pile.daily_demand // 4))
            pile.on_order += quantity
            price = self.network.products[pile.sku].unit_price
            lines.append(OrderLine(position, pile.sku, quantity, price))
        return lines

    def receive(self, facility: str, lines: list[OrderLine]) -> None:
        """Put delivered lines on the shelf."""
        for line in lines:
            pile = self.piles.get((facility, line.sku))
            if pile:
                pile.on_hand += line.quantity
                pile.on_order -= line.quantity

    def forget(self, facility: str, lines: list[OrderLine]) -> None:
        """Take cancelled lines off what is on order."""
        for line in lines:
            pile = self.piles.get((facility, line.sku))
            if pile:
                pile.on_order -= line.quantity

    def run(self, env: simpy.Environment) -> Generator[simpy.Event, Any, None]:
        """Process: each morning note the snapshot, then take the day's demand."""
        draws = {key: dice(self.network.seed, "demand", *key) for key in self.piles}
        yield env.timeout(SNAPSHOT_HOUR)
        for _ in range(self.days):
            for key, pile in self.piles.items():
                self.snapshots.append(self._snapshot(pile, env.now))
                wanted = round(pile.daily_demand * draws[key].lognormvariate(-0.03, 0.25))
                pile.on_hand = max(0, pile.on_hand - wanted)
            yield env.timeout(24)

    def _snapshot(self, pile: Pile, hour: float) -> Snapshot:
        value = self.network.products[pile.sku].unit_value
        return Snapshot(pile.facility, pile.sku, hour, pile.on_hand, pile.safety, pile.daily_demand, value)


def _pile(network: Network, code: str, sku: str, lead_days: float) -> Pile:
    draw = dice(network.seed, "pile", code, sku)
    price = network.products[sku].unit_price
    daily = max(2, round(draw.uniform(2500, 9000) / price))
    safety = round(daily * draw.uniform(5.0, 14.0))
    review = draw.uniform(3.0, 6.0)
    level = round(daily * (lead_days + review)) + safety
    return Pile(code, sku, daily, safety, level, level)
