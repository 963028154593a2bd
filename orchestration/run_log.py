"""Dagster's run storage in SQLite, with its database kept open between questions.

The stock storage makes an engine, opens the database and closes it for every question, and to find out whether a plan
is stored it reads the whole of it. What it stores, and where, is unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine

from orchestration.event_log import opened


class KeptOpenRunStorage(SqliteRunStorage):
    """The stock storage, but for how it connects."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It takes no configuration: the file lies where the stock storage keeps it."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptOpenRunStorage:
        """Open the runs of the instance in DAGSTER_HOME."""
        return cls.from_local(str(Path(os.environ["DAGSTER_HOME"]) / "history"), inst_data)

    @cached_property
    def _engine(self) -> Engine:
        return opened(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection, and commit what was done with it."""
        with self._engine.begin() as connection:
            yield connection

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Say whether a plan is stored."""
        return self._has_snapshot_id(execution_plan_snapshot_id)

    def dispose(self) -> None:
        """Close what is open."""
        self._engine.dispose()
        super().dispose()
