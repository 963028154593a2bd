"""How much the proofs try, by one setting read from the environment: TIDEWAITER_FAULT_SIZE.

`release`, `claim`, or a share of the release figures; without the setting a tenth of them.
"""

from __future__ import annotations

import os

SETTING = "TIDEWAITER_FAULT_SIZE"
TENTH = "0.1"
SIZE = os.environ.get(SETTING, TENTH)
ROUNDS = int(os.environ.get("TIDEWAITER_FAULT_ROUNDS", "1"))  # how often each named crash point
SEED = int(os.environ.get("TIDEWAITER_FAULT_SEED", "20261125"))
STEPS = 50  # operations in a random life

# name: (for a release, to claim it in public); figures are per store.
FIGURES: dict[str, tuple[int, int]] = {
    "histories": (2_000, 10_000),  # random lives of a desk
    "races": (1_000, 10_000),  # histories of threads on one case
    "tamperings": (2_000, 100_000),  # changes of a log behind its back
    "metered": (500, 5_000),  # histories of model calls
    "pairs": (10_000, 100_000),  # of stores that differ in other tenants' rows
    "decisions": (100_000, 1_000_000),  # of the policies against the reference
    "kills": (500, 3_000),  # kill -9 of a worker at a random moment
    "stream_kills": (500, 3_000),  # kill -9 of receiver or loading while messages come
    "lake_kills": (100, 1_000),  # kill -9 of a host that writes a lake, while others read it
    "restarts": (60, 600),  # PostgreSQL cut off under load
    "mutated": (10_000, 100_000),  # damaged files, over all formats
    "permutations": (10_000, 100_000),  # orders of the same events, some told twice
    "touched_builds": (20, 200),  # of five builds of what was touched alone with one of everything
}


def figure(name: str, size: str = SIZE) -> int:
    """Return how often to try, in the size that the environment asks for, or another."""
    release, claim = FIGURES[name]
    if size in ("release", "claim"):
        return {"release": release, "claim": claim}[size]
    return max(1, round(release * float(size)))
