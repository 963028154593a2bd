"""Kept models: models/<tenant>/<version>/{model.skops, model.json, card.json} and models/<tenant>/CURRENT.

A version is a hash of data, parameters and code, so the same training gives the same version and is kept
once. The card holds the SHA-256 of the other two files, CURRENT and card.sha256 that of the card; all are
compared before a byte is interpreted, and skops may only build the types named here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ml import training
from ml.calibration import Calibration
from ml.errors import ModelTampered, NoModel
from ml.intervals import Spread
from ml.model import ArrivalModel, BaseRateModel, Model

TRUSTED = (
    "functools.partial",  # the trees' own preprocessor is partial(check_array, ...), nothing else here is
    "ml.encoders.RowEncoder",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Registry:
    """Models of every tenant under one folder."""

    def __init__(self, root: Path) -> None:
        """`root` is the models folder; it is made when the first model is kept."""
        self.root = Path(root)
        self._loaded: dict[str, tuple[str, Model | None]] = {}

    def keep(self, model: Model, make_current: bool = True) -> str:
        """Write a model once, whole or not at all; return its version. Kept bytes are verified, not replaced."""
        folder = self._folder(model.tenant_id, model.version)
        if folder.exists():
            self._verified(folder, self._sidecar(folder))
        else:
            self._write(model, folder)
        if make_current:
            self.make_current(model.tenant_id, model.version)
        return model.version

    def make_current(self, tenant_id: str, version: str) -> None:
        """Point the tenant at a kept version, atomically. Raises NoModel if it is not kept."""
        folder = self._folder(tenant_id, version)
        if not folder.is_dir():
            raise NoModel(tenant_id, version)
        pointer = {"version": version, "card_sha256": _sha256(folder / "card.json")}
        _replace(folder.parent / "CURRENT", json.dumps(pointer, sort_keys=True).encode())

    def current_version(self, tenant_id: str) -> str:
        """Return the version in use. Raises NoModel."""
        return str(self._pointer(tenant_id)["version"])

    def versions(self, tenant_id: str) -> list[str]:
        """Return all kept versions, in name order."""
        folder = self._folder(tenant_id)
        return (
            sorted(p.name for p in folder.iterdir() if p.is_dir() and NAME.fullmatch(p.name))
            if folder.is_dir()
            else []
        )

    def load(self, tenant_id: str, version: str | None = None) -> Model:
        """Return a kept model, the current one unless a version is named. Raises NoModel, ModelTampered.

        Its files are verified with every call; what was built from them last for the tenant is given again.
        """
        folder, card_sha256 = self._find(tenant_id, version)
        card, content, skops_bytes = self._verified(folder, card_sha256)
        known, model = self._loaded.get(tenant_id, ("", None))
        if model is None or known != card_sha256:
            model = _built(tenant_id, folder, card, content, skops_bytes)
            self._loaded[tenant_id] = (card_sha256, model)
        return model

    def card(self, tenant_id: str, version: str | None = None) -> dict[str, Any]:
        """Return a kept model's card with its version and the files' hashes. Raises NoModel, ModelTampered."""
        return dict(self._verified(*self._find(tenant_id, version))[0])

    def _find(self, tenant_id: str, version: str | None) -> tuple[Path, str]:
        if version is None:
            pointer = self._pointer(tenant_id)
            return self._folder(tenant_id, str(pointer["version"])), str(pointer["card_sha256"])
        folder = self._folder(tenant_id, version)
        if not folder.is_dir():
            raise NoModel(tenant_id, version)
        return folder, self._sidecar(folder)

    def _pointer(self, tenant_id: str) -> Mapping[str, Any]:
        path = self._folder(tenant_id) / "CURRENT"
        try:
            pointer = json.loads(path.read_bytes())
            if {"version", "card_sha256"} <= set(pointer) and NAME.fullmatch(pointer["version"]):
                return pointer
        except FileNotFoundError:
            raise NoModel(tenant_id) from None
        except (ValueError, TypeError):
            pass
        raise ModelTampered(str(path), "the pointer to the current model cannot be read")

    def _folder(self, *names: str) -> Path:
        """Return a folder below the root; a name that could leave it is no model's name."""
        if not all(NAME.fullmatch(name) for name in names):
            raise NoModel(names[0], names[1] if len(names) > 1 else None)
        return self.root.joinpath(*names)

    def _sidecar(self, folder: Path) -> str:
        return _read(folder / "card.sha256").decode("ascii", errors="replace").strip()

    def _verified(self, folder: Path, card_sha256: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
        """Return card, parameters and skops bytes after comparing every hash."""
        card_bytes = _read(folder / "card.json")
        _compare(folder / "card.json", card_bytes, card_sha256)
        card = json.loads(card_bytes)
        held: dict[str, bytes] = {}
        for name, sha256 in card["files"].items():
            held[name] = _read(folder / name)
            _compare(folder / name, held[name], sha256)
        if card["version"] != folder.name:
            raise ModelTampered(str(folder), "the card belongs to another version")
        return card, json.loads(held["model.json"]), held.get("model.skops", b"")

    def _write(self, model: Model, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
        try:
            files = _files(model)
            hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
            card = {**model.card, "tenant_id": model.tenant_id, "version": model.version, "files": hashes}
            files["card.json"] = _json(card)
            files["card.sha256"] = hashlib.sha256(files["card.json"]).hexdigest().encode()
            for name, content in files.items():
                _write_durably(made / name, content)
            made.rename(folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not folder.is_dir():  # another process kept the same version meanwhile: that one stands
                raise


def train_from_features(
    frame: pd.DataFrame, tenant_id: str, registry: Registry, effort: training.Effort = training.FULL
) -> Model:
    """Learn from a tenant's labelled ftr_shipments rows, keep the model, make it current, return it.

    Rows of other tenants are not looked at. The same rows give the same version; it is then not retrained.
    """
    own = frame[frame["tenant_id"] == tenant_id] if "tenant_id" in frame.columns else frame
    version = training.version_for(own, effort=effort)
    if version not in registry.versions(tenant_id):
        return registry.load(tenant_id, registry.keep(training.fit(own, tenant_id, effort=effort)))
    registry.make_current(tenant_id, version)
    return registry.load(tenant_id, version)


def _files(model: Model) -> dict[str, bytes]:
    if isinstance(model, ArrivalModel):
        import skops.io

        parts = {"classifiers": list(model.classifiers), "quantiles": list(model.quantiles)}
        content = {
            "kind": "arrival",
            "calibration": model.calibration.as_json(),
            "spread": model.spread.as_json(),
            "threshold": model.threshold,
            "level": model.level,
            "reference": dict(model.reference),
        }
        return {"model.skops": skops.io.dumps(parts), "model.json": _json(content)}
    if isinstance(model, BaseRateModel):
        content = {"kind": "base_rate", "rate": model.rate, "delays": list(model.delays),
                   "threshold": model.threshold, "level": model.level, "reference": dict(model.reference)}  # fmt: skip
        return {"model.json": _json(content)}
    raise TypeError(f"{type(model).__name__} is no kind of model this registry keeps")


def _built(
    tenant_id: str,
    folder: Path,
    card: Mapping[str, Any],
    content: Mapping[str, Any],
    skops_bytes: bytes,
) -> Model:
    shared = {"tenant_id": tenant_id, "version": folder.name, "threshold": content["threshold"],
              "level": content["level"], "reference": content["reference"], "card": card}  # fmt: skip
    if content["kind"] == "base_rate":
        return BaseRateModel(rate=content["rate"], delays=tuple(content["delays"]), **shared)
    parts = _parts(folder / "model.skops", skops_bytes)
    return ArrivalModel(
        classifiers=parts["classifiers"],
        quantiles=parts["quantiles"],
        calibration=Calibration.of_json(content["calibration"]),
        spread=Spread(**content["spread"]),
        **shared,
    )


def _parts(path: Path, skops_bytes: bytes) -> Mapping[str, list]:
    """Build the scikit-learn parts; a type that is not named here is refused before anything is built."""
    import skops.io

    unknown = sorted(set(skops.io.get_untrusted_types(data=skops_bytes)) - set(TRUSTED))
    if unknown:
        raise ModelTampered(
            str(path), f"it asks for types that no model of ours has ({', '.join(unknown[:3])})"
        )
    return skops.io.loads(skops_bytes, trusted=list(TRUSTED))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelTampered(str(path), f"it cannot be read ({error.strerror})") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _compare(path: Path, content: bytes, sha256: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelTampered(str(path), "its SHA-256 is not the one that was recorded")


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".CURRENT-", dir=path.parent)
    os.close(handle)
    _write_durably(Path(name), content)
    Path(name).replace(path)
