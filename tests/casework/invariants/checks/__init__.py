"""The invariants of casework as questions to a snapshot; each answer is a list of what is wrong.

They share no code with what they check: hashes, permissions and rules are worked out again here, plainly.
"""

from tests.casework.invariants.checks.authorised import bound_of, not_enough, unauthorised, why_no_approval
from tests.casework.invariants.checks.common import OPEN, PARTY_OF, TIERS
from tests.casework.invariants.checks.in_order import contradictory, lost_edits
from tests.casework.invariants.checks.in_time import misfired, moved_earlier, overdue
from tests.casework.invariants.checks.metered import uncounted, unmetered
from tests.casework.invariants.checks.once import doubled_or_lost, unsettled
from tests.casework.invariants.checks.queue import queue_counted
from tests.casework.invariants.checks.shared import OWN_PARTY, is_live, shows, unrecorded
from tests.casework.invariants.checks.whole import half_decided

__all__ = [
    "OPEN",
    "OWN_PARTY",
    "PARTY_OF",
    "TIERS",
    "bound_of",
    "contradictory",
    "doubled_or_lost",
    "half_decided",
    "is_live",
    "lost_edits",
    "misfired",
    "moved_earlier",
    "not_enough",
    "overdue",
    "queue_counted",
    "shows",
    "unauthorised",
    "uncounted",
    "unmetered",
    "unrecorded",
    "unsettled",
    "why_no_approval",
]
