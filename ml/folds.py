"""Splits in time: learn before a moment, judge after it; a shipment is never on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

FOLDS = 4
FIRST_SHARE = 0.5


@dataclass(frozen=True)
class Fold:
    """Row positions to learn from and to judge, and the moment between them."""

    learn: np.ndarray
    judge: np.ndarray
    boundary: pd.Timestamp


def temporal_folds(
    rows: pd.DataFrame, folds: int = FOLDS, first_share: float = FIRST_SHARE
) -> Iterator[Fold]:
    """Yield folds over the later part of labelled rows, each learning from all shipments before it.

    A shipment counts as known at the boundary when it was promised by then: delivered or not, it is then
    known whether it is late. Shipments first seen before the boundary and promised after it are in neither.
    """
    first_seen = rows.groupby("shipment_id")["cutoff_at"].transform("min")
    starts = np.sort(first_seen.drop_duplicates().to_numpy())
    shares = np.linspace(first_share, 1.0, folds + 1)
    edges = [
        pd.Timestamp(starts[min(int(s * len(starts)), len(starts) - 1)]).tz_localize(None) for s in shares
    ]
    seen = first_seen.dt.tz_localize(None)
    promised = rows["promised_at"].dt.tz_localize(None)
    for number, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
        is_last = number == folds - 1
        judge = (seen >= start) & ((seen < end) | is_last)
        learn = promised <= start
        if learn.any() and judge.any() and rows["label_is_late"][learn].nunique() == 2:
            yield Fold(np.flatnonzero(learn), np.flatnonzero(judge), start.tz_localize("UTC"))
