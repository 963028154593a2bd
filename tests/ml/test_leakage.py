"""Nothing learnt after a row's cutoff may touch its features or its score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml import evaluation, features
from ml.datasets import c2k, scms
from ml.datasets.sources import Source
from ml.model import Model
from tests.ml.conftest import rows_of, write

KEY = ["shipment_id", "checkpoint"]


def by_key(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index(KEY).sort_index()


def assert_same_features(one: pd.DataFrame, other: pd.DataFrame) -> None:
    columns = list(features.FEATURES)
    pd.testing.assert_frame_equal(by_key(one)[columns], by_key(other)[columns])


def test_scms_outcomes_recorded_later_than_thirty_days_before_schedule_change_no_feature(
    scms_files: tuple[Path, Path],
) -> None:
    source = scms.read(scms_files[0])
    rows = source.rows
    moment = rows["Scheduled Delivery Date"].quantile(0.6)
    asked = (rows["Scheduled Delivery Date"] <= moment).to_numpy()
    later = rows["Delivery Recorded Date"] > moment - scms.NOTICE
    other_day = rows["Delivered to Client Date"].where(
        ~later, rows["Delivered to Client Date"] + pd.Timedelta(days=90)
    )
    changed = replace(source, rows=rows.assign(**{"Delivered to Client Date": other_day}))
    assert later.sum() > 50

    before = scms.features_of(source, scms.outcomes(source))
    after = scms.features_of(changed, scms.outcomes(changed))

    assert_same_features(before[asked], after[asked])
    assert not before["carrier_recent_late_rate"].equals(after["carrier_recent_late_rate"])


def test_scms_delivery_weight_and_freight_columns_are_never_features(
    scms_files: tuple[Path, Path], tmp_path: Path
) -> None:
    cells = pd.read_csv(scms_files[1], dtype=str, keep_default_na=False)
    known_afterwards = ["ASN/DN #", "Weight (Kilograms)", "Freight Cost (USD)", "Line Item Insurance (USD)"]
    noise = {c: [f"noise {n}" for n in range(len(cells))] for c in known_afterwards}
    before = scms.features_as_ordered(scms.read(scms_files[1]))
    after = scms.features_as_ordered(scms.read(write(cells.assign(**noise), tmp_path / "noise.csv")))
    pd.testing.assert_frame_equal(before, after)


def test_a_test_rows_own_outcome_never_reaches_its_features(scms_files: tuple[Path, Path]) -> None:
    source = scms.read(scms_files[1])
    late = source.rows["Delivered to Client Date"] + pd.Timedelta(days=400)
    changed = replace(
        source, rows=source.rows.assign(**{"Delivered to Client Date": late, "Delivery Recorded Date": late})
    )
    past = scms.outcomes(scms.read(scms_files[0]))
    assert_same_features(scms.features_of(source, past), scms.features_of(changed, past))


def after_first_delivery(source: Source, noise: np.random.Generator) -> Source:
    """Return the source with every effective duration that ends after the first incoming delivery changed."""
    at = c2k.times(source.rows)
    first = np.nanmin(at.incoming, axis=1)
    rows = source.rows.copy()
    for number, leg in enumerate(c2k.LEGS):
        reached = at.actual[:, number] if leg != "o" else np.full(at.actual[:, 3].shape, np.inf)
        for step, name in enumerate(c2k.STEPS):
            column = f"{leg}_{name}_e"
            future = rows[column].notna() & (reached[:, step] > first + 1e-6)
            rows.loc[future, column] += noise.integers(1000, 5000, int(future.sum()))
    return replace(source, rows=rows)


def test_c2k_at_the_first_delivery_later_milestones_of_other_legs_change_nothing(
    c2k_files: tuple[Path, Path], c2k_model: Model
) -> None:
    source = c2k.read(c2k_files[1])
    changed = after_first_delivery(source, np.random.default_rng(1))
    past = c2k.outcomes(c2k.read(c2k_files[0]))
    early = ("plan", "incoming_first_delivered")

    before, after = (c2k.features_of(s, past) for s in (source, changed))
    assert not before["label_delay_hours"].equals(after["label_delay_hours"])
    before, after = (f[f["checkpoint"].isin(early)] for f in (before, after))

    assert_same_features(before, after)
    assert np.array_equal(c2k_model.late_probability(before), c2k_model.late_probability(after))


@pytest.mark.parametrize(
    ("checkpoint", "future"),
    [
        ("plan", [f"{leg}_{s}_e" for leg in c2k.LEGS for s in c2k.STEPS]),
        ("incoming_all_delivered", [f"o_{s}_e" for s in c2k.STEPS]),
        ("outgoing_last_rcf", ["o_dlv_e"]),
    ],
)
def test_c2k_columns_of_the_future_set_to_noise_change_no_feature(
    c2k_files: tuple[Path, Path], checkpoint: str, future: list[str]
) -> None:
    source = c2k.read(c2k_files[1])
    dice = np.random.default_rng(2)
    noise = {c: source.rows[c].where(source.rows[c].isna(), dice.uniform(1, 9000)) for c in future}
    changed = replace(source, rows=source.rows.assign(**noise))
    past = c2k.outcomes(c2k.read(c2k_files[0]))
    frames = [c2k.features_of(s, past) for s in (source, changed)]
    assert_same_features(*(f[f["checkpoint"] == checkpoint] for f in frames))


def test_c2k_track_records_of_judged_rows_never_count_the_test_file(c2k_files: tuple[Path, Path]) -> None:
    learnt, judged = (c2k.read(path) for path in c2k_files)
    _, rows, _ = evaluation.frames(c2k, learnt, judged)
    slow = replace(judged, rows=judged.rows.assign(o_dlv_e=judged.rows["o_dlv_e"] + 90_000))
    _, slower, _ = evaluation.frames(c2k, learnt, slow)
    assert slower["label_is_late"].all()
    assert_same_features(rows, slower)


def test_the_order_of_the_test_file_changes_nothing(
    scms_files: tuple[Path, Path], scms_model: Model, tmp_path: Path
) -> None:
    cells = pd.read_csv(scms_files[1], dtype=str, keep_default_na=False)
    shuffled = scms.read(write(cells.sample(frac=1, random_state=5), tmp_path / "shuffled.csv"))
    learnt = scms.read(scms_files[0])
    _, one, _ = evaluation.frames(scms, learnt, scms.read(scms_files[1]))
    _, other, _ = evaluation.frames(scms, learnt, shuffled)
    assert_same_features(one, other)
    assert np.array_equal(scms_model.late_probability(one), scms_model.late_probability(other))


def test_each_feature_frame_row_is_scored_from_that_row_alone(
    c2k_files: tuple[Path, Path], c2k_model: Model
) -> None:
    rows = rows_of(c2k, c2k_files[1])
    alone = np.concatenate([c2k_model.late_probability(rows.iloc[[n]]) for n in (0, 5, 40)])
    assert np.array_equal(c2k_model.late_probability(rows)[[0, 5, 40]], alone)
