"""How dbt comes to the lake: a plugin of dbt-duckdb that `profiles.yml` names."""

from __future__ import annotations

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from orchestration.lake import Lake


class Plugin(BasePlugin):
    """Called before dbt attaches the lake."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Load the extensions and tell them where the lake is."""
        Lake.from_environment().introduce(conn)
