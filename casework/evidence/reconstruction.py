"""A case as it was known at an instant of desk time, rebuilt from append-only history alone.

What the entries of the audit chain fold to, the version of the facts that stood then, the versions of drafts
and the decisions on them. The mutable rows of `cases`, `drafts` and `effects` are not read for it; the case's
row is read once, to decide who may look at all.

History carries every field of a `CaseView`, facts, documents and lineage, drafts with their versions, texts,
states and decisions, and effects with their states, recipients and hashes. It does not carry what a reader
gets by computing it anew (messages as they would be rendered, possible actions), other cases beside this one,
attempts and leases of effects, or the thread of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, select

from casework import rows
from casework.desk import Desk
from casework.errors import CaseNotFound, DetailsRefused, NotFound
from casework.evidence import reads
from casework.evidence.fold import fold, moves, typed
from casework.model import (
    Approval,
    CaseView,
    DraftContent,
    DraftKind,
    DraftState,
    EffectState,
    Fact,
    HistoryEntry,
    Lineage,
    Principal,
)
from casework.permissions import grants, masks
from casework.permissions.scope import Scope
from casework.queue import one_case
from casework.store.tables import (
    Values,
    approvals,
    audit_entries,
    case_evidence,
    case_facts,
    draft_versions,
    sign_offs,
)
from casework.store.tables import cases as cases_table


@dataclass(frozen=True, slots=True)
class DraftAsKnown:
    """A draft in the version that stood then."""

    draft_id: str
    kind: DraftKind
    state: DraftState
    version: int
    content: DraftContent
    facts_version: int
    author: str
    created_at: datetime
    approval: Approval | None
    approved_by: tuple[tuple[str, str | None], ...] = ()  # who had approved this version, and for whom


@dataclass(frozen=True, slots=True)
class EffectAsKnown:
    """Something that had to leave, and how far it had come; one that was being sent counts as pending."""

    effect_id: str
    approval_id: str | None
    channel: str | None
    recipient: str | None
    payload_sha256: str | None
    state: EffectState


@dataclass(frozen=True, slots=True)
class CaseAsKnown:
    """A case as a reader could have seen it at an instant."""

    at: datetime
    sequence: int  # the last audit entry about the case that it rests on
    entry_hash: str
    case: CaseView
    facts: tuple[Fact, ...]
    documents: tuple[dict[str, Any], ...]
    lineage: Lineage | None
    drafts: tuple[DraftAsKnown, ...] = ()
    approvals: tuple[Approval, ...] = ()
    effects: tuple[EffectAsKnown, ...] = ()
    history: tuple[HistoryEntry, ...] = ()


def as_known_at(desk: Desk, principal: Principal, tenant_id: str, case_id: str, at: datetime) -> CaseAsKnown:
    """Return the case as it was known at an instant, permission-checked and masked as it is today.

    Raises `CaseNotFound` for what the reader may not see (now, or as the case stood then), and `NotFound`
    for an instant before the case was opened.
    """
    if at.tzinfo is None:
        raise DetailsRefused("Name the instant with its time zone, for example 2026-09-01T08:00:00Z.", at=at)
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope, _now = one_case.visible_case(connection, desk, reader, tenant_id, case_id)
        found = _rebuilt(connection, scope, tenant_id, case_id, at)
    if not reads.is_routine(desk, reader, found.case):
        reads.tell(desk, principal, tenant_id, case_id, "as_known_at", {"at": at})
    return found


def _rebuilt(connection: Connection, scope: Scope, tenant_id: str, case_id: str, at: datetime) -> CaseAsKnown:
    key = {"tenant_id": tenant_id, "case_id": case_id}
    entries = _until(connection, audit_entries, key, audit_entries.c.occurred_at <= at)
    standing = fold(entries).get(case_id)
    if standing is None:
        raise NotFound(f"Case {case_id} was not open yet at {at:%Y-%m-%d %H:%M:%S}Z.", case_id=case_id)
    evidence = _evidence(connection, key, standing["facts_version"])
    row = _row(key, standing, evidence, entries)
    if not scope.covers(row):
        raise CaseNotFound(case_id)
    role = scope.partner_role(row)
    known = rows.detail(row, evidence, role, names := grants.names(connection, tenant_id))
    frame = {
        "at": at,
        "sequence": entries[-1]["sequence"],
        "entry_hash": entries[-1]["entry_hash"],
        **{name: getattr(known, name) for name in ("case", "facts", "documents", "lineage")},
    }
    history = _history(connection, key, at, names)
    if role is not None:
        return CaseAsKnown(**frame, history=masks.milestones(history))
    decided = _until(connection, approvals, key, approvals.c.decided_at <= at)
    states = moves(entries)
    effects = _effects(entries, decided, states.get("effects", {}))
    bound = [_with_effects(item, effects) for item in decided]
    signed = _until(connection, sign_offs, key, sign_offs.c.decided_at <= at)
    drafts = _drafts(connection, tenant_id, at, states.get("drafts", {}), bound, signed)
    return CaseAsKnown(
        **frame, drafts=drafts, approvals=tuple(bound), effects=tuple(effects), history=history
    )


def _until(connection: Connection, table: Any, key: Values, *clause: Any) -> Sequence[RowMapping]:
    order = [column for column in table.primary_key if column.name not in key]
    query = select(table).where(*(table.c[name] == value for name, value in key.items()), *clause)
    return connection.execute(query.order_by(*order)).mappings().all()


def _evidence(connection: Connection, key: Values, version: int) -> RowMapping:
    found = _until(connection, case_evidence, key, case_evidence.c.facts_version == version)
    if not found or found[0]["stated"] is None:
        raise NotFound(
            f"What version {version} of the facts of case {key['case_id']} stated was not kept yet; "
            "its history can be read, but not this moment as a whole.",
            case_id=key["case_id"],
        )
    return found[0]


def _row(
    key: Values, standing: Values, evidence: RowMapping, entries: Sequence[RowMapping]
) -> dict[str, Any]:
    """Return the row of `cases` as it stood; a column that history does not carry is empty."""
    told = {**dict.fromkeys(field.name for field in fields(CaseView)), **evidence["stated"], **standing}
    row = {
        name: typed(cases_table.c[name], value) if name in cases_table.c else value
        for name, value in told.items()
    }
    return {**row, **key, "updated_at": _moved_at(entries, standing["version"])}


def _moved_at(entries: Sequence[RowMapping], version: int) -> datetime:
    """Return when the case got its version: the instant of the first entry that tells it."""
    moments: Iterable[datetime] = (
        entry["occurred_at"]
        for entry in entries
        if entry["payload"].get("case", {}).get("version") == version
    )
    return next(iter(moments))


def _history(
    connection: Connection, key: Values, at: datetime, names: Mapping[str, str]
) -> tuple[HistoryEntry, ...]:
    found = _until(connection, case_facts, key, case_facts.c.occurred_at <= at)
    return tuple(rows.history_entry(row, names) for row in found)


def _drafts(
    connection: Connection,
    tenant_id: str,
    at: datetime,
    states: Mapping[str, str],
    decided: Sequence[Approval],
    signed: Sequence[RowMapping],
) -> tuple[DraftAsKnown, ...]:
    """Return each draft in its newest version of that time, in order of their first versions."""
    query = (
        select(draft_versions)
        .where(
            draft_versions.c.tenant_id == tenant_id,
            draft_versions.c.draft_id.in_(sorted(states)),
            draft_versions.c.created_at <= at,
        )
        .order_by(draft_versions.c.version)
    )
    newest = {row["draft_id"]: row for row in connection.execute(query).mappings()}
    decisions = {(item.draft_id, item.draft_version): item for item in decided}
    found = [
        DraftAsKnown(
            draft_id=draft_id,
            kind=DraftKind(row["content"]["kind"]),
            state=DraftState(states[draft_id]),
            version=row["version"],
            content=cast(DraftContent, row["content"]),
            facts_version=row["facts_version"],
            author=row["author"],
            created_at=row["created_at"],
            approval=decisions.get((draft_id, row["version"])),
            approved_by=tuple(
                (one["approver"], one["on_behalf_of"])
                for one in signed
                if (one["draft_id"], one["draft_version"]) == (draft_id, row["version"])
            ),
        )
        for draft_id, row in newest.items()
    ]
    return tuple(sorted(found, key=lambda draft: (draft.kind, draft.draft_id)))


def _effects(
    entries: Sequence[RowMapping], decided: Sequence[RowMapping], states: Mapping[str, str]
) -> list[EffectAsKnown]:
    """Return the effects that had been queued, each with the recipient its approval or its step named."""
    recipients = {(item["approval_id"], to["sha256"]): to for item in decided for to in item["recipients"]}
    queued = {
        effect_id: (details["approval_id"], sha256, recipients.get((details["approval_id"], sha256), {}))
        for details in (entry["payload"]["details"] for entry in entries)
        if isinstance(details.get("effects"), dict)
        for effect_id, sha256 in details["effects"].items()
    }
    # A notice to the tenant's own people has no approval: the step that fired says what was told to whom.
    for details in (entry["payload"]["details"] for entry in entries if entry["action"] == "case:escalated"):
        if details.get("effect_id"):
            queued[details["effect_id"]] = (None, details["payload_sha256"], details)
    found = []
    for effect_id, state in sorted(states.items()):
        approval_id, sha256, to = queued.get(effect_id, (None, None, {}))
        place = (to.get("channel"), to.get("address"), sha256)
        found.append(EffectAsKnown(effect_id, approval_id, *place, EffectState(state)))
    return found


def _with_effects(decided: RowMapping, effects: Sequence[EffectAsKnown]) -> Approval:
    mine = [effect.effect_id for effect in effects if effect.approval_id == decided["approval_id"]]
    return rows.approval(decided, sorted(mine))
