"""Kept models: the same bytes or none at all."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml import features, registry, scoring
from ml.errors import ModelTampered, NoModel
from ml.registry import Registry, train_from_features
from tests.ml import made


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return made.shipments(160)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    root = tmp_path_factory.mktemp("models")
    train_from_features(frame, "demo", Registry(root))
    return root


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Registry:
    import shutil

    return Registry(Path(shutil.copytree(home, tmp_path / "models")))


def folder(kept: Registry) -> Path:
    return kept.root / "demo" / kept.current_version("demo")


def test_a_kept_model_scores_as_the_one_that_was_trained(home: Path, frame: pd.DataFrame) -> None:
    from ml import training

    trained, loaded = training.fit(frame, "demo"), Registry(home).load("demo")
    rows = features.complete(frame)
    assert loaded.version == trained.version
    assert np.array_equal(loaded.late_probability(rows), trained.late_probability(rows))
    assert scoring.score(loaded, frame.head(20)).equals(scoring.score(trained, frame.head(20)))


def test_the_same_rows_are_not_learnt_twice(
    copy: Registry, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.training, "fit", None)
    shuffled = frame.sample(frac=1, random_state=2)
    assert train_from_features(shuffled, "demo", copy).version == copy.current_version("demo")
    assert len(copy.versions("demo")) == 1


def test_rows_of_other_tenants_are_not_looked_at(copy: Registry, frame: pd.DataFrame) -> None:
    other = made.shipments(200, seed=9, tenant_id="rival").assign(label_is_late=True)
    before = copy.current_version("demo")
    assert train_from_features(pd.concat([frame, other]), "demo", copy).version == before


@pytest.mark.parametrize("name", ["model.skops", "model.json", "card.json"])
def test_any_changed_byte_refuses_the_model(copy: Registry, name: str) -> None:
    path = folder(copy) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelTampered, match=name):
        copy.load("demo")


def test_a_card_changed_with_its_sidecar_is_refused_by_the_pointer(copy: Registry) -> None:
    import hashlib

    card = folder(copy) / "card.json"
    card.write_bytes(card.read_bytes().replace(b'"candidate"', b'"kandidat!"'))
    (folder(copy) / "card.sha256").write_text(hashlib.sha256(card.read_bytes()).hexdigest())
    with pytest.raises(ModelTampered):
        copy.load("demo")


def test_a_missing_file_or_pointer_is_a_sentence(copy: Registry) -> None:
    (folder(copy) / "model.skops").unlink()
    with pytest.raises(ModelTampered, match="cannot be read"):
        copy.load("demo")
    (copy.root / "demo" / "CURRENT").write_text("{}")
    with pytest.raises(ModelTampered, match="pointer"):
        copy.load("demo")


@pytest.mark.parametrize("name", ["nobody", "../demo", "", ".", "a/b"])
def test_a_tenant_without_a_model_has_none(copy: Registry, name: str) -> None:
    with pytest.raises(NoModel):
        copy.load(name)
    with pytest.raises(NoModel):
        copy.load("demo", "0000")


def test_a_model_that_asks_for_other_types_is_refused_before_it_is_built(copy: Registry) -> None:
    import skops.io

    foreign = skops.io.dumps({"classifiers": [pd.Series([1])], "quantiles": []})
    with pytest.raises(ModelTampered, match="types"):
        registry._parts(Path("model.skops"), foreign)
    assert zipfile.is_zipfile(io.BytesIO(foreign))


def test_the_card_tells_what_the_model_is_worth(home: Path) -> None:
    card = json.loads(json.dumps(Registry(home).card("demo"), allow_nan=False))
    expected = {
        "data_sha256", "trained_until", "features", "metrics", "baselines", "calibration_bins", "arrival",
        "threshold", "lead_time_curve", "files", "version", "feature_drift",
    }  # fmt: skip
    assert expected <= set(card)
    assert card["metrics"]["roc_auc"] > card["baselines"]["base_rate"]["roc_auc"]


def test_a_starting_model_is_kept_too(tmp_path: Path) -> None:
    kept = Registry(tmp_path)
    model = train_from_features(made.shipments(10), "demo", kept)
    assert kept.load("demo").late_probability(features.complete(made.shipments(2)))[0] == model.rate
    assert not (folder(kept) / "model.skops").exists()


def test_an_older_version_can_be_made_current_again(copy: Registry) -> None:
    first = copy.current_version("demo")
    train_from_features(made.shipments(20), "demo", copy)
    assert copy.current_version("demo") != first
    copy.make_current("demo", first)
    assert copy.load("demo").version == first
