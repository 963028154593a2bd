"""What the assets are given: the settings, the warehouse and the door to casework, built once per process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from casework import telemetry
from casework.config import Config, load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import open_store
from casework.taken_in import TakenIn
from data.contract import TENANT_SOURCES, Contract, load_contracts
from data.mapping.held import Mappings
from data.originals import Originals
from orchestration.dbt import Dbt
from orchestration.lake import Lake
from orchestration.looking import Looks
from orchestration.places import OneFile
from orchestration.publication import Publisher
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

if TYPE_CHECKING:
    from ml.registry import Registry
    from orchestration.bucket import Bucket
    from orchestration.columns import Columns


def utcnow() -> datetime:
    """Return desk time: the wall clock, aware."""
    return datetime.now(UTC)


@dataclass
class Platform:
    """Everything a stage of the path needs, opened when first used."""

    settings: Settings
    clock: Callable[[], datetime] = utcnow
    # By tenant: what was taken up when that changed nothing, and the newest audit entry by then.
    taken_up: dict[str, tuple[tuple[str, str], str]] = field(default_factory=dict, repr=False)
    taken_in: TakenIn = field(default_factory=TakenIn, repr=False)
    looks: Looks = field(default_factory=Looks, repr=False)
    _mappings: Mappings | None = field(default=None, repr=False)

    @cached_property
    def warehouse(self) -> Warehouse:
        """What is true and what follows from it: one DuckDB file, or a lake that many hosts read."""
        told, memory = self.settings.for_dbt(), self.settings.warehouse_memory
        os.environ |= told
        if told["TIDEWAITER_TARGET"] == "duckdb":
            return Warehouse(OneFile(self.settings.warehouse_path), memory)
        return Warehouse(Lake.from_environment(told), memory)

    @cached_property
    def publisher(self) -> Publisher:
        """What makes publications of the warehouse."""
        return Publisher(self.warehouse, self.settings.published)

    @cached_property
    def dbt(self) -> Dbt:
        """What builds the warehouse, within this process."""
        return Dbt(self.settings)

    @cached_property
    def columns(self) -> Columns:
        """What the columns of a built model are made of."""
        from orchestration.columns import Columns  # it stands on Dagster: only who builds pays for it

        return Columns(self.warehouse)

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
    def bucket(self) -> Bucket | None:
        """Where files land in an object store, if they do."""
        from orchestration.bucket import Bucket

        return Bucket(self.settings.landing_url) if self.settings.landing_url else None

    @cached_property
    def registry(self) -> Registry:
        """The models in use, of every tenant."""
        from ml.registry import Registry  # seconds to import: only who scores pays them

        return Registry(self.settings.models)

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

    @property
    def mappings(self) -> Mappings:
        """The users' own mapping files; one that is new or edited counts from the next question on."""
        folder = self.settings.home / "mappings"
        if self._mappings is None or not self._mappings.is_current(folder):
            self._mappings = Mappings.read(folder, self.contracts, set(self.config.tenants))
        return self._mappings

    def contract_of(self, tenant_id: str, feed: str) -> Contract | None:
        """Return the contract a tenant's feed is held to, or None where there is none.

        A feed may be a mapping's; one whose mapping cannot be used is no feed until it is mended (its files
        stay in landing), and `mappings.broken` says why.
        """
        known = (self.contracts.get((source, feed)) for source in TENANT_SOURCES.get(tenant_id, ()))
        packaged = next((contract for contract in known if contract), None)
        return packaged or self.mappings.feeds.get((tenant_id, feed))

    def feeds(self) -> list[tuple[str, str]]:
        """Return (tenant, feed) of every feed that is held to something."""
        packaged = {(tenant, one.feed) for one in self.contracts.values() for tenant in one.tenants()}
        return sorted(packaged | set(self.mappings.feeds))

    def feeds_of(self, contract: Contract) -> list[tuple[str, Contract]]:
        """Return (tenant, contract held to) of every feed that ends in this contract's raw table."""
        own = [(tenant, contract) for tenant in contract.tenants()]
        return own + self.mappings.onto(contract.table_name)
