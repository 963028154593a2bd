"""The operational store's tables: what people decided, what follows from it, and what arrived.

One row's columns say its grain. Every table carries `tenant_id`; ids are unique within a tenant.
Tables named in `APPEND_ONLY` refuse update and delete in the database itself. All instants are UTC.
"""

from __future__ import annotations

from sqlalchemy import Table

from casework.store.tables.arrivals import (
    check_results,
    duplicate_files,
    ingested_files,
    publications,
    quarantined_rows,
)
from casework.store.tables.cases import audit_entries, audit_heads, case_evidence, case_facts, cases
from casework.store.tables.evidence import (
    config_versions,
    event_consumers,
    legal_holds,
    redactions,
    sensitive_reads,
)
from casework.store.tables.handovers import handover_items, handovers
from casework.store.tables.outgoing import (
    approvals,
    draft_versions,
    drafts,
    effects,
    escalations,
    events,
    heartbeats,
    messages,
    usage,
)
from casework.store.tables.people import (
    contacts,
    grants,
    identities,
    principals,
    sessions,
    sign_in_failures,
    tenant_clocks,
    tenants,
)
from casework.store.tables.types import FineMoney, Instant, Money, Values, metadata

APPEND_ONLY = (
    case_evidence,
    case_facts,
    audit_entries,
    draft_versions,
    approvals,
    events,
    redactions,
    config_versions,
    handover_items,
)

__all__ = [
    "APPEND_ONLY",
    "FineMoney",
    "Instant",
    "Money",
    "Table",
    "Values",
    "approvals",
    "audit_entries",
    "audit_heads",
    "case_evidence",
    "case_facts",
    "cases",
    "check_results",
    "config_versions",
    "contacts",
    "draft_versions",
    "drafts",
    "duplicate_files",
    "effects",
    "escalations",
    "event_consumers",
    "events",
    "grants",
    "handover_items",
    "handovers",
    "heartbeats",
    "identities",
    "ingested_files",
    "legal_holds",
    "messages",
    "metadata",
    "principals",
    "publications",
    "quarantined_rows",
    "redactions",
    "sensitive_reads",
    "sessions",
    "sign_in_failures",
    "tenant_clocks",
    "tenants",
    "usage",
]
