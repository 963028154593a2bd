"""Tidewaiter's pages; `server` serves them.

Run it in the project's folder, so that `.streamlit/config.toml` applies. The environment says where things
are: TIDEWAITER_HOME, TIDEWAITER_STORE_URL. Pages: /queue (also the start), /case?tenant=..&case=..,
/shift, /links, /accounts, /shipments (where partners start), /data_health, /model; /link opens a partner's link.

Element keys, stable for browser tests (the page carries them as the class `st-key-<key>`):

- sign-in: sign_in_login, sign_in_password, sign_in_submit, sign_in_company
- header: tenant_choice, sign_out, notice, newer_data
- queue: queue_view, queue_search, facet_type, facet_state, facet_severity, facet_team, facet_customer,
  facet_carrier, open_shift, manual_open, manual_title, manual_reason, manual_shipment, manual_customer, manual_carrier,
  manual_facility, manual_severity, manual_team, manual_penalty, manual_confirm,
  queue_closed, queue_table, queue_next, queue_previous, queue_later, queue_earlier, queue_refresh,
  queue_preview, queue_assign_me, open_case (the selected one), open_top_case (the first one), queue_several,
  queue_several_table, bulk, bulk_action, bulk_owner, bulk_until, bulk_at, bulk_reason, bulk_preview, bulk_confirm,
  bulk_merge_reason, bulk_merge, bulk_refused
- case: case_verdict, case_back, action_<action>, action_assign_me, assign_to, assign_confirm, wait_until,
  wait_at, wait_event, wait_reason, wait_confirm, release_reason, release_confirm, transfer_team,
  transfer_reason, transfer_confirm, acknowledge_minutes, acknowledge_note, acknowledge_confirm,
  dismiss_reason, dismiss_confirm, comment_text, comment_confirm,
  escalate_reason, escalate_confirm, reopen_reason, reopen_confirm,
  resolve_open, resolve_code, resolve_cause, resolve_note, resolve_confirm,
  case_merged, split_cases, split, split_reason, split_confirm, unmerge,
  case_waterfall, case_timeline, case_told, impossible_<finding>, case_eta_history, case_projection, case_map,
  case_documents, case_parent,
  case_siblings, case_children, case_drafts, case_effects, case_lineage, case_proof, case_facts, case_history,
  case_escalations, case_audit, case_cost
- drafts, with <kind> one of customer_update, carrier_request, recovery_recommendation: draft_<kind>,
  draft_edit_<kind>, draft_subject_<kind>, draft_text_<kind>_<n>, draft_save_<kind>, draft_cancel_<kind>,
  draft_approve_<kind>, draft_approve_<kind>_for_<principal>,
  draft_reject_<kind>, draft_reject_reason_<kind>, draft_reject_confirm_<kind>,
  draft_regenerate_<kind>, draft_preview_<kind>
- shift: handover_to, handover_note, handover_next_<case>, handover_check_<case>, handover_left_<case>,
  handover_offer, handover_accept_<id>, handover_reason_<id>, handover_decline_<id>, handover_mine,
  handover_withdraw_reason, handover_withdraw, handover_list, workload_owners, workload_teams,
  lending_to, lending_days, lending_up_to, lending_reason, lending_lend, lending_why_<id>, lending_end_<id>,
  usage_by, usage_lines, usage_budgets
- links, also on a case: open_links, share_open, share_with, share_days, share_comment, share_all, share_types,
  share_reason, share_confirm, link_made, link_copied, links_table, link_views_table, link_which, link_why, link_revoke,
  links_ended, key_draw_<id>, key_drawn, key_copied; link_over, link_sign_in where a link opens nothing
- accounts: accounts_table, grant_login, grant_role, grant_customer, grant_carrier, grant_facility, grant_types,
  grant_give, grant_which, grant_why, grant_take, account_login, account_why, account_deactivate, account_activate,
  keys_table, key_name, key_permissions, key_days, key_holder, key_customer, key_carrier, key_facility, key_make,
  key_which, key_why, key_revoke
- data health: feeds_table, checks_table, quarantine_state, quarantine_feed, quarantine_page,
  quarantine_table, quarantine_row, fix_<column>_<quarantine_id>, fix_submit, fix_ignore,
  fix_reason_<quarantine_id>, fix_ignore_confirm, published_table;
  with <mark> a hash of the reference: unmatched_page, unmatched_table, unmatched_row, unmatched_choice_<mark>,
  unmatched_other_<mark>, unmatched_reason_<mark>, unmatched_decide; decided_table, decided_which, decided_why,
  decided_undo
- model: model_card, model_metrics, model_reliability, model_lead_time, model_checkpoints, model_spread
- partners: partner_cases_table, partner_open_case, shipments_open, shipments_table

Keyboard: j and k move, Enter opens, a takes the case, s waits, e edits the draft, Shift+A approves,
d resolves (done; Streamlit keeps r and c for itself), Backspace goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard import context, session
from dashboard.app_pages import accounts, case, data_health, links, model, my_shipments, queue, shift
from dashboard.components.header import show_header
from dashboard.components.text import literal
from dashboard.session import Viewer

ICON = Path(__file__).parent / "components" / "icon.png"
STYLE = Path(__file__).parent / "components" / "style.css"


ABOUT: dict[str, tuple[Callable[[], None], str, str | None]] = {
    "queue": (queue.page, "Queue", ":material/list_alt:"),
    "shipments": (my_shipments.page, "My shipments", ":material/local_shipping:"),
    "shift": (shift.page, "Shift", ":material/groups:"),
    "case": (case.page, "Case", None),
    "links": (links.page, "Links", ":material/link:"),
    "accounts": (accounts.page, "Accounts", ":material/manage_accounts:"),
    "data_health": (data_health.page, "Data health", ":material/monitor_heart:"),
    "model": (model.page, "Model", ":material/query_stats:"),
}
HIDDEN = {"case"}  # reached from a row, or by its address


def pages(names: Sequence[str]) -> dict[str, st.Page]:
    """Return the pages by name, the first one where people start; what may be seen is decided behind the door."""
    made = {}
    for name in names:
        function, title, icon = ABOUT[name]
        visibility: Literal["visible", "hidden"] = "hidden" if name in HIDDEN else "visible"
        made[name] = st.Page(function, title=title, icon=icon, url_path=name, visibility=visibility)
    # Streamlit serves its first page at `/` alone; it answers at its own address too.
    first, (function, title, icon) = names[0], ABOUT[names[0]]
    start = st.Page(function, title=title, icon=icon, url_path="start", default=True)
    made[first] = st.Page(function, title=title, url_path=first, visibility="hidden")
    return {"start": start, **made}


def page_names(viewer: Viewer) -> list[str]:
    """Return the pages of use to this person; the first one is where they start."""
    if viewer.is_partner:
        return ["case"] if viewer.only_case else ["shipments", "case"]
    names = ["queue", "shift", "case", "links"] if viewer.may("case:read") else []
    names += ["accounts"] if viewer.may("account:manage") else []
    names += ["data_health"] if viewer.may("feed:read") else []
    return [*names, "model"]


def main() -> None:
    """Show the page in the address to whoever is signed in, or the sign-in form."""
    st.set_page_config(page_title="Tidewaiter", page_icon=str(ICON), layout="wide")
    st.logo(str(ICON), size="medium")
    st.html(STYLE)
    if not context.is_set_up():
        st.info(
            f"There is no store in {literal(context.home())} yet. Run `tidewaiter run` first, then reload."
        )
        return
    if session.current() is None:
        st.navigation(list(pages(list(ABOUT)).values()), position="hidden")
        over = st.session_state.get(session.LINK_OVER)
        session.link_over_page(over) if over else session.sign_in_page()
        return
    viewer = session.viewer()
    made = pages(page_names(viewer))
    chosen = st.navigation(list(made.values()), position="hidden" if viewer.only_case else "top")
    st.session_state["pages"] = made
    session.remember()  # first, so that a run cut short by a press has offered it too
    show_header(viewer)
    if viewer.is_link:
        session.close_with_link(viewer)
    chosen.run()


main()
