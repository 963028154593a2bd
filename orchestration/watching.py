"""Files that are moved into the landing folder, as the kernel tells of them the moment it happens.

A file that is moved there is whole, however young: it was written elsewhere, or under an unfinished name. One that
is written in place gives no such sign (who closes it may open it again), and counts once it has stopped changing.
Nothing is lost where the kernel tells nothing: every look compares what lies there, as it would without this.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.events import FileModifiedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler

log = logging.getLogger(__name__)


class Moves(FileSystemEventHandler):
    """What was moved into a folder and not changed since, until it is asked for."""

    def __init__(self) -> None:
        """Know of nothing yet."""
        self._moved: set[str] = set()
        self._lock, self._came = threading.Lock(), threading.Event()

    def on_moved(self, event: FileSystemEvent) -> None:
        """Note a file under its new name."""
        if isinstance(event, FileMovedEvent):
            with self._lock:
                self._moved.discard(str(event.src_path))
                if event.dest_path:  # else it was moved away
                    self._moved.add(str(event.dest_path))
            self._came.set()

    def on_modified(self, event: FileSystemEvent) -> None:
        """Trust a file that is written to after it was moved no more than any other."""
        if isinstance(event, FileModifiedEvent):
            with self._lock:
                self._moved.discard(str(event.src_path))

    def wait(self, seconds: float) -> None:
        """Wait until something is moved into the folder, but not longer than this."""
        self._came.wait(seconds)

    def take(self) -> frozenset[str]:
        """Return the paths that were moved here since this was last asked."""
        self._came.clear()
        with self._lock:
            moved, self._moved = frozenset(self._moved), set()
        return moved

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Be told of a folder and all below it while inside; where the system cannot, be told nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        if not sys.platform.startswith("linux"):
            yield
            return
        from watchdog.observers.inotify import InotifyObserver

        observer = InotifyObserver(generate_full_events=True)  # tells of moves from outside too
        observer.schedule(self, str(folder), recursive=True)
        try:
            observer.start()
        except OSError as refused:  # the kernel watches so many folders for each user and no more
            log.warning("Files that land are looked for, not told of: %s", refused)
            yield
            return
        try:
            yield
        finally:
            observer.stop()
            observer.join()
