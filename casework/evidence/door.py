"""What the door says about history: prove it, show it as it was, keep it, let it go, hand it on.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from datetime import datetime

from casework.desk import Desk
from casework.evidence import chain, reconstruction
from casework.evidence.reconstruction import CaseAsKnown
from casework.model import Principal


class EvidenceDoor:
    """The part of the door that is about history."""

    desk: Desk

    # --- proof ----------------------------------------------------------------------------------------

    def verify_audit(self, tenant_id: str) -> chain.Report:
        """Verify a tenant's audit chain against the signed checkpoints and the tables it explains."""
        return chain.verify(self, tenant_id)

    def as_known_at(self, principal: Principal, tenant_id: str, case_id: str, at: datetime) -> CaseAsKnown:
        """Return a case as it was known at an instant of desk time, from append-only history alone.

        Permission-checked and masked like `get`; raises `CaseNotFound`, or `NotFound` before it was opened.
        """
        return reconstruction.as_known_at(self.desk, principal, tenant_id, case_id, at)
