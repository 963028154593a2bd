"""Approving and rejecting: people's decision on exact content, and what it lets leave.

Approvals gather on one version of a draft until its tier is satisfied. The decision, the draft's state, the
effects it queues and what the log says of it are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, update

from casework import changes, rows, telemetry
from casework.approvals import approval, approvers, tiers
from casework.approvals.approvers import Right
from casework.canonical import clean_text, plain
from casework.config.approval import ApprovalTier
from casework.crashpoints import crashpoint
from casework.desk import Desk
from casework.drafting import drafts
from casework.errors import ApprovalRefused, NotPermitted
from casework.escalations import escalation
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
from casework.store.tables import Values, approvals, effects, sign_offs
from casework.store.tables import drafts as drafts_table
from casework.store.work import Work, new_id


@telemetry.traced("draft.approve", "tenant_id", "draft_id")
def approve(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    draft_id: str,
    version: int,
    content_sha256: str,
    expires_in: timedelta | None,
    on_behalf_of: str | None = None,
) -> Approval:
    """Approve exactly what was seen; with the last approval that its tier asks for, queue it, all at once."""
    with desk.writing(tenant_id, principal.principal_id) as work:
        approver = grants.current(work.connection, principal.principal_id)
        draft, case = drafts.within_sight(work.connection, desk, approver, tenant_id, draft_id)
        held = approvers.rights(work.connection, approver, case, desk.config, work.now)
        if not held:
            raise NotPermitted("Your role does not let you approve drafts of this case.", draft_id=draft_id)
        seen = drafts.version_of(work.connection, draft, draft["current_version"])
        problem = approval.why_not_approved(draft=draft, version=seen, case=case, asked_version=version)
        if problem:
            raise ApprovalRefused(problem, draft_id=draft_id, version=version)
        asked = tiers.asked_of(desk.config, case, draft["kind"], seen)
        right = _right(work, asked, held, on_behalf_of)
        sent = _sendable(work.connection, desk, draft, seen, case, content_sha256)
        given = _sign_off(work, draft, case, asked, right, content_sha256, sent, expires_in)
        return _added(desk, work, draft, seen, case, asked, given, sent)


def _right(work: Work, asked: tiers.Asked, held: Sequence[Right], on_behalf_of: str | None) -> Right:
    """Return the right the actor approves with; refuse with the reason why none of theirs does."""
    ways = [right for right in held if right.on_behalf_of == on_behalf_of]
    problems = []
    for right in ways:
        problem = tiers.why_not_by(asked, work.actor, [right], on_behalf_of, right.delegation_id)
        if problem is None:
            return right
        problems.append(problem)
    names = grants.names(work.connection, work.tenant_id)
    if on_behalf_of is not None and not ways:
        problems.append(f"{names.get(on_behalf_of, on_behalf_of)} has lent you no right to approve this.")
    lenders = {right.on_behalf_of for right in held if right.on_behalf_of not in (None, on_behalf_of)}
    if lenders and on_behalf_of is None:
        whom = " or ".join(sorted(names.get(str(name), str(name)) for name in lenders))
        problems.append(f"You can approve it for {whom}; say so.")
    raise ApprovalRefused(" ".join(dict.fromkeys(problems)), person=work.actor)


def _sign_off(
    work: Work,
    draft: Values,
    case: Values,
    asked: tiers.Asked,
    right: Right,
    content_sha256: str,
    sent: tuple[RenderedMessage, ...],
    expires_in: timedelta | None,
) -> dict[str, Any]:
    return {
        "tenant_id": work.tenant_id,
        "sign_off_id": new_id(),
        "draft_id": draft["draft_id"],
        "draft_version": draft["current_version"],
        "case_id": case["case_id"],
        "approver": work.actor,
        "on_behalf_of": right.on_behalf_of,
        "delegation_id": right.delegation_id,
        "role": right.role.value,
        "tier": asked.tier.name,
        "content_sha256": content_sha256,
        "recipients_sha256": tiers.recipients_sha256(approval.recipients(sent)),
        "facts_version": case["facts_version"],
        "decided_at": work.now,
        "expires_at": work.now + _lifetime(expires_in, asked.tier),
    }


def _lifetime(expires_in: timedelta | None, tier: ApprovalTier) -> timedelta:
    """Return how long an approval holds: as the tier says, or as asked for within what it allows."""
    longest = tier.longest_hours or tier.expires_hours
    lifetime = timedelta(hours=tier.expires_hours) if expires_in is None else expires_in
    if not timedelta(0) < lifetime <= timedelta(hours=longest):
        raise ApprovalRefused(
            f"An approval of this can be valid for up to {longest} hours.", expires_in=str(lifetime)
        )
    return lifetime


def _added(
    desk: Desk,
    work: Work,
    draft: Values,
    seen: Values,
    case: Values,
    asked: tiers.Asked,
    given: dict[str, Any],
    sent: tuple[RenderedMessage, ...],
) -> Approval:
    """Add an approval to those that gathered on this version; when they are enough, they are the decision."""
    before = tiers.of_version(work.connection, work.tenant_id, draft["draft_id"], draft["current_version"])
    held = tiers.held_by(work.connection, [*before, given], case, desk.config, work.now)
    bound = tiers.bound_by(given)
    standing = tiers.judge(asked, before, held, bound, work.now)
    verdict = tiers.judge(asked, [*before, given], held, bound, work.now)
    if any(one["approver"] == work.actor for one in standing.counted):
        raise ApprovalRefused(
            f"You have approved this version already. {tiers.still_needed(asked, standing)}",
            draft_id=draft["draft_id"],
        )
    if verdict.missing(asked) == standing.missing(asked):
        raise ApprovalRefused(_why_no_step(asked, standing), draft_id=draft["draft_id"])
    work.connection.execute(sign_offs.insert(), [given])
    if not verdict.is_enough(asked):
        return _signed(desk, work, draft, case, given, sent)
    crashpoint("drafts:after-approval-before-effects")
    return _approved(desk, work, draft, seen, case, verdict, given, sent)


def _why_no_step(asked: tiers.Asked, standing: tiers.Verdict) -> str:
    return (
        "This approval would not count beside those there are: whoever acts for another is one pair of eyes "
        f"with them, or it is of another role than is missing. {tiers.still_needed(asked, standing)}"
    )


def _signed(
    desk: Desk,
    work: Work,
    draft: Values,
    case: Values,
    given: dict[str, Any],
    sent: tuple[RenderedMessage, ...],
) -> Approval:
    """Record an approval that does not complete its tier: nothing leaves, the draft goes on waiting."""
    saved = _answered(desk, work, case)
    details = {"kind": draft["kind"], "version": draft["current_version"], "sign_off": given}
    work.say("draft:signed", case=saved, object_id=draft["draft_id"], details=details)
    return rows.approval(_decision(work, draft, case, "signed", given, sent, given["expires_at"], None))


def _approved(
    desk: Desk,
    work: Work,
    draft: Values,
    seen: Values,
    case: Values,
    verdict: tiers.Verdict,
    given: dict[str, Any],
    sent: tuple[RenderedMessage, ...],
) -> Approval:
    """Decide, and queue what was approved to the case's verified contacts."""
    until = min(one["expires_at"] for one in verdict.counted)
    decided = _decision(work, draft, case, "approved", given, sent, until, None)
    work.connection.execute(approvals.insert(), [decided])
    queued = _queue(work, draft, case, decided, sent)
    _note_if_internal(work, draft, case, seen)
    _settle(desk, work, draft, case, decided, queued, sign_off=given)
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


