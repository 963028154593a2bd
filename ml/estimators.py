"""The candidates for late risk and the quantile trees for delay: plain functions that fit and predict.

Each fitted part is a scikit-learn Pipeline of `RowEncoder` and one estimator, so a kept model holds
nothing but known types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer
from threadpoolctl import ThreadpoolController

from ml.encoders import SEASON_NEEDS_DAYS, RowEncoder

Trees: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor

CANDIDATES = ("boosting", "logistic", "blend")
SEEDS = (0, 1, 2)
BOOSTING = {
    "learning_rate": 0.04,
    "max_iter": 150,
    "max_leaf_nodes": 20,
    "min_samples_leaf": 25,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}
QUANTILE = {**BOOSTING, "max_iter": 120, "max_leaf_nodes": 10, "max_features": 0.5, "l2_regularization": 1.0}
HALF_LIFE_DAYS = 365.0
"""A row a year older than the newest weighs half: what delays shipments changes (validated on SCMS)."""

QUANTILE_DAYS, QUANTILE_ROWS = 3 * HALF_LIFE_DAYS, 500

PARAMETERS = {
    "boosting": BOOSTING,
    "quantile": QUANTILE,
    "logistic_c": 0.05,
    "half_life_days": HALF_LIFE_DAYS,
}


@cache
def _threads() -> ThreadpoolController:
    """Find the libraries that compute with several threads; all are loaded by what this module imports."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Sum in one order: the same rows give the same bits on any number of cores."""
    with _threads().limit(limits=1):
        yield


@dataclass(frozen=True)
class Lesson:
    """Rows to learn from: their design, their age in days at the newest, and the days they span."""

    design: pd.DataFrame
    age_days: np.ndarray
    seeds: tuple[int, ...] = SEEDS

    @classmethod
    def of(cls, design: pd.DataFrame, cutoff_at: pd.Series, seeds: tuple[int, ...] = SEEDS) -> Lesson:
        """Take the design and the cutoffs of the same rows."""
        age = ((cutoff_at.max() - cutoff_at) / pd.Timedelta(days=1)).to_numpy(dtype=float)
        return cls(design, age, seeds)

    def where(self, rows: np.ndarray) -> Lesson:
        """Return the lesson of some of the rows, ages kept."""
        return Lesson(self.design[rows], self.age_days[rows], self.seeds)

    @property
    def weight(self) -> np.ndarray:
        """Return how much each row counts."""
        return 0.5 ** (self.age_days / HALF_LIFE_DAYS)

    @property
    def has_seasons(self) -> bool:
        """Whether the rows span enough time to learn a season from."""
        return bool(np.ptp(self.age_days) >= SEASON_NEEDS_DAYS)


def _boosted(
    lesson: Lesson, target: np.ndarray, estimator: Trees, weight: np.ndarray | None = None
) -> Pipeline:
    encoder = RowEncoder(has_seasons=lesson.has_seasons).fit(lesson.design, target)
    estimator.set_params(categorical_features=encoder.categorical_mask)
    with one_thread():
        estimator.fit(encoder.transform(lesson.design), target, sample_weight=weight)
    return Pipeline([("encode", encoder), ("estimate", estimator)])


def fit_boosting(lesson: Lesson, late: np.ndarray) -> list[Pipeline]:
    """Fit gradient-boosted trees once per seed; their mean is steadier than any of them."""
    return [
        _boosted(lesson, late, HistGradientBoostingClassifier(**BOOSTING, random_state=seed))
        for seed in lesson.seeds
    ]


def fit_logistic(lesson: Lesson, late: np.ndarray) -> list[Pipeline]:
    """Fit a logistic curve over rank-normal numbers; categories (the first columns) are left to the trees."""
    encoder = RowEncoder(max_levels=0, has_seasons=lesson.has_seasons)
    steps = [
        ("encode", encoder),
        ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
        (
            "spread",
            QuantileTransformer(
                n_quantiles=min(100, len(late)), output_distribution="normal", random_state=0
            ),
        ),
        ("estimate", LogisticRegression(C=PARAMETERS["logistic_c"], max_iter=1000)),
    ]
    with one_thread():
        return [Pipeline(steps).fit(lesson.design, late, estimate__sample_weight=lesson.weight)]


def fit_candidate(name: str, lesson: Lesson, late: np.ndarray) -> list[Pipeline]:
    """Fit one of CANDIDATES. Raises KeyError for another name."""
    makers = {"boosting": (fit_boosting,), "logistic": (fit_logistic,), "blend": (fit_boosting, fit_logistic)}
    return [pipeline for maker in makers[name] for pipeline in maker(lesson, late)]


def raw_score(pipelines: Sequence[Pipeline], design: pd.DataFrame) -> np.ndarray:
    """Return the uncalibrated log odds of lateness: families weigh the same, members within them too."""
    if not len(design):
        return np.zeros(0)
    families: dict[str, list[np.ndarray]] = {}
    with one_thread():
        for pipeline in pipelines:
            family = type(pipeline.named_steps["estimate"]).__name__
            families.setdefault(family, []).append(pipeline.decision_function(design))
    return np.mean([np.mean(scores, axis=0) for scores in families.values()], axis=0)


def fit_quantiles(lesson: Lesson, delay: np.ndarray, levels: Sequence[float]) -> list[Pipeline]:
    """Fit delay quantiles in hours, one pipeline per level, on the newest QUANTILE_DAYS of rows.

    Old rows are left out instead of weighing less: weighted quantile trees take ten times as long.
    """
    fresh = lesson.age_days <= QUANTILE_DAYS
    used = fresh if fresh.sum() >= QUANTILE_ROWS else np.full(len(delay), True)
    learnt, target = lesson.where(used), delay[used]
    makers = [
        HistGradientBoostingRegressor(loss="quantile", quantile=level, **QUANTILE, random_state=0)
        for level in levels
    ]
    return [_boosted(learnt, target, maker) for maker in makers]


def quantiles(pipelines: Sequence[Pipeline], design: pd.DataFrame) -> np.ndarray:
    """Return row x level delay hours, ordered within the row."""
    if not len(design):
        return np.zeros((0, len(pipelines)))
    with one_thread():
        columns = [pipeline.predict(design) for pipeline in pipelines]
    return np.sort(np.column_stack(columns), axis=1)
