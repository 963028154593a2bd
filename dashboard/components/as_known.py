"""The case as it stood at an instant, for whoever reads the audit trail: to look at, with nothing to press."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from casework.errors import CaseworkError
from casework.evidence.reconstruction import CaseAsKnown
from casework.model import CaseDetail
from dashboard import context
from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, money, utc_text, viewer_zone, visible
from dashboard.components.wording import STATE_WORDS, fact_text
from dashboard.session import Viewer


def show_as_known(detail: CaseDetail, viewer: Viewer) -> None:
    """Offer an instant, and show the case as it was known then; only to readers of the audit trail."""
    if not detail.audit:
        return
    chosen = st.datetime_input(
        "See the case as it stood at",
        value=None,
        step=timedelta(minutes=1),
        key="case_known_at",
        width=260,
        help="Your time zone. Rebuilt from history; what you see cannot be changed.",
    )
    if chosen is None:
        return
    at = chosen.replace(tzinfo=viewer_zone()).astimezone(UTC) + timedelta(seconds=59, microseconds=999_999)
    try:
        known = context.casework().as_known_at(
            viewer.principal, detail.case.tenant_id, detail.case.case_id, at
        )
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    with st.container(border=True, key="case_as_known"):
        _standing(known)
        _records(known)


def _standing(known: CaseAsKnown) -> None:
    """Say in one line how it stood, and on which entry of the chain that rests."""
    case = known.case
    owner = visible(case.owner_name) if case.owner_name else "nobody"
    amount = (
        "" if case.expected_loss is None else f", {money(case.expected_loss, case.currency_code)} at stake"
    )
    state = STATE_WORDS.get(case.state, str(case.state))
    st.markdown(literal(f"At {moment(known.at)}: {state}, owned by {owner}{amount}."))
    st.caption(
        literal(
            f"Facts version {case.facts_version}, case version {case.version}; "
            f"rests on audit entry {known.sequence} ({known.entry_hash[:16]})."
        ),
        help=utc_text(known.at),
    )


def _records(known: CaseAsKnown) -> None:
    """Show clocks, facts, drafts, effects and history as they were."""
    show_table(_clocks(known), "as_known_clocks")
    facts = [{"Fact": visible(fact.label), "Value": visible(fact_text(fact))} for fact in known.facts]
    drafts = [
        {
            "Draft": visible(draft.kind.replace("_", " ")),
            "Version": draft.version,
            "State": visible(draft.state),
            "Subject": visible(draft.content.get("subject", "")),
            "Decided by": visible(draft.approval.approver if draft.approval else ""),
        }
        for draft in known.drafts
    ]
    effects = [
        {
            "To": visible(effect.recipient or ""),
            "By": visible(effect.channel or ""),
            "State": effect.state.value,
        }
        for effect in known.effects
    ]
    history = [
        {"When": moment(entry.occurred_at), "What": visible(entry.fact), "Who": visible(entry.actor_name)}
        for entry in known.history
    ]
    for rows, key in ((facts, "facts"), (drafts, "drafts"), (effects, "effects"), (history, "history")):
        if rows:
            show_table(rows, f"as_known_{key}")


def _clocks(known: CaseAsKnown) -> list[dict[str, Any]]:
    case = known.case
    told: dict[str, datetime | None] = {
        "First response due": case.first_response_due_at,
        "First response": case.first_response_at,
        "Resolution due": case.resolution_due_at,
        "Waiting until": case.waiting_until,
        "Closed": case.closed_at,
    }
    return [{"Clock": name, "Instant": moment(at)} for name, at in told.items() if at is not None]
