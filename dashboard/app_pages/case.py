"""One case: what happened, what it may cost, what to say, what was said, and the proof of all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from casework.errors import CaseNotFound, CaseworkError
from casework.model import CaseDetail
from dashboard import context, queries, session
from dashboard.components.actions import show_actions
from dashboard.components.as_known import show_as_known
from dashboard.components.case_header import show_clocks, show_verdict
from dashboard.components.drafts import show_drafts
from dashboard.components.lineage import lineage_steps, show_lineage
from dashboard.components.map import draw_route_map
from dashboard.components.merged import show_merged
from dashboard.components.money import amounts_of, show_money
from dashboard.components.outlook import draw_eta_history, draw_projection, eta_points, show_starved
from dashboard.components.records import (
    show_documents,
    show_effects,
    show_escalations,
    show_facts,
    show_history,
    show_messages,
    show_related,
)
from dashboard.components.sharing import show_sharing
from dashboard.components.text import literal
from dashboard.components.timeline import draw_trip_sheet
from dashboard.components.told import show_told
from dashboard.components.usage import show_cost_of_case
from dashboard.components.wording import due_word, facts_by_id
from dashboard.session import Viewer
from dashboard.trip import Trip, trip_of


@dataclass(frozen=True)
class Sheet:
    """Everything one run of the page shows."""

    detail: CaseDetail
    viewer: Viewer
    trip: Trip
    as_of: datetime
    now: datetime


def page() -> None:
    """Show the case in the address, or the one sentence for every case that cannot be seen."""
    viewer = session.viewer()
    asked = viewer.only_case or st.query_params.get("case", "")
    if not asked:
        st.switch_page(st.session_state["pages"]["start"], query_params={"tenant": viewer.tenant_id})
    tenant_id = st.query_params.get("tenant", viewer.tenant_id)
    try:
        detail = context.casework().get(viewer.principal, tenant_id, asked)
    except CaseNotFound as missing:
        _not_there(missing.message, viewer)
        return
    except CaseworkError as refused:
        _not_there(refused.message, viewer)
        return
    as_of = context.casework().clock_of(viewer.tenant_id).as_of
    trip = trip_of(queries.current(context.published_folder()), viewer, detail)
    show_case(Sheet(detail, viewer, trip, as_of, context.now()))


def _not_there(sentence: str, viewer: Viewer) -> None:
    """Say that there is no such case; out of scope and never existed read the same."""
    st.info(literal(sentence))
    if viewer.only_case:
        return
    st.page_link(st.session_state["pages"]["start"], label="Back to the list", icon=":material/arrow_back:")


def show_case(sheet: Sheet) -> None:
    """Lay the page out: the verdict on top, evidence left, decisions right, proof below."""
    facts = facts_by_id(sheet.detail.facts)
    if not sheet.viewer.only_case and st.button(
        "Back", key="case_back", icon=":material/arrow_back:", type="tertiary", shortcut="Backspace"
    ):
        st.switch_page(st.session_state["pages"]["start"], query_params={"tenant": sheet.viewer.tenant_id})
    internal = not sheet.viewer.is_partner
    show_verdict(sheet.detail, facts, sheet.as_of, internal=internal)
    show_clocks(sheet.detail.case, sheet.as_of, sheet.now, internal=internal)
    show_actions(sheet.detail, sheet.viewer)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _evidence(sheet)
    with right:
        _shared(sheet) if sheet.viewer.is_partner else _decisions(sheet)
    if not sheet.viewer.is_partner:
        _proof(sheet)


def _evidence(sheet: Sheet) -> None:
    """Show why this is first, what happened on the way, and which papers there are."""
    case = sheet.detail.case
    if amounts_of(case):
        st.subheader("What is at stake", anchor=False)
        show_money(sheet.detail, sheet.as_of, key="case_waterfall")
    if sheet.trip.milestones:
        st.subheader("Trip", anchor=False)
        draw_trip_sheet(
            sheet.trip.milestones,
            promised_at=case.due_at,
            as_of=sheet.as_of,
            prediction=sheet.trip.prediction,
            key="case_timeline",
            due_word=due_word(case.exception_type).lower(),
        )
    show_told(sheet.trip.told, sheet.trip.impossible)
    _outlook(sheet)
    if len(sheet.trip.stops) > 1:
        st.subheader("Where", anchor=False)
        draw_route_map(sheet.trip.stops, key="case_map")
    show_documents(sheet.detail.documents, sheet.as_of)
    show_related(sheet.detail, sheet.viewer, sheet.now)
    show_merged(sheet.detail, sheet.viewer)


def _outlook(sheet: Sheet) -> None:
    """Show how the expected arrival moved, and for a stock-out how the stock is projected."""
    case = sheet.detail.case
    points = eta_points(sheet.trip.milestones, sheet.trip.scores)
    if max(len(found) for found in points.values()) > 1:
        st.subheader("How the expected arrival moved", anchor=False)
        draw_eta_history(points, case.due_at, due_word(case.exception_type).lower(), key="case_eta_history")
    publication = queries.current(context.published_folder())
    if case.subject_type != "inventory" or publication is None or not case.facility_id:
        return
    product_id = case.subject.removeprefix(f"{case.facility_id}:")
    rows = queries.projection(publication, sheet.viewer.tenant_id, case.facility_id, product_id)
    if rows:
        st.subheader("Stock", anchor=False)
        draw_projection(rows, key="case_projection")
    if sheet.viewer.sees_whole_tenant:  # the orders are of all customers
        show_starved(
            queries.starved_orders(publication, sheet.viewer.tenant_id, case.facility_id, product_id)
        )


def _decisions(sheet: Sheet) -> None:
    """Show what to say and what was said."""
    kind = context.config().types.get(sheet.detail.case.exception_type)
    if kind:
        with st.expander("Playbook", icon=":material/menu_book:"):
            st.text(kind.playbook)
    show_drafts(sheet.detail, sheet.viewer)
    show_effects(sheet.detail.effects, sheet.now, sheet.viewer)
    show_messages(sheet.detail.messages, sheet.now)
    show_sharing(sheet.detail.case, sheet.viewer, sheet.now)


def _shared(sheet: Sheet) -> None:
    """Show a partner what is known and what was said to it."""
    st.subheader("What is known", anchor=False)
    show_facts(sheet.detail, sources=False)
    show_messages(sheet.detail.messages, sheet.now)


def _proof(sheet: Sheet) -> None:
    """Show where every number comes from and everything that happened to the case."""
    st.subheader("Lineage", anchor=False)
    show_lineage(lineage_steps(sheet.detail, sheet.trip.scores[-1] if sheet.trip.scores else None))
    facts, history, audit, cost = st.tabs(["Facts", "History", "Audit", "Cost"], key="case_proof")
    with facts:
        show_facts(sheet.detail)
    with history:
        show_as_known(sheet.detail, sheet.viewer)
        show_history(sheet.detail, key="case_history")
        show_escalations(sheet.detail.escalations, sheet.now)
    with audit:
        show_history(sheet.detail, key="case_audit", audit=True)
    with cost:
        show_cost_of_case(sheet.viewer, sheet.detail.case.tenant_id, sheet.detail.case.case_id)
