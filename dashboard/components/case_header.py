"""The top of a case: the verdict, its reasons, and who must act by when."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from casework.deadlines.acknowledgement import holds
from casework.deadlines.waiting import WORDS, WaitEvent
from casework.model import CaseDetail, CaseView, Fact, State
from dashboard import context
from dashboard.components.badges import case_badges
from dashboard.components.text import countdown, literal, moment, plain, relative, utc_text
from dashboard.components.wording import because, due_word, subject_name, team_name, type_label, verdict


def show_verdict(detail: CaseDetail, facts: dict[str, Fact], as_of: datetime, *, internal: bool) -> None:
    """Show the one sentence, what kind of case it is, and the reasons given for it."""
    case = detail.case
    with st.container(key="case_verdict", gap="small"):
        st.title(literal(verdict(case, facts, as_of)), anchor=False)
        case_badges(case, type_label(context.config(), case.exception_type), internal=internal)
        reasons = because(facts)
        if reasons:
            plain(f"because {reasons}")
        if detail.parent:
            st.caption(literal(f"Part of: {subject_name(detail.parent)}"))
        ended = _ended(case)
        if ended:
            plain(ended)


def _ended(case: CaseView) -> str:
    """Return why the case ended, with the code's definition; empty while it is open."""
    if not case.resolution_code:
        return ""
    codes = context.config().codes
    definition = codes.resolution_codes.get(case.resolution_code, "")
    cause = codes.root_cause_codes.get(case.root_cause_code or "")
    because_of = f" Cause: {cause.label} ({cause.responsible_party})." if cause else ""
    return f"Ended as {case.resolution_code.replace('_', ' ')}: {definition}{because_of}"


def show_clocks(case: CaseView, as_of: datetime, now: datetime, *, internal: bool) -> None:
    """Show the promise in the data's time and, inside the company, owner and desk clocks in wall time."""
    with st.container(horizontal=True, gap="large", key="case_clocks"):
        _field(due_word(case.exception_type), relative(case.due_at, as_of) or "none", case.due_at)
        if internal:
            _field("Owner", case.owner_name or "nobody yet")
            if case.team:
                _field("Team", team_name(case.team))
            _response(case, now)
            _resolution(case, now)
        if internal and case.waiting_until:
            _field("Waiting until", _wait(case, now), case.waiting_until)
        if internal and holds(case, now):
            _field("Acknowledged until", relative(case.acknowledged_until, now), case.acknowledged_until)
        _field("Seen in the data", relative(case.detected_at, as_of), case.detected_at)
        _field("Taken up", relative(case.opened_at, now), case.opened_at)


def _wait(case: CaseView, now: datetime) -> str:
    """Return what ends the wait: its time, or before that an event."""
    sooner = f" or when {WORDS[WaitEvent(case.waiting_for)]}" if case.waiting_for else ""
    return f"{relative(case.waiting_until, now)}{sooner}"


def _response(case: CaseView, now: datetime) -> None:
    if case.first_response_at:
        due = case.first_response_due_at
        kept = due is None or case.first_response_at <= due
        _field("First response", "given in time" if kept else "given late", case.first_response_at)
    elif case.is_open:
        _clock("First response", case.first_response_due_at, now)


def _resolution(case: CaseView, now: datetime) -> None:
    if not case.is_open:
        _field("Ended", relative(case.closed_at or case.updated_at, now), case.closed_at or case.updated_at)
    elif case.state == State.WAITING:
        _field("Resolution", "paused while waiting", case.resolution_due_at)
    else:
        _clock("Resolution", case.resolution_due_at, now)


def _clock(label: str, due_at: datetime | None, now: datetime) -> None:
    """Show a running clock; red and the word `breached` only once its deadline has passed."""
    words = literal(countdown(due_at, now))
    breached = due_at is not None and due_at < now
    _markdown_field(label, f":red[**{words}**]" if breached else words, due_at)


def _field(label: str, value: str, at: datetime | None = None) -> None:
    _markdown_field(label, literal(value), at)


def _markdown_field(label: str, words: str, at: datetime | None) -> None:
    """Show a label over a value, with the exact instant below and UTC on hover."""
    with st.container(width="content", gap=None):
        st.caption(label)
        st.markdown(
            f"**{words}**" if not words.startswith(":red") else words, help=utc_text(at) if at else None
        )
        if at:
            st.caption(literal(moment(at)))
