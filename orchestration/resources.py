"""What the assets are given: the settings, the warehouse and the door to casework, built once per process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Engine

from casework import telemetry
from casework.config import Config, load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import open_store
from data.contract import TENANT_SOURCES, Contract, load_contracts
from data.originals import Originals
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse


def utcnow() -> datetime:
    """Return desk time: the wall clock, aware."""
    return datetime.now(UTC)


@dataclass
class Platform:
    """Everything a stage of the path needs, opened when first used."""

    settings: Settings
    clock: Callable[[], datetime] = utcnow

    @cached_property
    def warehouse(self) -> Warehouse:
        """The one DuckDB file."""
        os.environ["TIDEWAITER_WAREHOUSE"] = str(self.settings.warehouse_path)
        return Warehouse(self.settings.warehouse_path)

    @cached_property
    def engine(self) -> Engine:
        """The operational store."""
        return open_store(self.settings.store_url)

    @cached_property
    def config(self) -> Config:
        """The catalogue, the tenants, the policies."""
        return load_config()

    @cached_property
    def contracts(self) -> dict[tuple[str, str], Contract]:
        """Every feed contract, by source and feed."""
        return load_contracts()

    @cached_property
    def originals(self) -> Originals:
        """The bytes as they came."""
        return Originals(self.settings.originals)

    @cached_property
    def casework(self) -> Casework:
        """The one door to decisions."""
        telemetry.begin("tidewaiter-orchestration", os.environ)
        home = self.settings.home
        drafter = Drafter.of_store(self.engine, self.config)
        keys = Keys(home / "keys")
        return Casework(
            self.engine, config=self.config, keys=keys, home=home, clock=self.clock, drafter=drafter
        )

    def contract_of(self, tenant_id: str, feed: str) -> Contract | None:
        """Return the contract a tenant's feed is held to, or None where there is none."""
        source = TENANT_SOURCES.get(tenant_id)
        return self.contracts.get((source, feed)) if source else None

    def tenants_of(self, source: str) -> list[str]:
        """Return the tenants whose feeds come from a source."""
        return [tenant for tenant, own in TENANT_SOURCES.items() if own == source]
