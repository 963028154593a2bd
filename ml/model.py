"""A fitted arrival model: late probability and a delay interval for any row of the shared features.

Two kinds behind one face: `ArrivalModel` learnt from enough labelled rows, `BaseRateModel` for a tenant
that is only starting. Both are immutable; writing and reading them is `ml.registry`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ml import estimators, intervals
from ml.calibration import Calibration
from ml.features import design
from ml.intervals import Spread


@dataclass(frozen=True)
class Forecast:
    """Per row: the calibrated late probability and low, middle and high delay in hours after the promise."""

    late_probability: np.ndarray
    low_hours: np.ndarray
    delay_hours: np.ndarray
    high_hours: np.ndarray


class Model(Protocol):
    """What scoring, evaluation and the registry need of any model."""

    @property
    def tenant_id(self) -> str:
        """Whose it is."""

    @property
    def version(self) -> str:
        """A hash of what it was made from."""

    @property
    def threshold(self) -> float:
        """The probability from which a row is flagged."""

    @property
    def level(self) -> float:
        """The share of arrivals its intervals promise to hold."""

    @property
    def reference(self) -> Mapping[str, Any]:
        """An ordinary row of its training data."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What it learnt from and how it did."""

    def late_probability(self, frame: pd.DataFrame) -> np.ndarray:
        """Return a probability per completed row."""

    def log_odds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the score before calibration per completed row: what reasons are measured on."""

    def forecast(self, frame: pd.DataFrame) -> Forecast:
        """Return probability and delay interval per completed row."""


@dataclass(frozen=True)
class ArrivalModel:
    """Trees (and, where validation preferred it, a logistic curve) with calibration and conformal margins."""

    tenant_id: str
    version: str
    classifiers: Sequence[Pipeline]
    quantiles: Sequence[Pipeline]
    calibration: Calibration
    spread: Spread
    threshold: float
    level: float
    reference: Mapping[str, Any]
    card: Mapping[str, Any] = field(default_factory=dict)

    def late_probability(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the calibrated late probability per completed row, never NaN."""
        return self.calibration.apply(self.log_odds(frame))

    def log_odds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the uncalibrated score per completed row; calibration may be flat where this is not."""
        return estimators.raw_score(self.classifiers, design(frame))

    def forecast(self, frame: pd.DataFrame) -> Forecast:
        """Return probability and delay interval per completed row."""
        columns = design(frame)
        hours = estimators.quantiles(self.quantiles, columns)
        low, middle, high = self.spread.apply(hours, frame["checkpoint"])
        odds = estimators.raw_score(self.classifiers, columns)
        return Forecast(self.calibration.apply(odds), low, middle, high)


@dataclass(frozen=True)
class BaseRateModel:
    """One cautious answer for every row: the share late so far and the delays seen so far, kept wide."""

    tenant_id: str
    version: str
    rate: float
    delays: tuple[float, float, float]
    threshold: float = 0.5
    level: float = intervals.LEVEL
    reference: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def late_probability(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the same probability for every row."""
        return np.full(len(frame), self.rate)

    def log_odds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the rate's log odds for every row."""
        return np.full(len(frame), np.log(self.rate / (1 - self.rate)))

    def forecast(self, frame: pd.DataFrame) -> Forecast:
        """Return the same interval for every row."""
        low, middle, high = (np.full(len(frame), hours) for hours in self.delays)
        return Forecast(self.late_probability(frame), low, middle, high)


PRIOR_LATE, PRIOR_ROWS = 0.2, 10.0
WIDE_HOURS = (-72.0, 168.0)


def base_rate_model(tenant_id: str, version: str, late: np.ndarray, delay: np.ndarray) -> BaseRateModel:
    """Return the starting model: a share late drawn towards one in five, an interval at least ten days wide.

    `late` and `delay` (hours) are one per shipment and may be empty.
    """
    rate = (float(late.sum()) + PRIOR_LATE * PRIOR_ROWS) / (len(late) + PRIOR_ROWS)
    known = delay[np.isfinite(delay)]
    middle = float(np.median(known)) if len(known) else 0.0
    low = min(float(known.min()) if len(known) else 0.0, middle + WIDE_HOURS[0])
    high = max(float(known.max()) if len(known) else 0.0, middle + WIDE_HOURS[1])
    return BaseRateModel(tenant_id, version, round(rate, 6), (low, middle, high))


def reference_row(frame: pd.DataFrame) -> dict[str, object]:
    """Return an ordinary row of the training data: medians of numbers, the most common of names."""
    values = design(frame)
    reference: dict[str, object] = {}
    for name in values.columns:
        column = values[name].dropna()
        if not len(column):
            reference[name] = None
        elif pd.api.types.is_numeric_dtype(column):
            reference[name] = float(column.median())
        else:
            counts = column.astype(str).value_counts()
            reference[name] = min(counts[counts == counts.max()].index)
    return reference
