"""A desk in a process of its own: a person starts a case and approves a message; spans go where told."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from casework import telemetry
from casework.errors import TransitionRefused
from casework.model import Action
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import World

end = telemetry.begin("tidewaiter-dashboard", os.environ)
world = World(Path(sys.argv[1]))
world.casework.perform(world.person(), TENANT, world.case_id, Action.START)
with suppress(TransitionRefused):
    world.casework.perform(world.person(), TENANT, world.case_id, Action.REOPEN, reason="Secret words.")
world.approve()
world.close()
end()
