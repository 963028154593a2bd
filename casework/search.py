"""Reading: the queue and one case, each only as far as the reader's grants reach.

Every query starts from `Scope.where`. What a partner may not see, it can neither filter, search, count nor
sort by.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from casework import clocks, drafts, lifecycle, rows
from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import CaseNotFound, NotPermitted
from casework.evidence import reads
from casework.model import (
    Action,
    CaseDetail,
    CaseView,
    DraftState,
    Principal,
    QueueFilter,
    QueuePage,
    Role,
    State,
)
from casework.permissions import grants, masks
from casework.permissions.policy import allows
from casework.permissions.scope import OWN_PARTY, Scope
from casework.store.tables import Values, cases, principals
from casework.store.tables import drafts as drafts_table
from casework.store.tables import grants as grants_table

MAX_PAGE = 500
FACETS = ("state", "exception_type", "severity", "owner", "team", "customer_id", "carrier_id", "facility_id")
SEARCHED = ("case_id", "exception_key", "shipment_id", "subject", "customer_id", "carrier_id")
UNASSIGNED = "-"


def search(desk: Desk, principal: Principal, tenant_id: str, wanted: QueueFilter) -> QueuePage:
    """Return one page of the queue; raise `NotPermitted` when no grant reads cases of the tenant."""
    with desk.reading() as connection:
        reader = grants.current(connection, principal.principal_id)
        scope = reading_scope(reader, tenant_id, desk)
        hidden = _hidden(scope)
        _refuse_hidden_filters(wanted, hidden)
        clause = and_(scope.where(), *_conditions(wanted, hidden))
        query = select(cases).where(clause).order_by(*_order(hidden))
        page = query.limit(max(0, min(wanted.limit, MAX_PAGE))).offset(max(0, wanted.offset))
        names = grants.names(connection)
        views = tuple(
            masks.case_view(row, scope.partner_role(row), names)
            for row in connection.execute(page).mappings()
        )
        return QueuePage(views, *_totals(connection, clause, hidden))


def reading_scope(reader: Principal, tenant_id: str, desk: Desk) -> Scope:
    """Return the cases a reader may see, or raise the same `NotPermitted` for any tenant without a grant."""
    scope = Scope.of(reader, tenant_id, "case:read", desk.config)
    if scope.is_empty:
        raise NotPermitted("You hold no role that reads cases here.", tenant_id=tenant_id)
    return scope


def _hidden(scope: Scope) -> frozenset[str]:
    """Return the columns that some part of this answer must not reveal."""
    return frozenset(
        column for role, _reach in scope.reaches if role in OWN_PARTY for column in masks.hidden_columns(role)
    )


def _refuse_hidden_filters(wanted: QueueFilter, hidden: frozenset[str]) -> None:
    asked = [
        name
        for name in ("owner", "team", "customer_id", "carrier_id", "facility_id")
        if getattr(wanted, name)
    ]
    asked += ["parent_case_id"] if wanted.parent_case_id else []
    asked += ["severity"] if wanted.severities else []
    refused = [name for name in asked if name in hidden]
    if wanted.is_awaiting_approval is not None and hidden:
        refused.append("is_awaiting_approval")
    if refused:
        raise NotPermitted(f"You cannot filter by {', '.join(refused)}.", fields=refused)


def _conditions(wanted: QueueFilter, hidden: frozenset[str]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(cases.c.state.in_([State(state).value for state in wanted.states]))
    elif not wanted.include_closed:
        found.append(cases.c.is_open)
    # a partner's queue does not tell how its shipments are grouped inside
    if not wanted.include_merged and "merged_into" not in hidden:
        found.append(cases.c.merged_into.is_(None))
    if wanted.exception_types:
        found.append(cases.c.exception_type.in_(wanted.exception_types))
    if wanted.severities:
        found.append(cases.c.severity.in_(wanted.severities))
    for column in ("customer_id", "carrier_id", "facility_id", "parent_case_id"):
        if getattr(wanted, column):
            found.append(cases.c[column] == getattr(wanted, column))
    for column in ("owner", "team"):
        asked = getattr(wanted, column)
        if asked:
            found.append(cases.c[column].is_(None) if asked == UNASSIGNED else cases.c[column] == asked)
    if wanted.opened_since:
        found.append(cases.c.opened_at >= wanted.opened_since)
    if wanted.response_due_before:
        found.append(cases.c.first_response_at.is_(None))
        found.append(cases.c.first_response_due_at <= wanted.response_due_before)
    if wanted.is_awaiting_approval is not None:
        waiting = _awaits_approval()
        found.append(waiting if wanted.is_awaiting_approval else ~waiting)
    return found + _matching(wanted.search, hidden)


def _matching(text: str, hidden: frozenset[str]) -> list[ColumnElement[bool]]:
    words = clean_text(text, limit=500).split()[:8]
    columns = [cases.c[name] for name in SEARCHED if name not in hidden]
    return [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words]


def _awaits_approval() -> ColumnElement[bool]:
    return exists().where(
        drafts_table.c.tenant_id == cases.c.tenant_id,
        drafts_table.c.case_id == cases.c.case_id,
        drafts_table.c.state == DraftState.WAITING.value,
    )


def _order(hidden: frozenset[str]) -> tuple[ColumnElement[Any], ...]:
    """Money first; but an order by money tells about money, so a partner's queue goes by date."""
    if "expected_loss" in hidden:
        return (cases.c.opened_at.desc(), cases.c.case_id)
    return (cases.c.expected_loss.desc(), cases.c.case_id)


