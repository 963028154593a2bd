"""What became of each attempt to send, as an effect's receipt keeps it: a bounded list, oldest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from casework.canonical import instant
from casework.effects.adapter import Result
from casework.model import EffectState
from casework.store.tables import Values

# What a person may do about an effect that no worker takes further: confirm it, or send it again.
CONFIRMABLE = frozenset({EffectState.NEEDS_HUMAN, EffectState.UNKNOWN})
RESENDABLE = CONFIRMABLE | {EffectState.REFUSED, EffectState.DEAD}
KEPT = 40
QUEUED_AGAIN = "queued again"
CUT_OFF = "The worker stopped after it began to send; the message may have been taken."


def with_one_more(effect: Values, at: datetime, result: str, detail: str) -> list[dict[str, Any]]:
    """Return the attempts of an effect with another one."""
    entry = {"attempt": effect["attempts"], "at": instant(at), "result": result, "detail": detail}
    return [*_history(effect), entry][-KEPT:]


def cut_off(effect: Values, at: datetime) -> dict[str, Any]:
    """Return an effect whose worker stopped while it was sending: nobody knows how that attempt ended."""
    history = with_one_more(effect, at, Result.UNKNOWN.value, CUT_OFF)
    return {**effect, "receipt": (effect["receipt"] or {}) | {"history": history}}


def queued_again(effect: Values, at: datetime, said: str) -> dict[str, Any]:
    """Return the receipt of an effect that a person sends again: they answer for what was before."""
    history = with_one_more(effect, at, QUEUED_AGAIN, said)
    return (effect["receipt"] or {}) | {
        "stage": QUEUED_AGAIN,
        "queued_again_at": instant(at),
        "history": history,
    }


def may_be_taken(effect: Values) -> bool:
    """Whether nobody knows how an attempt ended since the message was queued, or queued again by a person."""
    results = [entry["result"] for entry in _history(effect)]
    since = results[::-1].index(QUEUED_AGAIN) if QUEUED_AGAIN in results else len(results)
    return Result.UNKNOWN.value in results[len(results) - since :]


def was_ever_unknown(effect: Values) -> bool:
    """Whether of any attempt at all nobody knows how it ended."""
    return any(entry["result"] == Result.UNKNOWN.value for entry in _history(effect))


def _history(effect: Values) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (effect["receipt"] or {}).get("history", [])
    return found
