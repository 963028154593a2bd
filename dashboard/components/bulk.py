"""One action on the chosen cases of the queue: what would come of it is shown before, case by case, and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import streamlit as st

from casework.errors import CaseworkError
from casework.model import Action, CaseView
from casework.teamwork.bulk import Result
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.components.tables import frame_of
from dashboard.components.text import literal, viewer_zone, visible
from dashboard.components.wording import subject_name
from dashboard.session import Viewer

MERGE = "merge"
LABELS = {Action.ASSIGN.value: "Assign", Action.WAIT.value: "Snooze", MERGE: "Merge"}


def show_bulk(viewer: Viewer, chosen: Sequence[CaseView]) -> None:
    """Show what can be done to the chosen cases together."""
    _show_results()
    if not chosen:
        st.caption("Tick the cases in the table, then choose what to do with them.")
        return
    with st.container(border=True, key="bulk"):
        what = st.segmented_control(
            f"{len(chosen)} chosen", list(LABELS), key="bulk_action", format_func=lambda name: LABELS[name]
        )
        if what == MERGE:
            _merge(viewer, chosen)
        elif what:
            details = _FORMS[what](viewer)
            if details is not None:
                _many(viewer, chosen, what, details)


def _assign_form(viewer: Viewer) -> dict[str, Any] | None:
    """Ask who should own them."""
    people = context.casework().people(viewer.principal, viewer.tenant_id)
    owner = st.selectbox(
        "Owner", list(people), key="bulk_owner", index=None, placeholder="Choose a person",
        format_func=lambda who: visible(people[who]),
    )  # fmt: skip
    return {"owner": owner} if owner else None


def _wait_form(viewer: Viewer) -> dict[str, Any] | None:
    """Ask until when they wait, and for what."""
    zone = viewer_zone()
    soon = (context.now() + timedelta(hours=4)).astimezone(zone)
    with st.container(horizontal=True):
        day = st.date_input(
            "Until", soon.date(), key="bulk_until", min_value=context.now().astimezone(zone).date()
        )
        at = st.time_input("At", time(soon.hour, 0), key="bulk_at")
    reason = (st.text_input("Waiting for", key="bulk_reason", max_chars=300) or "").strip()
    until = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
    return {"until": until, "reason": reason} if reason else None


_FORMS: dict[str, Callable[[Viewer], dict[str, Any] | None]] = {
    Action.ASSIGN.value: _assign_form,
    Action.WAIT.value: _wait_form,
}


def _many(viewer: Viewer, chosen: Sequence[CaseView], action: str, details: dict[str, Any]) -> None:
    """Show what would come of it, and do it when asked."""
    ids = [case.case_id for case in chosen]
    ask = (viewer.principal, viewer.tenant_id, ids, action)
    try:
        foreseen = context.casework().perform_many(*ask, is_dry_run=True, **details)
    except CaseworkError as refused:
        st.warning(literal(refused.message))
        return
    _table(chosen, foreseen, "bulk_preview")
    possible = sum(result.is_done for result in foreseen)
    label = f"{LABELS[action]} {possible} of {len(ids)}"
    if st.button(label, key="bulk_confirm", type="primary", disabled=not possible):
        results = context.casework().perform_many(*ask, **details)
        done = sum(result.is_done for result in results)
        st.session_state["bulk_results"] = (f"{LABELS[action]}: {done} of {len(ids)} done.", chosen, results)
        st.rerun()


def _merge(viewer: Viewer, chosen: Sequence[CaseView]) -> None:
    """Ask why they are one problem, and make them one case."""
    oldest = min(chosen, key=lambda case: (case.opened_at, case.case_id))
    st.caption(literal(f"{oldest.case_id} is the oldest: it stays, and the others are worked in it."))
    reason = (st.text_input("Why are they one?", key="bulk_merge_reason", max_chars=300) or "").strip()
    ready = bool(reason) and len(chosen) > 1
    if st.button("Merge", key="bulk_merge", type="primary", disabled=not ready):
        ids = [case.case_id for case in chosen]
        attempt(
            lambda: context.casework().merge(viewer.principal, viewer.tenant_id, ids, reason),
            f"{len(ids)} cases are one: {oldest.case_id}.",
        )
        st.rerun()


def _show_results() -> None:
    """Show once what became of each case of the last action."""
    sentence, chosen, results = st.session_state.pop("bulk_results", (None, (), ()))
    if sentence:
        st.success(literal(sentence))
        refused = [result for result in results if not result.is_done]
        if refused:
            _table(chosen, refused, "bulk_refused")


def _table(chosen: Sequence[CaseView], results: Sequence[Result], key: str) -> None:
    names = {case.case_id: visible(subject_name(case)) for case in chosen}
    rows = [
        {"Case": result.case_id, "Subject": names.get(result.case_id, ""), "": visible(result.sentence)}
        for result in results
    ]
    st.dataframe(frame_of(rows), hide_index=True, key=key, height="content")
