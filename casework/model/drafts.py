"""What is written, to whom, and what was decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict

from casework.canonical import canonical_bytes, canonical_sha256
from casework.model.states import DraftKind, DraftState
from casework.model.who import Contact

if TYPE_CHECKING:
    from casework.approvals.standing import Standing
    from casework.model.case import CaseDetail, CaseView


class Paragraph(TypedDict):
    """One paragraph of a draft and the facts it rests on."""

    text: str
    fact_ids: list[str]


class Option(TypedDict):
    """One way out, costed, with the facts it rests on."""

    option_id: str
    title: str
    cost: str
    effect: str
    fact_ids: list[str]
    is_recommended: bool


class DraftContent(TypedDict):
    """What a draft says, as it is stored, shown and edited (`casework.drafting.content` reads and writes it).

    `generator` is `template:<id>`, `model:<name>` or `person:<principal_id>`.
    """

    kind: str
    subject: str
    paragraphs: list[Paragraph]
    options: list[Option]
    generator: str
    generator_reason: NotRequired[str]
    warnings: NotRequired[list[str]]  # sentences for the approver, part of what is approved


# Whom a kind of draft is written to; internal drafts leave for nobody.
AUDIENCES: dict[str, Literal["customer", "carrier", "internal"]] = {
    DraftKind.CUSTOMER_UPDATE: "customer",
    DraftKind.CARRIER_REQUEST: "carrier",
    DraftKind.RECOVERY_RECOMMENDATION: "internal",
}


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """Exactly what would leave, for one recipient. `canonical_bytes` is what an approval binds."""

    target: Literal["mail", "portal_webhook"]
    address: str
    party_id: str
    subject: str
    body: str
    payload: dict[str, Any]

    @property
    def canonical_bytes(self) -> bytes:
        """The bytes that are hashed into an approval."""
        return canonical_bytes(self)

    @property
    def sha256(self) -> str:
        """The hash of this one message; equals the effect's `payload_sha256`."""
        return canonical_sha256(self)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft in its current version, as it would leave now."""

    draft_id: str
    case_id: str
    kind: DraftKind
    state: DraftState
    version: int
    content: DraftContent
    content_sha256: str  # of the content and the messages as rendered now: what `approve` must be given
    messages: tuple[RenderedMessage, ...]
    facts_version: int
    is_stale: bool  # the case's facts moved on after this version was written
    author: str
    created_at: datetime
    approval: Approval | None = None
    standing: Standing | None = None  # what its tier asks, who gave it, who still could


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's decision on exact content; `signed` is an approval that others have to join first."""

    approval_id: str
    draft_id: str
    draft_version: int
    case_id: str
    decision: Literal["approved", "rejected", "signed"]
    approver: str
    content_sha256: str
    recipients: tuple[dict[str, Any], ...]  # channel, address, party_id, sha256
    facts_version: int
    decided_at: datetime
    expires_at: datetime
    reason: str | None
    effect_ids: tuple[str, ...] = ()


class Drafting(Protocol):
    """Writes and renders drafts. `draft` may be slow and is never called inside a transaction."""

    def draft(self, kind: DraftKind, detail: CaseDetail) -> DraftContent:
        """Return a draft from the facts of one case; never raises for want of facts."""
        ...

    def edited(self, content: Mapping[str, Any], detail: CaseDetail, principal_id: str) -> DraftContent:
        """Return a person's edit as it may be stored; raise `DraftRefused` when it may not."""
        ...

    def render(self, content: DraftContent, case: CaseView, contact: Contact) -> RenderedMessage:
        """Return exactly what would leave for one contact; the same input gives the same bytes."""
        ...