def _totals(
    connection: Connection, clause: ColumnElement[bool], hidden: frozenset[str]
) -> tuple[int, dict[str, dict[str, int]], Decimal | None, str | None]:
    facets: dict[str, dict[str, int]] = {}
    for name in (name for name in FACETS if name not in hidden):
        column = cases.c[name]
        counted = select(column, func.count()).where(clause).group_by(column)
        found: list[tuple[str, int]] = [(row[0] or UNASSIGNED, row[1]) for row in connection.execute(counted)]
        facets[name] = dict(sorted(found, key=lambda item: (-item[1], item[0])))
    count: int = connection.scalar(select(func.count()).select_from(cases).where(clause)) or 0
    if "expected_loss" in hidden:
        return count, facets, None, None
    return count, facets, *_at_stake(connection, clause)


def _at_stake(connection: Connection, clause: ColumnElement[bool]) -> tuple[Decimal, str | None]:
    """Return what all the cases together can cost: several cases of one shipment, or of one incident, count once."""
    once = func.coalesce(cases.c.parent_case_id, cases.c.shipment_id, cases.c.case_id)
    # an incident has no shipment and no parent, so it falls into the group of its children
    greatest = func.max(cases.c.expected_loss).label("loss")
    groups = (
        select(greatest, func.max(cases.c.currency_code).label("currency_code"))
        .where(clause)
        .group_by(once)
        .subquery()
    )
    row = connection.execute(select(func.sum(groups.c.loss), func.max(groups.c.currency_code))).one()
    return row[0] if row[0] is not None else Decimal("0.00"), row[1]


def at_stake_by(
    connection: Connection, column: ColumnElement[Any], clause: ColumnElement[bool]
) -> dict[str | None, Decimal]:
    """Return what cases can cost for each value of a column, counted once per shipment or incident in each."""
    once = func.coalesce(cases.c.parent_case_id, cases.c.shipment_id, cases.c.case_id)
    greatest = func.max(cases.c.expected_loss).label("loss")
    groups = select(column.label("key"), greatest).where(clause).group_by(column, once).subquery()
    summed = select(groups.c.key, func.sum(groups.c.loss)).group_by(groups.c.key)
    return {row[0]: row[1] for row in connection.execute(summed)}


# --- one case ------------------------------------------------------------------------------------------


def get(desk: Desk, principal: Principal, tenant_id: str, case_id: str) -> CaseDetail:
    """Return everything the reader may see of one case; out of scope reads as not found.

    A partner's look, and the audit trail shown to somebody who does not work the case, are told in the chain.
    """
    with desk.reading() as connection:
        reader = grants.current(connection, principal.principal_id)
        scope, row = visible_case(connection, desk, reader, tenant_id, case_id)
        role = scope.partner_role(row)
        detail = rows.known(connection, row, role, grants.names(connection))
        if role is not None:
            shown = _for_partner(connection, detail, reader, desk, row, role)
        else:
            shown = _for_desk(connection, detail, reader, desk, row, scope)
    if role is not None:
        reads.tell(desk, reader, tenant_id, case_id, "partner_view", {"role": role})
    elif shown.audit and not reads.is_routine(desk, reader, row):
        reads.tell(desk, reader, tenant_id, case_id, "audit")
    return shown


def visible_case(
    connection: Connection, desk: Desk, reader: Principal, tenant_id: str, case_id: str
) -> tuple[Scope, Values]:
    """Return the reader's scope and a case within it, or raise `CaseNotFound`."""
    scope = Scope.of(reader, tenant_id, "case:read", desk.config)
    row = rows.case_row(connection, tenant_id, case_id)
    if row is None or not scope.covers(row):
        raise CaseNotFound(case_id)
    return scope, row


