"""Delay intervals that cover what they promise: quantile trees, widened by how wrong they were later on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

LEVEL = 0.9
HALF_LIFE_DAYS = 365.0
MIN_GROUP_ROWS = 60
ALL = "*"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Spread:
    """How quantile hours become a promise: margins in hours, and how far early and late medians are believed.

    Every value is per checkpoint, with `*` for checkpoints too rare to have their own.
    """

    level: float
    margins: Mapping[str, float]
    early_shares: Mapping[str, float]
    late_shares: Mapping[str, float]

    def apply(self, hours: np.ndarray, group: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return low, middle, high hours with low <= middle <= high."""
        margin, early, late = (
            _of(group, values) for values in (self.margins, self.early_shares, self.late_shares)
        )
        middle = np.minimum(hours[:, 1], 0) * early + np.maximum(hours[:, 1], 0) * late
        return np.minimum(hours[:, 0] - margin, middle), middle, np.maximum(hours[:, 2] + margin, middle)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a card."""
        return asdict(self)


def _of(group: pd.Series, values: Mapping[str, float]) -> np.ndarray:
    return group.map(lambda name: values.get(str(name), values[ALL])).to_numpy(dtype=float)


def fit(hours: np.ndarray, rows: pd.DataFrame, level: float = LEVEL) -> Spread:
    """Fit on rows later than the quantile trees learnt from; raises ValueError without a known delay.

    The middle is the median's early and late part, each drawn towards the schedule as far as that lowers
    the mean absolute error: where schedules are filled in afterwards, on time is the better guess.
    """
    delay = rows["label_delay_hours"].to_numpy(dtype=float)
    known = np.isfinite(delay)
    hours, delay, group = hours[known], delay[known], rows["checkpoint"][known]
    shares = {name: _shares(hours[which, 1], delay[which]) for name, which in _groups(group).items()}
    age = (rows["cutoff_at"].max() - rows["cutoff_at"][known]) / pd.Timedelta(days=1)
    weight = 0.5 ** (age.to_numpy(dtype=float) / HALF_LIFE_DAYS)
    margin = margins(hours[:, 0], hours[:, 2], delay, group, level, weight)
    early, late = ({name: pair[side] for name, pair in shares.items()} for side in (0, 1))
    return Spread(level, margin, early, late)


def _groups(group: pd.Series) -> dict[str, np.ndarray]:
    found = {ALL: np.full(len(group), True)}
    for name in sorted(group.dropna().unique()):
        rows = (group == name).to_numpy()
        if rows.sum() >= MIN_GROUP_ROWS:
            found[str(name)] = rows
    return found


def _shares(middle: np.ndarray, delay: np.ndarray) -> tuple[float, float]:
    early, late = np.minimum(middle, 0), np.maximum(middle, 0)
    errors = {(a, b): float(np.abs(delay - a * early - b * late).mean()) for a, b in product(SHARES, SHARES)}
    return min(errors, key=lambda pair: (round(errors[pair], 6), -pair[0], -pair[1]))


def margins(
    low: np.ndarray,
    high: np.ndarray,
    delay: np.ndarray,
    group: pd.Series,
    level: float = LEVEL,
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """Return hours to widen (or narrow, if negative) each group's interval by, and for any other group.

    Conformalised quantile regression: the margin is the finite-sample quantile of how far outcomes of
    later rows fell outside the interval, recent rows weighing more where weights are given. Raises
    ValueError without rows.
    """
    weight = np.ones(len(delay)) if weight is None else weight
    outside = np.maximum(low - delay, delay - high)
    return {
        name: conformal_quantile(outside[rows], weight[rows], level) for name, rows in _groups(group).items()
    }


def conformal_quantile(scores: np.ndarray, weight: np.ndarray, level: float) -> float:
    """Return the smallest score with `level` of the weight at or below it, one more row counted as above.

    With equal weights that is the ceil((n + 1) x level)-th smallest; the largest when n is too small.
    """
    if not len(scores):
        raise ValueError("no outcome to take an interval's width from")
    order = np.argsort(scores, kind="stable")
    share = np.cumsum(weight[order]) / (weight.sum() + weight.max())
    rank = min(int(np.searchsorted(share, level - 1e-12)), len(scores) - 1)
    return float(scores[order][rank])
