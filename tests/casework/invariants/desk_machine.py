"""Random lives of a desk: every action of every role, feeds that come and go, workers that die, time that jumps.

After every step the invariants are asked of the whole store.
"""

from __future__ import annotations

from tests.casework.invariants.desk_approving import Approving
from tests.casework.invariants.desk_sharing import Sharing


class DeskHistory(Approving, Sharing):
    """Everything that can happen at a desk. A subclass says how to open an empty desk, and how to close it."""
