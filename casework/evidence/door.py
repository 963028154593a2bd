"""What the door says about history: prove it, show it as it was, keep it, let it go, hand it on.

`Casework` inherits these methods; each is one call of the module that holds its subject.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from casework import events as event_log
from casework.config import HERE
from casework.desk import Desk
from casework.evidence import chain, configuration, erasure, holds, reconstruction, restore, retention
from casework.evidence.erasure import Erased, PersonalData
from casework.evidence.holds import Hold
from casework.evidence.reconstruction import CaseAsKnown
from casework.evidence.retention import RunOut
from casework.model import Principal
from casework.store import backup


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

    # --- kept and forgotten ---------------------------------------------------------------------------

    def legal_hold(
        self,
        principal: Principal,
        tenant_id: str,
        *,
        case_id: str | None = None,
        party_id: str | None = None,
        reason: str,
    ) -> Hold:
        """Hold a case or a party: until it is released, nothing of it is erased and nothing of it runs out."""
        return holds.place(self.desk, principal, tenant_id, case_id=case_id, party_id=party_id, reason=reason)

    def release_hold(self, principal: Principal, tenant_id: str, hold_id: str, reason: str) -> Hold:
        """End a hold, and say why."""
        return holds.release(self.desk, principal, tenant_id, hold_id, reason)

    def legal_holds(self, principal: Principal, tenant_id: str) -> list[Hold]:
        """Return every hold there ever was, newest first."""
        return holds.listed(self.desk, principal, tenant_id)

    def personal_data(self, principal: Principal, tenant_id: str, party_id: str) -> PersonalData:
        """Return where a party's personal data stands; reading it is told in the audit chain."""
        return erasure.personal_data(self.desk, principal, tenant_id, party_id)

    def erase_party(self, principal: Principal, tenant_id: str, party_id: str, reason: str) -> Erased:
        """Take a party's addresses, name and words out of every record; the chain goes on verifying.

        Raises `RecordHeld` while a hold stands on the party or on a case that names it.
        """
        return erasure.erase_party(self.desk, principal, tenant_id, party_id, reason)

    def retention_plan(self, tenant_id: str) -> list[RunOut]:
        """Return what has been kept long enough by the schedule, and what holds keep; changes nothing."""
        return retention.plan(self.desk, tenant_id)

    def retention_apply(self, tenant_id: str, actor: str = "service:operator") -> list[RunOut]:
        """Empty what has run out; held records stay, and running it again changes nothing."""
        return retention.apply(self.desk, tenant_id, actor)

    # --- what was in force ----------------------------------------------------------------------------

    def config_history(self) -> list[configuration.Version]:
        """Return every configuration that was put into force, newest first."""
        return configuration.history(self.desk)

    def config_diff(self, folder: Path = HERE, *, prune: bool = False) -> configuration.Plan:
        """Return what a folder's files would change, by path and in words; changes nothing."""
        return configuration.diff(self.desk, folder, prune=prune)

    def config_apply(
        self,
        folder: Path = HERE,
        actor: str = "service:operator",
        note: str | None = None,
        *,
        prune: bool = False,
    ) -> configuration.Plan:
        """Record a folder's files as in force, weigh open cases anew and give the roles named and not held.

        Told in the chain of every tenant concerned; with `prune`, roles that the files do not name are taken away.
        """
        return configuration.apply(self.desk, actor, folder, note, prune=prune)

    def config_rollback_plan(self, version: int) -> configuration.Plan:
        """Return what putting an older version back would change."""
        return configuration.plan_rollback(self.desk, version)

    def config_rollback(
        self, version: int, folder: Path = HERE, actor: str = "service:operator", note: str | None = None
    ) -> configuration.Plan:
        """Put an older version's files back, to the letter, and record that it is in force again."""
        return configuration.rollback(self.desk, actor, version, folder, note)

    # --- handed on ------------------------------------------------------------------------------------

    def events(
        self, principal: Principal, tenant_id: str, after: int = 0, limit: int = 500
    ) -> list[dict[str, Any]]:
        """Return a tenant's events after a sequence number, as CloudEvents in order."""
        return event_log.listing(self.desk, principal, tenant_id, after, limit)

    def follow_events(
        self, principal: Principal, tenant_id: str, consumer: str, after: int = 0
    ) -> event_log.Consumer:
        """Name a consumer that begins after a sequence number; one that exists stays where it is."""
        return event_log.follow(self.desk, principal, tenant_id, consumer, after)

    def event_consumers(self, principal: Principal, tenant_id: str) -> list[event_log.Consumer]:
        """Return a tenant's consumers, and how far behind each is."""
        return event_log.consumers(self.desk, principal, tenant_id)

    def pending_events(
        self, principal: Principal, tenant_id: str, consumer: str, limit: int = 500
    ) -> list[dict[str, Any]]:
        """Return what a consumer has not handled yet; reading moves nothing, so nothing is lost."""
        return event_log.pending(self.desk, principal, tenant_id, consumer, limit)

    def advance_events(
        self, principal: Principal, tenant_id: str, consumer: str, through: int
    ) -> event_log.Consumer:
        """Record that a consumer handled everything up to a sequence; saying it twice is fine."""
        return event_log.advance(self.desk, principal, tenant_id, consumer, through)

    def replay_events(
        self, principal: Principal, tenant_id: str, consumer: str, after: int
    ) -> event_log.Consumer:
        """Let a consumer read again from after a sequence number; told in the audit chain."""
        return event_log.replay(self.desk, principal, tenant_id, consumer, after)

    # --- put back -------------------------------------------------------------------------------------

    def backup(self, target: Path) -> int:
        """Write a whole copy of an SQLite store to a new file while it is in use; return its size in bytes."""
        return backup.backup(self.desk.engine, target)

    def restore_check(self, tenant_id: str) -> restore.Standing:
        """Tell whether the store is older than its signed checkpoints, and what may have been sent since."""
        return restore.check(self.desk, tenant_id)

    def restore_settle(self, tenant_id: str, actor: str = "service:operator") -> restore.Standing:
        """Leave what may have been sent since to a person, and let the desk go on; nothing is sent again."""
        return restore.settle(self.desk, tenant_id, actor)
