"""Slices of the public data sets where they are at hand, and made files in the same columns everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from ml import training
from ml.datasets import c2k, scms
from ml.model import Model
from tests.ml import made

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, LEARNT = 700, 500


def published(name: str) -> Path | None:
    folder = Path(os.environ.get("TIDEWAITER_DATASETS", ROOT.parent / "shared" / "datasets"))
    path = folder / name / f"{name}_public.csv"
    return path if path.is_file() else None


@pytest.fixture(scope="session")
def c2k_frame() -> pd.DataFrame:
    """The first processes as cells: the published ones, or made ones where those cannot be had."""
    path = published("c2k")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False) if path else made.processes(PROCESSES)
    return frame.head(PROCESSES)


@pytest.fixture(scope="session")
def scms_frame() -> pd.DataFrame:
    """Order lines scheduled in 2010 to early 2011 as cells, or made ones."""
    path = published("scms")
    if path is None:
        return made.order_lines(900)
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    day = pd.to_datetime(frame["Scheduled Delivery Date"], format="%d-%b-%y")
    return frame[(day >= "2010-03-01") & (day < "2011-05-01")].reset_index(drop=True)


def write(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def c2k_files(c2k_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("c2k")
    return (
        write(c2k_frame.head(LEARNT), folder / "train.csv"),
        write(c2k_frame.tail(len(c2k_frame) - LEARNT), folder / "test.csv"),
    )


@pytest.fixture(scope="session")
def scms_files(scms_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Split at a day: outcomes recorded before it are known to the training file, the rest to the test file."""
    folder = tmp_path_factory.mktemp("scms")
    recorded = pd.to_datetime(scms_frame["Delivery Recorded Date"], format="%d-%b-%y", errors="coerce")
    known = recorded < recorded.quantile(0.75)
    return write(scms_frame[known], folder / "train.csv"), write(scms_frame[~known], folder / "test.csv")


def rows_of(room, path: Path) -> pd.DataFrame:
    source = room.read(path)
    return room.features_of(source, room.outcomes(source))


@pytest.fixture(scope="session")
def c2k_rows(c2k_files: tuple[Path, Path]) -> pd.DataFrame:
    return rows_of(c2k, c2k_files[0])


@pytest.fixture(scope="session")
def scms_rows(scms_files: tuple[Path, Path]) -> pd.DataFrame:
    return rows_of(scms, scms_files[0])


@pytest.fixture(scope="session")
def c2k_model(c2k_rows: pd.DataFrame) -> Model:
    return training.fit(c2k_rows, c2k.TENANT_ID)


@pytest.fixture(scope="session")
def scms_model(scms_rows: pd.DataFrame) -> Model:
    return training.fit(scms_rows, scms.TENANT_ID)
