"""What one process remembers from one look at the landing area to the next; forgotten, all is found and told again.

A file that cannot be taken stops no other. It is told of when it is first met and when it changes, not at each look.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from typing import Any

log = logging.getLogger(__name__)

MAX_NAME = 300  # as wide as the ledger's column
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Looks:
    """Which files have not settled yet, and which were told of."""

    def __init__(self) -> None:
        """Know of nothing yet."""
        self._since: dict[str, tuple[tuple[Any, ...], float]] = {}
        self._told: dict[str, tuple[Any, ...]] = {}
        self._met: set[str] = set()

    def is_settled(self, place: str, mark: tuple[Any, ...], age: float, seconds: float) -> bool:
        """Say whether a file has not changed for so long: by its own age, or by our clock where that cannot be true.

        Whoever copies a file with its times, from a clock that is fast, gives it an age below nothing.
        """
        if age >= seconds:
            return True
        self._met.add(place)
        now = time.monotonic()
        if self._since.get(place, (None, now))[0] != mark:
            self._since[place] = (mark, now)
        return now - self._since[place][1] >= seconds

    def tell(self, place: str, what: tuple[Any, ...], sentence: str) -> None:
        """Warn of something that lies there and cannot be taken, unless just this was told before."""
        if not self.was_told(place, what):
            self._told[place] = what
            log.warning("%s %s", printable(place), sentence)

    def was_told(self, place: str, what: tuple[Any, ...]) -> bool:
        """Say whether just this was told of what lies there."""
        self._met.add(place)
        return self._told.get(place) == what

    def end(self) -> None:
        """End one look: forget what does not lie there any more, or was taken."""
        self._since = {place: since for place, since in self._since.items() if place in self._met}
        # A bucket is not listed with every look, so what was not met there may lie there still.
        self._told = {
            place: what for place, what in self._told.items() if place in self._met or "://" in place
        }
        self._met = set()


def printable(name: str) -> str:
    """Return a name as every store, page and terminal takes it: what is no UTF-8 in it, or no sign, is escaped."""
    told = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", told)


def stored_name(name: str) -> str:
    """Return a file's name as the ledger keeps it; one that is too long once escaped says less, and its digest."""
    told = printable(name)
    if len(told) <= MAX_NAME:
        return told
    sent = name.encode("utf-8", "surrogateescape")
    short = CONTROLS.sub("\ufffd", sent.decode("utf-8", "replace"))
    return f"{short[: MAX_NAME - 17]}.{hashlib.sha256(sent).hexdigest()[:16]}"
