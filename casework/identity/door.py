"""What the door says about references that identity could not place.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from casework.desk import Desk
from casework.identity import decisions
from casework.model import Principal


class IdentityDoor:
    """The part of the door that is about what a reference means."""

    desk: Desk

    def decide_reference(
        self,
        principal: Principal,
        tenant_id: str,
        reference_type: str,
        reference_key: str,
        carrier_id: str | None,
        means: str | None,
        reason: str,
    ) -> decisions.ReferenceDecision:
        """Say what a reference of a carrier means, by its id; None for nothing of the tenant's.

        Type and key are those of `fct_unmatched_references`: a PLACE means a facility, a CUSTOMER a customer, every
        other type a shipment. An ACCOUNT or a FACILITY is another of the tenant's own that is kept in its place, or
        (None) no other. The next build of the warehouse follows. Raises `NotPermitted`, `DetailsRefused`, and
        `TransitionRefused` while another decision about it stands, or what it is to be is itself said to be another.
        """
        reference = decisions.Reference(reference_type, reference_key, carrier_id)
        return decisions.decide(self.desk, principal, tenant_id, reference, means, reason)

    def undo_reference_decision(
        self, principal: Principal, tenant_id: str, decision_id: str, reason: str
    ) -> decisions.ReferenceDecision:
        """Take a decision about a reference back, and say why; it can be decided anew.

        Raises `NotPermitted`, `NotFound`, `DetailsRefused`, and `TransitionRefused` where it was undone already.
        """
        return decisions.undo(self.desk, principal, tenant_id, decision_id, reason)

    def reference_decisions(
        self,
        principal: Principal,
        tenant_id: str,
        *,
        include_undone: bool = False,
        limit: int = decisions.MAX_PAGE,
        offset: int = 0,
    ) -> tuple[decisions.ReferenceDecision, ...]:
        """Return what was decided about references, newest first; those that stand, or all."""
        return decisions.listed(
            self.desk, principal, tenant_id, include_undone=include_undone, limit=limit, offset=offset
        )
