"""Where the public data sets are: a folder on this machine, else the publisher's original with a pinned hash.

The contents are never part of the project; only names, hashes and the attribution that licences ask for are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Seconds to wait for a publisher before saying that the data set could not be fetched.
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Dataset:
    """One public data set: where it may lie, its original, and what its licence asks us to say."""

    name: str
    title: str
    file_names: tuple[str, ...]
    url: str
    sha256: str
    licence: str
    attribution: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A data set that is not here and could not be fetched; the sentence says what to do."""

    name: str
    sentence: str

    def __bool__(self) -> bool:
        """False, so that a caller can write `if path := find(...)`."""
        return False


DATASETS = {
    "scms": Dataset(
        name="scms",
        title="Supply Chain Shipment Pricing Data (USAID/PEPFAR SCMS delivery history)",
        file_names=("scms/SCMS_Delivery_History_Dataset.csv", "scms/scms_public.csv"),
        url="https://raw.githubusercontent.com/jrcinco/supply-chain-shipment-price-data/"
        "3d12aa307c4fcfa19df7dfbfa2f277db9132c557/SCMS_Delivery_History_Dataset.csv",
        sha256="918b992dd3e8d4b64d2a727b2c4ea607603d0c58f19484e73f7b78528c6a8673",
        licence="US government work, public domain as its mirrors state it",
        attribution="Supply Chain Shipment Pricing Data, U.S. Agency for International Development "
        "(USAID), Supply Chain Management System (SCMS) for PEPFAR.",
    ),
    "c2k": Dataset(
        name="c2k",
        title="Cargo 2000 Freight Tracking and Tracing (UCI data set 382)",
        file_names=("c2k/c2k_data_comma.csv", "c2k/c2k_public.csv"),
        url="https://archive.ics.uci.edu/ml/machine-learning-databases/00382/c2k_data_comma.csv",
        sha256="da40666b12f4a5465a885f3df91d67cd7a1f20946a0ef07e62e9d35b3687984a",
        licence="Creative Commons Attribution 4.0 International (CC BY 4.0), "
        "https://creativecommons.org/licenses/by/4.0/",
        attribution="Cargo 2000 Freight Tracking and Tracing, UCI Machine Learning Repository (data set "
        "382), by A. Metzger et al., IEEE Transactions on Systems, Man, and Cybernetics: Systems 45(2), "
        "2015, pages 276-290. Licensed under CC BY 4.0. Changed by Tidewaiter: given a calendar and laid "
        "out as bookings, legs and milestones.",
    ),
}


def default_dir() -> Path | None:
    """The folder in TIDEWAITER_DATASETS, else ../shared/datasets beside the project or the working folder."""
    if named := os.environ.get("TIDEWAITER_DATASETS"):
        return Path(named)
    project = Path(__file__).resolve().parent.parent
    for base in (project, Path.cwd()):
        candidate = base.parent / "shared" / "datasets"
        if candidate.is_dir():
            return candidate
    return None


def find(
    name: str,
    datasets_dir: Path | None = None,
    download: bool = True,
    downloads_dir: Path | None = None,
    url: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Path | Missing:
    """The data set's CSV file, or (falsy) Missing with the sentence that says why and what to do.

    Looks in `datasets_dir` (default: default_dir()), where a public part is as good as the full original;
    then, if `download`, takes the original from `downloads_dir` (default: <TIDEWAITER_HOME>/downloads) or
    fetches it there and checks its pinned SHA-256. KeyError for a name that is not in DATASETS.
    """
    dataset = DATASETS[name]
    folder = datasets_dir or default_dir()
    for candidate in dataset.file_names:
        if folder and (folder / candidate).is_file():
            return folder / candidate
    if not download:
        return _missing(dataset, folder, "downloading was not asked for")
    target = downloads_dir or Path(os.environ.get("TIDEWAITER_HOME", "var")) / "downloads"
    return _fetch(dataset, folder, target, url or dataset.url, timeout_seconds)


def _fetch(
    dataset: Dataset, folder: Path | None, target: Path, url: str, timeout_seconds: float
) -> Path | Missing:
    import pooch  # lazily: only a machine without the data sets needs it
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            url,
            known_hash=f"sha256:{dataset.sha256}",
            fname=Path(dataset.file_names[0]).name,
            path=target,
            downloader=pooch.HTTPDownloader(timeout=timeout_seconds),
        )
    except RequestException as error:
        return _missing(dataset, folder, f"{url} could not be reached ({type(error).__name__})")
    except ValueError:
        return _missing(dataset, folder, f"what {url} sent is not the original (its SHA-256 differs)")
    except OSError as error:
        return _missing(dataset, folder, f"the download could not be kept in {target} ({error.strerror})")
    return Path(path)


def _missing(dataset: Dataset, folder: Path | None, reason: str) -> Missing:
    looked = f"it is not in {folder}" if folder else "no data set folder was found"
    return Missing(
        dataset.name,
        f"The data set {dataset.title} is not here: {looked}, and {reason}. Put {dataset.file_names[0]} "
        "into a folder and name that folder in TIDEWAITER_DATASETS, or go on with the simulated network.",
    )
