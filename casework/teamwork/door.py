"""What the door says about working many cases at once and handing them over.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from casework.desk import Desk
from casework.model import Action, Principal
from casework.teamwork import bulk, handover, workload


class TeamworkDoor:
    """The part of the door that is about people working together."""

    desk: Desk

    def perform_many(
        self,
        principal: Principal,
        tenant_id: str,
        case_ids: Sequence[str],
        action: Action | str,
        *,
        is_dry_run: bool = False,
        **details: Any,
    ) -> tuple[bulk.Result, ...]:
        """Do one action to many cases, each on its own, and say of each what came of it; or only what would."""
        return bulk.perform_many(
            self.desk, principal, tenant_id, case_ids, Action(action), details, is_dry_run=is_dry_run
        )

    def hand_over(
        self,
        principal: Principal,
        tenant_id: str,
        to: str,
        given: Sequence[handover.Given],
        left: Sequence[handover.Left] = (),
        note: str = "",
    ) -> handover.Handover:
        """Offer the caller's open cases to another person: all of them, given on or left with a reason.

        Nothing changes hands before `accept_hand_over`. Raises `NotPermitted`, `DetailsRefused` (with what is
        missing), `TransitionRefused` while an earlier offer of the caller stands.
        """
        return handover.offer(self.desk, principal, tenant_id, to, given, left, note)

    def accept_hand_over(self, principal: Principal, tenant_id: str, handover_id: str) -> handover.Handover:
        """Take over the cases of a packet offered to the caller."""
        return handover.accept(self.desk, principal, tenant_id, handover_id)

    def decline_hand_over(
        self, principal: Principal, tenant_id: str, handover_id: str, reason: str
    ) -> handover.Handover:
        """Refuse a packet offered to the caller, and say why."""
        return handover.decline(self.desk, principal, tenant_id, handover_id, reason)

    def withdraw_hand_over(
        self, principal: Principal, tenant_id: str, handover_id: str, reason: str
    ) -> handover.Handover:
        """Take the caller's own offer back before it is accepted, and say why."""
        return handover.withdraw(self.desk, principal, tenant_id, handover_id, reason)

    def hand_overs(
        self, principal: Principal, tenant_id: str, *, include_ended: bool = False
    ) -> tuple[handover.Handover, ...]:
        """Return the hand-overs of a tenant, newest first; for its own people only."""
        return handover.find(self.desk, principal, tenant_id, include_ended=include_ended)

    def workload(self, principal: Principal, tenant_id: str) -> workload.Workload:
        """Return how the open work is spread over owners and teams; for the tenant's own people only."""
        return workload.workload(self.desk, principal, tenant_id)
