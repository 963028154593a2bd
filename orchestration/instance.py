"""Dagster's own home: its configuration, copied where it belongs, and the instance opened from it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def prepare_instance(settings: Settings) -> None:
    """Write Dagster's configuration into its home folder and let every child process find it."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    source, target = Path(__file__).with_name("dagster.yaml"), settings.dagster_home / "dagster.yaml"
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
    os.environ.update(settings.to_environment())


def open_instance(settings: Settings) -> DagsterInstance:
    """Return the instance that the daemon, the webserver and the command line share."""
    from dagster import DagsterInstance

    prepare_instance(settings)
    return DagsterInstance.get()
