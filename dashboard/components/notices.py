"""What happened to the last click: one sentence, kept over the rerun that follows an action."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from casework.errors import CaseworkError, StoreUnavailable
from dashboard.components.text import literal

_KEY = "notice"


def attempt(doing: Callable[[], object], done: str) -> bool:
    """Call a casework verb; keep the sentence to show next. True if it was done, False if it was refused."""
    try:
        doing()
    except StoreUnavailable as trouble:
        locked = "locked" in str(trouble.fields.get("reason", ""))
        sentence = "Not saved: the store is busy. Try again." if locked else trouble.message
        st.session_state[_KEY] = ("error", sentence)
    except CaseworkError as refused:
        st.session_state[_KEY] = ("error", refused.message)
    else:
        st.session_state[_KEY] = ("done", done)
        return True
    return False


def show_notice() -> None:
    """Show what the last action came to, once: on top of the page, and over it for who has scrolled down."""
    kind, sentence = st.session_state.pop(_KEY, (None, None))
    if sentence is None:
        return
    icon = ":material/error:" if kind == "error" else ":material/check:"
    st.toast(literal(sentence), icon=icon, duration="long")
    with st.container(key="notice"):
        if kind == "error":
            st.warning(literal(sentence), icon=":material/error:")
        else:
            st.success(literal(sentence), icon=":material/check:")
