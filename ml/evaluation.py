"""Learn on one published file, promise on a later one, and say what the promise was worth.

`evaluate` learns from the train file alone. Test rows are scored as known at their checkpoint: SCMS track
records may count outcomes of either file, but only those recorded no later than 30 days before the row's
scheduled delivery; C2K has no calendar dates, so its track records never count an outcome of the test
file. ECE uses ten equal-width bins. The threshold is the training file's (best MCC on its later rows).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml import baselines, features, metrics, training
from ml.cards import lead_time_curve
from ml.datasets import c2k, scms
from ml.datasets.sources import Source
from ml.errors import NothingToEvaluate, SourceRefused
from ml.model import Forecast, Model

Dataset = Literal["scms", "c2k"]
DATASETS: dict[str, ModuleType] = {"scms": scms, "c2k": c2k}


def evaluate(dataset: Dataset, train: Path, test: Path, level: float = 0.9) -> dict[str, Any]:
    """Train on one file, judge on the other; returns JSON-able figures beside plain baselines.

    Raises SourceRefused for unreadable files, NothingToEvaluate when no test row has a new, known outcome.
    """
    started = time.monotonic()
    if dataset not in DATASETS:
        raise SourceRefused(str(dataset), "there is no such data set", "Use scms or c2k.")
    room = DATASETS[dataset]
    learnt, judged = room.read(Path(train)), room.read(Path(test))
    past, rows, counts = frames(room, learnt, judged)
    model = training.fit(past, room.TENANT_ID, level)
    fitted = time.monotonic()
    result = report(model, past, rows, level)
    return {
        "dataset": dataset,
        **result,
        "rows": {**counts, "train_left_out": learnt.left_out, "test_left_out": judged.left_out},
        "data_sha256": {"train": learnt.sha256, "test": judged.sha256},
        "model": _model_facts(model),
        "seconds": {"total": round(time.monotonic() - started, 2), "training": round(fitted - started, 2)},
        "versions": _versions(),
    }


def frames(
    room: ModuleType, learnt: Source, judged: Source
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return labelled training rows, labelled test rows new to training, and how many rows were which."""
    train_outcomes, test_outcomes = room.outcomes(learnt), room.outcomes(judged)
    known = set(train_outcomes["shipment_id"])
    new = test_outcomes[~test_outcomes["shipment_id"].isin(known)]
    history = [train_outcomes, new] if room is scms else [train_outcomes]
    past = features.labelled(room.features_of(learnt, train_outcomes))
    if not len(past):
        raise NothingToEvaluate(str(learnt.path), len(learnt.rows), "no outcome to learn from")
    every = room.features_of(judged, pd.concat(history, ignore_index=True))
    rows = features.labelled(every[~every["shipment_id"].isin(known)])
    if not len(rows):
        reason = "no outcome is known that the training file does not already hold"
        raise NothingToEvaluate(str(judged.path), len(judged.rows), reason)
    counts = {
        "train_shipments": len(learnt.rows),
        "train_without_outcome": len(learnt.rows) - len(train_outcomes),
        "test_shipments": len(judged.rows),
        "test_without_outcome": len(judged.rows) - len(test_outcomes),
        "test_already_in_training": len(test_outcomes) - len(new),
        "test_judged": int(rows["shipment_id"].nunique()),
    }
    return past, rows, counts


def report(model: Model, past: pd.DataFrame, rows: pd.DataFrame, level: float) -> dict[str, Any]:
    """Return figures overall and per checkpoint for labelled rows the model has not learnt from."""
    forecast = model.forecast(rows)
    plain = baselines.probabilities(past, rows)
    cuts = _baseline_cuts(past)
    everything = np.full(len(rows), True)
    parts = {str(name): (rows["checkpoint"] == name).to_numpy() for name in rows["checkpoint"].unique()}
    late = rows["label_is_late"].to_numpy(dtype=bool)
    return {
        "n": len(rows),
        "late_rate": round(float(late.mean()), 6),
        "threshold": model.threshold,
        "ece_bins": {"count": metrics.ECE_BINS, "kind": "equal width"},
        "overall": _figures(model, rows, forecast, plain, cuts, everything, level),
        "checkpoints": {
            name: _figures(model, rows, forecast, plain, cuts, which, level) for name, which in parts.items()
        },
        "calibration_bins": metrics.bins(forecast.late_probability, late),
        "lead_time_curve": lead_time_curve(rows, forecast.late_probability, late, model.threshold),
    }


def _baseline_cuts(past: pd.DataFrame) -> dict[str, float]:
    late = past["label_is_late"].to_numpy(dtype=bool)
    said = baselines.probabilities(past, past)
    return {name: metrics.best_threshold(values, late) for name, values in said.items()}


def _figures(
    model: Model,
    rows: pd.DataFrame,
    forecast: Forecast,
    plain: Mapping[str, np.ndarray],
    cuts: dict[str, float],
    which: np.ndarray,
    level: float,
) -> dict[str, Any]:
    late = rows["label_is_late"].to_numpy(dtype=bool)[which]
    delay = rows["label_delay_hours"].to_numpy()
    known = which & np.isfinite(delay)
    return {
        **metrics.classification(forecast.late_probability[which], late, model.threshold),
        "arrival": metrics.arrival(
            forecast.low_hours[known],
            forecast.delay_hours[known],
            forecast.high_hours[known],
            delay[known],
            level,
        ),
        "baselines": {
            name: metrics.classification(values[which], late, cuts[name]) for name, values in plain.items()
        },
    }


def _model_facts(model: Model) -> dict[str, Any]:
    wanted = ("kind", "candidate", "candidates", "calibration_method", "features", "metrics", "arrival",
              "trained_from", "trained_until", "row_count", "shipment_count", "data_sha256")  # fmt: skip
    return {"version": model.version, **{name: model.card[name] for name in wanted if name in model.card}}


def _versions() -> dict[str, str]:
    import sklearn

    return {
        "python": platform.python_version(),
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "code_sha256": training.code_hash(),
    }
