"""Learning in time order: judge candidates on later rows, calibrate on them, then fit the chosen on all.

`fit` needs completed, labelled rows of one tenant. Everything a model promises (probabilities, threshold,
interval margins, figures on its card) comes from rows later than those the judged parts learnt from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from ml import calibration, estimators, features, intervals, metrics
from ml.cards import card_of
from ml.estimators import Lesson
from ml.folds import FOLDS, Fold, temporal_folds
from ml.model import ArrivalModel, BaseRateModel, Model, base_rate_model, reference_row

MIN_SHIPMENTS = 50
MIN_LATE = 8


@dataclass(frozen=True)
class Effort:
    """How much work a training may be: on how many later folds it is judged, how many seeds are averaged."""

    folds: int = FOLDS
    seeds: tuple[int, ...] = estimators.SEEDS


FULL = Effort()
QUICK = Effort(folds=2, seeds=(0,))


@dataclass(frozen=True)
class Later:
    """What the candidates and delay quantiles said about rows later than they had learnt from."""

    rows: pd.DataFrame
    scores: dict[str, np.ndarray]
    hours: np.ndarray
    fold: np.ndarray


def fit(frame: pd.DataFrame, tenant_id: str, level: float = intervals.LEVEL, effort: Effort = FULL) -> Model:
    """Fit a tenant's model on labelled ftr_shipments rows; too few give a BaseRateModel.

    Rows may come in any order; rows without an outcome are ignored. Raises FeaturesRefused when shared
    columns are missing.
    """
    rows = features.labelled(frame)
    version = version_of(rows, level, effort)
    later = judge(rows, level, effort) if _is_enough(rows) else None
    if later is None:
        return _starting(rows, tenant_id, version)
    chosen, calibrated, probability = choose(later)
    threshold = metrics.best_threshold(probability, later.rows["label_is_late"].to_numpy(dtype=bool))
    spread = intervals.fit(later.hours, later.rows, level)
    classifiers, quantiles = _fit_parts(rows, chosen, level, effort)
    card = card_of(rows, later.rows, later.fold, probability, later.hours, spread, threshold)
    card |= {"candidate": chosen, "candidates": _compared(later), "calibration_method": calibrated.method}
    return ArrivalModel(
        tenant_id, version, classifiers, quantiles, calibrated, spread, threshold, level,
        reference_row(rows), {**card, "data_sha256": features.data_hash(rows), "parameters": parameters(level, effort)},
    )  # fmt: skip


def _is_enough(rows: pd.DataFrame) -> bool:
    shipments = rows.drop_duplicates("shipment_id")["label_is_late"]
    return len(shipments) >= MIN_SHIPMENTS and MIN_LATE <= shipments.sum() <= len(shipments) - MIN_LATE


def _starting(rows: pd.DataFrame, tenant_id: str, version: str) -> BaseRateModel:
    once = rows.drop_duplicates("shipment_id")
    late, delay = once["label_is_late"].to_numpy(dtype=bool), once["label_delay_hours"].to_numpy()
    model = base_rate_model(tenant_id, version, late, delay)
    until = rows["cutoff_at"].max()
    card = {
        "kind": "base_rate",
        "shipment_count": len(once),
        "row_count": len(rows),
        "late_rate": float(late.mean()) if len(once) else None,
        "trained_until": until.isoformat() if len(rows) else None,
        "threshold": model.threshold,
        "reason": f"{MIN_SHIPMENTS} finished shipments, {MIN_LATE} of them late and {MIN_LATE} not, are needed",
        "data_sha256": features.data_hash(rows),
    }
    return BaseRateModel(
        tenant_id, version, model.rate, model.delays, reference=reference_row(rows), card=card
    )


def judge(rows: pd.DataFrame, level: float, effort: Effort = FULL) -> Later | None:
    """Score later rows with every candidate learnt on the earlier; None when no split has both outcomes."""
    design = features.design(rows)
    splits = list(temporal_folds(rows, effort.folds))
    judged = [_judge_fold(rows, design, fold, level, effort) for fold in splits]
    if not judged:
        return None
    positions = np.concatenate([fold.judge for fold in splits])
    if rows["label_is_late"].iloc[positions].nunique() < 2:
        return None
    return Later(
        rows.iloc[positions].reset_index(drop=True),
        {name: np.concatenate([scores[name] for scores, _ in judged]) for name in estimators.CANDIDATES},
        np.concatenate([hours for _, hours in judged]),
        np.concatenate([np.full(len(fold.judge), number) for number, fold in enumerate(splits)]),
    )


def _judge_fold(
    rows: pd.DataFrame, design: pd.DataFrame, fold: Fold, level: float, effort: Effort
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    past = rows.iloc[fold.learn]
    learn = Lesson.of(design.iloc[fold.learn], past["cutoff_at"], effort.seeds)
    late, judged = past["label_is_late"].to_numpy(dtype=bool), design.iloc[fold.judge]
    scores = {
        name: estimators.raw_score(estimators.fit_candidate(name, learn, late), judged)
        for name in ("boosting", "logistic")
    }
    scores["blend"] = (scores["boosting"] + scores["logistic"]) / 2
    quantiles = _fit_quantiles(past, learn, level)
    return scores, estimators.quantiles(quantiles, judged)


def _fit_quantiles(past: pd.DataFrame, lesson: Lesson, level: float) -> list[Pipeline]:
    delay = past["label_delay_hours"].to_numpy()
    known = np.isfinite(delay)
    tails = ((1 - level) / 2, 0.5, (1 + level) / 2)
    return estimators.fit_quantiles(lesson.where(known), delay[known], tails)


def _fit_parts(
    rows: pd.DataFrame, chosen: str, level: float, effort: Effort
) -> tuple[list[Pipeline], list[Pipeline]]:
    lesson = Lesson.of(features.design(rows), rows["cutoff_at"], effort.seeds)
    late = rows["label_is_late"].to_numpy(dtype=bool)
    return estimators.fit_candidate(chosen, lesson, late), _fit_quantiles(rows, lesson, level)


def choose(later: Later) -> tuple[str, calibration.Calibration, np.ndarray]:
    """Return the candidate to use, its calibration, and honest probabilities for the later rows.

    The probabilities of a fold come from a calibration fitted on the other folds.
    """
    late = later.rows["label_is_late"].to_numpy(dtype=bool)
    chosen = _best(later)
    score = later.scores[chosen]
    calibrated = calibration.choose(score, late, later.fold)
    probability = np.empty(len(score))
    for number in np.unique(later.fold):
        other, own = later.fold != number, later.fold == number
        can_refit = len(np.unique(late[other])) == 2
        curve = calibration.fit(score[other], late[other], calibrated.method) if can_refit else calibrated
        probability[own] = curve.apply(score[own])
    return chosen, calibrated, probability


def _best(later: Later) -> str:
    """Return the trees, or the candidate whose lead over them is beyond twice its own standard error.

    Four folds in changing times say little: following every small lead picked worse on rows later still.
    """
    ranked = _by_fold(later)
    leads = {name: ranked[name] - ranked["boosting"] for name in estimators.CANDIDATES if name != "boosting"}
    clear = {name: lead.mean() for name, lead in leads.items() if _is_clear(lead)}
    return max(clear, key=lambda name: (clear[name], name)) if clear else "boosting"


def _is_clear(lead: np.ndarray) -> bool:
    return len(lead) > 2 and bool(lead.mean() > 2 * lead.std(ddof=1) / np.sqrt(len(lead)))


def _compared(later: Later) -> dict[str, float]:
    """Return each candidate's ROC-AUC, averaged over folds."""
    return {name: round(float(ranked.mean()), 6) for name, ranked in _by_fold(later).items()}


