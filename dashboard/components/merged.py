"""A case that is several, or part of one: what was merged, and how to take it apart again."""

from __future__ import annotations

import streamlit as st

from casework.model import CaseDetail
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.components.text import literal, visible
from dashboard.components.wording import subject_name
from dashboard.session import Viewer


def show_merged(detail: CaseDetail, viewer: Viewer) -> None:
    """Show the cases merged into this one, or the one this was merged into."""
    case = detail.case
    if case.merged_into:
        st.info(literal(f"This case was merged into {case.merged_into} and is worked there."))
        if viewer.may("case:merge") and st.button("Take it out", key="unmerge", icon=":material/call_split:"):
            take_out_dialog(viewer, case.merged_into, [case.case_id])
    if detail.merged and viewer.may("case:merge"):
        _take_apart(detail, viewer)


def _take_apart(detail: CaseDetail, viewer: Viewer) -> None:
    """Let some of the merged cases be chosen and taken out together."""
    names = {case.case_id: f"{case.case_id} · {subject_name(case)}" for case in detail.merged}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Take out of this case",
            list(names),
            key="split_cases",
            format_func=lambda name: visible(names[name]),
        )
        if st.button("Split", key="split", icon=":material/call_split:", disabled=not chosen):
            take_out_dialog(viewer, detail.case.case_id, chosen)


@st.dialog("Take cases out")
def take_out_dialog(viewer: Viewer, case_id: str, case_ids: list[str]) -> None:
    """Ask why they are not one problem after all."""
    st.text(", ".join(case_ids))
    reason = (st.text_input("Why?", key="split_reason", max_chars=300) or "").strip()
    if st.button("Take out", key="split_confirm", type="primary"):
        attempt(
            lambda: context.casework().split(viewer.principal, viewer.tenant_id, case_id, case_ids, reason),
            f"Taken out of {case_id}: {', '.join(case_ids)}.",
        )
        st.rerun()
