"""The line above every page: whose data, as of when, is it fresh, who is signed in."""

from __future__ import annotations

import streamlit as st

from casework.errors import CaseworkError
from casework.model import Clock
from dashboard import context, session
from dashboard.components.notices import show_notice
from dashboard.components.text import literal, moment, utc_text
from dashboard.queries import Publication, current
from dashboard.session import Viewer


def show_header(viewer: Viewer) -> None:
    """Show the line, and under it what the last action came to."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="header"):
        _tenant_choice(viewer)
        clock = context.casework().clock_of(viewer.tenant_id)
        _feed_time(clock, current(context.published_folder()))
        if not viewer.is_partner:
            _sandbox(context.sandboxed())
        st.space("stretch")
        plain_name = viewer.principal.display_name
        st.caption(literal(plain_name), help=literal(", ".join(sorted(viewer.roles))), width="content")
        label = "Close" if viewer.is_link else "Sign out"
        st.button(label, key="sign_out", type="tertiary", on_click=_leave)
    show_notice()


def _sandbox(kept: list[str]) -> None:
    """Say what stays on this machine although it reads as sent."""
    if kept:
        words = "nothing leaves this machine" if len(kept) > 1 else f"{kept[0]} messages stay on this machine"
        what = "Nothing is configured to send them: they are kept in the sandbox folder of the home folder."
        st.caption(f"Sandbox: {words}", help=what, width="content")


def _leave() -> None:
    """End the session; if the store cannot be reached the token is forgotten all the same."""
    try:
        session.sign_out()
    except CaseworkError:
        st.session_state["sign_in_notice"] = "You are signed out here; the store could not be told."


def _tenant_choice(viewer: Viewer) -> None:
    """Let someone with several tenants change between them."""
    tenants = list(viewer.principal.tenants)
    names = {name: _tenant_name(name) for name in tenants}
    if len(tenants) == 1:
        st.markdown(f"**{literal(names[tenants[0]])}**", width="content")
        return
    st.session_state["tenant_choice"] = viewer.tenant_id
    st.selectbox(
        "Tenant",
        tenants,
        key="tenant_choice",
        format_func=lambda name: names[name],
        label_visibility="collapsed",
        width=200,
        on_change=_change_tenant,
    )


def _tenant_name(tenant_id: str) -> str:
    tenant = context.config().tenants.get(tenant_id)
    return tenant.tenant_name if tenant else tenant_id


def _change_tenant() -> None:
    """Move to another tenant: whatever was open belongs to the one before."""
    chosen = st.session_state["tenant_choice"]
    st.query_params.clear()
    for name in [name for name in st.session_state if str(name).startswith(("queue_", "facet_", "fix_"))]:
        del st.session_state[name]
    st.session_state["tenant_chosen"] = chosen


def _feed_time(clock: Clock, publication: Publication | None) -> None:
    """Say as of when the data speaks, and which publication is shown."""
    mode = "replay" if clock.mode == "replay" else "live"
    st.caption(
        f"Data as of **{literal(moment(clock.as_of))}** · {mode}",
        help=f"{utc_text(clock.as_of)}. The desk's clocks (first response, resolution) run in wall time.",
        width="content",
    )
    if publication is None:
        st.caption("Nothing published yet", width="content")
        return
    _newer(publication.publication_id)
    when = moment(publication.published_at) if publication.published_at else "at an unknown time"
    st.caption(
        f"Publication {literal(publication.publication_id[:12])}",
        help=literal(f"{publication.publication_id}, published {when}"),
        width="content",
    )


@st.fragment(run_every="20s")
def _newer(shown: str) -> None:
    """Offer newer data when it is published; the page itself never jumps.

    Reads the pointer file alone, so that a page left open does not keep its session awake.
    """
    newest = current(context.published_folder())
    if (
        newest
        and newest.publication_id != shown
        and st.button("Newer data: look again", key="newer_data", type="primary", icon=":material/refresh:")
    ):
        st.rerun()
