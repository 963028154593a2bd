"""The model card: what a model learnt from and how it did on rows later than it learnt from. JSON-able."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml import baselines, drift, features, intervals, metrics
from ml.intervals import Spread

LEAD_EDGES_HOURS = (0, 12, 24, 48, 96, 168, 336, 720, 1440)


def card_of(
    rows: pd.DataFrame,
    later: pd.DataFrame,
    fold: np.ndarray,
    probability: np.ndarray,
    hours: np.ndarray,
    spread: Spread,
    threshold: float,
) -> dict[str, Any]:
    """Return a trained model's card; `later` rows and what was said about them give its figures."""
    late = later["label_is_late"].to_numpy(dtype=bool)
    by_checkpoint = {
        str(name): metrics.classification(probability[which], late[which], threshold)
        for name in sorted(later["checkpoint"].unique())
        for which in [(later["checkpoint"] == name).to_numpy()]
    }
    return {
        "kind": "arrival",
        "row_count": len(rows),
        "shipment_count": int(rows["shipment_id"].nunique()),
        "late_rate": round(float(rows["label_is_late"].mean()), 6),
        "trained_from": rows["cutoff_at"].min().isoformat(),
        "trained_until": rows["cutoff_at"].max().isoformat(),
        "judged_from": later["cutoff_at"].min().isoformat(),
        "features": [c for c in features.FEATURES if rows[c].notna().any()],
        "threshold": threshold,
        "metrics": metrics.classification(probability, late, threshold),
        "metrics_by_checkpoint": by_checkpoint,
        "baselines": _baselines(rows, later, fold, late),
        "calibration_bins": metrics.bins(probability, late),
        "arrival": _arrival(later, fold, hours, spread),
        "spread": spread.as_json(),
        "lead_time_curve": lead_time_curve(later, probability, late, threshold),
        "feature_drift": drift.between(rows, fold_share=0.75),
    }


def _baselines(
    rows: pd.DataFrame, later: pd.DataFrame, fold: np.ndarray, late: np.ndarray
) -> dict[str, dict[str, float | int | None]]:
    """Return the plain rules' figures on the same later rows, learnt on rows before each fold."""
    said: dict[str, np.ndarray] = {}
    for number in np.unique(fold):
        own = fold == number
        past = rows[rows["promised_at"] <= later["cutoff_at"][own].min()]
        for name, values in baselines.probabilities(past, later[own]).items():
            said.setdefault(name, np.full(len(later), np.nan))[own] = values
    return {
        name: metrics.classification(values, late, metrics.best_threshold(values, late))
        for name, values in said.items()
    }


def _arrival(later: pd.DataFrame, fold: np.ndarray, hours: np.ndarray, spread: Spread) -> dict[str, float]:
    """Return arrival errors on the later rows; a fold's spread comes from the other folds."""
    delay = later["label_delay_hours"].to_numpy()
    known = np.isfinite(delay)
    sides = np.empty((len(later), 3))
    for number in np.unique(fold):
        other, own = known & (fold != number), fold == number
        used = intervals.fit(hours[other], later[other], spread.level) if other.any() else spread
        sides[own] = np.column_stack(used.apply(hours[own], later["checkpoint"][own]))
    low, middle, high = sides[known].T
    return metrics.arrival(low, middle, high, delay[known], spread.level)


def lead_time_curve(
    rows: pd.DataFrame, probability: np.ndarray, late: np.ndarray, threshold: float
) -> list[dict[str, float | int | None]]:
    """Return precision and recall by how many hours before the promise a row was scored."""
    ahead = ((rows["promised_at"] - rows["cutoff_at"]).dt.total_seconds() / 3600).to_numpy(dtype=float)
    edges = (-np.inf, *LEAD_EDGES_HOURS, np.inf)
    curve = []
    for start, end in zip(edges, edges[1:], strict=False):
        which = (ahead >= start) & (ahead < end)
        if which.any():
            figures = metrics.classification(probability[which], late[which], threshold)
            curve.append(
                {
                    "from_hours": None if np.isinf(start) else start,
                    "to_hours": None if np.isinf(end) else end,
                    **{k: figures[k] for k in ("n", "late_rate", "precision", "recall", "roc_auc")},
                }
            )
    return curve
