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
# A run of what follows from something that arrived; one of the whole path does not have it.
SHORT = {"tidewaiter/short": "true"}
# A run's history takes some megabytes, and a busy day has hundreds of short ones.
KEPT_SHORT_RUNS = 200


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
    """Return the instance that the daemon, the webserver and the command line share, for runs of this process.

    What steps print goes where this process prints: to catch it, Dagster would begin two processes for each.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    prepare_instance(settings)
    uncaught = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    overrides = {"compute_logs": uncaught}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.dagster_home), overrides=overrides))


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


def forget_short_runs(instance: DagsterInstance, kept: int = KEPT_SHORT_RUNS) -> int:
    """Delete the history of all but the newest short runs that are over; return how many there were.

    Every asset has a newer materialization from the whole path or a later short run.
    """
    from dagster import DagsterRunStatus, RunsFilter

    over = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    old = instance.get_run_ids(RunsFilter(tags=SHORT, statuses=over))[kept:]
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)
