"""Dagster's own home: its configuration, copied where it belongs, and the instance opened from it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


PID_TAG = "tidewaiter/pid"


def is_alive(pid: int) -> bool:
    """Say whether a process exists on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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


def reap(instance: DagsterInstance) -> int:
    """Fail the runs of command lines that were killed; they would stand in the way of every later run.

    Returns how many there were. What they left half done is found by comparing levels, not by their history.
    """
    from dagster import DagsterRunStatus, RunsFilter

    started = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])
    count = 0
    for run in instance.get_runs(filters=started):
        pid = run.tags.get(PID_TAG)
        if pid and not is_alive(int(pid)):
            instance.report_run_failed(run, "The process that ran it is gone.")
            count += 1
    return count
