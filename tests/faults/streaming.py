"""A receiver and a loader over one home, started from a server that has imported all they need, to be killed."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from casework import ledger
from orchestration import loading, receiver
from orchestration.landing import register_landed
from orchestration.resources import Platform
from tests.system.posting import SECRETS, settings_of

FEEDS = ("weather", "shipment")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def _receive(home: str, port: int) -> None:
    receiver.serve(
        Platform(settings_of(Path(home))), SECRETS, port, receiver.Limits(), lambda _sentence: None
    )


def _load(home: str) -> None:
    # What Great Expectations says of the loaded rows is for the page, and takes seconds to import.
    loading.gate = lambda *_given: iter(())  # type: ignore[assignment]
    platform = Platform(settings_of(Path(home)))
    while True:
        load_once(platform)
        time.sleep(0.02)


def load_once(platform: Platform) -> None:
    """Do what a run does up to the warehouse's raw tables, for both feeds."""
    with platform.warehouse.lock():
        ledger.release_claims(platform.engine)  # whoever held one held this lock too
        register_landed(platform, settle_seconds=0)
        for feed in FEEDS:
            contract = platform.contract_of("demo", feed)
            assert contract is not None
            found = loading.load_feed(platform, contract, "demo", "run")
            assert not found.gaps, found.gaps


def start(what: str, home: Path, port: int) -> ForkServerProcess:
    """Start one of the two."""
    arguments = (str(home), port) if what == "receiver" else (str(home),)
    process = _CONTEXT.Process(target=_receive if what == "receiver" else _load, args=arguments, daemon=True)
    process.start()
    return process
