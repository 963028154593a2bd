"""Letting a partner in: the dialog that makes a link, the links there are, and what was seen through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import streamlit as st

from casework.access.links import NewLink
from casework.access.seen import LinkView, PartnerLink
from casework.errors import CaseworkError
from casework.model import CaseView, Role
from casework.permissions.scope import OWN_PARTY
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, relative, visible
from dashboard.components.wording import type_label
from dashboard.session import Viewer

MADE = "link_made_address"
DAYS = (1, 3, 7, 14, 30)
KINDS = {
    "opening": "opened the link",
    "partner_view": "looked at the case",
    "as_known_at": "looked at its past",
}


def show_sharing(case: CaseView, viewer: Viewer, now: datetime) -> None:
    """Show with whom a case is shared, what they looked at, and the way to share it."""
    if not viewer.may("link:read"):
        return
    door = context.casework()
    try:
        links = door.partner_links(viewer.principal, case.tenant_id, case.case_id, include_ended=True)
        views = door.link_views(viewer.principal, case.tenant_id, case_id=case.case_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    parties = sharable(case, viewer)
    if not (links or parties):
        return
    st.subheader("Shared by link", anchor=False)
    show_made()
    with st.container(horizontal=True):
        if parties and st.button("Share with a partner", key="share_open", icon=":material/share:"):
            share_dialog(viewer, case, parties)
        if st.button("All links", key="open_links", icon=":material/link:", type="tertiary"):
            st.switch_page(st.session_state["pages"]["links"], query_params={"tenant": viewer.tenant_id})
    show_links(links, viewer, now)
    show_views(views, now)


def may_make(viewer: Viewer) -> bool:
    """Whether the tenant lets this person make links; the door decides for itself."""
    tenant = context.config().tenants.get(viewer.tenant_id)
    allowed = {Role(name) for name in tenant.links.made_by} if tenant else set()
    return viewer.may("link:create") and bool(viewer.roles & allowed)


def sharable(case: CaseView, viewer: Viewer) -> list[Role]:
    """Return the kinds of partner a case names and may be shown to."""
    if not may_make(viewer):
        return []
    kind = context.config().types.get(case.exception_type)
    return [
        role
        for role, column in OWN_PARTY.items()
        if kind and getattr(case, column) and role.value in kind.shared_with
    ]


@st.dialog("Share the case with a partner")
def share_dialog(viewer: Viewer, case: CaseView, parties: Sequence[Role]) -> None:
    """Ask with whom, for how long and why; without an account they see this case as a partner does."""
    role = st.selectbox(
        "With the", parties, key="share_with",
        format_func=lambda role: f"{role.value} ({visible(getattr(case, OWN_PARTY[role]))})",
    )  # fmt: skip
    days = st.selectbox("For", days_of(viewer), key="share_days", format_func=days_text)
    comment = st.checkbox("They may comment", key="share_comment")
    everything = st.checkbox("All of their cases, not only this one", key="share_all")
    types: list[str] = []
    if everything:
        config = context.config()
        types = st.multiselect(
            "Of these types", config.shared_types(role.value), key="share_types", placeholder="All",
            format_func=lambda name: type_label(config, name),
        )  # fmt: skip
    reason = st.text_input("Why?", key="share_reason", max_chars=500)
    if st.button("Make the link", key="share_confirm", type="primary"):
        party = getattr(case, OWN_PARTY[role])
        _make(
            viewer,
            NewLink(
                party_role=role,
                reason=reason or "",
                expires_at=context.now() + timedelta(days=days),
                case_id=None if everything else case.case_id,
                party_id=party,
                exception_types=tuple(types) or None,
                may_comment=comment,
            ),
        )
        st.rerun()


def days_of(viewer: Viewer) -> list[int]:
    """Return for how many days a link may be made here."""
    longest = context.config().tenants[viewer.tenant_id].links.longest_days
    return [days for days in DAYS if days <= longest] or [longest]


def days_text(days: int) -> str:
    """Return a number of days as a person says it."""
    return "1 day" if days == 1 else f"{days} days"


def _make(viewer: Viewer, asked: NewLink) -> None:
    def make() -> None:
        _link, token = context.casework().make_link(viewer.principal, viewer.tenant_id, asked)
        st.session_state[MADE] = f"{context.address()}/link#{token}"

    attempt(make, "The link is made.")


def show_made() -> None:
    """Show a link that was just made, until it is said to be copied; it is stored nowhere and shown never again."""
    address = st.session_state.get(MADE)
    if not address:
        return
    with st.container(border=True, key="link_made"):
        st.caption("Send this to the partner. It is shown only now.")
        st.code(address, language=None, wrap_lines=True)
        st.button("I have copied it", key="link_copied", on_click=lambda: st.session_state.pop(MADE, None))


def show_links(links: Sequence[PartnerLink], viewer: Viewer, now: datetime) -> None:
    """Show links with how often each was used, and the way to take back those that are open."""
    if not links:
        return
    rows = [
        {
            "For": visible(f"{link.party_name} ({link.party_role})"),
            "Shows": visible(link.case_id or ", ".join(link.exception_types or ()) or "all their cases"),
            "May": "look and comment" if link.may_comment else "look",
            "Stands": _stands(link, now),
            "Opened": link.openings,
            "Looked at": link.views,
            "Last": relative(link.last_view_at, now),
            "Made by": visible(link.made_by_name),
            "Why": visible(link.reason),
        }
        for link in links
    ]
    show_table(rows, "links_table")
    standing = {link.link_id: link for link in links if link.state == "open"}
    if standing and viewer.may("link:revoke"):
        _take_back(standing, viewer)


def _stands(link: PartnerLink, now: datetime) -> str:
    if link.state == "revoked":
        who, why = visible(link.revoked_by_name), visible(link.revoke_reason)
        return f"taken back {relative(link.revoked_at, now)} by {who}: {why}"
    return f"{'ends' if link.state == 'open' else 'ended'} {relative(link.expires_at, now)}"


def _take_back(standing: Mapping[str, PartnerLink], viewer: Viewer) -> None:
    """Ask which link opens nothing from now on, and why; the newest one stands first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Take back", list(standing), key="link_which", format_func=lambda name: _title(standing[name])
        )
        st.text_input("Why?", key="link_why", max_chars=500)
        st.button(
            "Take back", key="link_revoke", icon=":material/link_off:", on_click=_revoke, args=(viewer,)
        )


def _title(link: PartnerLink) -> str:
    return visible(f"{link.party_name}, made {moment(link.made_at)}: {link.reason}")


def _revoke(viewer: Viewer) -> None:
    which, reason = st.session_state.get("link_which") or "", st.session_state.get("link_why") or ""
    attempt(
        lambda: context.casework().revoke_link(viewer.principal, viewer.tenant_id, which, reason),
        "The link opens nothing any more.",
    )


def show_views(views: Sequence[LinkView], now: datetime) -> None:
    """Show who looked at what, when, from which browser; the same network address reads as the same word."""
    if not views:
        return
    rows = [
        {
            "When": moment(view.viewed_at),
            "Ago": relative(view.viewed_at, now),
            "Who": visible(f"{view.party_role} {view.party_id}"),
            "What": KINDS.get(view.kind, view.kind),
            "Case": visible(view.case_id or ""),
            "Network": (view.address_hash or "not known")[:8],
            "Browser": visible(view.user_agent or "not known"),
        }
        for view in views
    ]
    show_table(rows, "link_views_table")
