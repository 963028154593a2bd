"""Approving and rejecting: a person's decision on exact content, and what it lets leave.

The decision, the draft's state, the effects it queues and what the log says of it are one transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, update

from casework import approval, changes, drafts, escalation, rows, telemetry
from casework.canonical import clean_text, plain
from casework.crashpoints import crashpoint
from casework.desk import Desk
from casework.errors import ApprovalRefused
from casework.model import (
    AUDIENCES,
    Approval,
    DraftContent,
    DraftState,
    EffectState,
    Principal,
    RenderedMessage,
)
from casework.permissions import grants
from casework.store.tables import Values, approvals, effects
from casework.store.tables import drafts as drafts_table
from casework.store.work import Work, new_id

LONGEST_APPROVAL = timedelta(days=7)


@telemetry.traced("draft.approve", "tenant_id", "draft_id")
def approve(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    draft_id: str,
    version: int,
    content_sha256: str,
    expires_in: timedelta | None,
) -> Approval:
    """Approve exactly what was seen, and queue it to the case's verified contacts in the same transaction."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        approver = grants.current(work.connection, principal.principal_id)
        scope, draft, case = drafts.reachable(
            work.connection, desk, approver, tenant_id, draft_id, "draft:approve"
        )
        tenant = desk.config.tenants[tenant_id]
        seen = drafts.version_of(work.connection, draft, draft["current_version"])
        problem = approval.why_not_approved(
            draft=draft,
            version=seen,
            case=case,
            asked_version=version,
            approver=approver,
            scope=scope,
            four_eyes_above=tenant.four_eyes_above,
        )
        if problem:
            raise ApprovalRefused(problem, draft_id=draft_id, version=version)
        sent = _sendable(work.connection, desk, draft, seen, case, content_sha256)
        lifetime = _lifetime(expires_in, tenant.approval_hours)
        decided = _decision(work, draft, case, "approved", content_sha256, sent, work.now + lifetime, None)
        work.connection.execute(approvals.insert(), [decided])
        crashpoint("drafts:after-approval-before-effects")
        queued = _queue(work, draft, case, decided, sent)
        _note_if_internal(work, draft, case, seen)
        _settle(desk, work, draft, case, decided, queued)
        return rows.approval(decided, [effect["effect_id"] for effect in queued])


def _sendable(
    connection: Connection,
    desk: Desk,
    draft: RowMapping,
    version: RowMapping,
    case: Values,
    content_sha256: str,
) -> tuple[RenderedMessage, ...]:
    content = cast(DraftContent, version["content"])
    sent = drafts.messages_now(connection, desk, draft, content, case)
    if not sent and AUDIENCES[draft["kind"]] != "internal":
        raise ApprovalRefused(
            f"There is no verified address of this case's {AUDIENCES[draft['kind']]}. "
            "Add one to the contacts before you approve.",
            draft_id=draft["draft_id"],
        )
    if approval.content_sha256(content, sent) != content_sha256:
        raise ApprovalRefused(
            "What you saw is not what would be sent now (its text or its recipients changed). Read it again.",
            draft_id=draft["draft_id"],
        )
    return sent


def _lifetime(expires_in: timedelta | None, hours: int) -> timedelta:
    lifetime = expires_in if expires_in is not None else timedelta(hours=hours)
    if not timedelta(0) < lifetime <= LONGEST_APPROVAL:
        raise ApprovalRefused("An approval can be valid for up to 7 days.", expires_in=str(lifetime))
    return lifetime


def _decision(
    work: Work,
    draft: Values,
    case: Values,
    decision: str,
    content_sha256: str,
    sent: tuple[RenderedMessage, ...],
    expires_at: datetime,
    reason: str | None,
) -> dict[str, Any]:
    return {
        "tenant_id": work.tenant_id,
        "approval_id": new_id(),
        "draft_id": draft["draft_id"],
        "draft_version": draft["current_version"],
        "case_id": case["case_id"],
        "decision": decision,
        "approver": work.actor,
        "content_sha256": content_sha256,
        "recipients": [
            {
                "channel": approval.CHANNEL_OF[message.target],
                "address": message.address,
                "party_id": message.party_id,
                "sha256": message.sha256,
            }
            for message in sent
        ],
        "facts_version": case["facts_version"],
        "decided_at": work.now,
        "expires_at": expires_at,
        "reason": reason,
    }


