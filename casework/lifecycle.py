"""The life cycle of a case, as a table. Pure: a state and an action in, the next state or a refusal out."""

from __future__ import annotations

from casework.errors import TransitionRefused
from casework.model import OPEN_STATES, Action, State

S, A = State, Action

TRANSITIONS: dict[tuple[State, Action], State] = {
    (S.NEW, A.TRIAGE): S.TRIAGED,
    (S.NEW, A.START): S.IN_PROGRESS,
    (S.NEW, A.DISMISS): S.DISMISSED,
    (S.TRIAGED, A.START): S.IN_PROGRESS,
    (S.TRIAGED, A.WAIT): S.WAITING,
    (S.TRIAGED, A.DISMISS): S.DISMISSED,
    (S.IN_PROGRESS, A.WAIT): S.WAITING,
    (S.IN_PROGRESS, A.RESOLVE): S.RESOLVED,
    (S.IN_PROGRESS, A.DISMISS): S.DISMISSED,
    (S.WAITING, A.RESUME): S.IN_PROGRESS,
    (S.WAITING, A.RESOLVE): S.RESOLVED,
    (S.RESOLVED, A.CLOSE): S.CLOSED,
    (S.RESOLVED, A.REOPEN): S.IN_PROGRESS,
    (S.CLOSED, A.REOPEN): S.IN_PROGRESS,
    (S.DISMISSED, A.REOPEN): S.TRIAGED,
    # The system's own: the exception vanished before anybody took it, or came back before it was closed.
    (S.NEW, A.RECOVER): S.RESOLVED,
    (S.TRIAGED, A.RECOVER): S.RESOLVED,
    (S.WAITING, A.RECOVER): S.RESOLVED,
    (S.RESOLVED, A.REAPPEAR): S.NEW,
}
SYSTEM_ACTIONS = frozenset({A.RECOVER, A.REAPPEAR})
# These leave the state as it is.
STAYING: dict[Action, frozenset[State]] = {
    A.ASSIGN: OPEN_STATES,
    A.CLAIM: OPEN_STATES,
    A.RELEASE: OPEN_STATES,
    A.TRANSFER: OPEN_STATES,
    # Only what nobody has answered yet can be acknowledged: it holds the calls for an answer back.
    A.ACKNOWLEDGE: frozenset({S.NEW}),
    A.ESCALATE: OPEN_STATES,
    A.COMMENT: frozenset(State),
}
# What each action is called once it has happened.
FACTS: dict[Action, str] = {
    A.TRIAGE: "case:triaged",
    A.START: "case:started",
    A.WAIT: "case:waited",
    A.RESUME: "case:resumed",
    A.RESOLVE: "case:resolved",
    A.CLOSE: "case:closed",
    A.DISMISS: "case:dismissed",
    A.REOPEN: "case:reopened",
    A.ASSIGN: "case:owner:assigned",
    A.CLAIM: "case:claimed",
    A.RELEASE: "case:released",
    A.TRANSFER: "case:transferred",
    A.ACKNOWLEDGE: "case:acknowledged",
    A.COMMENT: "case:commented",
    A.ESCALATE: "case:escalated",
    A.RECOVER: "exception:recovered",
    A.REAPPEAR: "exception:reappeared",
}
# A person doing one of these has answered the case.
ANSWERS = frozenset({A.TRIAGE, A.START, A.WAIT, A.RESUME, A.RESOLVE, A.DISMISS, A.ASSIGN, A.CLAIM})


def possible(state: State, *, is_merged: bool = False) -> tuple[Action, ...]:
    """Return what a person can do to a case in this state, moves first; a merged one can only be spoken of."""
    if is_merged:
        return (A.COMMENT,)
    moves = [action for (at, action) in TRANSITIONS if at == state and action not in SYSTEM_ACTIONS]
    return (*moves, *(action for action, states in STAYING.items() if state in states))


def advance(state: State, action: Action) -> State:
    """Return the state after an action; raise `TransitionRefused`, which says what is possible."""
    if action in STAYING and state in STAYING[action]:
        return state
    after = TRANSITIONS.get((state, action))
    if after is None:
        options = possible(state)
        raise TransitionRefused(
            f"A case that is {_words(state)} cannot {action}; it can {', '.join(options)}.",
            state=state,
            action=action,
            possible=options,
        )
    return after


def is_open(state: State) -> bool:
    """Tell whether a case in this state still asks for work."""
    return state in OPEN_STATES


def _words(state: State) -> str:
    return state.value.replace("_", " ")
