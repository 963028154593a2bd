"""Settings, read once from the environment at the edge; everything after takes them as an argument."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# Nothing leaves the machine that the user did not ask for: set before any of these libraries is imported.
QUIET = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}
os.environ.update(QUIET)
# What DuckDB holds in memory; what needs more goes through the disk.
WAREHOUSE_MEMORY = "2500MB"


@dataclass(frozen=True)
class Settings:
    """Where everything made at run time lives, and which store holds the decisions."""

    home: Path
    datasets: Path | None
    store_url: str
    landing_url: str | None = None
    lake_catalogue: str | None = None
    lake_data: str | None = None
    warehouse_memory: str = WAREHOUSE_MEMORY

    @classmethod
    def from_environment(cls) -> Settings:
        """Read what of `TIDEWAITER_*` stands in the environment; the README lists the variables."""
        home = Path(os.environ.get("TIDEWAITER_HOME") or PROJECT_ROOT / "var").resolve()
        datasets = os.environ.get("TIDEWAITER_DATASETS")
        store = os.environ.get("TIDEWAITER_STORE_URL") or f"sqlite:///{home / 'operational.db'}"
        landing = os.environ.get("TIDEWAITER_LANDING_URL") or None
        catalogue, data = (
            os.environ.get(f"TIDEWAITER_LAKE_{part}") or None for part in ("CATALOGUE", "DATA")
        )
        memory = os.environ.get("TIDEWAITER_WAREHOUSE_MEMORY") or WAREHOUSE_MEMORY
        return cls(home, Path(datasets) if datasets else None, store, landing, catalogue, data, memory)

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make a child process read the same settings."""
        environment = {
            **QUIET,
            "TIDEWAITER_HOME": str(self.home),
            "TIDEWAITER_STORE_URL": self.store_url,
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_EVENT_BATCH_SIZE": "1000",  # what a run plans is stored in one transaction
            **self.for_dbt(),
        }
        if self.landing_url:
            environment["TIDEWAITER_LANDING_URL"] = self.landing_url
        if self.datasets:
            environment["TIDEWAITER_DATASETS"] = str(self.datasets)
        return environment

    def for_dbt(self) -> dict[str, str]:
        """Return the variables that dbt's profile reads: which target, and where it lies."""
        lake = {"CATALOGUE": self.lake_catalogue, "DATA": self.lake_data}
        told = {f"TIDEWAITER_LAKE_{part}": value for part, value in lake.items() if value}
        told["TIDEWAITER_WAREHOUSE_MEMORY"] = self.warehouse_memory
        if self.lake_catalogue or self.lake_data:
            return {"TIDEWAITER_TARGET": "lake", "TIDEWAITER_SPILL": str(self.spill), **told}
        return {"TIDEWAITER_TARGET": "duckdb", "TIDEWAITER_WAREHOUSE": str(self.warehouse_path), **told}

    @property
    def landing(self) -> Path:
        """Files as partners drop them: landing/<tenant>/<feed>/<file>."""
        return self.home / "landing"

    @property
    def outgoing(self) -> Path:
        """Answers to files, for partners to pick up: outgoing/<tenant>/<feed>/<file>."""
        return self.home / "outgoing"

    @property
    def upcoming(self) -> Path:
        """What a replay lands next, in the same layout."""
        return self.home / "upcoming"

    @property
    def originals(self) -> Path:
        """The bytes of every file, by hash."""
        return self.home / "originals"

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB file that orchestration alone opens."""
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def spill(self) -> Path:
        """Where DuckDB puts aside what does not fit in its memory while it builds a lake; a file's lies beside it."""
        return self.home / "warehouse" / "spill"

    @property
    def published(self) -> Path:
        """Marts as everyone else may read them."""
        return self.home / "published"

    @property
    def models(self) -> Path:
        """The model registry."""
        return self.home / "models"

    @property
    def truth(self) -> Path:
        """What really happened in the simulated network, and why."""
        return self.home / "truth" / "demo.jsonl"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.home / "dagster"

    @property
    def dbt_target(self) -> Path:
        """Where dbt writes its manifest and its compiled SQL."""
        return self.home / "dbt" / "target"