def _for_partner(
    connection: Connection,
    detail: CaseDetail,
    reader: Principal,
    desk: Desk,
    row: Values,
    role: Role,
) -> CaseDetail:
    """Add what a partner sees beside the facts: its own messages, and the milestones of the case's life."""
    party = row[OWN_PARTY[role]]
    own = [m for m in rows.messages_of(connection, row) if m.party_id == party and m.direction != "note"]
    shown = masks.milestones(rows.history_of(connection, row, {}))
    return _with(detail, messages=tuple(own), history=shown, possible_actions=_possible(reader, desk, row))


def _for_desk(
    connection: Connection,
    detail: CaseDetail,
    reader: Principal,
    desk: Desk,
    row: Values,
    scope: Scope,
) -> CaseDetail:
    names = grants.names(connection)
    may_audit = Scope.of(reader, row["tenant_id"], "audit:read", desk.config).covers(row)
    return _with(
        detail,
        drafts=drafts.views(connection, desk, row),
        messages=rows.messages_of(connection, row),
        effects=rows.effects_of(connection, row),
        escalations=rows.escalations_of(connection, row),
        clocks=clocks.read(desk.config, row, desk.clock(), rows.clock_facts_of(connection, row)),
        history=rows.history_of(connection, row, names),
        audit=rows.audit_of(connection, row) if may_audit else (),
        siblings=_related(connection, scope, names, _same_shipment(row)),
        merged=_related(connection, scope, names, cases.c.merged_into == row["case_id"]),
        children=_related(connection, scope, names, cases.c.parent_case_id == row["case_id"]),
        parent=next(iter(_related(connection, scope, names, cases.c.case_id == row["parent_case_id"])), None),
        possible_actions=_possible(reader, desk, row),
    )


def _with(detail: CaseDetail, **parts: Any) -> CaseDetail:
    return CaseDetail(
        case=detail.case, facts=detail.facts, documents=detail.documents, lineage=detail.lineage, **parts
    )


def _same_shipment(row: Values) -> ColumnElement[bool]:
    return and_(cases.c.shipment_id == row["shipment_id"], cases.c.case_id != row["case_id"])


def _related(
    connection: Connection, scope: Scope, names: Mapping[str, str], clause: ColumnElement[bool]
) -> tuple[CaseView, ...]:
    order = (cases.c.is_open.desc(), cases.c.expected_loss.desc(), cases.c.case_id)
    query: Select[Any] = select(cases).where(scope.where(), clause).order_by(*order).limit(MAX_PAGE)
    return tuple(
        masks.case_view(row, scope.partner_role(row), names) for row in connection.execute(query).mappings()
    )


def _possible(reader: Principal, desk: Desk, row: Values) -> tuple[Action, ...]:
    return tuple(
        action
        for action in lifecycle.possible(State(row["state"]), is_merged=bool(row["merged_into"]))
        if Scope.of(reader, row["tenant_id"], f"case:{action}", desk.config).covers(row)
    )


def tenant_of(desk: Desk, principal: Principal, case_id: str) -> str:
    """Return whose case a number names, among the tenants the reader reads; numbers carry their tenant."""
    with desk.reading() as connection:
        reader = grants.current(connection, principal.principal_id)
        for tenant_id in reader.tenants:
            scope = Scope.of(reader, tenant_id, "case:read", desk.config)
            query = select(cases.c.case_id).where(scope.where(), cases.c.case_id == case_id)
            if connection.scalar(query):
                return tenant_id
    raise CaseNotFound(case_id)


def people(desk: Desk, principal: Principal, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name of everybody who can own a case of the tenant; for its own people only."""
    with desk.reading() as connection:
        reader = grants.current(connection, principal.principal_id)
        if reading_scope(reader, tenant_id, desk).has_partners:
            raise NotPermitted("You cannot see who works here.", tenant_id=tenant_id)
        return owners(connection, tenant_id)


def owners(connection: Connection, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name of everybody whose role in the tenant can work a case."""
    roles = [role.value for role in Role if allows(role, "case:start")]
    query = (
        select(principals.c.principal_id, principals.c.display_name)
        .join(grants_table, grants_table.c.principal_id == principals.c.principal_id)
        .where(
            grants_table.c.tenant_id == tenant_id,
            grants_table.c.role.in_(roles),
            grants_table.c.revoked_at.is_(None),
            principals.c.is_active,
        )
        .order_by(principals.c.display_name)
    )
    return {row.principal_id: row.display_name for row in connection.execute(query)}
