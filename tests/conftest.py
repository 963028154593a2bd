"""One built platform for the tests of the whole path: made by the real command, copied by whoever changes it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TIDEWAITER = Path(sys.executable).parent / "tidewaiter"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the running platform, the longest file: one process takes it whole while the other does the rest."""
    items.sort(key=lambda item: "system" not in item.path.parent.name)


@dataclass(frozen=True)
class Home:
    """A home folder and the real command line over it."""

    path: Path
    output: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a process over this home is started with."""
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("TIDEWAITER_CRASH", "OPENAI_", "DAGSTER_"))
        }
        return {**kept, "TIDEWAITER_HOME": str(self.path), "NO_COLOR": "1", "COLUMNS": "200"}

    def run(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `tidewaiter` with these arguments."""
        done = subprocess.run(
            [str(TIDEWAITER), *arguments],
            env={**self.environment, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"tidewaiter {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *arguments: str) -> Any:
        """Return what a command prints with --json."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def copy(self, target: Path) -> Home:
        """Return a copy to change."""
        shutil.copytree(self.path, target, symlinks=True)
        return Home(target, self.output)


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The whole path run once with the real command; nobody changes this one.

    While working on one test, TIDEWAITER_BUILT_HOME names a home that was built before.
    """
    if ready := os.environ.get("TIDEWAITER_BUILT_HOME"):
        yield Home(Path(ready))
        return
    home = Home(tmp_path_factory.mktemp("built") / "var")
    done = home.run("run")
    yield Home(home.path, done.stdout + done.stderr)
