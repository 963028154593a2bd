"""How far features have moved from what a model learnt on: the population stability index, per feature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.features import design

BINS = 10
FLOOR = 1e-4
UNKNOWN = "unknown"


def between(rows: pd.DataFrame, fold_share: float) -> dict[str, float]:
    """Return the index of each feature between the earlier `fold_share` of time-ordered rows and the rest."""
    cut = int(len(rows) * fold_share)
    return stability(rows.iloc[:cut], rows.iloc[cut:])


def stability(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return the index per model feature: below 0.1 steady, above 0.25 moved. Frames are completed rows."""
    then, now = design(reference), design(current)
    if not len(then) or not len(now):
        return {}
    found = {name: _index(then[name], now[name]) for name in then.columns}
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def _index(then: pd.Series, now: pd.Series) -> float | None:
    if not then.notna().any() and not now.notna().any():
        return None
    if pd.api.types.is_numeric_dtype(then):
        edges = (
            np.unique(np.nanquantile(then, np.linspace(0, 1, BINS + 1)[1:-1]))
            if then.notna().any()
            else np.zeros(1)
        )
        then, now = _binned(then, edges), _binned(now, edges)
    shares = [values.fillna(UNKNOWN).astype(str).value_counts(normalize=True) for values in (then, now)]
    table = pd.concat(shares, axis=1).fillna(0.0).clip(lower=FLOOR).to_numpy()
    return float(np.sum((table[:, 1] - table[:, 0]) * np.log(table[:, 1] / table[:, 0])))


def _binned(values: pd.Series, edges: np.ndarray) -> pd.Series:
    numbers = pd.Series(np.searchsorted(edges, values, side="right"), index=values.index).astype(object)
    return numbers.where(values.notna(), None)
