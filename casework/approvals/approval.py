"""May this be approved, and may this still be sent? Pure questions over what was read; answers as sentences.

An approval binds the exact bytes (content and every rendered message), the recipients and the version of the
facts; how many are needed, and whose, is next door in `tiers`. Whoever sends asks `why_not_sent` again, in the
transaction that leases the effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from casework import rows
from casework.approvals import tiers
from casework.canonical import canonical_sha256
from casework.config import Config
from casework.model import (
    AUDIENCES,
    Contact,
    DraftContent,
    Drafting,
    DraftKind,
    DraftState,
    RenderedMessage,
    State,
)
from casework.permissions import masks
from casework.store.tables import Values, approvals, contacts, draft_versions, drafts

FINISHED = frozenset({State.CLOSED, State.DISMISSED})
CHANNEL_OF = {"mail": "mail", "portal_webhook": "webhook"}


def content_sha256(content: DraftContent, messages: Sequence[RenderedMessage]) -> str:
    """Return the hash an approval binds: the content as seen and every message as it would leave."""
    return canonical_sha256({"content": content, "messages": list(messages)})


def recipients_of(connection: Connection, case: Values, kind: str) -> list[Contact]:
    """Return the verified addresses a kind of draft goes to: those of the case's own party, and no others."""
    audience = AUDIENCES[DraftKind(kind)]
    if audience == "internal":
        return []
    return rows.contacts_of(connection, case["tenant_id"], case[f"{audience}_id"], audience)


def rendered(
    drafter: Drafting, content: DraftContent, case: Values, to: Sequence[Contact]
) -> tuple[RenderedMessage, ...]:
    """Return the messages for each recipient, from the case as its own people see it, without its owner."""
    neutral = masks.case_view({**case, "owner": None}, None, {})
    return tuple(drafter.render(content, neutral, contact) for contact in to)


def recipients(sent: Sequence[RenderedMessage]) -> list[dict[str, str]]:
    """Return the recipients as a decision names them, each with the hash of its message."""
    return [
        {
            "channel": CHANNEL_OF[message.target],
            "address": message.address,
            "party_id": message.party_id,
            "sha256": message.sha256,
        }
        for message in sent
    ]


def idempotency_key(case: Values, kind: str, version: int, message: RenderedMessage) -> str:
    """Return the key under which a target may do this at most once."""
    return canonical_sha256(
        [case["tenant_id"], message.target, case["case_id"], kind, version, message.address]
    )


def why_not_approved(*, draft: Values, version: Values, case: Values, asked_version: int) -> str | None:
    """Return why nobody can approve this version of a draft now, or None."""
    if draft["state"] != DraftState.WAITING:
        return f"This draft is {draft['state']}; only a waiting draft can be approved. Regenerate it first."
    if draft["current_version"] != asked_version:
        return (
            f"You looked at version {asked_version}, but the draft is now in version "
            f"{draft['current_version']}. Read it again before you approve."
        )
    if version["facts_version"] != case["facts_version"]:
        return "The facts changed after this draft was written. Regenerate it, then approve."
    if State(case["state"]) in FINISHED:
        return f"The case is {case['state']}. Reopen it before you send anything."
    if case["merged_into"]:
        return f"The case was merged into {case['merged_into']}; what is said of it is decided there."
    return None


def why_not_sent(connection: Connection, config: Config, effect: Values, now: datetime) -> str | None:
    """Return why an effect may not leave now, or None; reads everything afresh in the caller's transaction.

    Checks the bytes, the recipient and its standing as a verified contact, the version of the facts, the state
    of the case, and that the approvals of its draft satisfy, at this moment, the tier that it has now.
    """
    approval = _approval(connection, effect)
    if approval is None or approval["decision"] != "approved":
        return "There is no approval for it."
    case = rows.case_row(connection, effect["tenant_id"], effect["case_id"])
    if case is None or case["case_id"] != approval["case_id"]:
        return "Its approval belongs to another case."
    if not effect["facts_version"] == approval["facts_version"] == case["facts_version"]:
        return "The facts of the case changed after it was approved."
    if State(case["state"]) in FINISHED:
        return f"The case is {case['state']}."
    if case["merged_into"]:
        return f"The case was merged into {case['merged_into']}."
    return (
        _why_not_these_bytes(effect, approval)
        or _why_not_this_draft(connection, effect, approval)
        or _why_not_this_recipient(connection, effect)
        or _why_not_these_approvals(connection, config, approval, case, now)
    )


def _approval(connection: Connection, effect: Values) -> Values | None:
    query = select(approvals).where(
        approvals.c.tenant_id == effect["tenant_id"], approvals.c.approval_id == effect["approval_id"]
    )
    return connection.execute(query).mappings().first()


def _why_not_these_bytes(effect: Values, approval: Values) -> str | None:
    if canonical_sha256(effect["payload"]) != effect["payload_sha256"]:
        return "Its content is not what its hash says."
    bound = {(item["channel"], item["address"], item["sha256"]) for item in approval["recipients"]}
    if (CHANNEL_OF.get(effect["target"]), effect["recipient"], effect["payload_sha256"]) not in bound:
        return "Its content or recipient is not what was approved."
    if effect["payload"]["address"] != effect["recipient"]:
        return "Its recipient is not the one in its content."
    return None


def _why_not_this_draft(connection: Connection, effect: Values, approval: Values) -> str | None:
    query = select(drafts.c.state, drafts.c.current_version).where(
        drafts.c.tenant_id == effect["tenant_id"], drafts.c.draft_id == approval["draft_id"]
    )
    draft = connection.execute(query).first()
    if draft is None or draft.current_version != approval["draft_version"]:
        return "A newer version of its draft exists."
    if draft.state != DraftState.APPROVED:
        return f"Its draft is {draft.state}."
    return None


def _why_not_this_recipient(connection: Connection, effect: Values) -> str | None:
    query = select(contacts.c.is_verified).where(
        contacts.c.tenant_id == effect["tenant_id"],
        contacts.c.party_id == effect["payload"]["party_id"],
        contacts.c.channel == CHANNEL_OF.get(effect["target"]),
        contacts.c.address == effect["recipient"],
    )
    return None if connection.scalar(query) else "Its recipient is no longer a verified contact."


def _why_not_these_approvals(
    connection: Connection, config: Config, approval: Values, case: Values, now: datetime
) -> str | None:
    """Judge the approvals of the draft's version again, by the tier, roles and delegations of this moment."""
    draft, version = _decided_on(connection, approval)
    key = (case["tenant_id"], approval["draft_id"], approval["draft_version"])
    signed = tiers.of_version(connection, *key)
    asked = tiers.asked_of(config, case, draft["kind"], version)
    held = tiers.held_by(connection, signed, case, config, now)
    decided = {**approval, "recipients_sha256": tiers.recipients_sha256(approval["recipients"])}
    verdict = tiers.judge(asked, signed, held, tiers.bound_by(decided), now)
    if verdict.is_enough(asked):
        return None
    return verdict.refused[0][1] if verdict.refused else tiers.sentence(asked)


def _decided_on(connection: Connection, approval: Values) -> tuple[Values, Values]:
    """Return the draft and the version of it that a decision was on."""
    where = {"tenant_id": approval["tenant_id"], "draft_id": approval["draft_id"]}
    draft = connection.execute(select(drafts).filter_by(**where)).mappings().one()
    numbered = select(draft_versions).filter_by(**where, version=approval["draft_version"])
    return draft, connection.execute(numbered).mappings().one()
