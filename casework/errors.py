"""The errors of this room: a small family, each with fields and a sentence for the person who meets it.

Every message says what happened and what to do next. Anything out of scope reads as `CaseNotFound`,
word for word the same as a case that does not exist.
"""

# ruff: noqa: N818 - a refusal is named for what happened, as the person would say it
from __future__ import annotations

from typing import Any


class CaseworkError(Exception):
    """Something was asked of casework that it did not do; nothing was changed."""

    def __init__(self, message: str, **fields: Any) -> None:
        """Keep the sentence for the person and the fields for the program."""
        super().__init__(message)
        self.message = message
        self.fields = fields


class NotPermitted(CaseworkError):
    """The person's grants do not allow this action."""


class CaseNotFound(CaseworkError):
    """No such case for this person: it does not exist, or is out of scope (the same words for both)."""

    def __init__(self, case_id: str) -> None:
        """Say that the case is not there, and nothing else."""
        super().__init__(f"There is no case {case_id!r} that you can see. Check the number.", case_id=case_id)


class NotFound(CaseworkError):
    """No such thing (draft, quarantined row, person) for this person."""


class TransitionRefused(CaseworkError):
    """The life cycle does not allow this action now; the message says what is possible."""


class CaseChanged(CaseworkError):
    """Someone else changed this case while you were looking at it."""

    def __init__(self, case_id: str, expected: int, actual: int) -> None:
        """Name the case and the two versions."""
        super().__init__(
            f"Someone else changed case {case_id} while you were looking at it "
            f"(you saw version {expected}, it is now version {actual}). Nothing was saved; look again.",
            case_id=case_id,
            expected=expected,
            actual=actual,
        )


class DraftRefused(CaseworkError):
    """The draft cannot be edited or regenerated like this."""


class ApprovalRefused(CaseworkError):
    """The draft cannot be approved or rejected by this person, in this version, now."""


class DetailsRefused(CaseworkError):
    """An action lacks a detail it needs, or has one that is not allowed."""


class SyncRefused(CaseworkError):
    """A publication's exceptions contradict themselves."""


class SignInRefused(CaseworkError):
    """The login or the password is wrong, or there were too many failures (the same words for all)."""


class SessionEnded(CaseworkError):
    """The session is unknown, ended, or too old: sign in again."""


class LinkRefused(NotPermitted):
    """A partner's link opens nothing: unknown, ended, taken back, or never opened (the same words for all)."""

    def __init__(self) -> None:
        """Say so, and nothing about why."""
        super().__init__(
            "This link opens nothing now. Open it again from the message it came in; "
            "if that does not help, ask whoever sent it to you for a new one."
        )


class KeyRefused(NotPermitted):
    """A service's key opens nothing: unknown, ended, taken back, or not drawn yet (the same words for all)."""

    def __init__(self) -> None:
        """Say so, and nothing about why."""
        super().__init__(
            "This key opens nothing: it is unknown, has ended or was taken back. "
            "Ask whoever manages accounts for a new one."
        )


class EvidenceBroken(CaseworkError):
    """A log or a pack does not verify; the fields say where."""


class LedgerRefused(CaseworkError):
    """The ingestion ledger refused a step: counts do not reconcile, or the lease was lost."""


class ConfigError(CaseworkError):
    """A configuration file is wrong; the message names the file and the field."""


class StoreUnavailable(CaseworkError):
    """The operational store cannot be reached; nothing was saved."""


class RecordHeld(CaseworkError):
    """A legal hold keeps these records; nothing was erased."""


class StoreIsOlder(CaseworkError):
    """The store is older than its own signed checkpoints: a backup was put back and not yet looked at."""


class OverBudget(CaseworkError):
    """The tenant's budget for this kind of use is used up; the message says which and for how long."""