def _decision(
    work: Work,
    draft: Values,
    case: Values,
    decision: str,
    given: Values,
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
        "content_sha256": given["content_sha256"],
        "recipients": approval.recipients(sent),
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
    **told: Any,
) -> None:
    """Close the decision: the draft's state, the case's version, and what the log says of it."""
    work.connection.execute(
        update(drafts_table)
        .where(drafts_table.c.tenant_id == work.tenant_id, drafts_table.c.draft_id == draft["draft_id"])
        .values(state=decided["decision"])
    )
    work.move("drafts", case["case_id"], draft["draft_id"], decided["decision"])
    saved = _answered(desk, work, case)
    details = told | {
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


def _answered(desk: Desk, work: Work, case: Values) -> dict[str, Any]:
    """Return the case in its next version: whoever decides on its words has answered it."""
    answered = {} if case["first_response_at"] else {"first_response_at": work.now}
    saved = changes.touch(work, case, **answered)
    escalation.cancel(work, saved, desk.config)
    return saved


def reject(
    desk: Desk, principal: Principal, tenant_id: str, draft_id: str, version: int, reason: str
) -> Approval:
    """Reject one version of a draft, and say why."""
    said = clean_text(reason).strip()
    if not said:
        raise ApprovalRefused("Say why you reject it; the next draft can then be better.", field="reason")
    with desk.writing(tenant_id, principal.principal_id) as work:
        reader = grants.current(work.connection, principal.principal_id)
        draft, case = drafts.reachable(work.connection, desk, reader, tenant_id, draft_id, "draft:reject")
        if draft["state"] != DraftState.WAITING or draft["current_version"] != version:
            raise ApprovalRefused(
                f"This draft is {draft['state']} in version {draft['current_version']}; "
                f"you looked at version {version}. Read it again.",
                draft_id=draft_id,
            )
        seen = drafts.version_of(work.connection, draft, version)
        decided = _decision(work, draft, case, "rejected", seen, (), work.now, said)
        work.connection.execute(approvals.insert(), [decided])
        _settle(desk, work, draft, case, decided, [])
        return rows.approval(decided)
