"""What a run of the proofs showed, kept: figures, seed, commit, versions, duration, outcome; one JSON line each.

A pytest plugin (`-p tests.faults.recording`) for `make faults`; `make mutants` calls `record` itself. Records
go to var/reliability; `python -m tests.faults.report --keep` takes the newest ones into the documents.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.faults import figures, sizes

ROOT = Path(__file__).parent.parent.parent
RECORDS = ROOT / "var" / "reliability" / "records.jsonl"
PROGRESS = RECORDS.with_name("progress.jsonl")
GO_ON = (
    "TIDEWAITER_FAULT_GO_ON"  # set, a run goes on where an earlier one of the same commit and size was ended
)
RECORDER, HELD, SHOWN = "tidewaiter-record", "tidewaiter_held", "tidewaiter_figures"
LIBRARIES = ("hypothesis", "sqlalchemy", "psycopg", "pytest", "openai")


def record(kind: str, shown: dict[str, Any], seconds: float, outcome: str) -> dict[str, Any]:
    """Append one record and return it."""
    made = {
        "kind": kind,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _git("rev-parse", "HEAD"),
        "has_uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "size": sizes.SIZE,
        "seed": sizes.SEED,
        "seconds": round(seconds),
        "processors": os.cpu_count(),
        "outcome": outcome,  # held, failed, or stopped: by hand, and nothing had failed by then
        "versions": versions(),
        **shown,
    }
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    with RECORDS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(made, sort_keys=True) + "\n")
    return made


def versions() -> dict[str, str]:
    """Return what the run stood on."""
    found = {name: version(name) for name in LIBRARIES}
    return found | {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


class Progress:
    """What has held so far at one commit, size and seed, a line a test: a run that was ended can be gone on with."""

    def __init__(self, chosen: str, goes_on: bool) -> None:
        """Read what an earlier sitting of the same run left, if this one goes on with it; else begin anew."""
        run = {
            "commit": _git("rev-parse", "HEAD"), "size": sizes.SIZE, "seed": sizes.SEED, "rounds": sizes.ROUNDS,
            "chosen": chosen,
        }  # fmt: skip
        self.lines: list[dict[str, Any]] = []
        self.is_ended = False
        if goes_on and PROGRESS.exists() and not _git("status", "--porcelain", "--untracked-files=no"):
            first, *lines = map(json.loads, PROGRESS.read_text(encoding="utf-8").splitlines())
            self.lines = lines if first == run else []
        self.sitting = 1 + max((line["sitting"] for line in self.lines), default=0)
        PROGRESS.parent.mkdir(parents=True, exist_ok=True)
        PROGRESS.write_text("".join(json.dumps(line) + "\n" for line in [run, *self.lines]), encoding="utf-8")

    def end(self) -> None:
        """Keep nothing of a run in which something failed: it is not gone on with."""
        self.is_ended = True
        PROGRESS.unlink(missing_ok=True)

    def add(self, test: str, shown: list[dict[str, Any]], seconds: float) -> None:
        """Note that a test held, and what it did."""
        if self.is_ended:
            return
        line = {"test": test, "figures": shown, "sitting": self.sitting, "seconds": round(seconds)}
        self.lines.append(line)
        with PROGRESS.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    @property
    def held(self) -> list[str]:
        """The tests that held."""
        return [line["test"] for line in self.lines]

    def seconds_of_others(self) -> float:
        """How long the earlier sittings had taken when their last test held."""
        last = {line["sitting"]: line["seconds"] for line in self.lines}
        return sum(seconds for sitting, seconds in last.items() if sitting != self.sitting)


class Recorder:
    """Counts what pytest reports and writes the record when it is done."""

    def __init__(self, chosen: str, goes_on: bool) -> None:
        self.began, self.chosen = time.monotonic(), chosen
        self.progress = Progress(chosen, goes_on)
        self.before = self.progress.held
        self.tests = {"passed": len(self.before), "failed": 0, "skipped": 0}
        self.figures = [row for line in self.progress.lines for row in line["figures"]]
        self.not_held: set[str] = set()

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a process that runs tests what need not be run again."""
        node.workerinput[HELD] = self.before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.tests[report.outcome] += 1
        if report.outcome == "failed":
            self.progress.end()
        if report.outcome != "passed":
            self.not_held.add(report.nodeid)
        if report.when == "teardown":
            shown: Any = dict(report.user_properties).get(SHOWN, [])
            self.figures += shown
            if report.nodeid not in self.not_held:
                self.progress.add(report.nodeid, shown, time.monotonic() - self.began)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        shown = {
            "figures": figures.summed(self.figures),
            "tests": self.tests,
            "rounds": sizes.ROUNDS,
            "chosen": self.chosen,
        }
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED and not self.tests["failed"]
        held = exitstatus == 0 or (exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and bool(self.before))
        outcome = "stopped" if stopped else "held" if held else "failed"
        seconds = time.monotonic() - self.began + self.progress.seconds_of_others()
        record("faults", shown, seconds, outcome)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Send what a test did along with its last report, from whichever process ran it."""
    report = yield
    if report.when == "teardown":
        report.user_properties.append((SHOWN, figures.take()))
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what held before; deal what takes longest to the two processes that share the tests by halves."""
    recorder = config.pluginmanager.get_plugin(RECORDER)
    held = set(recorder.before if recorder else getattr(config, "workerinput", {}).get(HELD, ()))
    left = [item for item in items if item.nodeid not in held]
    long = [item for item in left if item.get_closest_marker("long")]
    short = [item for item in left if not item.get_closest_marker("long")]
    half = len(short) // 2
    items[:] = [*long[::2], *short[:half], *long[1::2], *short[half:]]


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count, where the run is led; a list of tests is no run."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        goes_on = os.environ.get(GO_ON, "") != ""
        config.pluginmanager.register(Recorder(config.getoption("markexpr"), goes_on), RECORDER)
