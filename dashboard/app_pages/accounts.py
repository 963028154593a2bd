"""Accounts of a tenant and keys of its services, for whoever manages them; no case is shown here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from casework.access.administration import AccountView
from casework.access.api_keys import OFFERED, ApiKey, NewKey
from casework.errors import CaseworkError
from casework.model import Grant, Role
from dashboard import context, session
from dashboard.components.notices import attempt
from dashboard.components.tables import show_table
from dashboard.components.text import literal, moment, visible
from dashboard.session import Viewer

KEY_DAYS = (7, 30, 90, 365)


def page() -> None:
    """Show who holds what, and the forms that change it."""
    viewer = session.viewer()
    st.title("Accounts", anchor=False)
    door = context.casework()
    try:
        found = door.accounts(viewer.principal, viewer.tenant_id)
        keys = door.api_keys(viewer.principal, viewer.tenant_id)
    except CaseworkError as refused:
        st.info(literal(refused.message))
        return
    left, right = st.columns([1.4, 1], gap="large")
    with left:
        _accounts(found)
        st.subheader("Keys of services", anchor=False)
        _keys(keys)
    with right:
        _give(viewer)
        _take(viewer, found)
        _activity(viewer, found)
        _make_key(viewer, found)
        _revoke_key(viewer, keys)


def scope_text(scope: Any) -> str:
    """Return a scope as a person reads it: everything, or whose and which types."""
    parts = [f"{n} {getattr(scope, f'{n}_id')}" for n in ("customer", "carrier", "facility")
             if getattr(scope, f"{n}_id")]  # fmt: skip
    if scope.exception_types is not None:
        parts.append(" or ".join(scope.exception_types) or "no type")
    return ", ".join(parts) or "everything"


def _accounts(found: Sequence[AccountView]) -> None:
    rows = [
        {
            "Login": visible(account.login),
            "Name": visible(account.display_name),
            "Kind": account.kind,
            "Acts": "yes" if account.is_active else "no",
            "Holds": visible("; ".join(f"{h.grant.role} of {scope_text(h.grant)}" for h in account.grants)),
        }
        for account in found
    ]
    show_table(rows, "accounts_table", most=20)


def _scope_inputs(prefix: str) -> dict[str, Any]:
    """Ask for a scope; what is left empty is not narrowed."""
    columns = st.columns(3)
    scope = {
        f"{name}_id": column.text_input(name.capitalize(), key=f"{prefix}_{name}", max_chars=120).strip()
        or None
        for name, column in zip(("customer", "carrier", "facility"), columns, strict=True)
    }
    types = st.multiselect("Exception types", list(context.config().types), key=f"{prefix}_types",
                           placeholder="All")  # fmt: skip
    return scope | {"exception_types": tuple(types) or None}


def _give(viewer: Viewer) -> None:
    with st.form("grant_form", border=True):
        st.subheader("Give a role", anchor=False)
        login = st.text_input("Login", key="grant_login", max_chars=120)
        role = st.selectbox("Role", list(Role), key="grant_role", format_func=lambda role: role.value)
        scope = _scope_inputs("grant")
        if st.form_submit_button("Give", key="grant_give"):
            grant = Grant(viewer.tenant_id, role, **scope)
            attempt(
                lambda: context.casework().give_grant(viewer.principal, login, grant), "The role is given."
            )
            st.rerun()


def _take(viewer: Viewer, found: Sequence[AccountView]) -> None:
    held = {
        h.grant_id: f"{account.login}: {h.grant.role} of {scope_text(h.grant)}"
        for account in found
        for h in account.grants
    }
    with st.form("take_form", border=True):
        st.subheader("Take a role away", anchor=False)
        which = st.selectbox("Role", list(held), key="grant_which", format_func=lambda i: visible(held[i]))
        why = st.text_input("Why?", key="grant_why", max_chars=500)
        if st.form_submit_button("Take away", key="grant_take") and which:
            door = context.casework()
            attempt(
                lambda: door.take_grant(viewer.principal, viewer.tenant_id, which, why),
                "The role is taken away.",
            )
            st.rerun()


def _activity(viewer: Viewer, found: Sequence[AccountView]) -> None:
    with st.form("active_form", border=True):
        st.subheader("Deactivate an account", anchor=False)
        logins = [account.login for account in found]
        login = st.selectbox("Login", logins, key="account_login", format_func=visible)
        why = st.text_input("Why?", key="account_why", max_chars=500)
        with st.container(horizontal=True):
            ends = st.form_submit_button("Deactivate", key="account_deactivate")
            returns = st.form_submit_button("Let it act again", key="account_activate")
        if (ends or returns) and login:
            door = context.casework()
            change = door.deactivate_account if ends else door.activate_account
            done = "The account acts no more." if ends else "The account acts again."
            attempt(lambda: change(viewer.principal, viewer.tenant_id, login, why), done)
            st.rerun()


def _keys(keys: Sequence[ApiKey]) -> None:
    if not keys:
        st.info("No service has a key.")
        return
    states = {"to_draw": "waits to be drawn", "live": "live", "ended": "ended", "revoked": "taken back"}
    rows = [
        {
            "Key": key.prefix,
            "Service": visible(key.key_name),
            "May": ", ".join(key.permissions),
            "Within": visible(scope_text(key)),
            "Stands": states[key.state],
            "Until": moment(key.expires_at),
            "Last used": moment(key.last_used_at) if key.last_used_at else "never",
            "Held by": visible(key.holder),
        }
        for key in keys
    ]
    show_table(rows, "keys_table")


def _make_key(viewer: Viewer, found: Sequence[AccountView]) -> None:
    with st.form("key_form", border=True):
        st.subheader("Make a key", anchor=False)
        name = st.text_input("Service", key="key_name", max_chars=200)
        permissions = st.multiselect("May", OFFERED, key="key_permissions")
        days = st.selectbox("For", KEY_DAYS, index=2, key="key_days", format_func=lambda n: f"{n} days")
        people = [account.login for account in found if account.kind == "person" and account.is_active]
        holder = st.selectbox("Drawn by", people, key="key_holder", format_func=visible, index=None,
                              help="Somebody who may do all of it already; you never see the key.")  # fmt: skip
        scope = _scope_inputs("key")
        if st.form_submit_button("Make", key="key_make"):
            ends = context.now() + timedelta(days=days)
            asked = NewKey(name, tuple(permissions), ends, holder, **scope)
            door = context.casework()
            done = f"Made. {holder} draws it under Links."
            attempt(lambda: door.make_key(viewer.principal, viewer.tenant_id, asked), done)
            st.rerun()


def _revoke_key(viewer: Viewer, keys: Sequence[ApiKey]) -> None:
    standing = {
        key.key_id: f"{key.prefix} {key.key_name}" for key in keys if key.state in ("live", "to_draw")
    }
    if not standing:
        return
    with st.form("key_revoke_form", border=True):
        st.subheader("Take a key back", anchor=False)
        which = st.selectbox(
            "Key", list(standing), key="key_which", format_func=lambda i: visible(standing[i])
        )
        why = st.text_input("Why?", key="key_why", max_chars=500)
        if st.form_submit_button("Take back", key="key_revoke") and which:
            door = context.casework()
            attempt(
                lambda: door.revoke_key(viewer.principal, viewer.tenant_id, which, why),
                "The key opens nothing any more.",
            )
            st.rerun()
