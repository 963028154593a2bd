"""The lists of a case: documents, related cases, effects and receipts, messages, facts, history, audit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from casework.model import CaseDetail, CaseView, EffectView, EscalationView, MessageView
from dashboard import context
from dashboard.components.badges import effect_badge
from dashboard.components.stuck_effects import show_decision
from dashboard.components.tables import frame_of, show_table
from dashboard.components.text import literal, moment, money, plain, relative, utc_text, visible
from dashboard.components.wording import STATE_WORDS, breach_text, fact_text, subject_name, type_label
from dashboard.session import Viewer

_DOCUMENT_MARKS = {"received": "✓ have", "missing": "– missing", "rejected": "✗ wrong"}
_DIRECTIONS = {
    "out": ("Sent", ":material/call_made:"),
    "in": ("Received", ":material/call_received:"),
    "note": ("Note", ":material/sticky_note_2:"),
}

_TARGETS = {
    "mail": "Mail",
    "portal_webhook": "Customer portal",
    "team_mail": "Notice by mail",
    "team_webhook": "Notice",
}


def show_documents(documents: Sequence[dict[str, Any]], as_of: datetime) -> None:
    """Show which papers the shipment needs, which are there, and by when the others must be."""
    if not documents:
        return
    st.subheader("Documents", anchor=False)
    rows = [
        {
            "Document": visible(document.get("document_type")),
            "Status": _DOCUMENT_MARKS.get(str(document.get("status")), visible(document.get("status"))),
            "Needed": "yes" if document.get("is_required", True) else "no",
            "Needed by": _when(document.get("needed_by_at"), as_of),
            "Received": _when(document.get("received_at"), as_of),
        }
        for document in documents
    ]
    show_table(rows, "case_documents")


def _when(value: object, now: datetime) -> str:
    """Return an instant that may come as text, absolute and relative."""
    if value is None or value == "":
        return ""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return visible(value)
    return f"{moment(at)}, {relative(at, now)}" if at.tzinfo else visible(value)


def show_related(detail: CaseDetail, viewer: Viewer, now: datetime) -> None:
    """Show other cases of the same shipment, the incident above, and the cases below."""
    groups = (
        ("Part of", (detail.parent,) if detail.parent else (), "parent"),
        ("Other cases of this shipment", detail.siblings, "siblings"),
        ("Cases of this incident", detail.children, "children"),
        ("Merged into this case", detail.merged, "merged"),
    )
    for title, cases, name in groups:
        if cases:
            st.subheader(literal(f"{title} ({len(cases)})"), anchor=False)
            _cases(cases, viewer, now, f"case_{name}")


def _cases(cases: Sequence[CaseView], viewer: Viewer, now: datetime, key: str) -> None:
    """Show cases as a table; choosing a row opens it."""
    config = context.config()
    rows = [
        {
            "At stake": money(case.expected_loss, case.currency_code)
            if case.expected_loss is not None
            else "",
            "Type": type_label(config, case.exception_type),
            "Subject": visible(subject_name(case)),
            "State": STATE_WORDS.get(case.state, str(case.state)),
            "Clock": breach_text(case, now),
        }
        for case in cases
    ]
    event = st.dataframe(
        frame_of(rows),
        hide_index=True,
        key=key,
        row_height=30,
        height="content" if len(rows) <= 6 else 36 + 30 * 6,
        on_select="rerun",
        selection_mode="single-row",
    )
    if event.selection.rows:
        chosen = cases[event.selection.rows[0]]
        st.switch_page(
            st.session_state["pages"]["case"],
            query_params={"tenant": viewer.tenant_id, "case": chosen.case_id},
        )


def show_effects(effects: Sequence[EffectView], now: datetime, viewer: Viewer) -> None:
    """Show what left or must leave: to whom, how far it came, and the acknowledgement."""
    if not effects:
        return
    st.subheader("What was sent", anchor=False)
    with st.container(key="case_effects"):
        for effect in effects:
            with st.container(border=True, gap=None):
                _effect(effect, now)
                show_decision(effect, viewer)


def _effect(effect: EffectView, now: datetime) -> None:
    words = _TARGETS.get(effect.target, effect.target)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        effect_badge(effect.state)
        st.markdown(literal(f"{words} to {effect.recipient}"), width="content")
    tried = f"{effect.attempts} attempt{'' if effect.attempts == 1 else 's'}"
    at = effect.settled_at or effect.available_at
    verb = "settled" if effect.settled_at else "due"
    st.caption(literal(f"{tried}, {verb} {relative(at, now)}, {moment(at)}"), help=utc_text(at))
    if effect.last_error:
        plain(f"Last error: {effect.last_error}")
    if effect.receipt:
        st.code(visible(_receipt_text(effect.receipt)), language=None, wrap_lines=True)


# What every receipt repeats about its own sending; the rest is what the other side said.
_OWN_WORDS = frozenset(("history", "stage", "result", "attempt", "held_at"))


def _receipt_text(receipt: dict[str, Any]) -> str:
    """Return what the other side acknowledged, one field a line."""
    said = {name: value for name, value in receipt.items() if name not in _OWN_WORDS and value}
    return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in said.items())


def show_escalations(steps: Sequence[EscalationView], now: datetime) -> None:
    """Show who hears of the case when nobody acts: what fired, what is due, what became superfluous."""
    if not steps:
        return
    st.caption("Escalation steps")
    rows = [
        {
            "Rule": visible(step.rule).replace("_", " "),
            "Step": step.step + 1,
            "Due": f"{moment(step.due_at)}, {relative(step.due_at, now)}",
            "State": {"fired": "● fired", "due": "○ due", "cancelled": "– not needed"}.get(
                step.state, step.state
            ),
            "Fired": moment(step.fired_at) if step.fired_at else "",
            "What": _in_words(step.details),
        }
        for step in steps
    ]
    show_table(rows, "case_escalations")


def show_messages(messages: Sequence[MessageView], now: datetime) -> None:
    """Show what was said both ways, oldest first; bodies are text and nothing else."""
    if not messages:
        return
    st.subheader("Messages", anchor=False)
    for message in sorted(messages, key=lambda found: found.occurred_at):
        _, icon = _DIRECTIONS.get(message.direction, ("", None))
        title = literal(f"{_title(message)} ({relative(message.occurred_at, now)})")
        with st.expander(title, icon=icon):
            if message.direction == "in":
                st.caption("From outside; not checked.")
            st.code(visible(message.body), language=None, wrap_lines=True)


def _title(message: MessageView) -> str:
    """Return one line for a message: which way it went, with whom, and what about."""
    words = _DIRECTIONS.get(message.direction, (message.direction, None))[0]
    party = message.address or message.party_id or "the desk"
    return f"{words} · {party} · {message.subject or message.body[:60]}"


def show_facts(detail: CaseDetail, *, sources: bool = True) -> None:
    """Show every fact of the case, inside the company with the table and the source row it came from."""
    rows = []
    for fact in detail.facts:
        row = {"Fact": visible(fact.label), "Value": visible(fact_text(fact))}
        if sources:
            row |= {
                "From": visible(fact.source),
                "File": visible(fact.file_sha256 or "")[:16],
                "Row": "" if fact.row_number is None else str(fact.row_number),
                "Id": visible(fact.fact_id),
            }
        rows.append(row)
    if rows:
        show_table(rows, "case_facts", most=14)


def show_history(detail: CaseDetail, *, key: str, audit: bool = False) -> None:
    """Show everything that happened to the case, or the links of the audit chain that prove it."""
    rows = (
        [_audit_row(entry) for entry in detail.audit]
        if audit
        else [_history_row(entry) for entry in detail.history]
    )
    if rows:
        show_table(rows, key, most=14)
    else:
        st.caption("Nothing to show here for your role." if audit else "Nothing has happened yet.")


def _history_row(entry: Any) -> dict[str, Any]:
    return {
        "When": moment(entry.occurred_at),
        "What": visible(entry.fact),
        "Who": visible(entry.actor_name),
        "Details": _in_words(entry.details),
        "No.": entry.sequence,
    }


def _audit_row(entry: Any) -> dict[str, Any]:
    return {
        "No.": entry.sequence,
        "When": moment(entry.occurred_at),
        "Who": visible(entry.actor),
        "Action": visible(entry.action),
        "Object": visible(entry.object_id or ""),
        "Entry hash": entry.entry_hash[:16],
        "After": entry.previous_hash[:16],
        "Payload": _short_json(entry.payload),
    }


def _short_json(value: Any) -> str:
    """Return JSON cut to what a table cell can hold."""
    text = visible(json.dumps(value, ensure_ascii=False, default=str, sort_keys=True))
    return "" if text == "{}" else text[:400]


def _in_words(details: dict[str, Any]) -> str:
    """Return a fact's details as `name value` pairs, cut to what a table cell can hold."""
    pairs = (
        f"{name.replace('_', ' ')} {value}"
        for name, value in details.items()
        if value not in (None, "", []) and not name.endswith("_sha256")
    )
    return visible(" · ".join(pairs))[:400]
