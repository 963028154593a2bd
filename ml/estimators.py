"""The candidates for late risk and the quantile trees for delay: plain functions that fit and predict.

Each fitted part is a scikit-learn Pipeline of `RowEncoder` and one estimator, so a kept model holds
nothing but known types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer
from threadpoolctl import threadpool_limits

from ml.encoders import RowEncoder

CANDIDATES = ("boosting", "logistic", "blend")
SEEDS = (0, 1, 2)
BOOSTING = {
    "learning_rate": 0.04,
    "max_iter": 150,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 25,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}
QUANTILE = {**BOOSTING, "max_iter": 120, "max_leaf_nodes": 10, "max_features": 0.5, "l2_regularization": 1.0}
PARAMETERS = {"boosting": BOOSTING, "quantile": QUANTILE, "seeds": list(SEEDS), "logistic_c": 0.05}


@contextmanager
def one_thread() -> Iterator[None]:
    """Sum in one order: the same rows give the same bits on any number of cores."""
    with threadpool_limits(limits=1):
        yield


def design_frame(design: pd.DataFrame, history_days: float) -> pd.DataFrame:
    """Return the design with the length of its history noted for the encoder."""
    noted = design.copy()
    noted.attrs["history_days"] = float(history_days)
    return noted


def _boosted(design: pd.DataFrame, target: np.ndarray, estimator: object) -> Pipeline:
    encoder = RowEncoder().fit(design, target)
    estimator.set_params(categorical_features=encoder.categorical_mask)
    with one_thread():
        estimator.fit(encoder.transform(design), target)
    return Pipeline([("encode", encoder), ("estimate", estimator)])


def fit_boosting(design: pd.DataFrame, late: np.ndarray) -> list[Pipeline]:
    """Fit gradient-boosted trees once per seed; their mean is steadier than any of them."""
    return [
        _boosted(design, late, HistGradientBoostingClassifier(**BOOSTING, random_state=seed)) for seed in SEEDS
    ]


def fit_logistic(design: pd.DataFrame, late: np.ndarray) -> list[Pipeline]:
    """Fit a logistic curve over rank-normal numbers; categories (the first columns) are left to the trees."""
    encoder = RowEncoder(max_levels=0).fit(design, late)
    steps = [
        ("encode", encoder),
        ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("spread", QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=0)),
        ("estimate", LogisticRegression(C=PARAMETERS["logistic_c"], max_iter=1000)),
    ]
    with one_thread():
        return [Pipeline(steps).fit(design, late)]


def fit_candidate(name: str, design: pd.DataFrame, late: np.ndarray) -> list[Pipeline]:
    """Fit one of CANDIDATES. Raises KeyError for another name."""
    makers = {"boosting": (fit_boosting,), "logistic": (fit_logistic,), "blend": (fit_boosting, fit_logistic)}
    return [pipeline for maker in makers[name] for pipeline in maker(design, late)]


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


def fit_quantiles(design: pd.DataFrame, delay: np.ndarray, levels: Sequence[float]) -> list[Pipeline]:
    """Fit delay quantiles in hours, one pipeline per level."""
    return [
        _boosted(design, delay, HistGradientBoostingRegressor(loss="quantile", quantile=q, **QUANTILE, random_state=0))
        for q in levels
    ]


def quantiles(pipelines: Sequence[Pipeline], design: pd.DataFrame) -> np.ndarray:
    """Return row x level delay hours, ordered within the row."""
    if not len(design):
        return np.zeros((0, len(pipelines)))
    with one_thread():
        columns = [pipeline.predict(design) for pipeline in pipelines]
    return np.sort(np.column_stack(columns), axis=1)
