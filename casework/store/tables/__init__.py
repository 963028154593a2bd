"""The operational store's tables: what people decided, what follows from it, and what arrived.

One row's columns say its grain. Every table carries `tenant_id`; ids are unique within a tenant.
Tables named in `APPEND_ONLY` refuse update and delete in the database itself. All instants are UTC.
"""

from __future__ import annotations

from sqlalchemy import Table

from casework.store.tables.access import api_keys, link_views, partner_links
from casework.store.tables.answers import acknowledgements, control_numbers
from casework.store.tables.approving import delegations, sign_offs
from casework.store.tables.arrivals import (
    check_results,
    duplicate_files,
    ingested_files,
    publications,
    quarantined_rows,
    received_posts,
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
from casework.store.tables.identity import reference_decisions
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
from casework.store.tables.queue import case_words, queue_counts, queue_totals
from casework.store.tables.ranking import priority_weights
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
    link_views,
    sign_offs,
    priority_weights,
)

__all__ = [
    "APPEND_ONLY",
    "FineMoney",
    "Instant",
    "Money",
    "Table",
    "Values",
    "acknowledgements",
    "api_keys",
    "approvals",
    "audit_entries",
    "audit_heads",
    "case_evidence",
    "case_facts",
    "case_words",
    "cases",
    "check_results",
    "config_versions",
    "contacts",
    "control_numbers",
    "delegations",
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
    "link_views",
    "messages",
    "metadata",
    "partner_links",
    "principals",
    "priority_weights",
    "publications",
    "quarantined_rows",
    "queue_counts",
    "queue_totals",
    "received_posts",
    "redactions",
    "reference_decisions",
    "sensitive_reads",
    "sessions",
    "sign_in_failures",
    "sign_offs",
    "tenant_clocks",
    "tenants",
    "usage",
]
