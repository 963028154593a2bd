"""What arrives, carried to cases at once: the pipeline's own assets, run within one long-lived process.

It compares the same levels as the landing sensor. While it lives it holds a lock that the kernel gives back when
it dies, however it dies; the sensor leaves the work to whoever holds that lock, and takes what was left too long.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from data.contract import expectation_suite
from ml.errors import LearningError
from orchestration import publishing
from orchestration.errors import CodeChanged, OrchestrationError
from orchestration.landing import register_landed
from orchestration.loading import waiting_for
from orchestration.pipeline import Runs
from orchestration.resources import Platform
from orchestration.settings import Settings
from orchestration.watching import Moves

log = logging.getLogger(__name__)

# How often all that is loaded is compared with what was built, which takes longer the more there is.
COMPARE_EVERY = timedelta(minutes=5)
# What still waits after this long is taken by a run of the daemon.
PATIENCE = timedelta(minutes=2)
# After a run the warehouse stays open for what comes so soon, while nobody else waits for it; looked for so often.
LINGER_SECONDS, LOOK_SECONDS = 300.0, 0.5
# After a run that failed the same work is tried again after this long, longer each time up to the last.
RETRY_SECONDS = (5.0, 15.0, 60.0)


class HotPath:
    """Carries what waits through to cases, as often as it is asked."""

    def __init__(self, platform: Platform) -> None:
        """Take over what the runs need; it is opened by `prepare`, or when something waits for the first time."""
        self.platform = platform
        self._runs: Runs | None = None
        self._moves = Moves()
        self._compared_at: datetime | None = None
        self._code = publishing.code_on_disk()

    def prepare(self) -> None:
        """Import, parse and compile what runs need: what arrives first then waits no longer than what comes later."""
        self._runs = self._runs or Runs(self.platform)
        _compiled = self.platform.dbt.touched
        for tenant in self.platform.config.tenants:
            with suppress(LearningError):  # whoever scores tells of it
                self.platform.registry.load(tenant)
        for contract in self.platform.contracts.values():
            expectation_suite(contract)
        # The parsed project and the libraries are kept for good: no run waits for them to be looked through.
        gc.collect()
        gc.freeze()

    def carry(self, stop: threading.Event | None = None) -> dict[str, float] | None:
        """Carry what waits; return the seconds of each stage of the last run, or None where nothing waited.

        Only what follows from it is built, where all else was built before from what is in force now. Until asked
        to `stop` it goes on with what comes within five minutes, as long as nobody else waits for the warehouse: to
        open it again takes a while.
        Raises `PipelineFailed` with the stage that failed (what was loaded stays loaded), `CodeChanged`
        where another process has to do it.
        """
        register_landed(self.platform, moved=self._moves.take())
        if not waiting_for(self.platform).keys and not self._is_left_behind():
            return None
        self._check_code()  # nobody waits for the lock in vain
        with self.platform.warehouse.lock():
            seconds = self._run()
            while stop is not None and self._is_followed(stop):
                self._check_code()
                seconds = self._run() or seconds
        return seconds

    def _check_code(self) -> None:
        if publishing.code_on_disk() != self._code:
            raise CodeChanged(
                "Models, code or configuration were changed since this process began. Start it again."
            )

    def _run(self) -> dict[str, float] | None:
        runs = self._runs = self._runs or Runs(self.platform)
        waiting = waiting_for(self.platform)  # a run that was under way has taken the rest
        is_current = publishing.is_current(self.platform)
        if is_current and not waiting.keys:
            return None
        self._compared_at = None  # should this fail, the next look finds what is left behind
        seconds = runs.carry(tables=waiting.tables if is_current else None)
        self._compared_at = self.platform.clock()
        log.info("carried in %.1f s: %s", sum(seconds.values()), seconds)
        return seconds

    def _is_followed(self, stop: threading.Event) -> bool:
        """Wait for what comes next; say whether something did while nobody else waited for the warehouse."""
        until = time.monotonic() + LINGER_SECONDS
        while (left := until - time.monotonic()) > 0 and not stop.is_set():
            if self.platform.warehouse.is_wanted():
                return False
            self._moves.wait(min(left, LOOK_SECONDS))
            register_landed(self.platform, moved=self._moves.take())
            if waiting_for(self.platform).keys:
                return True
        return False

    def _is_left_behind(self) -> bool:
        """Say whether something is loaded that is in no publication, as after a kill; looked up now and then."""
        now = self.platform.clock()
        if self._compared_at is not None and now - self._compared_at < COMPARE_EVERY:
            return False
        is_current = publishing.is_current(self.platform)
        self._compared_at = now if is_current else None
        return not is_current

    def run_forever(self, stop: threading.Event, interval: float) -> None:
        """Look every `interval` seconds, and whenever a file is moved in, until asked to stop; try again what fails."""
        with alive(self.platform.settings), self._moves.watching(self.platform.settings.landing):
            self.prepare()
            failures = 0
            while not self._is_stopped(stop, interval, failures):
                try:
                    self.carry(stop)
                except CodeChanged as changed:  # whoever keeps this process alive starts it again
                    log.info("%s", changed)
                    return
                except OrchestrationError as failed:
                    failures += 1
                    log.error("%s", failed)
                else:
                    failures = 0

    def _is_stopped(self, stop: threading.Event, interval: float, failures: int) -> bool:
        """Wait until it is time for the next look; say whether there is none."""
        if failures:
            return stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
        self._moves.wait(interval)
        return stop.is_set()


def _lock_path(settings: Settings) -> Path:
    return settings.home / "hotpath.lock"


@contextmanager
def alive(settings: Settings) -> Iterator[None]:
    """Be the one hot path of this home while inside; wait for whoever is."""
    with _lock_path(settings).open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def is_alive(settings: Settings) -> bool:
    """Say whether a hot path runs over this home."""
    with _lock_path(settings).open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