def _queue(
    work: Work,
    draft: Values,
    case: Values,
    decided: Values,
    sent: tuple[RenderedMessage, ...],
) -> list[dict[str, Any]]:
    queued = [
        {
            "tenant_id": work.tenant_id,
            "effect_id": new_id(),
            "case_id": case["case_id"],
            "approval_id": decided["approval_id"],
            "target": message.target,
            "recipient": message.address,
            "idempotency_key": approval.idempotency_key(
                case, draft["kind"], draft["current_version"], message
            ),
            "payload": plain(message),
            "payload_sha256": message.sha256,
            "facts_version": case["facts_version"],
            "state": EffectState.PENDING.value,
            "attempts": 0,
            "available_at": work.now,
            "created_at": work.now,
            "traceparent": telemetry.carried(),
        }
        for message in sent
    ]
    if queued:
        work.connection.execute(effects.insert(), queued)
    for effect in queued:
        work.move("effects", case["case_id"], effect["effect_id"], effect["state"])
    return queued


def _note_if_internal(work: Work, draft: Values, case: Values, version: Values) -> None:
    """An approved recommendation leaves for nobody; it becomes a note of the case."""
    if AUDIENCES[draft["kind"]] != "internal":
        return
    content = version["content"]
    changes.add_message(
        work,
        case,
        direction="note",
        channel="desk",
        subject=content["subject"],
        body="\n\n".join(paragraph["text"] for paragraph in content["paragraphs"]),
    )


def _settle(
    desk: Desk,
    work: Work,
    draft: Values,
    case: Values,
    decided: Values,
    queued: list[dict[str, Any]],
) -> None:
    """Close the decision: the draft's state, the case's version, and what the log says of it."""
    work.connection.execute(
        update(drafts_table)
        .where(drafts_table.c.tenant_id == work.tenant_id, drafts_table.c.draft_id == draft["draft_id"])
        .values(state=decided["decision"])
    )
    work.move("drafts", case["case_id"], draft["draft_id"], decided["decision"])
    answered = {} if case["first_response_at"] else {"first_response_at": work.now}
    saved = changes.touch(work, case, **answered)
    escalation.cancel(work, saved, desk.config)
    details = {
        "kind": draft["kind"],
        "version": draft["current_version"],
        "approval_id": decided["approval_id"],
        "content_sha256": decided["content_sha256"],
        "recipients": decided["recipients"],
        "facts_version": decided["facts_version"],
        "expires_at": decided["expires_at"],
        "reason": decided["reason"],
        "effects": {effect["effect_id"]: effect["payload_sha256"] for effect in queued},
    }
    work.say(f"draft:{decided['decision']}", case=saved, object_id=draft["draft_id"], details=details)


def reject(
    desk: Desk, principal: Principal, tenant_id: str, draft_id: str, version: int, reason: str
) -> Approval:
    """Reject one version of a draft, and say why."""
    said = clean_text(reason).strip()
    if not said:
        raise ApprovalRefused("Say why you reject it; the next draft can then be better.", field="reason")
    with desk.writing(tenant_id, principal.principal_id) as work:
        reader = grants.current(work.connection, principal.principal_id)
        _scope, draft, case = drafts.reachable(
            work.connection, desk, reader, tenant_id, draft_id, "draft:reject"
        )
        if draft["state"] != DraftState.WAITING or draft["current_version"] != version:
            raise ApprovalRefused(
                f"This draft is {draft['state']} in version {draft['current_version']}; "
                f"you looked at version {version}. Read it again.",
                draft_id=draft_id,
            )
        seen = drafts.version_of(work.connection, draft, version)
        decided = _decision(work, draft, case, "rejected", seen["content_sha256"], (), work.now, said)
        work.connection.execute(approvals.insert(), [decided])
        _settle(desk, work, draft, case, decided, [])
        return rows.approval(decided)
