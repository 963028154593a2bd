"""What a forecast is worth, as plain numbers for cards and reports. JSON-able; no NaN, unknown is None."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.calibration import log_loss

ECE_BINS = 10


def bins(probability: np.ndarray, late: np.ndarray, count: int = ECE_BINS) -> list[dict[str, float | int]]:
    """Return reliability bins of equal width over 0-1: rows, mean probability, share late; empty ones left out."""
    which = np.minimum((probability * count).astype(int), count - 1)
    found = []
    for number in range(count):
        rows = which == number
        if rows.any():
            found.append(
                {
                    "from": number / count,
                    "to": (number + 1) / count,
                    "n": int(rows.sum()),
                    "mean_probability": round(float(probability[rows].mean()), 6),
                    "late_rate": round(float(late[rows].mean()), 6),
                }
            )
    return found


def expected_calibration_error(probability: np.ndarray, late: np.ndarray, count: int = ECE_BINS) -> float:
    """Return the row-weighted mean gap between probability and share late over equal-width bins."""
    total = sum(b["n"] * abs(b["mean_probability"] - b["late_rate"]) for b in bins(probability, late, count))
    return total / len(late)


def classification(
    probability: np.ndarray, late: np.ndarray, threshold: float
) -> dict[str, float | int | None]:
    """Return ranking, probability and decision figures; ranking is None when all rows end the same way."""
    late = late.astype(bool)
    flagged = probability >= threshold
    both = 0 < late.sum() < len(late)
    hit = int((flagged & late).sum())
    figures: dict[str, float | int | None] = {
        "n": len(late),
        "late_rate": float(late.mean()),
        "roc_auc": float(roc_auc_score(late, probability)) if both else None,
        "average_precision": float(average_precision_score(late, probability)) if both else None,
        "brier": float(np.mean((probability - late) ** 2)),
        "log_loss": log_loss(probability, late),
        "mcc": _mcc(late, flagged),
        "ece": expected_calibration_error(probability, late),
        "precision": hit / int(flagged.sum()) if flagged.any() else None,
        "recall": hit / int(late.sum()) if late.any() else None,
        "flagged_share": float(flagged.mean()),
    }
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in figures.items()}


def arrival(
    low: np.ndarray, middle: np.ndarray, high: np.ndarray, delay: np.ndarray, level: float
) -> dict[str, float]:
    """Return arrival errors in hours beside the schedule's own, and the interval's coverage and width."""
    error, schedule = np.abs(delay - middle), np.abs(delay)
    width = high - low
    figures = {
        "mae_hours": error.mean(),
        "schedule_mae_hours": schedule.mean(),
        "median_error_hours": np.median(error),
        "schedule_median_error_hours": np.median(schedule),
        "interval_level": level,
        "interval_coverage": ((delay >= low) & (delay <= high)).mean(),
        "interval_mean_width_hours": width.mean(),
        "interval_median_width_hours": np.median(width),
    }
    return {name: round(float(value), 6) for name, value in figures.items()}


THRESHOLD_TOLERANCE = 0.01


def best_threshold(probability: np.ndarray, late: np.ndarray) -> float:
    """Return the probability whose flag correlates best (MCC) with lateness, from cuts at rows' values.

    The best cut alone is a matter of luck where the curve is flat: of all cuts within 0.01 of it, the
    middle one is taken.
    """
    cuts = np.unique(np.quantile(probability, np.linspace(0.01, 0.99, 197), method="lower"))
    scores = np.array([_mcc(late, probability >= cut) for cut in cuts])
    near = cuts[scores >= scores.max() - THRESHOLD_TOLERANCE]
    best = near[len(near) // 2]
    return float(np.floor(best * 1e6) / 1e6)  # down: a row exactly at the cut stays flagged


def _mcc(late: np.ndarray, flagged: np.ndarray) -> float:
    """Return Matthews' correlation of two yes/no columns, 0 when either has one answer only."""
    hit, missed = int((flagged & late).sum()), int((~flagged & late).sum())
    alarm, quiet = int((flagged & ~late).sum()), int((~flagged & ~late).sum())
    product = float(hit + missed) * (hit + alarm) * (quiet + missed) * (quiet + alarm)
    return (hit * quiet - alarm * missed) / product**0.5 if product else 0.0
