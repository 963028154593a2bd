"""From stored rows to the values readers get; who may read them is decided before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Select, bindparam, func, select

from casework.deadlines.clocks import CaseFacts
from casework.model import (
    Approval,
    AuditEntry,
    CaseDetail,
    Contact,
    EffectState,
    EffectView,
    EscalationView,
    Fact,
    HistoryEntry,
    Lineage,
    MessageView,
    Role,
)
from casework.permissions import masks
from casework.store.tables import (
    Values,
    approvals,
    audit_entries,
    case_evidence,
    case_facts,
    cases,
    contacts,
    effects,
    escalations,
    messages,
)

# Read with every decision, so built once.
CASE = select(cases).where(cases.c.tenant_id == bindparam("of_tenant"), cases.c.case_id == bindparam("named"))
ENDINGS = ("case:resolved", "case:dismissed", "exception:recovered")


def case_row(connection: Connection, tenant_id: str, case_id: str) -> RowMapping | None:
    """Return one case by its key, whoever asks."""
    return connection.execute(CASE, {"of_tenant": tenant_id, "named": case_id}).mappings().first()


def fact(values: Values) -> Fact:
    """Return a stored fact."""
    return Fact(
        fact_id=values["fact_id"],
        label=values["label"],
        value=values["value"],
        type=values["type"],
        source=values["source"],
        file_sha256=values.get("file_sha256"),
        row_number=values.get("row_number"),
    )


def lineage(values: Values) -> Lineage:
    """Return a stored lineage."""
    return Lineage(
        publication_id=values["publication_id"],
        dagster_run_id=values.get("dagster_run_id"),
        dbt_invocation_id=values.get("dbt_invocation_id"),
        model_versions=values.get("model_versions", {}),
        files=tuple(values.get("files", ())),
    )


def evidence_of(connection: Connection, case: Values) -> RowMapping | None:
    """Return the evidence of a case in its current version."""
    query = select(case_evidence).where(
        case_evidence.c.tenant_id == case["tenant_id"],
        case_evidence.c.case_id == case["case_id"],
        case_evidence.c.facts_version == case["facts_version"],
    )
    return connection.execute(query).mappings().first()


def _of_case(connection: Connection, query: Select[Any], table: Any, case: Values) -> Sequence[RowMapping]:
    return (
        connection.execute(
            query.where(table.c.tenant_id == case["tenant_id"], table.c.case_id == case["case_id"])
        )
        .mappings()
        .all()
    )


def history_of(connection: Connection, case: Values, names: Mapping[str, str]) -> tuple[HistoryEntry, ...]:
    """Return what happened to a case, oldest first."""
    rows = _of_case(connection, select(case_facts).order_by(case_facts.c.sequence), case_facts, case)
    return tuple(history_entry(row, names) for row in rows)


def history_entry(row: Values, names: Mapping[str, str]) -> HistoryEntry:
    """Return one thing that happened to a case."""
    return HistoryEntry(
        row["sequence"],
        row["fact"],
        row["actor"],
        names.get(row["actor"], row["actor"]),
        row["occurred_at"],
        row["details"],
    )


def audit_of(connection: Connection, case: Values) -> tuple[AuditEntry, ...]:
    """Return a case's audit entries, oldest first."""
    rows = _of_case(connection, select(audit_entries).order_by(audit_entries.c.sequence), audit_entries, case)
    return tuple(
        AuditEntry(**{key: value for key, value in row.items() if key != "tenant_id"}) for row in rows
    )


def messages_of(connection: Connection, case: Values) -> tuple[MessageView, ...]:
    """Return a case's messages and notes, oldest first."""
    order = (messages.c.occurred_at, messages.c.message_id)
    rows = _of_case(connection, select(messages).order_by(*order), messages, case)
    return tuple(
        MessageView(**{key: value for key, value in row.items() if key != "tenant_id"}) for row in rows
    )


