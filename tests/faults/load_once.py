"""One process that loads what has landed, to be killed: `python -m tests.faults.load_once`."""

from __future__ import annotations

from casework import ledger
from casework.store.engine import migrate
from orchestration.assets.raw import raw_tables
from orchestration.landing import register_landed
from orchestration.loading import load_feed
from orchestration.resources import Platform
from orchestration.settings import Settings


def main() -> None:
    """Do what a run does up to the warehouse's raw tables, for the shipment feed of one tenant."""
    platform = Platform(Settings.from_environment())
    migrate(platform.engine)
    platform.casework.bootstrap()
    platform.warehouse.hold()
    ledger.release_claims(platform.engine)
    platform.warehouse.prepare(raw_tables(platform))
    register_landed(platform, settle_seconds=0)
    contract = platform.contract_of("demo", "shipment")
    assert contract is not None
    load = load_feed(platform, contract, "demo", "run")
    assert not load.gaps, load.gaps


if __name__ == "__main__":
    main()
