"""What can be done to a case now: one button an action, a dialog where an action needs words."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

import streamlit as st

from casework.deadlines.waiting import WORDS, WaitEvent
from casework.model import Action, CaseDetail, CaseView
from dashboard import context
from dashboard.components.notices import attempt
from dashboard.components.text import literal, viewer_zone, visible
from dashboard.components.wording import subject_name, team_name
from dashboard.session import Viewer

MINUTES = (15, 30, 60, 120, 240)
PLAIN = {
    Action.TRIAGE: ("Triage", ":material/checklist:", None),
    Action.START: ("Start work", ":material/play_arrow:", None),
    Action.RESUME: ("Resume", ":material/play_arrow:", None),
    Action.CLOSE: ("Close", ":material/inventory_2:", None),
}


def show_actions(detail: CaseDetail, viewer: Viewer) -> None:
    """Show the buttons that the life cycle and the viewer's grants allow; the door decides again."""
    case, possible = detail.case, detail.possible_actions
    if not possible:
        return
    with st.container(horizontal=True, gap="small", key="case_actions"):
        if Action.ASSIGN in possible and case.owner != viewer.principal.principal_id:
            action, details = taking(viewer, case)
            st.button(
                "Assign to me", key="action_assign_me", shortcut="a", icon=":material/person_add:",
                on_click=_perform, args=(viewer, case, action, "The case is yours."), kwargs=details,
            )  # fmt: skip
        for action, (label, icon, shortcut) in PLAIN.items():
            if action in possible:
                st.button(
                    label, key=f"action_{action}", icon=icon, shortcut=shortcut, type=_weight(action),
                    on_click=_perform, args=(viewer, case, action, f"Done: {label.lower()}."),
                )  # fmt: skip
        _dialogs(viewer, case, possible)


def taking(viewer: Viewer, case: CaseView) -> tuple[Action, dict[str, Any]]:
    """Return how the viewer takes a case: what nobody has is claimed, what somebody has is assigned over."""
    if case.owner is None:
        return Action.CLAIM, {}
    return Action.ASSIGN, {"owner": viewer.principal.principal_id}


def _weight(action: Action) -> Literal["primary", "secondary"]:
    return "primary" if action in (Action.START, Action.RESUME) else "secondary"


def _dialogs(viewer: Viewer, case: CaseView, possible: tuple[Action, ...]) -> None:
    """Show the buttons whose actions ask for something first."""
    asking = (
        (Action.RESOLVE, "Resolve", "resolve_open", ":material/task_alt:", "d", resolve_dialog),
        (Action.WAIT, "Wait", "action_wait", ":material/snooze:", "s", wait_dialog),
        (Action.ASSIGN, "Assign", "action_assign", ":material/group:", None, assign_dialog),
        (Action.RELEASE, "Release", "action_release", ":material/person_remove:", None, release_dialog),
        (Action.TRANSFER, "To a team", "action_transfer", ":material/groups:", None, transfer_dialog),
        (
            Action.ACKNOWLEDGE,
            "Acknowledge",
            "action_acknowledge",
            ":material/visibility:",
            None,
            acknowledge_dialog,
        ),
        (Action.COMMENT, "Comment", "action_comment", ":material/comment:", None, comment_dialog),
        (Action.ESCALATE, "Escalate", "action_escalate", ":material/priority_high:", None, escalate_dialog),
        (Action.DISMISS, "Dismiss", "action_dismiss", ":material/do_not_disturb_on:", None, dismiss_dialog),
        (Action.REOPEN, "Reopen", "action_reopen", ":material/undo:", None, reopen_dialog),
    )
    pointless = set() if case.owner == viewer.principal.principal_id else {Action.RELEASE}
    pointless |= {Action.ACKNOWLEDGE} if case.first_response_at else set()
    offered = set(possible) - pointless
    for action, label, key, icon, shortcut, dialog in asking:
        if action in offered and st.button(label, key=key, icon=icon, shortcut=shortcut):
            dialog(viewer, case)


def _perform(viewer: Viewer, case: CaseView, action: Action, done: str, **details: Any) -> None:
    """Ask the door to act on the case as it was seen."""
    attempt(
        lambda: context.casework().perform(
            viewer.principal, viewer.tenant_id, case.case_id, action, expected_version=case.version, **details
        ),
        done,
    )


@st.dialog("Resolve the case", width="medium")
def resolve_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask why it ended and why it happened, with each code's definition beside it."""
    config = context.config()
    kind = config.types.get(case.exception_type)
    known = config.codes.resolution_codes
    codes = [code for code in (kind.resolution_codes if kind else known) if code in known]
    code = st.selectbox(
        "How did it end?",
        codes,
        key="resolve_code",
        index=None,
        placeholder="Choose what fits",
        format_func=lambda name: f"{name.replace('_', ' ').capitalize()}: {known[name]}",
    )
    causes = config.codes.root_cause_codes
    cause = st.selectbox(
        "Why did it happen?",
        list(causes),
        key="resolve_cause",
        index=None,
        placeholder="Choose a cause",
        format_func=lambda name: f"{causes[name].label} ({causes[name].responsible_party})",
    )
    note = st.text_area("Note", key="resolve_note", max_chars=2000, height=80)
    ready = code is not None and cause is not None
    if st.button("Resolve", key="resolve_confirm", type="primary", disabled=not ready):
        extra = {"note": note.strip()} if note and note.strip() else {}
        _perform(
            viewer,
            case,
            Action.RESOLVE,
            f"Resolved as {code}.",
            resolution_code=code,
            root_cause_code=cause,
            **extra,
        )
        st.rerun()


