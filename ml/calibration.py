"""From scores to probabilities that mean what they say, learnt on rows later than the fitted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

FLOOR, CEILING = 0.002, 0.998
METHODS = ("none", "half", "sigmoid", "isotonic")
"""In order of caution: as scored, half-way to the sigmoid, the sigmoid, free steps."""
STEPS_NEED_ROWS = 1000
CLEARLY_BETTER = 0.99


@dataclass(frozen=True)
class Calibration:
    """A monotone map from log odds to probability: points joined by lines, or a fitted sigmoid."""

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def apply(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities strictly between 0 and 1, never NaN for a finite score."""
        if self.method == "isotonic":
            raw = np.interp(score, self.scores, self.probabilities)
            # a hair of the score keeps rows within a step in their order
            raw = raw + 1e-6 * np.tanh(score / 4)
        else:
            raw = sigmoid(self.slope * score + self.intercept)
        return np.clip(raw, FLOOR, CEILING)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a card."""
        return {**asdict(self), "scores": list(self.scores), "probabilities": list(self.probabilities)}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Calibration:
        """Rebuild from `as_json`."""
        values = dict(kept)
        return cls(
            **{**values, "scores": tuple(values["scores"]), "probabilities": tuple(values["probabilities"])}
        )


def sigmoid(score: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-score) without overflow."""
    return 1 / (1 + np.exp(-np.clip(score, -500, 500)))


def fit(score: np.ndarray, late: np.ndarray, method: str) -> Calibration:
    """Fit one method on scores of rows the score was not learnt from."""
    if method == "isotonic":
        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, late)
        return Calibration(
            "isotonic",
            scores=tuple(curve.X_thresholds_.astype(float).round(9).tolist()),
            probabilities=tuple(curve.y_thresholds_.astype(float).round(9).tolist()),
        )
    if method == "none":
        return Calibration("none")
    curve = LogisticRegression(C=1e6).fit(score[:, None], late)
    # a falling curve would turn the ranking over: then only the base rate is believed
    slope, intercept = max(float(curve.coef_[0, 0]), 0.05), float(curve.intercept_[0])
    if method == "half":
        slope, intercept = (1 + slope) / 2, intercept / 2
    return Calibration(method, slope=slope, intercept=intercept)


def log_loss(probability: np.ndarray, late: np.ndarray) -> float:
    """Return the mean negative log likelihood."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-np.mean(np.where(late, np.log(p), np.log(1 - p))))


def choose(score: np.ndarray, late: np.ndarray, fold: np.ndarray) -> Calibration:
    """Choose the method that does best on later folds when fitted on the earlier ones, then fit on all.

    A bolder method has to be clearly better than every more cautious one: where the share late swings
    from year to year, mending yesterday's probabilities spoils tomorrow's. Steps need rows to stand on.
    """
    losses = _later_losses(score, late, fold)
    chosen = METHODS[0]
    for method in METHODS[1:]:
        has_rows = method != "isotonic" or len(score) >= STEPS_NEED_ROWS
        if has_rows and losses[method] < CLEARLY_BETTER * losses[chosen]:
            chosen = method
    return fit(score, late, chosen)


def _later_losses(score: np.ndarray, late: np.ndarray, fold: np.ndarray) -> dict[str, float]:
    """Return each method's log loss summed over the folds after the first; equal without such folds."""
    losses = dict.fromkeys(METHODS, 0.0)
    for number in np.unique(fold)[1:]:
        past, later = fold < number, fold == number
        if len(np.unique(late[past])) == 2:
            for method in METHODS:
                losses[method] += log_loss(
                    fit(score[past], late[past], method).apply(score[later]), late[later]
                )
    return losses
