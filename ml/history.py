"""Track records: how often those before were late, counting only outcomes recorded by a row's cutoff.

One grain in, one grain out: a frame of shipments at checkpoints and a frame of outcomes (one per
shipment: the same key columns, `recorded_at`, `is_late`, `delay_hours`). A rate over no outcome is NULL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

RECENT = timedelta(days=90)
DELAY_WINDOW = timedelta(days=365)
DELAY_LIMIT_HOURS = 1440.0
"""Mean delays count no single shipment with more than 60 days: one lost box says little of its lane."""

LANE_BY_PLACES: Mapping[str, Sequence[str]] = {
    "network": (),
    "carrier": ("carrier_or_vendor",),
    "lane": ("origin", "destination"),
    "destination": ("destination",),
    "origin": ("origin",),
    "service": ("fulfill_via", "mode"),
}
LANE_BY_VENDOR: Mapping[str, Sequence[str]] = {
    **LANE_BY_PLACES,
    "lane": ("vendor_id", "destination"),
    "service": ("fulfill_via",),
}


@dataclass(frozen=True)
class Rule:
    """What counts: the columns that make each subject, and whether an outcome at the cutoff is known."""

    subjects: Mapping[str, Sequence[str]] = field(default_factory=lambda: LANE_BY_PLACES)
    is_inclusive: bool = False


def add_track_records(rows: pd.DataFrame, outcomes: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Return the rows with every late rate, count and mean delay as known at each `cutoff_at`."""
    added: dict[str, np.ndarray] = {}
    for subject, columns in rule.subjects.items():
        past = Past.of(_keys(outcomes, columns), outcomes, rule.is_inclusive)
        added |= _records(subject, past, _keys(rows, columns), rows["cutoff_at"])
    return rows.assign(**{name: values for name, values in added.items() if name in _KEPT})


_KEPT = {
    "carrier_late_rate", "carrier_n", "lane_late_rate", "lane_n", "destination_late_rate", "destination_n",
    "origin_late_rate", "origin_n", "network_late_rate", "network_recent_late_rate",
    "service_recent_late_rate", "service_recent_n", "carrier_recent_late_rate", "carrier_recent_n",
    "lane_recent_late_rate", "lane_recent_n", "destination_recent_late_rate", "destination_recent_n",
    "network_delay_hours", "carrier_delay_hours", "lane_delay_hours", "destination_delay_hours",
}  # fmt: skip


def _records(subject: str, past: Past, keys: pd.Series, until: pd.Series) -> dict[str, np.ndarray]:
    ever, recent, year = (past.between(keys, until, window) for window in (None, RECENT, DELAY_WINDOW))
    return {
        f"{subject}_n": ever.count,
        f"{subject}_late_rate": _share(ever.late, ever.count),
        f"{subject}_recent_n": recent.count,
        f"{subject}_recent_late_rate": _share(recent.late, recent.count),
        f"{subject}_delay_hours": _share(year.delay, year.count),
    }


def _share(amount: np.ndarray, count: np.ndarray) -> np.ndarray:
    share = np.divide(amount, count, out=np.full(len(count), np.nan), where=count > 0)
    return np.round(share, 9)


def _keys(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return one text per row; a row with an unknown part has no key and no track record."""
    if not columns:
        return pd.Series("*", index=frame.index, dtype=object)
    parts = [_column(frame, column) for column in columns]
    known = ~pd.concat([part.isna() for part in parts], axis=1).any(axis=1)
    joined = parts[0].astype(str)
    for part in parts[1:]:
        joined = joined + "\x1f" + part.astype(str)
    return joined.where(known, None).astype(object)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name == "carrier_or_vendor":
        return frame["carrier_id"].where(frame["carrier_id"].notna(), frame["vendor_id"])
    if name == "mode":  # a shipment without a mode still has a service
        return frame["mode"].where(frame["mode"].notna(), "unknown")
    if name == "fulfill_via":
        return frame["fulfill_via"].where(frame["fulfill_via"].notna(), "any")
    return frame[name]


@dataclass(frozen=True)
class Counted:
    """Outcomes per row: how many, how many late, hours of delay in sum."""

    count: np.ndarray
    late: np.ndarray
    delay: np.ndarray


@dataclass(frozen=True)
class Past:
    """Running totals of outcomes per key in the order they were recorded."""

    totals: pd.DataFrame
    is_inclusive: bool

    @classmethod
    def of(cls, keys: pd.Series, outcomes: pd.DataFrame, is_inclusive: bool) -> Past:
        """Build running totals; outcomes without a key, a time or a result are left out."""
        frame = pd.DataFrame(
            {
                "key": keys.to_numpy(),
                "at": _hours(outcomes["recorded_at"]),
                "late": outcomes["is_late"].to_numpy(dtype=float, na_value=np.nan),
                "delay": outcomes["delay_hours"].astype(float).clip(-DELAY_LIMIT_HOURS, DELAY_LIMIT_HOURS),
            }
        ).dropna()
        # ties ordered by value: the same outcomes in another file order give the same running sums
        frame = frame.sort_values(["at", "key", "late", "delay"], kind="stable", ignore_index=True)
        grouped = frame.groupby("key", sort=False)
        totals = frame[["key", "at"]].assign(
            count=grouped.cumcount() + 1.0, late=grouped["late"].cumsum(), delay=grouped["delay"].cumsum()
        )
        return cls(totals.assign(key=totals["key"].astype(object)), is_inclusive)

    def between(self, keys: pd.Series, until: pd.Series, window: timedelta | None) -> Counted:
        """Count outcomes recorded by `until`, and after `until - window` when a window is given."""
        end = self._at(keys, _hours(until))
        if window is None:
            return end
        start = self._at(keys, _hours(until) - window.total_seconds() / 3600)
        return Counted(end.count - start.count, end.late - start.late, end.delay - start.delay)

    def _at(self, keys: pd.Series, hours: np.ndarray) -> Counted:
        asked = pd.DataFrame({"key": keys.to_numpy(), "at": hours, "row": np.arange(len(hours))})
        asked = asked.assign(key=asked["key"].astype(object)).dropna().sort_values("at", kind="stable")
        found = np.zeros((len(hours), 3))
        if len(asked) and len(self.totals):
            joined = pd.merge_asof(
                asked, self.totals, on="at", by="key", allow_exact_matches=self.is_inclusive
            )
            found[joined["row"]] = joined[["count", "late", "delay"]].fillna(0.0)
        return Counted(found[:, 0], found[:, 1], found[:, 2])


def _hours(instants: pd.Series) -> np.ndarray:
    since = pd.to_datetime(instants, utc=True) - pd.Timestamp("2000-01-01", tz="UTC")
    return (since / pd.Timedelta(hours=1)).to_numpy(dtype=float, na_value=np.nan)
