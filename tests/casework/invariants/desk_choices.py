"""What can be drawn in a desk's life: who acts, what is seen, when the power fails, how far time jumps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.casework.invariants.far_side import (
    Answer,
)
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    LEAD,
    PLANNER,
)

PEOPLE = (LEAD, APPROVER, PLANNER, AUDITOR, ENGINEER, ADMIN, CUSTOMER, CARRIER)
DECIDERS = (LEAD, APPROVER)
SHIPMENTS = 3
TYPES = ("predicted_late", "facility_dwell", "late_now")  # the second is latched: it never ends by itself
WITHIN_A_DECISION = (None,) * 8 + ("desk:before-commit", "desk:after-commit-before-checkpoint")
WITHIN_AN_APPROVAL = (*WITHIN_A_DECISION, "drafts:after-approval-before-effects")
WITHIN_A_SYNC = (*WITHIN_A_DECISION, "sync:between-chunks", "sync:before-drafts")
CUTS_OF_A_ROUND = (
    "worker:after-lease",
    "worker:after-send-before-settle",
    "worker:after-settle",
    "desk:before-commit",
    "desk:after-commit-before-checkpoint",
    "escalation:after-fired-before-told",
)
WITHIN_A_ROUND = ((None,) * 8) + CUTS_OF_A_ROUND
DEATHS = (Answer.KILLED_EARLY, Answer.KILLED_SENDING, Answer.KILLED_AFTER, Answer.LOST_AFTER)
DISTURBANCES = ("right", "address", "facts", "text", "new text", "end", "end and anew", "day", "lent right")
# What `checks` says once more, plainly.
APPROVAL = {
    "limits": {"planner": 5000},
    "tiers": [
        {"name": "small", "roles": ["planner", "approver", "ops_lead"], "own_edit_by": ["ops_lead"]},
        {
            "name": "middle",
            "exposure_from": 20000,
            "roles": ["approver", "ops_lead"],
            "own_edit_by": ["ops_lead"],
        },
        {
            "name": "grave",
            "exposure_from": 100000,
            "approvals": 2,
            "roles": ["approver", "ops_lead"],
            "must_include": "ops_lead",
        },
    ],
}
SMALLER = (Decimal("1000.00"), Decimal("8000.00"), Decimal("30000.00"))  # a planner approves the first alone
WAYS = ("two people", "one for the other", "one twice", "without a lead", "a delegate and a lead")
NOT_SEEN = "0" * 64
JUMPS = tuple(timedelta(minutes=m) for m in (1, 2, 4, 6, 16, 46, 61, 121, 7 * 60, 20 * 60, 25 * 60, 80 * 60))
# Most attempts end well, or nothing would ever be seen to arrive.
ANSWERS = st.lists(st.one_of(st.just(Answer.TAKEN), st.sampled_from(list(Answer))), min_size=1, max_size=6)

people = st.sampled_from(PEOPLE)
deciders = st.sampled_from(DECIDERS + DECIDERS + PEOPLE)
numbers = st.integers(0, 7)
versions = st.sampled_from((0, 0, 0, -1, 1))  # how far what somebody saw is from what stands
