"""Delay intervals that cover what they promise: quantile trees, widened by how wrong they were later on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

LEVEL = 0.9
MIN_GROUP_ROWS = 60
ALL = "*"


def margins(
    low: np.ndarray, high: np.ndarray, delay: np.ndarray, group: pd.Series, level: float = LEVEL
) -> dict[str, float]:
    """Return hours to widen (or narrow, if negative) each group's interval by, and for any other group.

    Conformalised quantile regression: the margin is the finite-sample quantile of how far outcomes of
    later rows fell outside the interval. Raises ValueError without rows.
    """
    outside = np.maximum(low - delay, delay - high)
    found = {ALL: conformal_quantile(outside, level)}
    for name in sorted(group.dropna().unique()):
        rows = (group == name).to_numpy()
        if rows.sum() >= MIN_GROUP_ROWS:
            found[str(name)] = conformal_quantile(outside[rows], level)
    return found


def conformal_quantile(scores: np.ndarray, level: float) -> float:
    """Return the ceil((n + 1) x level)-th smallest score; the largest when n is too small for the level."""
    if not len(scores):
        raise ValueError("no outcome to take an interval's width from")
    rank = min(int(np.ceil((len(scores) + 1) * level)), len(scores))
    return float(np.sort(scores)[rank - 1])


def widened(
    quantile_hours: np.ndarray, group: pd.Series, margin: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, middle, high hours with low <= middle <= high."""
    by_group = group.map(lambda name: margin.get(str(name), margin[ALL])).to_numpy(dtype=float)
    low, middle, high = quantile_hours[:, 0], quantile_hours[:, 1], quantile_hours[:, 2]
    return np.minimum(low - by_group, middle), middle, np.maximum(high + by_group, middle)
