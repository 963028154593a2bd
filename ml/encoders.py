"""From a row's columns to the numbers trees and a logistic curve learn from; fitted on the past only.

Track records are shrunk towards the network's own rate, so that one late shipment of one is not 100 %.
Levels never or rarely seen in training are unknown (NaN), never a guess.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ml.features import DERIVED, MODEL_CATEGORIES, NUMBERS, OPTIONAL_NUMBERS

SEASONAL = ("promised_month", "promised_weekday")
SEASON_NEEDS_DAYS = 730
"""A season is learnt from at least two of them; with less history a month is only a name for its year."""

EVER = ("carrier", "lane", "destination", "origin")
RECENT = ("service", "carrier", "lane", "destination")
DELAYS = ("carrier_delay_hours", "lane_delay_hours", "destination_delay_hours", "network_delay_hours")


class RowEncoder(TransformerMixin, BaseEstimator):
    """Encode the columns of `features.design` as floats: categories first, then numbers, then records."""

    def __init__(
        self,
        min_level_rows: int = 15,
        max_levels: int = 60,
        strength: float = 10.0,
        has_seasons: bool = False,
    ) -> None:
        """Levels with fewer rows are unknown; `strength` is how many outcomes the network's rate weighs."""
        self.min_level_rows = min_level_rows
        self.max_levels = max_levels
        self.strength = strength
        self.has_seasons = has_seasons

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> RowEncoder:  # noqa: N803
        """Learn levels, the base rate, and which columns say anything in the training rows."""
        self.base_rate_ = float(np.mean(np.asarray(y, dtype=float)))
        self.levels_ = {name: self._levels(X[name]) for name in MODEL_CATEGORIES}
        self.columns_: list[str] = []
        everything = self._encode(X)
        self.columns_ = [name for name, values in everything.items() if len(np.unique(values)) > 1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803
        """Return one row of floats per row, NaN where unknown."""
        everything = self._encode(X)
        return np.column_stack([everything[name] for name in self.columns_])

    @property
    def categorical_mask(self) -> list[bool]:
        """Which encoded columns are level numbers."""
        return [name in self.levels_ for name in self.columns_]

    def _levels(self, values: pd.Series) -> list[str]:
        counts = values.dropna().astype(str).value_counts()
        common = counts[counts >= self.min_level_rows]
        ordered = sorted(common.items(), key=lambda item: (-item[1], item[0]))
        return [str(name) for name, _ in ordered[: self.max_levels]]

    def _encode(self, X: pd.DataFrame) -> dict[str, np.ndarray]:  # noqa: N803
        codes = {name: _codes(X[name], levels) for name, levels in self.levels_.items()}
        plain = [*NUMBERS, *OPTIONAL_NUMBERS, *DERIVED, *DELAYS]
        used = [name for name in plain if self.has_seasons or name not in SEASONAL]
        # all at once: for a few rows, taking one column out of a frame costs more than its numbers
        numbers = X[used].to_numpy(dtype=float)
        return {**codes, **dict(zip(used, numbers.T, strict=True)), **self._records(X)}

    def _records(self, X: pd.DataFrame) -> dict[str, np.ndarray]:  # noqa: N803
        told, told_recent = _floats(X, "network_late_rate"), _floats(X, "network_recent_late_rate")
        ever = np.where(np.isnan(told), self.base_rate_, told)
        recent = np.where(np.isnan(told_recent), ever, told_recent)
        shrunk = {f"{s}_late_rate": self._shrunk(X, f"{s}_late_rate", f"{s}_n", ever) for s in EVER}
        shrunk |= {
            f"{s}_recent_late_rate": self._shrunk(X, f"{s}_recent_late_rate", f"{s}_recent_n", recent)
            for s in RECENT
        }
        return {**shrunk, "network_recent_late_rate": told_recent}

    def _shrunk(self, X: pd.DataFrame, rate: str, count: str, prior: np.ndarray) -> np.ndarray:  # noqa: N803
        rates, counts = _floats(X, rate), np.nan_to_num(_floats(X, count))
        seen = np.where(np.isnan(rates), 0.0, counts)
        return (np.nan_to_num(rates) * seen + prior * self.strength) / (seen + self.strength)


def _codes(values: pd.Series, levels: list[str]) -> np.ndarray:
    """Return the number of each level, NaN where it is none of them."""
    numbers = {level: float(number) for number, level in enumerate(levels)}
    return np.array([numbers.get(value, np.nan) for value in values], dtype=float)


def _floats(X: pd.DataFrame, name: str) -> np.ndarray:  # noqa: N803
    return X[name].to_numpy(dtype=float)
