"""Scores and their reasons: complete, bounded, and true to the row."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ml import features, scoring, training
from ml.errors import FeaturesRefused
from ml.model import BaseRateModel, Model
from tests.ml import made


@pytest.fixture(scope="module")
def scores(c2k_model: Model, c2k_rows: pd.DataFrame) -> pd.DataFrame:
    return scoring.score(c2k_model, c2k_rows.tail(300))


def test_every_row_gets_one_complete_score(scores: pd.DataFrame) -> None:
    assert list(scores) == list(scoring.COLUMNS)
    assert len(scores) == 300
    assert scores.notna().all().all()
    assert scores["late_probability"].between(0, 1, inclusive="neither").all()
    assert (scores["interval_low_at"] <= scores["predicted_arrival_at"]).all()
    assert (scores["predicted_arrival_at"] <= scores["interval_high_at"]).all()
    assert (scores["scored_at"] == scores["cutoff_at"]).all()


def test_what_is_under_way_is_never_said_to_have_arrived(scores: pd.DataFrame) -> None:
    under_way = scores["checkpoint"] != "plan"
    assert (scores["interval_low_at"] >= scores["cutoff_at"])[under_way].all()


def test_at_the_feeds_time_nothing_is_predicted_before_it_and_a_broken_promise_is_late(
    c2k_model: Model, c2k_rows: pd.DataFrame
) -> None:
    rows = c2k_rows.tail(60)
    now = rows["promised_at"].sort_values().iloc[30]
    scores = scoring.score(c2k_model, rows, now.to_pydatetime())
    is_broken = (rows["promised_at"] < now).to_numpy()
    assert 0 < is_broken.sum() < 60
    assert (scores["late_probability"][is_broken] == 1).all()
    assert (scores["late_probability"][~is_broken] < 1).all()
    assert (scores[["predicted_arrival_at", "interval_low_at", "interval_high_at"]] >= now).all().all()
    assert (scores["scored_at"] == now).all()


def test_reasons_are_facts_of_the_row(scores: pd.DataFrame, c2k_rows: pd.DataFrame) -> None:
    rows = features.complete(c2k_rows.tail(300)).to_dict("records")
    told = [json.loads(text) for text in scores["reasons"]]
    assert sum(len(reasons) > 0 for reasons in told) > 250
    for row, reasons in zip(rows, told, strict=True):
        assert len(reasons) <= 3
        assert len({reason["feature"] for reason in reasons}) == len(reasons)
        for reason in reasons:
            value = row[reason["feature"]]
            assert value is not None and value == value
            assert reason["value"] == (round(value, 4) if isinstance(value, float) else value)
            assert set(reason) == {"text", "feature", "value", "effect"}


def test_an_unknown_value_is_never_a_reason(c2k_model: Model, c2k_rows: pd.DataFrame) -> None:
    bare = c2k_rows.tail(40).assign(
        lane_late_rate=None, lane_n=None, destination_late_rate=None, destination_n=0, deviation_hours=None
    )
    told = [r["feature"] for text in scoring.score(c2k_model, bare)["reasons"] for r in json.loads(text)]
    assert told
    assert not {"lane_late_rate", "destination_late_rate", "deviation_hours"} & set(told)


def test_reasons_point_the_way_the_score_went(scores: pd.DataFrame, c2k_model: Model) -> None:
    for probability, text in zip(scores["late_probability"], scores["reasons"], strict=True):
        effects = [reason["effect"] for reason in json.loads(text)]
        raised = probability >= c2k_model.card["late_rate"]
        assert all((effect > 0) == raised for effect in effects)
        assert effects == sorted(effects, key=abs, reverse=True)


def test_scores_and_hashes_are_the_same_each_time(
    scores: pd.DataFrame, c2k_model: Model, c2k_rows: pd.DataFrame
) -> None:
    again = scoring.score(c2k_model, c2k_rows.tail(300).iloc[::-1]).iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(scores, again)


def test_the_feature_hash_follows_the_features_and_not_the_outcome(c2k_rows: pd.DataFrame) -> None:
    row = features.complete(c2k_rows.head(1))
    first = features.row_hashes(row)
    assert features.row_hashes(row.assign(label_is_late=True, label_delay_hours=99.0)) == first
    assert features.row_hashes(row.assign(lane_n=99.0)) != first


def test_missing_columns_are_named(c2k_model: Model, c2k_rows: pd.DataFrame) -> None:
    with pytest.raises(FeaturesRefused, match="lane_late_rate, promised_at|promised_at, lane_late_rate"):
        scoring.score(c2k_model, c2k_rows.drop(columns=["lane_late_rate", "promised_at"]))


def test_optional_columns_may_be_missing(c2k_model: Model, c2k_rows: pd.DataFrame) -> None:
    scores = scoring.score(c2k_model, c2k_rows.tail(5)[list(features.REQUIRED)])
    assert scores["late_probability"].notna().all()


def test_no_rows_give_no_scores(c2k_model: Model, c2k_rows: pd.DataFrame) -> None:
    assert scoring.score(c2k_model, c2k_rows.head(0)).shape == (0, len(scoring.COLUMNS))


def test_a_row_of_unknowns_still_gets_a_whole_score(c2k_model: Model, c2k_rows: pd.DataFrame) -> None:
    blank = c2k_rows.tail(1).assign(**{c: None for c in features.FEATURES}, promised_at=pd.NaT)
    scores = scoring.score(c2k_model, blank)
    assert scores.notna().all().all()


def test_a_tenant_that_only_starts_gets_a_cautious_answer() -> None:
    frame = made.shipments(20)
    model = training.fit(frame, "demo")
    assert isinstance(model, BaseRateModel)
    scores = scoring.score(model, frame)
    width = scores["interval_high_at"] - scores["interval_low_at"]
    assert scores["late_probability"].nunique() == 1
    assert (width >= pd.Timedelta(hours=240)).all() or (
        scores["interval_low_at"] >= scores["cutoff_at"]
    ).all()
    assert "20 finished shipments" in json.loads(scores["reasons"].iloc[0])[0]["text"]


def test_no_history_at_all_is_an_answer_too() -> None:
    model = training.fit(made.shipments(3).assign(label_is_late=None, label_delay_hours=None), "demo")
    assert 0 < model.late_probability(features.complete(made.shipments(2)))[0] < 1


def test_severity_words_and_flags_are_numbers_of_one_scale() -> None:
    assert features.as_number(pd.Series(["severe", "minor", None, True, "2"], dtype=object)).tolist()[:2] == [
        3,
        1,
    ]
    assert np.isnan(features.as_number(pd.Series([float("inf"), None]))).all()
