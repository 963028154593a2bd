"""How much the proofs try, by one setting read from the environment: TIDEWAITER_FAULT_SIZE.

`ci` (without the setting), `release`, `claim`, or a share of the release figures such as `0.1`.
"""

from __future__ import annotations

import os

SETTING = "TIDEWAITER_FAULT_SIZE"
SIZE = os.environ.get(SETTING, "ci")
ROUNDS = int(os.environ.get("TIDEWAITER_FAULT_ROUNDS", "1"))  # how often each named crash point
SEED = int(os.environ.get("TIDEWAITER_FAULT_SEED", "20261125"))

# name: (in CI, for a release, to claim it in public); figures are per store.
FIGURES: dict[str, tuple[int, int, int]] = {
    "histories": (4, 2_000, 10_000),  # random lives of a desk
    "steps": (30, 50, 50),  # operations in each
    "races": (5, 1_000, 10_000),  # histories of threads on one case
    "tamperings": (40, 2_000, 100_000),  # changes of a log behind its back
    "metered": (8, 500, 5_000),  # histories of model calls
    "pairs": (1_000, 10_000, 100_000),  # of stores that differ in other tenants' rows
    "decisions": (10_000, 100_000, 1_000_000),  # of the policies against the reference
    "kills": (10, 500, 3_000),  # kill -9 of a worker at a random moment
    "restarts": (3, 60, 600),  # PostgreSQL cut off under load
}


def figure(name: str) -> int:
    """Return how often to try, in the size that the environment asks for."""
    in_ci, release, claim = FIGURES[name]
    if SIZE in ("ci", "release", "claim"):
        return {"ci": in_ci, "release": release, "claim": claim}[SIZE]
    if name == "steps":
        return release
    return max(1, round(release * float(SIZE)))
