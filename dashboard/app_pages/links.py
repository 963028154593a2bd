"""Links of a tenant: who was let in without an account, and what they looked at; and keys that wait for me."""

from __future__ import annotations

import streamlit as st

from casework.access.api_keys import ApiKey
from casework.errors import CaseworkError
from dashboard import context, session
from dashboard.components.notices import attempt
from dashboard.components.sharing import show_links, show_made, show_views
from dashboard.components.text import literal, moment
from dashboard.session import Viewer

DRAWN = "key_drawn_secret"


def page() -> None:
    """Show the links within the reader's scope and the keys the reader may draw."""
    viewer = session.viewer()
    st.title("Links", anchor=False)
    _keys(viewer)
    if not viewer.may("link:read"):
        st.info("Links are shown to operations leads, planners and auditors.")
        return
    ended = st.toggle("Ended ones too", key="links_ended")
    door, now = context.casework(), context.now()
    try:
        links = door.partner_links(viewer.principal, viewer.tenant_id, include_ended=ended)
        views = door.link_views(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    show_made()
    if not links:
        st.info("No link is open. Share a case from its own page.")
    show_links(links, viewer, now)
    if views:
        st.subheader("What was looked at", anchor=False)
        show_views(views, now)


def _keys(viewer: Viewer) -> None:
    """Show the keys that were made for me, and a key just drawn until it is said to be copied."""
    secret = st.session_state.get(DRAWN)
    if secret:
        with st.container(border=True, key="key_drawn"):
            st.caption("Give this to the service, as TIDEWAITER_API_KEY. It is shown only now.")
            st.code(secret, language=None, wrap_lines=True)
            st.button(
                "I have copied it", key="key_copied", on_click=lambda: st.session_state.pop(DRAWN, None)
            )
    try:
        waiting = context.casework().keys_to_draw(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    for key in waiting:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            may = ", ".join(key.permissions)
            st.text(f"The key {key.key_name} ({may}, until {moment(key.expires_at)}) waits for you.")
            st.button(
                "Draw it",
                key=f"key_draw_{key.key_id}",
                icon=":material/key:",
                on_click=_draw,
                args=(viewer, key),
            )


def _draw(viewer: Viewer, key: ApiKey) -> None:
    def draw() -> None:
        st.session_state[DRAWN] = context.casework().draw_key(viewer.principal, viewer.tenant_id, key.key_id)

    attempt(draw, "The key is drawn.")
