"""Plain rules a model must beat, each a probability learnt on the training rows alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

STRENGTH = 10.0


def probabilities(train: pd.DataFrame, test: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """Return a late probability per completed test row from each baseline."""
    return {
        "base_rate": base_rate(train, test),
        "behind_plan_rule": behind_plan(train, test),
        "rate_table": rate_table(train, test),
    }


def base_rate(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The share late of the training rows, for everyone."""
    return np.full(len(test), float(train["label_is_late"].mean()))


def behind_plan(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Behind plan so far (deviation > 0)? Then the share late of training rows that were, else of the others."""
    base = float(train["label_is_late"].mean())
    behind_then = _behind(train)
    rates = {
        side: (float(train["label_is_late"][behind_then == side].sum()) + base)
        / (int((behind_then == side).sum()) + 1)
        for side in (True, False)
    }
    return _behind(test).map(rates).to_numpy(dtype=float)


def _behind(frame: pd.DataFrame) -> pd.Series:
    return frame["deviation_hours"].fillna(0.0) > 0


def rate_table(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The late share of the row's lane in training, drawn towards its carrier's or vendor's, then the base."""
    base = float(train["label_is_late"].mean())
    carrier = _shrunk(_carrier(train), train, _carrier(test), np.full(len(test), base))
    return _shrunk(_lane(train), train, _lane(test), carrier)


def _carrier(frame: pd.DataFrame) -> pd.Series:
    return frame["carrier_id"].fillna(frame["vendor_id"]).fillna(frame["origin"]).fillna("unknown")


def _lane(frame: pd.DataFrame) -> pd.Series:
    return _carrier(frame) + "\x1f" + frame["destination"].fillna("unknown")


def _shrunk(then: pd.Series, train: pd.DataFrame, now: pd.Series, prior: np.ndarray) -> np.ndarray:
    table = train["label_is_late"].astype(float).groupby(then.to_numpy()).agg(["sum", "size"])
    late = now.map(table["sum"]).fillna(0.0).to_numpy(dtype=float)
    count = now.map(table["size"]).fillna(0.0).to_numpy(dtype=float)
    return (late + STRENGTH * prior) / (count + STRENGTH)
