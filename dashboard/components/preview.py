"""The case under the cursor in a glance: verdict, reason, money, trip, and what waits for a decision."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from casework.model import CaseDetail
from dashboard import context, queries
from dashboard.components.badges import case_badges, draft_badge
from dashboard.components.money import amounts_of, show_money
from dashboard.components.text import literal, moment, plain, relative, share, utc_text
from dashboard.components.timeline import draw_trip_sheet
from dashboard.components.wording import DRAFT_WORDS, because, due_word, facts_by_id, type_label, verdict
from dashboard.session import Viewer
from dashboard.trip import trip_of


def show_preview(detail: CaseDetail, viewer: Viewer, as_of: datetime, now: datetime) -> None:
    """Show the case; nothing here can be typed into, so a refresh loses nothing."""
    case, facts = detail.case, facts_by_id(detail.facts)
    st.subheader(literal(verdict(case, facts, as_of)), anchor=False)
    case_badges(case, type_label(context.config(), case.exception_type))
    reasons = because(facts)
    if reasons:
        plain(f"because {reasons}")
    if case.due_at:
        sure = (
            f" · {share(case.late_probability)} likely to be missed"
            if case.late_probability is not None
            else ""
        )
        st.caption(
            literal(
                f"{due_word(case.exception_type)} {moment(case.due_at)}, {relative(case.due_at, as_of)}{sure}"
            ),
            help=utc_text(case.due_at),
        )
    if amounts_of(case):
        show_money(detail, as_of, key="preview_waterfall")
    trip = trip_of(queries.current(context.published_folder()), viewer, detail)
    if trip.milestones:
        draw_trip_sheet(
            trip.milestones,
            promised_at=case.due_at,
            as_of=as_of,
            prediction=trip.prediction,
            key="preview_timeline",
            compact=True,
            due_word=due_word(case.exception_type).lower(),
        )
    for draft in detail.drafts:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(DRAFT_WORDS.get(draft.kind, literal(draft.kind)), width="content")
            draft_badge(draft.state)
