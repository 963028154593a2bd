"""The main job from the command line: lay, load, build, score, publish, open; measured and summed up."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from casework import ledger
from casework.model import NewAccount
from casework.store.engine import migrate, reading
from casework.store.tables import cases, drafts, ingested_files
from orchestration import publishing
from orchestration.dbt import manifest_path
from orchestration.errors import ClockRefused, OrchestrationError, PipelineFailed
from orchestration.instance import PID_TAG, SHORT, forget_short_runs, open_instance, prepare_instance, reap
from orchestration.landing import register_landed
from orchestration.loading import waiting_for
from orchestration.resources import Platform
from orchestration.world import lay_tenant, replay

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.execute_in_process_result import ExecuteInProcessResult

ACTOR = "service:cli"
KEPT_JOBS = 16  # feeds land in few combinations


class Tell(Protocol):
    """Who is told where the work stands: the stage, and the share of the run that is done (0 to 1)."""

    def __call__(self, sentence: str, share: float | None = None) -> None:
        """Take the news."""


def nobody(sentence: str, share: float | None = None) -> None:
    """Take the news and keep it."""


@dataclass(frozen=True)
class TenantReport:
    """One tenant's line: rows in = loaded + quarantined + duplicate."""

    tenant_id: str
    as_of: datetime
    files: int
    rows: int
    loaded: int
    quarantined: int
    duplicates: int
    shipments: int
    exceptions: dict[str, int]
    cases: int
    drafts: int
    note: str | None = None
    refused: tuple[str, ...] = ()  # files this run could not read at all, each with the reason


