"""Drafts of a case: seen, edited, written anew. Who decides on them is in `decisions`.

Versions are only ever added. A draft is written outside any transaction, because a model may be slow, and
saved only if neither the draft nor the facts moved on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from casework import changes, rows
from casework.approvals import approval, approvers, standing, tiers
from casework.approvals.approvers import Right
from casework.canonical import plain
from casework.desk import Desk
from casework.errors import DraftRefused, NotFound, NotPermitted
from casework.model import (
    DraftContent,
    Drafting,
    DraftKind,
    DraftState,
    DraftView,
    Principal,
    RenderedMessage,
)
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.store.tables import Values, draft_versions, drafts
from casework.store.work import Work

REWRITABLE = frozenset({DraftState.WAITING, DraftState.REJECTED, DraftState.VOID, DraftState.APPROVED})
EDITABLE = frozenset({DraftState.WAITING, DraftState.REJECTED})


def drafter_of(desk: Desk) -> Drafting:
    """Return the drafter, or refuse where the door was opened without one."""
    if desk.drafter is None:
        raise DraftRefused("Drafting is not switched on here. Start Tidewaiter with a drafter.")
    return desk.drafter


# --- seeing -----------------------------------------------------------------------------------------------


def views(connection: Connection, desk: Desk, case: Values) -> tuple[DraftView, ...]:
    """Return a case's drafts in their current versions, as they would leave now."""
    if desk.drafter is None:
        return ()
    query = (
        select(drafts)
        .where(drafts.c.tenant_id == case["tenant_id"], drafts.c.case_id == case["case_id"])
        .order_by(drafts.c.created_at, drafts.c.kind)
    )
    drafted = connection.execute(query).mappings().all()
    if not drafted:
        return ()
    people = People.of(connection, desk, case)
    return tuple(_view_of(connection, desk, draft, case, people) for draft in drafted)


@dataclass(frozen=True, slots=True)
class People:
    """Who may approve of a case, and how they are called; read once for all its drafts."""

    held: Mapping[str, Sequence[Right]]
    names: Mapping[str, str]
    at: datetime

    @classmethod
    def of(cls, connection: Connection, desk: Desk, case: Values) -> People:
        """Read it as it stands now."""
        at = desk.clock()
        return cls(
            approvers.everybody(connection, case, desk.config, at),
            grants.names(connection, case["tenant_id"]),
            at,
        )


def _view_of(
    connection: Connection, desk: Desk, draft: RowMapping, case: Values, people: People
) -> DraftView:
    version = version_of(connection, draft, draft["current_version"])
    content = cast(DraftContent, version["content"])
    sent = messages_now(connection, desk, draft, content, case)
    content_sha256 = approval.content_sha256(content, sent)
    bound = (content_sha256, tiers.recipients_sha256(approval.recipients(sent)), case["facts_version"])
    asked = tiers.asked_of(desk.config, case, draft["kind"], version)
    return DraftView(
        draft_id=draft["draft_id"],
        case_id=draft["case_id"],
        kind=DraftKind(draft["kind"]),
        state=DraftState(draft["state"]),
        version=draft["current_version"],
        content=content,
        content_sha256=content_sha256,
        messages=sent,
        facts_version=version["facts_version"],
        is_stale=version["facts_version"] != case["facts_version"],
        author=version["author"],
        created_at=version["created_at"],
        approval=rows.approval_of(
            connection, draft["tenant_id"], draft["draft_id"], draft["current_version"]
        ),
        standing=standing.of_draft(connection, asked, draft, people.held, bound, people.names, people.at),
    )


def messages_now(
    connection: Connection, desk: Desk, draft: RowMapping, content: DraftContent, case: Values
) -> tuple[RenderedMessage, ...]:
    """Return what would leave now if the content were approved."""
    to = approval.recipients_of(connection, case, draft["kind"])
    return approval.rendered(drafter_of(desk), content, case, to)


def version_of(connection: Connection, draft: RowMapping, version: int) -> RowMapping:
    """Return one version of a draft."""
    query = select(draft_versions).where(
        draft_versions.c.tenant_id == draft["tenant_id"],
        draft_versions.c.draft_id == draft["draft_id"],
        draft_versions.c.version == version,
    )
    return connection.execute(query).mappings().one()


def reachable(
    connection: Connection, desk: Desk, reader: Principal, tenant_id: str, draft_id: str, permission: str
) -> tuple[RowMapping, Values]:
    """Return draft and case; what is out of sight is not found, what no role held allows says so."""
    draft, case = within_sight(connection, desk, reader, tenant_id, draft_id)
    if not Scope.of(reader, tenant_id, permission, desk.config).covers(case):
        verb = permission.split(":")[1]
        raise NotPermitted(f"Your role does not let you {verb} drafts of this case.", permission=permission)
    return draft, case


def within_sight(
    connection: Connection, desk: Desk, reader: Principal, tenant_id: str, draft_id: str
) -> tuple[RowMapping, Values]:
    """Return a draft and its case, or raise the same `NotFound` for what is not there and what is out of sight."""
    query = select(drafts).where(drafts.c.tenant_id == tenant_id, drafts.c.draft_id == draft_id)
    draft = connection.execute(query).mappings().first()
    missing = NotFound("There is no such draft that you can see. Open the case again.", draft_id=draft_id)
    if draft is None:
        raise missing
    case = rows.case_row(connection, tenant_id, draft["case_id"])
    if case is None or not Scope.of(reader, tenant_id, "case:read", desk.config).inside_of(case):
        raise missing
    return draft, case


# --- writing ----------------------------------------------------------------------------------------------


