"""What a model promises on later rows: better than plain rules, honest probabilities, covered intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import calibration, evaluation, intervals, metrics, training
from ml.errors import NothingToEvaluate
from ml.features import labelled
from ml.folds import temporal_folds
from ml.model import ArrivalModel, Model
from tests.ml import made
from tests.ml.conftest import rows_of, write


@pytest.fixture(scope="module")
def c2k_result(c2k_files: tuple[Path, Path]) -> dict:
    return evaluation.evaluate("c2k", *c2k_files)


def test_later_processes_are_ranked_better_than_by_plain_rules(c2k_result: dict) -> None:
    overall = c2k_result["overall"]
    plain = overall["baselines"]
    assert overall["roc_auc"] > max(plain[name]["roc_auc"] for name in plain)
    assert overall["brier"] < plain["base_rate"]["brier"]


def test_knowing_more_ranks_better(c2k_result: dict) -> None:
    at = {name: figures["roc_auc"] for name, figures in c2k_result["checkpoints"].items()}
    assert at["plan"] < at["incoming_first_delivered"] < at["incoming_all_delivered"]
    assert at["outgoing_last_rcf"] > 0.75


def test_probabilities_of_later_rows_are_near_what_happened(c2k_result: dict) -> None:
    overall = c2k_result["overall"]
    assert overall["ece"] < 0.12
    told = sum(b["n"] * b["mean_probability"] for b in c2k_result["calibration_bins"]) / overall["n"]
    assert abs(told - overall["late_rate"]) < 0.12


def test_nine_in_ten_intervals_hold_the_arrival(c2k_result: dict) -> None:
    for figures in (c2k_result["overall"], *c2k_result["checkpoints"].values()):
        assert 0.82 <= figures["arrival"]["interval_coverage"] <= 0.98


def test_predicted_arrivals_are_nearer_than_the_schedule(c2k_result: dict) -> None:
    arrival = c2k_result["overall"]["arrival"]
    assert arrival["mae_hours"] < arrival["schedule_mae_hours"]


def test_an_evaluation_is_json_and_says_what_it_rests_on(c2k_result: dict) -> None:
    kept = json.loads(json.dumps(c2k_result, allow_nan=False))
    assert set(kept["checkpoints"]) == {
        "plan", "incoming_first_delivered", "incoming_all_delivered", "outgoing_last_rcf",
    }  # fmt: skip
    assert len(kept["data_sha256"]["train"]) == 64
    assert kept["seconds"]["total"] > 0
    assert kept["versions"]["scikit_learn"].startswith("1.")


def test_a_test_file_without_new_outcomes_is_a_sentence(
    scms_files: tuple[Path, Path], tmp_path: Path
) -> None:
    header = pd.read_csv(scms_files[1], dtype=str, keep_default_na=False).head(0)
    for path in (write(header, tmp_path / "empty.csv"), scms_files[0]):
        with pytest.raises(NothingToEvaluate, match="none can be judged"):
            evaluation.evaluate("scms", scms_files[0], path)


def test_names_never_seen_in_training_are_scored_all_the_same(
    scms_files: tuple[Path, Path], scms_model: Model
) -> None:
    rows = rows_of(evaluation.scms, scms_files[1])
    strange = rows.assign(destination="Atlantis", vendor_id="Nobody", mode="Balloon", inco_term="ZZZ")
    probability = scms_model.late_probability(strange)
    assert np.isfinite(probability).all()
    assert ((probability > 0) & (probability < 1)).all()


def test_the_same_rows_in_any_order_give_the_same_model() -> None:
    frame = made.shipments(160)
    one = training.fit(frame, "demo")
    other = training.fit(frame.sample(frac=1, random_state=1), "demo")
    assert isinstance(one, ArrivalModel)
    assert one.version == other.version
    assert (one.threshold, one.calibration) == (other.threshold, other.calibration)
    asked = labelled(frame)
    assert np.array_equal(one.late_probability(asked), other.late_probability(asked))
    assert np.array_equal(one.forecast(asked).high_hours, other.forecast(asked).high_hours)


def test_another_outcome_gives_another_version() -> None:
    frame = made.shipments(60)
    changed = frame.assign(label_is_late=~frame["label_is_late"].astype(bool))
    assert training.version_for(frame) != training.version_for(changed)


def test_no_shipment_is_on_both_sides_of_a_split(c2k_rows: pd.DataFrame) -> None:
    rows = labelled(c2k_rows)
    folds = list(temporal_folds(rows))
    assert len(folds) == 4
    for fold in folds:
        learnt, judged = rows.iloc[fold.learn], rows.iloc[fold.judge]
        assert not set(learnt["shipment_id"]) & set(judged["shipment_id"])
        assert learnt["promised_at"].max() <= fold.boundary <= judged["cutoff_at"].min()


@settings(deadline=None, max_examples=40)  # a loaded machine is slow, not wrong
@given(st.integers(0, 10_000))
def test_calibration_never_turns_the_ranking_over(seed: int) -> None:
    dice = np.random.default_rng(seed)
    score = dice.normal(0, 2, 200)
    late = dice.random(200) < calibration.sigmoid(score * dice.choice([-1, 1]))
    for method in calibration.METHODS:
        curve = calibration.fit(score, late, method)
        told = curve.apply(np.sort(score))
        assert (np.diff(told) >= 0).all()
        assert ((told > 0) & (told < 1)).all()
        assert np.allclose(calibration.Calibration.of_json(curve.as_json()).apply(score), curve.apply(score))


def test_calibration_mends_scores_that_boast() -> None:
    dice = np.random.default_rng(0)
    truth = dice.normal(0, 1, 4000)
    late = dice.random(4000) < calibration.sigmoid(truth)
    boast = truth * 3 + 1
    curve = calibration.choose(boast, late, np.repeat([0, 1, 2, 3], 1000))
    mended = metrics.expected_calibration_error(curve.apply(boast), late)
    assert mended < 0.03 < metrics.expected_calibration_error(calibration.sigmoid(boast), late)


def test_conformal_margins_cover_what_they_promise_on_fresh_draws() -> None:
    dice = np.random.default_rng(4)
    delay, fresh = dice.standard_t(3, 3000) * 10, dice.standard_t(3, 3000) * 10
    group = pd.Series(["a"] * 3000)
    margin = intervals.margins(np.full(3000, -2.0), np.full(3000, 2.0), delay, group, 0.9)["a"]
    covered = (np.abs(fresh) <= 2.0 + margin).mean()
    assert 0.88 <= covered <= 0.92


def test_expected_calibration_error_is_the_weighted_gap_of_ten_bins() -> None:
    probability = np.array([0.05, 0.05, 0.95, 0.95])
    late = np.array([False, True, True, True])
    assert metrics.expected_calibration_error(probability, late) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)


@pytest.mark.parametrize(("count", "rank"), [(99, 90), (9, 9), (5, 5)])
def test_with_equal_weights_the_conformal_quantile_is_the_textbook_rank(count: int, rank: int) -> None:
    scores = np.arange(1.0, count + 1)
    assert intervals.conformal_quantile(scores[::-1].copy(), np.ones(count), 0.9) == rank


def test_a_rule_with_two_answers_keeps_its_cut_between_them() -> None:
    late = np.array([True, True, True, False, False, False])
    told = np.where(late, 2 / 3, 1 / 7)
    assert metrics.classification(told, late, metrics.best_threshold(told, late))["mcc"] == 1.0


def test_the_correlation_is_the_one_of_the_library() -> None:
    from sklearn.metrics import matthews_corrcoef

    dice = np.random.default_rng(8)
    late, told = dice.random(500) < 0.2, dice.random(500)
    figures = metrics.classification(told, late, 0.6)
    assert figures["mcc"] == pytest.approx(matthews_corrcoef(late, told >= 0.6), abs=1e-6)


def test_calibration_leaves_scores_alone_that_need_no_mending() -> None:
    dice = np.random.default_rng(1)
    score = dice.normal(-1, 1.5, 2000)
    late = dice.random(2000) < calibration.sigmoid(score)
    assert calibration.choose(score, late, np.repeat([0, 1, 2, 3], 500)).method == "none"
