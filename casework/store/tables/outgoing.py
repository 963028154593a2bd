"""What is said and written: drafts, decisions on them, what leaves, what is due."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, UniqueConstraint

from casework.store.tables.types import FineMoney, Instant, metadata

# One row per draft of a case and kind and audience; its text lives in draft_versions.
drafts = Table(
    "drafts",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("draft_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("kind", String(40), nullable=False),  # customer_update | carrier_request | recovery_recommendation
    Column("state", String(20), nullable=False),  # waiting | approved | rejected | superseded | void
    Column("current_version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "case_id", "kind"),
)
WAITING = drafts.c.state == "waiting"
Index(
    "ix_drafts_waiting",
    drafts.c.tenant_id,
    drafts.c.case_id,
    sqlite_where=WAITING,
    postgresql_where=WAITING,
)

# One row per version of a draft: content and the hash that an approval binds.
draft_versions = Table(
    "draft_versions",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("draft_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column(
        "content", JSON, nullable=False
    ),  # drafting.model.Draft as dict: subject, paragraphs with fact_ids, options
    Column("content_sha256", String(64), nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("author", String(64), nullable=False),  # principal_id, or template:<id>, or model:<name>
    Column("created_at", Instant, nullable=False),
)

# One row per decision of a person on exact content.
approvals = Table(
    "approvals",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("approval_id", String(40), primary_key=True),
    Column("draft_id", String(40), nullable=False),
    Column("draft_version", Integer, nullable=False),
    Column("case_id", String(40), nullable=False),
    Column("decision", String(16), nullable=False),  # approved | rejected
    Column("approver", String(64), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("recipients", JSON, nullable=False),  # list of {channel, address, party_id}
    Column("facts_version", Integer, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("reason", Text),
    UniqueConstraint("tenant_id", "draft_id", "draft_version"),
)

# One row per thing that must leave: the outbox. States as in docs/glossary.md.
effects = Table(
    "effects",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("effect_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("approval_id", String(40)),
    Column("target", String(40), nullable=False),  # mail | portal_webhook | team_mail | team_webhook
    Column("recipient", String(500), nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("payload_sha256", String(64), nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("available_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("claimed_by", String(120)),
    Column("receipt", JSON),
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("traceparent", String(55)),  # W3C trace context of the decision that queued it
    UniqueConstraint("tenant_id", "idempotency_key"),
)
Index("ix_effects_due", effects.c.state, effects.c.available_at)
Index("ix_effects_case", effects.c.tenant_id, effects.c.case_id)

# One row per message in or out, one thread per case and party.
messages = Table(
    "messages",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("message_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("direction", String(8), nullable=False),  # out | in | note
    Column("channel", String(16), nullable=False),
    Column("party_id", String(120)),
    Column("address", String(500)),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("effect_id", String(40)),
    Column("occurred_at", Instant, nullable=False),
)
Index("ix_messages_case", messages.c.tenant_id, messages.c.case_id, messages.c.occurred_at)

# One row per step of an escalation that is due at an instant; fired exactly once.
escalations = Table(
    "escalations",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("escalation_id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False),
    Column("rule", String(60), nullable=False),
    Column("step", Integer, nullable=False),
    Column("clock", String(20)),  # first_response | next_update | resolution | wait
    Column("zone", String(64)),  # whose working time the instant was counted in
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),  # due | fired | cancelled
    Column("fired_at", Instant),
    Column("details", JSON, nullable=False),
    UniqueConstraint("tenant_id", "case_id", "rule", "step"),
)
Index("ix_escalations_due", escalations.c.state, escalations.c.due_at)

# One row per event said to the outside, in tenant order (CloudEvents attributes and data).
events = Table(
    "events",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", String(40), nullable=False),
    Column("type", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("data", JSON, nullable=False),
)

# One row per model call, attempt to send a message, or call of a program: begun before it, settled after it.
usage = Table(
    "usage",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("usage_id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),  # model_call | mail | portal_message | team_notice | ...
    Column("purpose", String(40), nullable=False),  # a draft's kind, an effect's target, the name of a call
    Column("case_id", String(40)),
    Column("customer_id", String(120)),
    Column("effect_id", String(40)),
    Column("caller", String(64)),  # the program that called, by the id of its key
    Column("model", String(120)),
    Column("quantity", Integer, nullable=False),  # 0 when a message was certainly not taken
    Column("unit", String(16), nullable=False),  # call | message
    Column("cost", FineMoney, nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("outcome", String(40)),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
)
Index("ix_usage_window", usage.c.tenant_id, usage.c.kind, usage.c.started_at)
Index("ix_usage_case", usage.c.tenant_id, usage.c.case_id)
Index("ix_usage_effect", usage.c.tenant_id, usage.c.effect_id)

# One row per long-lived process: when it last said it was alive.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", String(60), primary_key=True),
    Column("beat_at", Instant, nullable=False),
    Column("details", JSON, nullable=False),
)