def effects_of(connection: Connection, case: Values) -> tuple[EffectView, ...]:
    """Return what must leave or has left for a case, oldest first."""
    order = (effects.c.created_at, effects.c.effect_id)
    rows = _of_case(connection, select(effects).order_by(*order), effects, case)
    hidden = {"tenant_id", "claimed_until", "claimed_by", "traceparent"}
    return tuple(
        EffectView(
            **{k: v for k, v in row.items() if k not in hidden | {"state"}}, state=EffectState(row["state"])
        )
        for row in rows
    )


def escalations_of(connection: Connection, case: Values) -> tuple[EscalationView, ...]:
    """Return a case's escalation steps in order of their deadlines."""
    order = (escalations.c.due_at, escalations.c.rule, escalations.c.step)
    rows = _of_case(connection, select(escalations).order_by(*order), escalations, case)
    return tuple(
        EscalationView(**{k: v for k, v in row.items() if k not in {"tenant_id", "case_id"}}) for row in rows
    )


def clock_facts_of(connection: Connection, case: Values) -> CaseFacts:
    """Return what the clocks of a case need beside its row: when it ended, and its customer's last update."""
    ended = select(func.max(case_facts.c.occurred_at)).where(
        case_facts.c.tenant_id == case["tenant_id"],
        case_facts.c.case_id == case["case_id"],
        case_facts.c.fact.in_(ENDINGS),
    )
    updated = select(func.max(messages.c.occurred_at)).where(
        messages.c.tenant_id == case["tenant_id"],
        messages.c.case_id == case["case_id"],
        messages.c.direction == "out",
        messages.c.party_id == case["customer_id"],
    )
    return CaseFacts(
        ended_at=None if case["is_open"] else connection.scalar(ended),
        updated_customer_at=connection.scalar(updated),
    )


def approval(row: RowMapping | Mapping[str, Any], effect_ids: Iterable[str] = ()) -> Approval:
    """Return a stored decision."""
    values = {key: value for key, value in row.items() if key not in {"tenant_id", "recipients"}}
    return Approval(**values, recipients=tuple(row["recipients"]), effect_ids=tuple(effect_ids))


def approval_of(connection: Connection, tenant_id: str, draft_id: str, draft_version: int) -> Approval | None:
    """Return the decision on one version of a draft, with the effects it queued."""
    query = select(approvals).where(
        approvals.c.tenant_id == tenant_id,
        approvals.c.draft_id == draft_id,
        approvals.c.draft_version == draft_version,
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    queued = select(effects.c.effect_id).where(
        effects.c.tenant_id == tenant_id, effects.c.approval_id == row["approval_id"]
    )
    return approval(row, connection.execute(queued.order_by(effects.c.effect_id)).scalars())


def contacts_of(
    connection: Connection, tenant_id: str, party_id: str | None, party_role: str
) -> list[Contact]:
    """Return the verified addresses of one party in one role, by channel."""
    if party_id is None:
        return []
    query = (
        select(contacts)
        .where(
            contacts.c.tenant_id == tenant_id,
            contacts.c.party_id == party_id,
            contacts.c.party_role == party_role,
            contacts.c.is_verified,
        )
        .order_by(contacts.c.channel)
    )
    return [contact(row) for row in connection.execute(query)]


def contact(row: Row[Any]) -> Contact:
    """Return a stored address."""
    return Contact(
        row.party_id, row.channel, row.party_role, row.party_name, row.address, bool(row.is_verified)
    )


def known(connection: Connection, row: Values, role: Role | None, names: Mapping[str, str]) -> CaseDetail:
    """Return what is known about a case: facts and documents, and for its own people the lineage."""
    return detail(row, evidence_of(connection, row), role, names)


def detail(
    row: Values,
    evidence: Values | None,
    role: Role | None,
    names: Mapping[str, str],
) -> CaseDetail:
    """Return a case with its evidence as a reader in this role sees them."""
    facts = tuple(fact(item) for item in evidence["facts"]) if evidence else ()
    return CaseDetail(
        case=masks.case_view(row, role, names),
        facts=masks.visible_facts(facts, role),
        documents=tuple(evidence["documents"]) if evidence else (),
        lineage=lineage(evidence["lineage"]) if evidence and role is None else None,
    )
