"""Named places between durable actions where a test can kill the process as hard as a power cut.

In production the variable is not set and a crash point costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path


def crashpoint(name: str) -> None:
    """Kill this process (SIGKILL) when TIDEWAITER_CRASH_AT names this point.

    When TIDEWAITER_CRASH_ONCE names a file, the process is killed only if that file does not exist yet;
    it is created first, so that a restarted process passes.
    """
    if os.environ.get("TIDEWAITER_CRASH_AT") != name:
        return
    once = os.environ.get("TIDEWAITER_CRASH_ONCE")
    if once:
        marker = Path(once)
        if marker.exists():
            return
        marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
