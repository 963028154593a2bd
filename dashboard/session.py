"""Who is looking: sign-in, the server-side session read again on every run, and the tenant being looked at.

The page keeps only a token, in Streamlit's session state and in the browser's cookie; what it is worth is
decided by the store on every run, so a revoked session or a lost role acts on the next click.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

import streamlit as st

from casework.errors import CaseworkError, LinkRefused, SessionEnded, SignInRefused
from casework.model import PARTNER_ROLES, Principal, QueueFilter, Role
from casework.permissions.policy import carries
from casework.permissions.visitors import is_link
from dashboard import company_sign_in, context, cookie
from dashboard.components.text import literal
from dashboard.queries import Scope

TOKEN = "session_token"
TICKET = "session_ticket"
LINK_OVER = "link_over"  # the sentence for whoever came by a link that opens nothing
WITHOUT_LINK = "without_link"


@dataclass(frozen=True)
class Viewer:
    """The person at the screen and the tenant chosen; made anew on every run."""

    principal: Principal
    tenant_id: str

    @property
    def roles(self) -> frozenset[Role]:
        """The roles held in this tenant."""
        return frozenset(g.role for g in self.principal.grants if g.tenant_id == self.tenant_id)

    def may(self, permission: str) -> bool:
        """Whether some role held here carries a permission; for what to show, the door decides for itself."""
        return any(g.tenant_id == self.tenant_id and carries(g, permission) for g in self.principal.grants)

    @property
    def is_partner(self) -> bool:
        """Whether only partner roles are held here: the reduced pages and masked fields."""
        return bool(self.roles) and self.roles <= PARTNER_ROLES

    @property
    def is_link(self) -> bool:
        """Whether somebody without an account looks, by a link."""
        return is_link(self.principal)

    @property
    def only_case(self) -> str | None:
        """The one case there is to see, for whoever was given a link to it alone."""
        cases = {g.case_id for g in self.principal.grants}
        return next(iter(cases)) if len(cases) == 1 else None

    @property
    def sees_shipments(self) -> bool:
        """Whether all shipments of a party are shown; a link to some of its cases does not show the others."""
        some = any(g.case_id or g.exception_types is not None for g in self.principal.grants)
        return not (self.is_link and some)

    @property
    def sees_whole_tenant(self) -> bool:
        """Whether rows of all parties may be shown: to the tenant's own people who read all of its cases."""
        return any(
            g.tenant_id == self.tenant_id
            and g.role not in PARTNER_ROLES
            and carries(g, "case:read")
            and (g.customer_id, g.carrier_id, g.facility_id, g.exception_types, g.case_id) == (None,) * 5
            for g in self.principal.grants
        )

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The rows of published tables this person may read: one scope a grant."""
        return tuple(
            Scope(g.tenant_id, g.customer_id, g.carrier_id, g.facility_id)
            for g in self.principal.grants
            if g.tenant_id == self.tenant_id
        )


def current() -> Principal | None:
    """Return the signed-in person as the store knows them now, or None."""
    held = st.session_state.get(TOKEN)
    token = held or (None if st.session_state.get(WITHOUT_LINK) else cookie.token_sent())
    if not token:
        return None
    try:
        principal = context.casework().session(token)
    except SessionEnded as ended:
        st.session_state.clear()
        # A cookie left over from an ended session is no news to whoever opens the page.
        if held:
            st.session_state["sign_in_notice"] = ended.message
        return None
    except LinkRefused as over:
        st.session_state.clear()
        st.session_state[LINK_OVER] = over.message
        return None
    st.session_state[TOKEN] = token
    return principal


def link_over_page(sentence: str) -> None:
    """Say that a link opens nothing now; the browser may still be used by somebody who has an account."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        st.space("large")
        with st.container(key="link_over"):
            st.info(literal(sentence))
        st.button("Sign in with an account", key="link_sign_in", type="tertiary", on_click=_forget_link)


