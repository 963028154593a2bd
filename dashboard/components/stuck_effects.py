"""A message that no worker takes further: a person says that it arrived, or sends it again."""

from __future__ import annotations

import streamlit as st

from casework.effects.attempts import CONFIRMABLE, RESENDABLE
from casework.effects.people import PERMISSION
from casework.model import EffectView
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.session import Viewer


def show_decision(effect: EffectView, viewer: Viewer) -> None:
    """Show what can be decided about a stuck effect, to whoever may approve; the door decides again."""
    if effect.state not in RESENDABLE or not viewer.may(PERMISSION):
        return
    key = f"effect_note_{effect.effect_id}"
    st.text_input(
        "How do you know?", key=key, max_chars=1_000, placeholder="They confirmed by phone", width="stretch"
    )
    with st.container(horizontal=True, gap="small"):
        if effect.state in CONFIRMABLE and (effect.receipt or {}).get("stage") != "held":
            st.button(
                "It arrived", key=f"effect_confirm_{effect.effect_id}", icon=":material/mark_email_read:",
                on_click=_confirm, args=(viewer, effect, key),
            )  # fmt: skip
        st.button(
            "Send again", key=f"effect_resend_{effect.effect_id}", icon=":material/forward_to_inbox:",
            help="The first one may have arrived. The approval is checked again before it leaves.",
            on_click=_resend, args=(viewer, effect, key),
        )  # fmt: skip


def _confirm(viewer: Viewer, effect: EffectView, key: str) -> None:
    note = st.session_state.get(key, "")
    attempt(
        lambda: context.casework().confirm_effect(viewer.principal, viewer.tenant_id, effect.effect_id, note),
        "Recorded: it arrived.",
    )


def _resend(viewer: Viewer, effect: EffectView, key: str) -> None:
    note = st.session_state.get(key, "")
    attempt(
        lambda: context.casework().resend_effect(viewer.principal, viewer.tenant_id, effect.effect_id, note),
        "Queued again.",
    )
