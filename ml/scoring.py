"""Scores as the warehouse keeps them: one row of ml.arrival_scores per row of ftr_shipments.

predicted_arrival_at = promised_at + predicted delay (low and high the same), never before `cutoff_at`
once a shipment is under way: what has not arrived cannot have arrived. A row without a promise uses
cutoff_at + planned_remaining_hours, or cutoff_at alone. Only the row and the time of scoring are looked
at, so equal rows get equal scores beside whatever they are scored.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from ml import features
from ml.model import Model
from ml.reasons import reasons

COLUMNS = (
    "tenant_id", "shipment_id", "cutoff_at", "checkpoint", "late_probability", "predicted_arrival_at",
    "interval_low_at", "interval_high_at", "model_version", "feature_sha256", "reasons", "scored_at",
)  # fmt: skip
LIMIT_HOURS = 20 * 365 * 24.0


def score(model: Model, frame: pd.DataFrame, scored_at: datetime | None = None) -> pd.DataFrame:
    """Return COLUMNS for every row in the frame's order; instants aware UTC, probabilities in (0, 1].

    `scored_at` is the tenant's feed time, for shipments that have not arrived by then: nothing is predicted
    before it, and a promise that has passed is late with certainty (1). Without it each row's own cutoff.
    Raises FeaturesRefused when shared columns are missing.
    """
    rows = features.complete(frame)
    if not len(rows):
        return _empty()
    forecast = model.forecast(rows)
    low, middle, high = (
        _instants(rows, hours) for hours in (forecast.low_hours, forecast.delay_hours, forecast.high_hours)
    )
    probability = np.round(forecast.late_probability, 6)
    at = rows["cutoff_at"]
    if scored_at is not None:
        at = pd.Series(pd.Timestamp(scored_at).tz_convert("UTC"), index=rows.index)
        low, middle, high = (instants.where(instants >= at, at) for instants in (low, middle, high))
        probability = np.where(rows["promised_at"] < at, 1.0, probability)
    scores = rows[["tenant_id", "shipment_id", "cutoff_at", "checkpoint"]].assign(
        late_probability=probability,
        predicted_arrival_at=middle,
        interval_low_at=low,
        interval_high_at=high,
        model_version=model.version,
        feature_sha256=features.row_hashes(rows),
        reasons=reasons(model, rows, forecast.late_probability),
        scored_at=at,
    )
    return scores[list(COLUMNS)]


def _instants(rows: pd.DataFrame, hours: np.ndarray) -> pd.Series:
    remaining = rows["planned_remaining_hours"].fillna(0.0).clip(0, LIMIT_HOURS)
    promise = rows["promised_at"].fillna(rows["cutoff_at"] + pd.to_timedelta(remaining, unit="h"))
    bounded = np.clip(np.nan_to_num(hours), -LIMIT_HOURS, LIMIT_HOURS)
    arrival = promise + pd.to_timedelta(pd.Series(bounded, index=rows.index), unit="h")
    under_way = rows["elapsed_hours"].notna() & (arrival < rows["cutoff_at"])
    return arrival.where(~under_way, rows["cutoff_at"]).dt.round("s")


def _empty() -> pd.DataFrame:
    instants = ("cutoff_at", "predicted_arrival_at", "interval_low_at", "interval_high_at", "scored_at")
    types = dict.fromkeys(COLUMNS, "object") | dict.fromkeys(instants, "datetime64[us, UTC]")
    return pd.DataFrame({name: pd.Series(dtype=types[name]) for name in COLUMNS}).astype(
        {"late_probability": "float64"}
    )