def edit(
    desk: Desk,
    principal: Principal,
    tenant_id: str,
    draft_id: str,
    content: Mapping[str, Any],
    expected_version: int,
) -> DraftView:
    """Save a person's edit as the next version; raise `DraftRefused` when that is not possible."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        draft, case = reachable(connection, desk, reader, tenant_id, draft_id, "draft:edit")
        base = version_of(connection, draft, draft["current_version"])
        detail = rows.known(connection, case, None, {})
    _check_version(draft, expected_version)
    if content.get("kind") != draft["kind"]:
        raise DraftRefused(f"This draft is a {draft['kind']}; an edit cannot change that.", field="kind")
    edited = drafter_of(desk).edited(content, detail, principal.principal_id)
    return _save(
        desk,
        principal,
        draft,
        edited,
        author=principal.principal_id,
        facts_version=base["facts_version"],
        allowed=EDITABLE,
        fact="draft:edited",
        permission="draft:edit",
    )


def regenerate(
    desk: Desk, principal: Principal, tenant_id: str, draft_id: str, expected_version: int
) -> DraftView:
    """Write a draft anew from the current facts, as its next version."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        draft, case = reachable(connection, desk, reader, tenant_id, draft_id, "draft:edit")
        detail = rows.known(connection, case, None, {})
    _check_version(draft, expected_version)
    content = drafter_of(desk).draft(DraftKind(draft["kind"]), detail)
    return _save(
        desk,
        principal,
        draft,
        content,
        author=content["generator"],
        facts_version=case["facts_version"],
        allowed=REWRITABLE,
        fact="draft:regenerated",
        permission="draft:edit",
    )


def _check_version(draft: Values, expected: int) -> None:
    if draft["current_version"] != expected:
        raise DraftRefused(
            f"Someone else changed this draft while you were looking at it (you saw version {expected}, "
            f"it is now version {draft['current_version']}). Nothing was saved; read it again.",
            expected=expected,
            actual=draft["current_version"],
        )


def _save(
    desk: Desk,
    principal: Principal,
    draft: RowMapping,
    content: DraftContent,
    *,
    author: str,
    facts_version: int,
    allowed: frozenset[DraftState],
    fact: str,
    permission: str,
) -> DraftView:
    tenant_id, draft_id = draft["tenant_id"], draft["draft_id"]
    with desk.writing(tenant_id, principal.principal_id) as work:
        reader = grants.current(work.connection, principal.principal_id)
        fresh, case = reachable(work.connection, desk, reader, tenant_id, draft_id, permission)
        _check_version(fresh, draft["current_version"])
        if DraftState(fresh["state"]) not in allowed:
            raise DraftRefused(f"This draft is {fresh['state']} and cannot be changed any more.")
        add_version(work, fresh, content, author, facts_version)
        if fresh["state"] == DraftState.APPROVED:
            changes.withdraw(work, case, "A newer version of the draft was written.", draft_id=draft_id)
        saved = changes.touch(work, case)
        details = {"kind": fresh["kind"], "version": fresh["current_version"] + 1, "author": author}
        work.say(fact, case=saved, object_id=draft_id, details=details)
        current = work.connection.execute(
            select(drafts).where(drafts.c.tenant_id == tenant_id, drafts.c.draft_id == draft_id)
        )
        people = People.of(work.connection, desk, saved)
        return _view_of(work.connection, desk, current.mappings().one(), saved, people)


def add_version(work: Work, draft: Values, content: DraftContent, author: str, facts_version: int) -> None:
    """Add a version to a draft and let it wait for a decision."""
    version = draft["current_version"] + 1
    row = _version_row(work, draft["draft_id"], version, content, author, facts_version)
    work.connection.execute(draft_versions.insert(), [row])
    work.connection.execute(
        update(drafts)
        .where(drafts.c.tenant_id == draft["tenant_id"], drafts.c.draft_id == draft["draft_id"])
        .values(current_version=version, state=DraftState.WAITING.value)
    )
    work.move("drafts", draft["case_id"], draft["draft_id"], DraftState.WAITING.value)


def add_versions(work: Work, written: Sequence[tuple[Any, DraftContent, str]]) -> None:
    """Add (what was wanted, text, draft_id) as next versions, and the drafts of those that are first ones."""
    if not written:
        return
    for item, _content, draft_id in written:
        work.move("drafts", item.case_id, draft_id, DraftState.WAITING.value)
    made = [
        {
            "tenant_id": work.tenant_id,
            "draft_id": draft_id,
            "case_id": item.case_id,
            "kind": item.kind.value,
            "state": DraftState.WAITING.value,
            "current_version": 1,
            "created_at": work.now,
        }
        for item, _content, draft_id in written
        if item.version == 0
    ]
    if made:
        work.connection.execute(drafts.insert(), made)
    moved = [
        {"key": draft_id, "version": item.version + 1} for item, _, draft_id in written if item.version > 0
    ]
    if moved:
        work.connection.execute(
            update(drafts)
            .where(drafts.c.tenant_id == work.tenant_id, drafts.c.draft_id == bindparam("key"))
            .values(current_version=bindparam("version"), state=DraftState.WAITING.value),
            moved,
        )
    work.connection.execute(
        draft_versions.insert(),
        [
            _version_row(work, draft_id, item.version + 1, content, content["generator"], item.facts_version)
            for item, content, draft_id in written
        ],
    )


def _version_row(
    work: Work, draft_id: str, version: int, content: DraftContent, author: str, facts_version: int
) -> dict[str, Any]:
    return {
        "tenant_id": work.tenant_id,
        "draft_id": draft_id,
        "version": version,
        "content": plain(content),
        "content_sha256": approval.content_sha256(content, ()),
        "facts_version": facts_version,
        "author": author,
        "created_at": work.now,
    }
