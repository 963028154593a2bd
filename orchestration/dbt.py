"""The dbt project as orchestration sees it: parsed once, and built within this process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestration.errors import BuildFailed
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.touched import Step, steps_of

if TYPE_CHECKING:
    from dagster_dbt import DbtProject

DBT_DIR = PROJECT_ROOT / "dbt_project"
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests", "snapshots")


# One parse at a time: a first run begins it while it lays files.
PARSING = threading.Lock()


def dbt_executable() -> str:
    """Return the dbt of this environment, whether or not it is on the path."""
    return str(Path(sys.executable).parent / "dbt")


def sources_digest() -> str:
    """Return one hash over every file of the dbt project."""
    total = hashlib.sha256()
    for part in PARTS:
        place = DBT_DIR / part
        for path in [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file()):
            total.update(str(path.relative_to(DBT_DIR)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@cache
def dbt_project() -> DbtProject:
    """Return the project with its artefacts kept in the home folder."""
    # Two seconds to import: only who builds pays them.
    from dagster_dbt import DbtProject

    settings = Settings.from_environment()
    for name, value in settings.for_dbt().items():
        os.environ.setdefault(name, value)
    # Where dagster-dbt looks for the parsed project, so that an invocation need not parse it again.
    os.environ["DBT_TARGET_PATH"] = str(settings.dbt_target)
    os.environ["DBT_LOG_PATH"] = str(settings.home / "dbt" / "logs")
    return DbtProject(DBT_DIR, profiles_dir=DBT_DIR, target_path=settings.dbt_target)


def manifest_path() -> Path:
    """Return the manifest; parse the project first where it is missing or older than the project."""
    settings = Settings.from_environment()
    settings.dbt_target.mkdir(parents=True, exist_ok=True)
    with PARSING, (settings.dbt_target / "parsing.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # nor do two processes write it at once
        return _manifest(settings)


def _manifest(settings: Settings) -> Path:
    manifest, mark = settings.dbt_target / "manifest.json", settings.dbt_target / "manifest.digest"
    digest = f"{sources_digest()} {settings.for_dbt()['TIDEWAITER_TARGET']}"
    if not manifest.exists() or not mark.exists() or mark.read_text() != digest:
        settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
        _parse(settings)
        mark.write_text(digest)
    return manifest


def _parse(settings: Settings) -> None:
    command = [
        dbt_executable(), "parse", "--quiet", "--project-dir", str(DBT_DIR),
        "--profiles-dir", str(DBT_DIR), "--target-path", str(settings.dbt_target),
    ]  # fmt: skip
    environment = {**os.environ, **settings.to_environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The dbt project does not parse:\n{done.stdout}\n{done.stderr}")


@dataclass(frozen=True)
class Compiled:
    """The project as SQL, and the dbt invocation that made it of it."""

    steps: list[Step]
    invocation_id: str


@dataclass
class Dbt:
    """dbt within this process: started and parsed once, so that a build costs what its SQL costs."""

    settings: Settings

    def stream(self, arguments: Sequence[str], place: str) -> Iterator[dict[str, Any]]:
        """Run a dbt command and yield what its log says of each node, as it goes on.

        `place` names the folder of the run's logs and compiled SQL. dbt's own hold of the warehouse file is
        given up when this ends, however it ends. Raises `BuildFailed` with what dbt says of each node that failed.
        """
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner
        from dbt_common.events.functions import msg_to_dict

        events: SimpleQueue[Any] = SimpleQueue()
        runner = dbtRunner(manifest=self._manifest, callbacks=[events.put])
        target = self.settings.dbt_target / place
        try:
            with ThreadPoolExecutor(1, "dbt") as thread:
                running = thread.submit(runner.invoke, [*arguments, *self._flags(target), "--no-write-json"])
                running.add_done_callback(lambda _running: events.put(None))
                while (event := events.get()) is not None:
                    if hasattr(event.data, "node_info"):
                        yield msg_to_dict(event)
        finally:
            DuckDBConnectionManager.close_all_connections()
        done = running.result()
        if not done.success:
            raise BuildFailed(_failures(done))

    @cached_property
    def touched(self) -> Compiled:
        """Every model and data test as SQL for a build of what was touched; compiled once, without the warehouse."""
        from dbt.cli.main import dbtRunner

        told: list[Any] = []
        runner = dbtRunner(manifest=self._manifest, callbacks=[told.append])
        chosen = ["--exclude", "resource_type:unit_test", "--vars", "{touched_alone: true}"]
        flags = self._flags(self.settings.dbt_target / "touched")
        done = runner.invoke(
            ["compile", *chosen, *flags, "--no-introspect", "--no-populate-cache", "--no-write-json"]
        )
        if not done.success:
            raise BuildFailed(_failures(done))
        compiled: Any = done.result
        return Compiled(steps_of(result.node for result in compiled.results), told[-1].info.invocation_id)

    @cached_property
    def _manifest(self) -> Any:
        from dbt.cli.main import dbtRunner

        manifest_path()  # where it has to be parsed anew, another process does it, once for all
        done = dbtRunner().invoke(["parse", *self._flags(self.settings.dbt_target)])
        if not done.success:
            raise BuildFailed(f"The dbt project does not parse: {done.exception}")
        return done.result

    def _flags(self, target: Path) -> list[str]:
        return [
            "--quiet", "--project-dir", str(DBT_DIR), "--profiles-dir", str(DBT_DIR), "--target-path", str(target),
            "--log-path", str(target), "--log-level-file", "info",
        ]  # fmt: skip


def _failures(done: Any) -> str:
    told = [
        f"{result.node.resource_type} {result.node.name}: {' '.join(str(result.message).split())}"
        for result in (done.result.results if done.result else [])
        if result.status in ("error", "fail", "runtime error")
    ]
    return "; ".join(told) or f"dbt ended without a result: {done.exception}"
