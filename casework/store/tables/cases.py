"""Exceptions taken up, what is known of them, and the log that proves it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Column, ColumnElement, Float, Index, Integer, String, Table, Text, true

from casework.store.tables.types import Hundredths, Instant, Money, metadata

# One row per case: one open case per exception key and tenant.
cases = Table(
    "cases",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("exception_key", String(300), nullable=False),
    Column("exception_type", String(64), nullable=False),
    Column("subject_type", String(32), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("shipment_id", String(120)),
    Column("parent_case_id", String(40)),
    Column("state", String(20), nullable=False),
    Column("is_open", Boolean, nullable=False),  # new, triaged, in_progress or waiting
    Column("is_present", Boolean, nullable=False),  # the exception stands in the latest publication
    Column("severity", String(16), nullable=False),
    Column("owner", String(64)),  # principal_id
    Column("team", String(40)),  # whose queue it is in; a team of the tenant's configuration
    Column("customer_id", String(120)),
    Column("carrier_id", String(120)),
    Column("facility_id", String(120)),
    Column("customer_tier", String(16)),
    Column("late_probability", Float),
    Column("predicted_at", Instant),
    Column("due_at", Instant),  # the promise that is at stake (feed time)
    Column("expected_loss", Money(), nullable=False),
    Column("sla_penalty_amount", Money(), nullable=False),
    Column("revenue_amount", Money(), nullable=False),
    Column("inventory_amount", Money(), nullable=False),
    Column("customer_tier_amount", Money(), nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("assumption", Text),
    Column("detected_at", Instant, nullable=False),  # feed time
    Column("opened_at", Instant, nullable=False),  # desk time, and so are the next ones
    Column("first_response_due_at", Instant),
    Column("first_response_at", Instant),
    Column("resolution_due_at", Instant),
    Column("calendar", String(64)),  # what both deadlines were counted in; none is around the clock
    Column("clock_zone", String(64)),
    Column("clock_rule", String(160)),
    Column("waiting_since", Instant),
    Column("waiting_until", Instant),
    Column("waiting_for", String(40)),  # the event that ends the wait before its time
    Column("acknowledged_until", Instant),  # till then nobody is called because it is unanswered
    Column("acknowledged_by", String(64)),  # principal_id
    Column("resolution_code", String(40)),
    Column("root_cause_code", String(40)),
    Column("closed_at", Instant),
    Column("version", Integer, nullable=False),  # +1 with every change: optimistic concurrency
    Column("facts_version", Integer, nullable=False),
    Column("facts_sha256", String(64), nullable=False),
    Column("publication_id", String(64), nullable=False),  # the one the current facts come from
    Column("updated_at", Instant, nullable=False),
    Column("merged_into", String(40)),  # the case that people made one with this one
    Column("flapping_until", Instant),  # gone, but it came and went too often to be believed before then
    # What the queue is ordered by: the parts of the loss, each times its weight; unweighted where nothing is said.
    Column(
        "ranked_amount",
        Hundredths(),
        nullable=False,
        default=lambda row: row.get_current_parameters()["expected_loss"],
    ),
    Column("weights_version", Integer, nullable=False, default=0),  # of the tenant's weights; 0 is unweighted
    Column("penalty_per_day", Money()),  # what each day after the promise costs, where it is known
)
Index(
    "uq_cases_one_open_case_per_exception",
    cases.c.tenant_id,
    cases.c.exception_key,
    unique=True,
    sqlite_where=cases.c.is_open,
    postgresql_where=cases.c.is_open,
)
# Written out as a comparison, for SQLite knows a partial index by the words of its condition.
OPEN = cases.c.is_open == true()
RANK = (cases.c.ranked_amount.desc(), cases.c.case_id.desc())
NEWEST = (cases.c.opened_at.desc(), cases.c.case_id.desc())


def _partial(name: str, *columns: Any, where: ColumnElement[bool] = OPEN) -> None:
    """Declare an index over a part of the cases, mostly the open ones, that stays small while history grows."""
    Index(f"ix_cases_{name}", cases.c.tenant_id, *columns, sqlite_where=where, postgresql_where=where)


# The ranked queue, whole and by what it is narrowed to; and by date for partners, who are shown no money.
_partial("queue", *RANK)
_partial("queue_by_state", cases.c.state, *RANK)
_partial("queue_by_severity", cases.c.severity, *RANK)
_partial("queue_by_owner", cases.c.owner, *RANK)
_partial("newest_by_customer", cases.c.customer_id, *NEWEST)
_partial("newest_by_carrier", cases.c.carrier_id, *NEWEST)
_partial("newest_by_facility", cases.c.facility_id, *NEWEST)
# With the ended ones too.
Index("ix_cases_history", cases.c.tenant_id, *RANK)
Index("ix_cases_by_customer", cases.c.tenant_id, cases.c.customer_id, cases.c.is_open, *RANK)
Index("ix_cases_by_carrier", cases.c.tenant_id, cases.c.carrier_id, cases.c.is_open, *RANK)
Index("ix_cases_by_facility", cases.c.tenant_id, cases.c.facility_id, cases.c.is_open, *RANK)
# Few are merged or part of an incident: were the others in these, SQLite would read them all to find those.
_partial("merged", cases.c.merged_into, where=cases.c.merged_into.is_not(None))
_partial("parent", cases.c.parent_case_id, where=cases.c.parent_case_id.is_not(None))
# What the worker and its auditor look for, in all tenants.
_partial(
    "unanswered", cases.c.first_response_due_at, where=cases.c.is_open & cases.c.first_response_at.is_(None)
)
_partial("sleeping", cases.c.case_id, where=cases.c.is_open & cases.c.resolution_due_at.is_(None))
_partial("waiting", cases.c.waiting_for, cases.c.waiting_until, where=cases.c.state == "waiting")
_partial("flapping", cases.c.flapping_until, where=cases.c.is_open & ~cases.c.is_present)
_partial("present", cases.c.case_id, cases.c.exception_key, where=cases.c.is_present == true())
Index("ix_cases_exception", cases.c.tenant_id, cases.c.exception_key)
Index("ix_cases_shipment", cases.c.tenant_id, cases.c.shipment_id)

# One row per version of what is known about a case: facts as the publication stated them.
case_evidence = Table(
    "case_evidence",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("facts_version", Integer, primary_key=True),
    Column("facts_sha256", String(64), nullable=False),
    Column("facts", JSON, nullable=False),  # list of Fact as dicts
    Column("documents", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),  # file hashes, dagster run, dbt invocation, model, publication
    Column("publication_id", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("stated", JSON),  # the columns of `cases` that this version of the facts states
)

# One row per thing that happened to a case, in the past tense (`case:opened`, `case:owner:assigned`).
case_facts = Table(
    "case_facts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),  # per tenant, gapless
    Column("case_id", String(40), nullable=False),
    Column("fact", String(60), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("details", JSON, nullable=False),
)
Index("ix_case_facts_case", case_facts.c.tenant_id, case_facts.c.case_id, case_facts.c.sequence)

# One row per audit entry; hash = sha256 of canonical JSON of the entry including previous_hash.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("occurred_at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(60), nullable=False),
    Column("case_id", String(40)),
    Column("object_id", String(120)),
    Column("payload", JSON, nullable=False),
    Column("payload_sha256", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("entry_hash", String(64), nullable=False),
)
Index("ix_audit_entries_case", audit_entries.c.tenant_id, audit_entries.c.case_id, audit_entries.c.sequence)

# One row per tenant: the head of its chain and the last numbers given, so that an append reads one row.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("entry_hash", String(64), nullable=False),
    Column("fact_sequence", Integer, nullable=False, server_default="0"),  # of `case_facts`
    Column("event_sequence", Integer, nullable=False, server_default="0"),  # of `events`
)
