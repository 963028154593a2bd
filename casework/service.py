"""Casework: the one door to what people decide.

Each call reads the caller's grants afresh, authorises, decides purely, and then in one transaction saves,
appends the fact, the audit entry and the event, and queues what must leave; or does none of it. The subjects
live next door, a folder each; nothing is decided here. Parts of the door stand with their subjects: drafts and
their approval in `approvals.door`, many cases at once and hand-overs in `teamwork.door`, history (proof,
retention, events, configuration, restore) in `evidence.door`, getting in (sessions, links, keys, grants) in
`access.door`, references that could not be placed in `identity.door`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from casework import answers, cases, intake, manual, sync
from casework.access import accounts, bootstrap
from casework.access.door import AccessDoor
from casework.approvals.door import ApprovalsDoor
from casework.config import Config
from casework.deadlines import waiting
from casework.desk import Desk
from casework.escalations import auditor, rehearsal
from casework.evidence.door import EvidenceDoor
from casework.evidence.keys import Keys
from casework.identity.door import IdentityDoor
from casework.incidents import merging
from casework.metering import report as usage_report
from casework.metering.meter import Meter
from casework.model import (
    Action,
    CaseDetail,
    CaseView,
    Clock,
    Contact,
    Drafting,
    ExceptionRecord,
    FeedHealth,
    Grant,
    NewAccount,
    Principal,
    Publication,
    QuarantinedRow,
    QuarantinePage,
    QueueFilter,
    QueuePage,
    Role,
    SyncResult,
)
from casework.queue import one_case, search, tally
from casework.teamwork.door import TeamworkDoor


def utcnow() -> datetime:
    """Return desk time: wall time, aware, UTC."""
    return datetime.now(UTC)


class Casework(ApprovalsDoor, TeamworkDoor, EvidenceDoor, AccessDoor, IdentityDoor):
    """The door. One instance serves many threads; it holds no state but its connections and its keys."""

    def __init__(
        self,
        engine: Engine,
        *,
        config: Config,
        keys: Keys,
        home: Path,
        clock: Callable[[], datetime] = utcnow,
        drafter: Drafting | None = None,
    ) -> None:
        """Wire the door to a store. Without a drafter, cases get no drafts."""
        self.desk = Desk(
            engine=engine,
            config=config,
            keys=keys,
            home=home,
            clock=clock,
            drafter=drafter,
            reactions=(waiting.react,),
        )

    @property
    def engine(self) -> Engine:
        """The store's engine, for the worker and the ledger."""
        return self.desk.engine

    @property
    def config(self) -> Config:
        """The configuration this door was opened with."""
        return self.desk.config

    @property
    def keys(self) -> Keys:
        """The signing keys of this installation."""
        return self.desk.keys

    # --- setting up -----------------------------------------------------------------------------------

    def bootstrap(self, now: datetime | None = None) -> list[NewAccount]:
        """Make tenants, clocks, team contacts and the first accounts; passwords are returned once.

        Calling it again makes what is missing (say, a new tenant) and returns only accounts made this time.
        """
        return bootstrap.bootstrap(self.desk, now or self.desk.clock())

    def put_contacts(self, tenant_id: str, contacts: Iterable[Contact], actor: str) -> int:
        """Save addresses from master data (never from a message); return how many changed."""
        return bootstrap.put_contacts(self.desk, tenant_id, list(contacts), actor)

    def operator(self) -> Principal:
        """Return the principal of whoever runs commands on this machine: reads every tenant, decides nothing."""
        return accounts.operator(self.desk)

    def reset_password(self, login: str) -> str:
        """Give an account a new password, end its sessions, and return the password once."""
        return accounts.reset_password(self.desk, login)

    def give(self, principal_id: str, grant: Grant, actor: str) -> str:
        """Give a principal a role within a scope; return the grant's id."""
        return accounts.give(self.desk, principal_id, grant, actor)

    def revoke(self, principal_id: str, tenant_id: str, actor: str, role: Role | None = None) -> int:
        """Take a principal's roles (or one of them) in a tenant away, from its next call on; return how many."""
        return accounts.revoke(self.desk, principal_id, tenant_id, actor, role)

    # --- exceptions become cases ----------------------------------------------------------------------

    def sync(
        self,
        tenant_id: str,
        publication: Publication,
        exceptions: Sequence[ExceptionRecord],
        actor: str = "service:orchestration",
    ) -> SyncResult:
        """Make the open cases agree with a publication's exceptions; running it again changes nothing."""
        return sync.sync(self.desk, tenant_id, publication, exceptions, actor)

    def last_entry(self, tenant_id: str) -> str | None:
        """Return the hash of a tenant's newest audit entry; None where time alone may do something, or there is none.

        While it is the same nothing happened: a sync of what was synced before would find nothing to do.
        """
        return sync.last_entry(self.desk, tenant_id)

    def open_manual(self, principal: Principal, tenant_id: str, asked: manual.ManualCase) -> CaseView:
        """Open a case with no detector behind it, on a person's word; publications leave it alone.

        Raises `NotPermitted` or `DetailsRefused`.
        """
        return manual.open_case(self.desk, principal, tenant_id, asked)

    # --- reading --------------------------------------------------------------------------------------

    def search(self, principal: Principal, tenant_id: str, wanted: QueueFilter | None = None) -> QueuePage:
        """Return one page of the queue, ranked by expected loss, with facets over the whole answer."""
        return search.search(self.desk, principal, tenant_id, wanted or QueueFilter())

    def get(self, principal: Principal, tenant_id: str, case_id: str) -> CaseDetail:
        """Return everything this reader may see of one case; raise `CaseNotFound` otherwise."""
        return one_case.get(self.desk, principal, tenant_id, case_id)

    def tenant_of(self, principal: Principal, case_id: str) -> str:
        """Return whose case a number names, among the reader's; raise `CaseNotFound` otherwise."""
        return one_case.tenant_of(self.desk, principal, case_id)

    def people(self, principal: Principal, tenant_id: str) -> dict[str, str]:
        """Return principal_id -> name of everybody who can own a case of the tenant."""
        return one_case.people(self.desk, principal, tenant_id)

    def recount(self, tenant_id: str) -> tuple[tally.Tally, tally.Tally]:
        """Count a tenant's queue anew, and find the words of its cases anew; return what was kept and what is."""
        with self.desk.writing(tenant_id, "service:operator") as work:
            return tally.rebuild(work)

    # --- deciding -------------------------------------------------------------------------------------

    def perform(
        self,
        principal: Principal,
        tenant_id: str,
        case_id: str,
        action: Action | str,
        *,
        expected_version: int | None = None,
        **details: Any,
    ) -> CaseView:
        """Do one action to one case and return it as it then stands.

        Details: wait(until, reason, until_event=); resolve(resolution_code, root_cause_code, note=);
        dismiss(reason); reopen(reason); assign(owner: principal_id or None); release(reason);
        transfer(team, reason); acknowledge(until or minutes, note=); comment(text); escalate(reason); the
        others take none. Raises `CaseNotFound`, `NotPermitted`, `TransitionRefused`, `DetailsRefused`,
        `CaseChanged`.
        """
        return cases.perform(
            self.desk, principal, tenant_id, case_id, Action(action), expected_version, details
        )

    def merge(self, principal: Principal, tenant_id: str, case_ids: Sequence[str], reason: str) -> CaseView:
        """Make several open cases of one customer one; the oldest stays, with its owner and clocks, and is returned."""
        return merging.merge(self.desk, principal, tenant_id, case_ids, reason)

    def split(
        self, principal: Principal, tenant_id: str, case_id: str, case_ids: Sequence[str], reason: str
    ) -> CaseView:
        """Take some merged cases out of a case, together; return the one they are now worked in."""
        return merging.split(self.desk, principal, tenant_id, case_id, case_ids, reason)

    def unmerge(self, principal: Principal, tenant_id: str, case_id: str, reason: str) -> CaseView:
        """Let a merged case stand alone again."""
        return merging.unmerge(self.desk, principal, tenant_id, case_id, reason)

    # --- when nobody acts -----------------------------------------------------------------------------

    def escalation_plan(
        self, principal: Principal, tenant_id: str, case_id: str | None = None, at: datetime | None = None
    ) -> tuple[rehearsal.PlannedStep, ...]:
        """Return who would be woken from an instant on, when, by which rule and which way; changes nothing."""
        return rehearsal.plan(self.desk, principal, tenant_id, case_id, at)

    def audit_escalations(self, principal: Principal, tenant_id: str) -> list[auditor.Missed]:
        """Return steps that should have fired, notices that did not arrive, and cases nothing would wake."""
        return auditor.audit(self.desk, principal, tenant_id)

    # --- what use costs -------------------------------------------------------------------------------

    def usage(
        self,
        principal: Principal,
        tenant_id: str,
        by: usage_report.By = "kind",
        since: datetime | None = None,
    ) -> usage_report.UsageReport:
        """Return what the tenant used since an instant and what it cost, and how each budget stands."""
        return usage_report.report(self.desk, principal, tenant_id, by, since)

    def usage_of_case(
        self, principal: Principal, tenant_id: str, case_id: str
    ) -> usage_report.UsageReport | None:
        """Return what one case cost so far; None for a partner."""
        return usage_report.of_case(self.desk, principal, tenant_id, case_id)

    def count_call(self, tenant_id: str, caller: str, purpose: str) -> None:
        """Count one call of a program by the id of its key, before it is answered; raise `OverBudget`."""
        Meter(self.engine, self.config, clock=self.desk.clock).called(tenant_id, caller, purpose)

    # --- what arrived ---------------------------------------------------------------------------------

    def quarantine(
        self,
        principal: Principal,
        tenant_id: str,
        *,
        feed: str | None = None,
        state: str | None = "quarantined",
        rule: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> QuarantinePage:
        """Return one page of quarantined rows."""
        return intake.quarantine(self.desk, principal, tenant_id, feed, state, rule, limit, offset)

    def correct_row(
        self, principal: Principal, tenant_id: str, quarantine_id: str, values: Mapping[str, Any]
    ) -> QuarantinedRow:
        """Save corrected cells of a quarantined row; it is loaded with the feed's next run."""
        return intake.correct(self.desk, principal, tenant_id, quarantine_id, values)

    def ignore_row(
        self, principal: Principal, tenant_id: str, quarantine_id: str, reason: str
    ) -> QuarantinedRow:
        """Leave a quarantined row out for good, and say why."""
        return intake.ignore(self.desk, principal, tenant_id, quarantine_id, reason)

    def read_again(
        self, principal: Principal, tenant_id: str, feed: str, file_sha256: str, reason: str
    ) -> str:
        """Let a file that could not be read be tried once more, say why, and return its name."""
        return intake.read_again(self.desk, principal, tenant_id, feed, file_sha256, reason)

    def feed_health(self, principal: Principal, tenant_id: str) -> list[FeedHealth]:
        """Return how every feed of the tenant stands."""
        return intake.feed_health(self.desk, principal, tenant_id)

    def file_answers(
        self,
        principal: Principal,
        tenant_id: str,
        *,
        feed: str | None = None,
        limit: int = answers.MAX_PAGE,
        offset: int = 0,
    ) -> tuple[answers.FileAnswer, ...]:
        """Return what partners were answered about their files, newest first."""
        return answers.listed(self.desk, principal, tenant_id, feed, limit, offset)

    def clock_of(self, tenant_id: str) -> Clock:
        """Return the tenant's feed time; a live tenant's is desk time."""
        return intake.clock_of(self.desk, tenant_id)

    def set_clock(
        self, tenant_id: str, as_of: datetime, actor: str = "service:orchestration", mode: str = "replay"
    ) -> Clock:
        """Move the tenant's feed time; it never goes back."""
        return intake.set_clock(self.desk, tenant_id, as_of, actor, mode)

    def begin_clock(self, tenant_id: str, as_of: datetime, actor: str = "service:orchestration") -> Clock:
        """Set where a tenant's feed time begins, in either direction, while nothing has arrived yet."""
        return intake.begin_clock(self.desk, tenant_id, as_of, actor)