@st.dialog("Wait for something")
def wait_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask until when, for what, and what would end it sooner; the clocks of the case pause meanwhile."""
    zone = viewer_zone()
    soon = (context.now() + timedelta(hours=4)).astimezone(zone)
    day = st.date_input(
        "Until", soon.date(), key="wait_until", min_value=context.now().astimezone(zone).date()
    )
    at = st.time_input("At", time(soon.hour, 0), key="wait_at")
    event = st.selectbox(
        "Or as soon as",
        list(WaitEvent),
        key="wait_event",
        index=None,
        placeholder="Only that time",
        format_func=lambda name: WORDS[WaitEvent(name)],
    )
    reason = st.text_input("Waiting for", key="wait_reason", max_chars=300)
    if st.button("Wait", key="wait_confirm", type="primary"):
        until = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        _perform(
            viewer,
            case,
            Action.WAIT,
            "Waiting; the clocks are paused.",
            until=until,
            until_event=event,
            reason=(reason or "").strip(),
        )
        st.rerun()


@st.dialog("Give the case to someone")
def assign_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask who should own it."""
    people = context.casework().people(viewer.principal, viewer.tenant_id)
    owner = st.selectbox(
        "Owner",
        list(people),
        key="assign_to",
        index=None,
        placeholder="Choose a person",
        format_func=lambda who: visible(people[who]),
    )
    if st.button("Assign", key="assign_confirm", type="primary", disabled=owner is None) and owner:
        done = f"{subject_name(case)} is now with {people[owner]}."
        _perform(viewer, case, Action.ASSIGN, done, owner=owner)
        st.rerun()
    if case.owner and st.button("Take the owner away", key="assign_nobody"):
        _perform(viewer, case, Action.ASSIGN, "Nobody owns the case now.", owner=None)
        st.rerun()


def _ask(viewer: Viewer, case: CaseView, action: Action, label: str, field: str, done: str) -> None:
    """Ask for one text and perform the action with it."""
    text = st.text_area(label, key=f"{action}_{field}", max_chars=2000, height=100)
    if st.button(literal(action.capitalize()), key=f"{action}_confirm", type="primary"):
        _perform(viewer, case, action, done, **{field: (text or "").strip()})
        st.rerun()


@st.dialog("Release the case")
def release_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask why whoever has it gives it up."""
    _ask(viewer, case, Action.RELEASE, "Why?", "reason", "Nobody owns the case now.")


@st.dialog("Hand the case to a team")
def transfer_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask which team's queue it goes to, and why; whoever had it has it no more."""
    teams = list(context.config().tenants[case.tenant_id].teams)
    team = st.selectbox(
        "Team", teams, key="transfer_team", index=None, placeholder="Choose a team", format_func=team_name
    )
    reason = st.text_input("Why?", key="transfer_reason", max_chars=500)
    if st.button("Hand over", key="transfer_confirm", type="primary", disabled=team is None) and team:
        done = f"The case is in the queue of {team_name(team)}."
        _perform(viewer, case, Action.TRANSFER, done, team=team, reason=(reason or "").strip())
        st.rerun()


@st.dialog("Acknowledge the case")
def acknowledge_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask for how long nobody is to be called because it is unanswered; its clocks go on."""
    minutes = st.selectbox(
        "Hold calls back for",
        MINUTES,
        index=1,
        key="acknowledge_minutes",
        format_func=lambda n: f"{n} minutes",
    )
    note = st.text_input("Note", key="acknowledge_note", max_chars=500)
    if st.button("Acknowledge", key="acknowledge_confirm", type="primary"):
        extra = {"note": note.strip()} if note and note.strip() else {}
        done = f"Nobody is called about it for {minutes} minutes; it still needs an answer."
        _perform(viewer, case, Action.ACKNOWLEDGE, done, minutes=minutes, **extra)
        st.rerun()


@st.dialog("Comment")
def comment_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask for a note that stays in the case's history."""
    _ask(viewer, case, Action.COMMENT, "Note", "text", "Noted.")


@st.dialog("Escalate")
def escalate_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask why the lead must look at it."""
    _ask(viewer, case, Action.ESCALATE, "Why?", "reason", "Escalated.")


@st.dialog("Dismiss")
def dismiss_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask why nothing needs to be done."""
    _ask(viewer, case, Action.DISMISS, "Why does nothing need to be done?", "reason", "Dismissed.")


@st.dialog("Reopen")
def reopen_dialog(viewer: Viewer, case: CaseView) -> None:
    """Ask why it is not over."""
    _ask(viewer, case, Action.REOPEN, "Why is it not over?", "reason", "Reopened.")
