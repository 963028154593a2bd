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


class Recorder:
    """Counts what pytest reports and writes the record when it is done."""

    def __init__(self, chosen: str) -> None:
        self.began, self.chosen = time.monotonic(), chosen
        self.tests = {"passed": 0, "failed": 0, "skipped": 0}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.tests[report.outcome] += 1

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a worker did; one that broke down tells nothing, and fails the run."""
        figures.add(getattr(node, "workeroutput", {}).get("figures", []))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        shown = {
            "figures": figures.told(),
            "tests": self.tests,
            "rounds": sizes.ROUNDS,
            "chosen": self.chosen,
        }
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED and not self.tests["failed"]
        outcome = "stopped" if stopped else "held" if exitstatus == 0 else "failed"
        record("faults", shown, time.monotonic() - self.began, outcome)


class Teller:
    """In a worker of a run on several processors: tells what was done there to whoever records it."""

    def __init__(self, output: dict[str, Any]) -> None:
        self.output = output

    def pytest_sessionfinish(self) -> None:
        self.output["figures"] = figures.told()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    if hasattr(config, "workeroutput"):
        config.pluginmanager.register(Teller(config.workeroutput), "tidewaiter-figures")
        return
    config.pluginmanager.register(Recorder(config.getoption("markexpr")), "tidewaiter-record")
