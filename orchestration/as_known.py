"""What was known at an instant: the facts of the warehouse, built again from nothing that came later.

Every raw row carries when it was known (`_recorded_at`), so the past needs no snapshots: the rows known by then
go into a file of their own, the tenants' clocks are set to that instant, and the same models are built from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from casework.identity import decisions
from orchestration.dbt import DBT_DIR, dbt_executable
from orchestration.errors import ClockRefused, OrchestrationError, PipelineFailed
from orchestration.pipeline import check_tenants
from orchestration.places import OneFile
from orchestration.resources import Platform
from orchestration.warehouse import ARRIVALS_TABLES, BUILT_TABLES, SCORES_COLUMNS, TOLD_TABLES, Warehouse

FACTS = ("build", "--quiet", "--exclude", "tag:decide", "--exclude-resource-type", "unit_test")
# What is told of a moment and not of all times: empty in the copy.
TOLD_OF_NOW = ARRIVALS_TABLES.keys() | {"reference_decisions"}


@dataclass(frozen=True)
class AsKnown:
    """A finished file: the facts of some tenants as they were known at an instant (UTC), rows by table."""

    path: Path
    at: datetime
    tenants: tuple[str, ...]
    rows: dict[str, int]


def build(platform: Platform, at: datetime, to: Path, tenants: Sequence[str] | None = None) -> AsKnown:
    """Build the facts that were known at an aware instant into a new DuckDB file.

    Conclusions (scores, exceptions) are not in it: a case tells what was concluded and when. Raises
    `OrchestrationError` where the file exists already or a tenant is unknown, `ClockRefused` where a tenant has
    not come that far, `PipelineFailed` where the models do not build.
    """
    chosen = check_tenants(platform, tenants)
    if to.exists():
        raise OrchestrationError(f"{to} is there already, and nothing is written over. Name another file.")
    for tenant in chosen:
        now = platform.casework.clock_of(tenant).as_of
        if now < at:
            raise ClockRefused(
                f"{tenant} stands at {now:%Y-%m-%d %H:%M}Z: what it will know at {at:%Y-%m-%d %H:%M}Z nobody "
                "knows yet. Ask for an earlier instant, or name the tenants that have come that far."
            )
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".as_known_", dir=to.parent) as folder:
        draft = Path(folder) / to.name  # the same name: views name the file they stand in
        with platform.warehouse.lock():
            copy_known(platform.warehouse, draft, at, chosen)
        told = [row for tenant in chosen for row in _decisions(platform, tenant, at)]
        Warehouse(OneFile(draft)).replace_told("reference_decisions", told)
        build_facts(draft, Path(folder), platform.settings.to_environment())
        rows = count_marts(draft)
        shutil.move(draft, to)
    return AsKnown(to, at, tuple(chosen), rows)


def _decisions(platform: Platform, tenant_id: str, at: datetime) -> list[dict[str, Any]]:
    """Return the decisions about references that stood at an instant; where that is now, those that stand.

    The desk's clock may be ahead of the tenant's, whose files are of another day.
    """
    is_now = at >= platform.casework.clock_of(tenant_id).as_of
    return decisions.standing(platform.engine, tenant_id, None if is_now else at)


def copy_known(warehouse: Warehouse, target: Path, at: datetime, tenants: Sequence[str]) -> None:
    """Copy the raw rows of some tenants that were known at an instant; what came later is not in the copy.

    Nor are decisions about references, of which the store knows when each was made and undone.
    """
    with warehouse.connect() as connection:
        named = (
            "select table_name from duckdb_tables() "
            "where database_name = current_database() and schema_name = 'raw'"
        )
        tables = [str(row[0]) for row in connection.execute(named).fetchall()]
        if not tables:
            raise OrchestrationError("There is no warehouse yet: run `tidewaiter run` first.")
        path = str(target).replace("'", "''")  # a path cannot be bound here; it is our own
        connection.execute(f"attach '{path}' as past")
        for schema in ("raw", "ml"):
            connection.execute(f"create schema past.{schema}")
        connection.execute(f"create table past.ml.arrival_scores ({SCORES_COLUMNS})")
        for table in tables:
            clause = _known(table)
            connection.execute(
                f'create table past.raw."{table}" as from raw."{table}" where {clause}',
                {"at": at, "tenants": list(tenants)} if "$at" in clause else {"tenants": list(tenants)},
            )
        for table in BUILT_TABLES.keys() - set(tables):  # of an older release
            connection.execute(f"create table past.raw.{table} ({BUILT_TABLES[table]})")
        connection.execute("update past.raw.tenant_clocks set as_of = $at", {"at": at})
        connection.execute("detach past")


def _known(table: str) -> str:
    """The clause for what of a raw table was known."""
    if table in BUILT_TABLES:
        return "len($tenants) < 0"  # nothing is built there yet
    if table not in TOLD_TABLES:
        return "list_contains($tenants, _tenant_id) and _recorded_at <= $at"
    return f"list_contains($tenants, tenant_id){' and false' if table in TOLD_OF_NOW else ''}"


def build_facts(warehouse: Path, place: Path, environment: Mapping[str, str]) -> None:
    """Build every model that is true by itself into a warehouse file; raise `PipelineFailed` with what dbt said."""
    command = [dbt_executable(), *FACTS, "--project-dir", str(DBT_DIR), "--profiles-dir", str(DBT_DIR)]
    own = {
        "TIDEWAITER_TARGET": "duckdb",
        "TIDEWAITER_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(place / "target"),
        "DBT_LOG_PATH": str(place / "logs"),
    }
    done = subprocess.run(
        command, env={**os.environ, **environment, **own}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PipelineFailed(
            f"The models could not be built as of then:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
        )


def count_marts(warehouse: Path) -> dict[str, int]:
    """Return mart -> rows, in name order."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        named = "select table_name from duckdb_tables() where schema_name = 'marts' order by table_name"
        tables = [str(row[0]) for row in connection.execute(named).fetchall()]
        return {table: _count(connection, table) for table in tables}


def _count(connection: Any, table: str) -> int:
    return int(connection.execute(f'select count(*) from marts."{table}"').fetchall()[0][0])
