"""What the door says about drafts, who approves them, and messages that want a person.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from casework.approvals import decisions, delegation
from casework.desk import Desk
from casework.drafting import drafts
from casework.effects import people
from casework.model import Approval, DraftContent, DraftView, Principal


class ApprovalsDoor:
    """The part of the door that is about what may be said."""

    desk: Desk

    # --- drafts ---------------------------------------------------------------------------------------

    def edit_draft(
        self,
        principal: Principal,
        tenant_id: str,
        draft_id: str,
        content: DraftContent | Mapping[str, Any],
        expected_version: int,
    ) -> DraftView:
        """Save an edit as the draft's next version; raises `DraftRefused` with what is unsupported."""
        return drafts.edit(self.desk, principal, tenant_id, draft_id, content, expected_version)

    def regenerate_draft(
        self, principal: Principal, tenant_id: str, draft_id: str, expected_version: int
    ) -> DraftView:
        """Write the draft anew from the case's current facts, as its next version."""
        return drafts.regenerate(self.desk, principal, tenant_id, draft_id, expected_version)

    # --- approval -------------------------------------------------------------------------------------

    def approve(
        self,
        principal: Principal,
        tenant_id: str,
        draft_id: str,
        *,
        version: int,
        content_sha256: str,
        expires_in: timedelta | None = None,
        on_behalf_of: str | None = None,
    ) -> Approval:
        """Approve exactly what was seen (version and hash), by a right of one's own or one lent by somebody.

        With the last approval that its tier asks for, it is queued to the case's verified contacts; before,
        `decision` is `signed` and nothing leaves. Raises `NotPermitted`, `ApprovalRefused` with the reason.
        """
        return decisions.approve(
            self.desk, principal, tenant_id, draft_id, version, content_sha256, expires_in, on_behalf_of
        )

    def reject(
        self, principal: Principal, tenant_id: str, draft_id: str, *, version: int, reason: str
    ) -> Approval:
        """Reject one version of a draft, and say why."""
        return decisions.reject(self.desk, principal, tenant_id, draft_id, version, reason)

    def delegate_approval(
        self,
        principal: Principal,
        tenant_id: str,
        to: str,
        *,
        until: datetime,
        reason: str,
        starts: datetime | None = None,
        scope: delegation.Lent | None = None,
    ) -> delegation.Delegation:
        """Lend the caller's right to approve, or a part of it, to a person of the tenant until an instant.

        Raises `NotPermitted` for a caller who approves nothing, `DetailsRefused` for more than their own.
        """
        return delegation.lend(
            self.desk, principal, tenant_id, to, until=until, reason=reason, starts=starts, scope=scope
        )

    def end_delegation(
        self, principal: Principal, tenant_id: str, delegation_id: str, reason: str
    ) -> delegation.Delegation:
        """Take a lent right back, from the next request on; what was approved with it no longer counts."""
        return delegation.take_back(self.desk, principal, tenant_id, delegation_id, reason)

    def delegations(self, principal: Principal, tenant_id: str) -> tuple[delegation.Delegation, ...]:
        """Return the lent rights of a tenant, newest first; for its own people only."""
        return delegation.listed(self.desk, principal, tenant_id)

    # --- messages that want a person -----------------------------------------------------------------

    def confirm_effect(self, principal: Principal, tenant_id: str, effect_id: str, note: str) -> None:
        """Record a person's word that the receiver has a message whose fate is unknown; nothing is sent."""
        people.confirm(self.desk, principal, tenant_id, effect_id, note)

    def resend_effect(self, principal: Principal, tenant_id: str, effect_id: str, note: str) -> None:
        """Queue a message once more under its own key; the approval is asked again before it leaves."""
        people.resend(self.desk, principal, tenant_id, effect_id, note)