def _forget_link() -> None:
    st.session_state.clear()
    st.session_state[WITHOUT_LINK] = True


@st.fragment(run_every="20s")
def close_with_link(viewer: Viewer) -> None:
    """Close a page that is left open soon after its link ends; asks without keeping the session awake."""
    try:
        context.casework().search(viewer.principal, viewer.tenant_id, QueueFilter(limit=0))
    except LinkRefused:
        st.rerun()


def remember() -> None:
    """Let the browser keep a session that was just begun; until it has, every run offers it again."""
    ticket = st.session_state.get(TICKET)
    if ticket and cookie.tickets.is_open(ticket):
        cookie.hand_over(ticket)
    else:
        st.session_state.pop(TICKET, None)


def viewer() -> Viewer:
    """Return who is looking; ends the run with a sentence when the session is over or holds no tenant."""
    principal = current()
    if principal is None:
        st.rerun()
    if not principal.tenants:
        st.info(
            "Your account holds no role in any tenant, so there is nothing to show. Ask a lead for a grant."
        )
        st.stop()
    return Viewer(principal, _tenant(principal))


def _tenant(principal: Principal) -> str:
    """Return the tenant in the address, else the one chosen before, else the first; only granted ones."""
    asked = st.query_params.get("tenant")
    chosen = asked if asked in principal.tenants else st.session_state.get("tenant_chosen")
    tenant_id = chosen if chosen in principal.tenants else _first(principal)
    st.session_state["tenant_chosen"] = tenant_id
    return tenant_id


def _first(principal: Principal) -> str:
    return "demo" if "demo" in principal.tenants else principal.tenants[0]


def sign_in_page() -> None:
    """Show the sign-in form; the address is kept, so a deep link opens after signing in."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        st.space("large")
        st.title("Tidewaiter", anchor=False)
        st.caption("Exceptions of the supply chain, ranked by the money at stake.")
        notice = st.session_state.pop("sign_in_notice", None)
        if notice:
            st.info(literal(notice))
        _company_link()
        with st.form("sign_in", border=True):
            login = st.text_input("Login", key="sign_in_login", autocomplete="username", max_chars=120)
            password = st.text_input(
                "Password",
                type="password",
                key="sign_in_password",
                autocomplete="current-password",
                max_chars=200,
            )
            sent = st.form_submit_button("Sign in", type="primary", key="sign_in_submit", width="stretch")
        st.caption("Accounts and their first passwords are printed once, when the platform is set up.")
        if sent:
            _sign_in(login or "", password or "")


def _company_link() -> None:
    """Show the way to a company's own sign-in, where one is configured; it comes back to this address."""
    provider = company_sign_in.provider()
    if provider is None:
        return
    asked = urlencode(st.query_params.to_dict())  # the page's address comes without them
    path = (urlsplit(st.context.url or "/").path or "/") + (f"?{asked}" if asked else "")
    target = f"{company_sign_in.ADDRESS}?{urlencode({'to': path})}"
    with st.container(key="sign_in_company"):
        st.html(f'<a href="{escape(target)}">Sign in with {escape(provider.settings.label)}</a>')


def _sign_in(login: str, password: str) -> None:
    """Exchange login and password for a session token, or say why not."""
    try:
        token, _ = context.casework().sign_in(login.strip(), password)
    except SignInRefused as refused:
        st.error(literal(refused.message))
        return
    except CaseworkError as trouble:
        st.error(literal(f"Not signed in: {trouble.message}"))
        return
    st.session_state[TOKEN] = token
    st.session_state[TICKET] = cookie.tickets.issue(token)
    st.session_state.pop("sign_in_password", None)
    st.rerun()


def sign_out() -> None:
    """End the session in the store and forget everything this page held."""
    token = st.session_state.get(TOKEN)
    st.session_state.clear()
    if token:
        context.casework().sign_out(token)