@dataclass
class Report:
    """What a run did."""

    tenants: list[TenantReport] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    accounts: list[NewAccount] = field(default_factory=list)
    changed: bool = False
    publication_id: str | None = None
    sentence: str = ""

    @contextmanager
    def stage(self, name: str, tell: Tell) -> Iterator[None]:
        """Measure one stage."""
        tell(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def run_path(
    platform: Platform,
    *,
    tenants: Sequence[str] | None = None,
    as_of: datetime | None = None,
    tell: Tell = nobody,
    lay: bool = True,
    anew: bool = False,
) -> Report:
    """Carry what landed through to cases; where nothing changed (and not `anew`), say so and do nothing.

    Raises `PipelineFailed` with the stage that failed, `ClockRefused` where `as_of` lies in a tenant's past.
    """
    chosen = check_tenants(platform, tenants)
    report, notes, started = Report(), {}, platform.clock()
    with report.stage("prepare", tell):
        prepare_instance(platform.settings)
        platform.settings.home.mkdir(parents=True, exist_ok=True)
        migrate(platform.engine)
        report.accounts = platform.casework.bootstrap(platform.clock())
    if publishing.latest_publication(platform.engine) is None:
        threading.Thread(target=warm_up, daemon=True).start()
    if lay:
        with report.stage("lay", tell):
            notes = {tenant: lay_once(platform, tenant, as_of) for tenant in chosen}
    with report.stage("compare", tell):
        register_landed(platform, settle_seconds=0)
        needs_run = anew or needs_a_run(platform)
    if needs_run:
        execute(platform, report, tell)
    finish(platform, report, notes, chosen, started)
    return report


def warm_up() -> None:
    """Parse the dbt project, in a process of its own, while files are laid; a first run is sure to need it."""
    with suppress(RuntimeError):
        manifest_path()


def check_tenants(platform: Platform, tenants: Sequence[str] | None) -> list[str]:
    """Return the tenants to work on; an unknown one is refused with the known ones named."""
    known = list(platform.config.tenants)
    unknown = set(tenants or ()) - set(known)
    if unknown:
        raise OrchestrationError(
            f"There is no tenant {', '.join(sorted(unknown))}. The tenants are: {', '.join(known)}."
        )
    return list(tenants or known)


def lay_once(platform: Platform, tenant_id: str, as_of: datetime | None) -> str | None:
    """Lay a tenant's world the first time; later, a newer `as_of` goes on from there. Return a note, if any."""
    mark = platform.settings.landing / tenant_id / ".laid"
    now = platform.casework.clock_of(tenant_id).as_of
    if mark.exists():
        if as_of is not None and as_of < now:
            raise ClockRefused(
                f"{tenant_id} stands at {now:%Y-%m-%d %H:%M}Z already, and time does not go back. "
                "Use another TIDEWAITER_HOME, or `make clean`, to begin at an earlier day."
            )
        if as_of is not None and as_of > now:
            for _step in replay(platform, tenant_id, until=as_of, step=as_of - now, hours_per_second=0):
                pass
        return mark.read_text() or None
    start = as_of or platform.config.tenants[tenant_id].as_of
    if start != now:
        platform.casework.begin_clock(tenant_id, start, ACTOR)
    laid = lay_tenant(platform, tenant_id, start)
    if laid.sentence is None:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("")
    return laid.sentence


def needs_a_run(platform: Platform) -> bool:
    """Say whether anything the last synced publication was built from has changed since."""
    return bool(waiting_for(platform).keys) or not publishing.is_current(platform)


STAGES = {
    "load": ("raw",),
    "build": ("conformed",),
    "score": ("ml",),
    "decide": ("decided",),
    "publish": ("published",),
    "open cases": ("casework",),
}


def execute(platform: Platform, report: Report, tell: Tell) -> None:
    """Run the pipeline job in this process, on the instance everybody shares."""
    with report.stage("start", tell):
        runs = Runs(platform)
    with platform.warehouse.lock():
        report.seconds |= runs.carry(tell)
    report.changed = True


class Runs:
    """The pipeline job, run in this process; the instance and the definitions are opened once for all runs."""

    def __init__(self, platform: Platform) -> None:
        """Open the instance and fail what killed processes left under way on it."""
        from orchestration.definitions import build

        self.platform = platform
        self.instance = open_instance(platform.settings)
        reap(self.instance)
        self.job = build(platform=platform).resolve_job_def("pipeline")
        self._subset = lru_cache(KEPT_JOBS)(self._make_subset)

    def carry(self, tell: Tell = nobody, tables: Collection[str] | None = None) -> dict[str, float]:
        """Run the whole path, of feeds only those that end in `tables`; return the seconds of each stage.

        Called under the warehouse's lock. Raises `PipelineFailed` with the stage that failed.
        """
        logs = self.platform.settings.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        # dbt's own lines are for whoever looks into a run, not for whoever waits for it.
        questions = self.platform.warehouse.short_questions() if tables is not None else nullcontext()
        with (logs / "run.log").open("a") as log, redirect_stdout(log), questions:
            if tables is None:
                told = self.job.with_hooks({step_hook(tell, len(self.job.nodes))})
                result = self._execute(in_process(told), {})
            else:
                result = self._execute(self._subset(frozenset(self._selected(tables))), SHORT)
        if not result.success:
            raise PipelineFailed(failure_of(result))
        forget_short_runs(self.instance)
        return stage_seconds(result)

    def _execute(self, job: InMemoryJob, tags: Mapping[str, str]) -> ExecuteInProcessResult:
        """Do what `execute_in_process` of a job does, which makes the job anew each time."""
        from dagster._core.execution.execute_in_process import core_execute_in_process

        return core_execute_in_process(
            job=job,
            instance=self.instance,
            run_tags={PID_TAG: str(os.getpid()), **tags},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            output_capturing_enabled=False,
            raise_on_error=False,
            asset_selection=frozenset(),
        )

    def _make_subset(self, chosen: frozenset[dg.AssetKey]) -> InMemoryJob:
        """Return the job of what was chosen; its data tests are no events of their own, but for those of feeds."""
        checks = self.job.asset_layer.asset_graph.asset_check_keys
        of_feeds = {key for key in checks if key.asset_key in chosen and key.asset_key.path[0] == "raw"}
        return in_process(self.job.get_subset(asset_selection=chosen, asset_check_selection=of_feeds))

    def _selected(self, tables: Collection[str]) -> list[dg.AssetKey]:
        """Return what follows from these raw tables, and from the settings where a build would be told others."""
        import dagster as dg

        told, warehouse = publishing.settings_told(self.platform), self.platform.warehouse
        settings = dg.AssetKey(["raw", "tenant_settings"])
        # The conformed step records the build, so it always has something to do.
        recorded = dg.AssetKey(["intermediate", "int_tenant_settings"])
        found = {settings, *(dg.AssetKey(["raw", table]) for table in tables)}
        is_as_told = all(warehouse.tells(name, rows) for name, rows in told.items())
        ahead = [key for key in found if key != settings or not is_as_told]
        graph = self.job.asset_layer.asset_graph
        feeds = {contract.table_name for contract in self.platform.contracts.values()}
        while ahead:
            # Every feed waits for the settings, but its rows do not follow from them.
            after = {key for key in graph.get(ahead.pop()).child_keys if key.path[-1] not in feeds} - found
            found |= after
            ahead += after
        return sorted(found | {recorded})


def in_process(job: dg.JobDefinition) -> InMemoryJob:
    """Return a job as it runs within one process; it keeps the snapshots that all its runs are stored with."""
    from dagster._core.definitions.job_base import InMemoryJob

    return InMemoryJob(job.as_ephemeral_job(resource_defs={}, input_values={}))


def step_hook(tell: Tell, count: int) -> dg.HookDefinition:
    """Return what tells of each step that is done."""
    import dagster as dg

    done: list[str] = []

    @dg.success_hook
    def told(context: dg.HookContext) -> None:
        done.append(context.step_key)
        tell(stage_of(context.step_key), len(done) / count)

    return told


def stage_of(step_key: str) -> str:
    """Return the stage that a step belongs to."""
    return next(name for name, heads in STAGES.items() if step_key.startswith(heads))


def stage_seconds(result: Any) -> dict[str, float]:
    """Return how long each stage took, summed over its steps."""
    seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    for event in result.all_events:
        if event.is_step_success:
            seconds[stage_of(event.step_key)] += event.step_success_data.duration_ms / 1000
    return seconds


def failure_of(result: Any) -> str:
    """Return which step failed and the innermost reason, in one paragraph."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            return (
                f"The stage {event.step_key} failed: {error.message.strip()} What was loaded stays loaded; "
                "nothing half-built was published. Mend it and run the same command again."
            )
    return "The run failed before its first stage; see the run in Dagster."


def finish(
    platform: Platform,
    report: Report,
    notes: dict[str, str | None],
    tenants: Sequence[str],
    started: datetime,
) -> None:
    """Fill in the counts per tenant and the closing sentence."""
    latest = publishing.latest_publication(platform.engine)
    report.publication_id = latest.publication_id if latest else None
    report.tenants = [tenant_report(platform, tenant, notes.get(tenant), started) for tenant in tenants]
    waiting = sum(t.drafts for t in report.tenants)
    if report.changed:
        report.sentence = (
            f"Published {report.publication_id}; {waiting} drafts wait for approval. Next: make up"
        )
    else:
        report.sentence = f"Nothing changed since {report.publication_id}; nothing was done."


def tenant_report(platform: Platform, tenant_id: str, note: str | None, started: datetime) -> TenantReport:
    """Count one tenant's files, rows, shipments, cases and drafts."""
    files, open_cases = ingested_files.c, cases.c
    sums = [files.row_count, files.loaded_count, files.quarantined_count, files.duplicate_count]
    with reading(platform.engine, tenant_id) as connection:
        counted = connection.execute(
            sa.select(sa.func.count(), *[sa.func.coalesce(sa.func.sum(column), 0) for column in sums]).where(
                files.tenant_id == tenant_id, files.state == "loaded"
            )
        ).one()
        types = connection.execute(
            sa.select(open_cases.exception_type, sa.func.count())
            .where(open_cases.tenant_id == tenant_id, open_cases.is_open)
            .group_by(open_cases.exception_type)
        ).all()
        waiting = connection.execute(
            sa.select(sa.func.count()).where(drafts.c.tenant_id == tenant_id, drafts.c.state == "waiting")
        ).scalar_one()
    by_type: Counter[str] = Counter({row[0]: row[1] for row in types})
    return TenantReport(
        tenant_id=tenant_id,
        as_of=platform.casework.clock_of(tenant_id).as_of,
        files=counted[0],
        rows=counted[1],
        loaded=counted[2],
        quarantined=counted[3],
        duplicates=counted[4],
        shipments=count_shipments(platform, tenant_id),
        exceptions=dict(sorted(by_type.items())),
        cases=by_type.total(),
        drafts=waiting,
        note=note,
        refused=tuple(
            f"{file.feed}/{file.file_name}: {file.error}"
            for file in ledger.refused_since(platform.engine, tenant_id, started)
        ),
    )


def count_shipments(platform: Platform, tenant_id: str) -> int:
    """Return how many shipments of a tenant are published."""
    import pyarrow.parquet as pq

    publication = publishing.current_publication(platform.settings.published)
    if publication is None:
        return 0
    path = platform.settings.published / publication / "fct_shipments.parquet"
    return int(pq.read_table(path, columns=["tenant_id"], filters=[("tenant_id", "=", tenant_id)]).num_rows)
