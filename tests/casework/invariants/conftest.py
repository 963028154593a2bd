"""Empty desks, one after another, on both stores; and how long a proof may look for a smaller failure."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from casework.store import work
from tests.casework.conftest import TEMPLATE, Template, _administer, database
from tests.casework.office import Office
from tests.casework.opened import opened


@dataclass
class Stores:
    """Makes a fresh copy of a set-up store for each history."""

    name: str
    folder: Path
    template: Template
    server: str | None = None
    opened: list[tuple[Office, str]] = field(default_factory=list)

    def fresh(self) -> Office:
        """A desk nobody has worked at."""
        name = f"t_{uuid.uuid4().hex}"
        home = self.folder / name
        shutil.copytree(self.template.home, home)
        if self.server is None:
            return Office(opened(f"sqlite:///{home}/operational.db"), home)
        _administer(self.server, f"create database {name} template {TEMPLATE}")
        return Office(opened(database(self.server, name)), home)

    def done(self, office: Office) -> None:
        """Throw a desk away."""
        office.engine.dispose()
        shutil.rmtree(office.home)
        if self.server is not None:
            _administer(self.server, f"drop database {office.home.name} with (force)")


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Fresh desks on each store."""
    template: Template = request.getfixturevalue(f"{request.param}_template")
    server = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    named: Any = work.ULID
    yield Stores(request.param, tmp_path, template, server)
    work.ULID = named


@pytest.fixture(scope="session")
def looks_for_less() -> bool:
    """Whether a failing history is made smaller: not where a seeded bug is expected to fail."""
    return "TIDEWAITER_MUTANT" not in os.environ
