"""One case as one reader may see it, whose case a number names, and who can own one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from casework import intake, lifecycle, rows
from casework.deadlines import clocks
from casework.desk import Desk
from casework.drafting import drafts
from casework.errors import CaseNotFound, NotPermitted
from casework.evidence import reads
from casework.model import Action, CaseDetail, CaseView, Principal, Role, State
from casework.permissions import grants, masks, policy
from casework.permissions.scope import OWN_PARTY, Scope
from casework.queue.search import MAX_PAGE, reading_scope
from casework.ranking import priority, weights
from casework.ranking.time_to_act import waiting_cost
from casework.store.tables import Values, cases, principals
from casework.store.tables import grants as grants_table


def get(desk: Desk, principal: Principal, tenant_id: str, case_id: str) -> CaseDetail:
    """Return everything the reader may see of one case; out of scope reads as not found.

    A partner's look, and the audit trail shown to somebody who does not work the case, are told in the chain.
    """
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        scope, row = visible_case(connection, desk, reader, tenant_id, case_id)
        role = scope.partner_role(row)
        detail = rows.known(connection, row, role, grants.names(connection, tenant_id))
        if role is not None:
            shown = _for_partner(connection, detail, reader, desk, row, role)
        else:
            shown = _for_desk(connection, detail, reader, desk, row, scope)
    if role is not None:
        reads.tell(desk, principal, tenant_id, case_id, "partner_view", {"role": role})
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
    names, at = grants.names(connection, row["tenant_id"]), desk.clock()
    may_audit = Scope.of(reader, row["tenant_id"], "audit:read", desk.config).covers(row)
    return _with(
        detail,
        drafts=drafts.views(connection, desk, row),
        messages=rows.messages_of(connection, row),
        effects=rows.effects_of(connection, row),
        escalations=rows.escalations_of(connection, row),
        ranking=priority.ranking(
            row, weights.of_version(connection, row["tenant_id"], row["weights_version"]).weights
        ),
        waiting=waiting_cost(desk.config, row, at, intake.as_of(connection, row["tenant_id"], at)),
        clocks=clocks.read(desk.config, row, desk.clock(), rows.clock_facts_of(connection, row)),
        history=rows.history_of(connection, row, names),
        audit=rows.audit_of(connection, row) if may_audit else (),
        siblings=_related(connection, scope, names, _same_shipment(row)),
        merged=_related(connection, scope, names, cases.c.merged_into == row["case_id"]),
        children=_related(connection, scope, names, cases.c.parent_case_id == row["case_id"]),
        parent=next(iter(_related(connection, scope, names, _parent(row))), None),
        possible_actions=_possible(reader, desk, row),
    )


def _with(detail: CaseDetail, **parts: Any) -> CaseDetail:
    return CaseDetail(
        case=detail.case, facts=detail.facts, documents=detail.documents, lineage=detail.lineage, **parts
    )


def _same_shipment(row: Values) -> ColumnElement[bool] | None:
    if row["shipment_id"] is None:
        return None
    return and_(cases.c.shipment_id == row["shipment_id"], cases.c.case_id != row["case_id"])


def _parent(row: Values) -> ColumnElement[bool] | None:
    return None if row["parent_case_id"] is None else cases.c.case_id == row["parent_case_id"]


def _related(
    connection: Connection, scope: Scope, names: Mapping[str, str], clause: ColumnElement[bool] | None
) -> tuple[CaseView, ...]:
    if clause is None:
        return ()
    order = (cases.c.is_open.desc(), cases.c.ranked_amount.desc(), cases.c.case_id)
    query: Select[Any] = select(cases).where(scope.where(), clause).order_by(*order).limit(MAX_PAGE)
    return tuple(
        masks.case_view(row, scope.partner_role(row), names) for row in connection.execute(query).mappings()
    )


def _possible(reader: Principal, desk: Desk, row: Values) -> tuple[Action, ...]:
    by_state = lifecycle.possible(State(row["state"]), is_merged=bool(row["merged_into"]))
    this = policy.case(row, desk.config)
    allowed = policy.decide_many(reader, [f"case:{action}" for action in by_state], this)
    return tuple(action for action, is_allowed in zip(by_state, allowed, strict=True) if is_allowed)


def tenant_of(desk: Desk, principal: Principal, case_id: str) -> str:
    """Return whose case a number names, among the tenants the reader reads; numbers carry their tenant."""
    with desk.reading_across() as connection:
        reader = grants.current(connection, principal.principal_id)
        for tenant_id in reader.tenants:
            scope = Scope.of(reader, tenant_id, "case:read", desk.config)
            query = select(cases.c.case_id).where(scope.where(), cases.c.case_id == case_id)
            if connection.scalar(query):
                return tenant_id
    raise CaseNotFound(case_id)


def people(desk: Desk, principal: Principal, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name of everybody who can own a case of the tenant; for its own people only."""
    with desk.reading(tenant_id) as connection:
        reader = grants.current(connection, principal.principal_id)
        if reading_scope(reader, tenant_id, desk).has_partners:
            raise NotPermitted("You cannot see who works here.", tenant_id=tenant_id)
        return owners(connection, tenant_id)


def owners(connection: Connection, tenant_id: str) -> dict[str, str]:
    """Return principal_id -> name of everybody whose role in the tenant can work a case."""
    roles = [role.value for role in policy.roles_with("case:start")]
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
