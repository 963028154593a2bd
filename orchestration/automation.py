"""What starts a run: sensors that compare what is with what should be, and schedules that reconcile.

Every sensor is level-triggered. It never asks "what is new since my last tick" but "what is landed and
not loaded", "what is built and not decided": a run that was killed leaves the level as it was, so the
next tick asks again.
"""

import hashlib
import json
import time

import dagster as dg
from dagster import DagsterRunStatus

from orchestration import hotpath
from orchestration.instance import reap
from orchestration.landing import register_landed
from orchestration.loading import waiting_for
from orchestration.publishing import latest_publication
from orchestration.resources import Platform

UNFINISHED_RUNS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def is_under_way(instance: dg.DagsterInstance, *job_names: str) -> bool:
    """Say whether a run of one of the jobs is queued or running; runs of killed processes do not count."""
    reap(instance)
    return any(
        instance.get_runs(filters=dg.RunsFilter(job_name=name, statuses=UNFINISHED_RUNS), limit=1)
        for name in job_names
    )


def seconds_waited(context: dg.SensorEvaluationContext, level: str) -> float:
    """Return for how long the same has been waiting, as ticks of this sensor have seen it."""
    cursor, now = json.loads(context.cursor) if context.cursor else {}, time.time()
    if cursor.get("level") != level:
        cursor = {"level": level, "since": now}
        context.update_cursor(json.dumps(cursor))
    return now - float(cursor.get("since", now))


def request_again(context: dg.SensorEvaluationContext, level: str) -> dg.RunRequest:
    """Ask for a run with a key that is new for each attempt at the same level, so no ask is swallowed."""
    cursor = json.loads(context.cursor) if context.cursor else {}
    cursor = cursor if cursor.get("level") == level else {}
    attempt = cursor.get("attempt", 0) + 1
    context.update_cursor(json.dumps({**cursor, "level": level, "attempt": attempt}))
    return dg.RunRequest(run_key=f"{level}:{attempt}", tags={"tidewaiter/attempt": str(attempt)})


@dg.sensor(job_name="pipeline", minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def landing_sensor(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run where something landed, was corrected or was decided that the warehouse does not hold.

    While the hot path lives that is its work, unless it has not done it for a good while.
    """
    if is_under_way(context.instance, "pipeline", "decide"):
        return dg.SkipReason("A run is under way; what is left is asked for after it.")
    register_landed(platform)
    waiting = waiting_for(platform).keys
    if not waiting:
        return dg.SkipReason("Everything that landed is loaded, and every decision is built.")
    level = hashlib.sha256("\n".join(waiting).encode()).hexdigest()
    if seconds_waited(context, level) < hotpath.PATIENCE.total_seconds() and hotpath.is_alive(
        platform.settings
    ):
        return dg.SkipReason("The hot path lives, and carries it.")
    return request_again(context, level)


@dg.sensor(job_name="decide", minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def scoring_sensor(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for scores and cases where the warehouse was built from newer milestones than were decided on."""
    if is_under_way(context.instance, "pipeline", "decide"):
        return dg.SkipReason("A run is under way; it decides on what it built.")
    publication = latest_publication(platform.engine)
    if publication is None or publication.state == "synced":
        return dg.SkipReason("Every build has been scored and taken up.")
    return request_again(context, publication.publication_id)


@dg.schedule(job_name="pipeline", cron_schedule="15 3 * * *", execution_timezone="UTC")
def nightly_rebuild(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run the whole path once a night, whether or not something landed: feeds fall silent too."""
    return dg.RunRequest(run_key=f"nightly:{context.scheduled_execution_time:%Y-%m-%d}")


@dg.schedule(job_name="retrain", cron_schedule="30 4 * * 1", execution_timezone="UTC")
def weekly_training(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Train again on what has been learnt since; the same data gives the same model version."""
    return dg.RunRequest(run_key=f"weekly:{context.scheduled_execution_time:%Y-%m-%d}")


sensors = [landing_sensor, scoring_sensor]
schedules = [nightly_rebuild, weekly_training]