def _by_fold(later: Later) -> dict[str, np.ndarray]:
    """Return each candidate's ROC-AUC in every fold that has both outcomes, or over all rows if none has."""
    late = later.rows["label_is_late"].to_numpy(dtype=bool)
    folds = [later.fold == n for n in np.unique(later.fold)]
    mixed = [rows for rows in folds if len(np.unique(late[rows])) == 2] or [np.full(len(late), True)]
    return {
        name: np.array([roc_auc_score(late[rows], score[rows]) for rows in mixed])
        for name, score in later.scores.items()
    }


def parameters(level: float, effort: Effort = FULL) -> dict[str, object]:
    """Return everything besides data and code that shapes a model."""
    import sklearn

    return {
        **estimators.PARAMETERS,
        "level": level,
        "folds": effort.folds,
        "seeds": list(effort.seeds),
        "scikit_learn": sklearn.__version__,
    }


def version_for(frame: pd.DataFrame, level: float = intervals.LEVEL, effort: Effort = FULL) -> str:
    """Return the version `fit` would give these rows, without fitting."""
    return version_of(features.labelled(frame), level, effort)


def version_of(rows: pd.DataFrame, level: float, effort: Effort = FULL) -> str:
    """Return the version: a hash of training data, parameters and this room's code; not of the clock."""
    parts: Sequence[str] = (
        features.data_hash(rows),
        json.dumps(parameters(level, effort), sort_keys=True),
        code_hash(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def code_hash() -> str:
    """Return the SHA-256 of the code that turns rows into a model."""
    room = Path(__file__).parent
    names = (
        "features", "encoders", "estimators", "folds", "calibration", "intervals", "metrics", "baselines",
        "model", "cards", "drift", "training",
    )  # fmt: skip
    digest = hashlib.sha256()
    for name in names:
        digest.update((room / f"{name}.py").read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()
