"""Why a row was scored as it was: facts of the row itself, ranked by how much each moved the probability.

A feature (or a rate with its count) is put back to the training data's ordinary value and the row scored
again; the change in log odds is its effect. Only known values of the row are ever named, so a reason can
be checked against the row. Deterministic, whatever the rows are scored beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml.features import records
from ml.model import Model

MAX_REASONS = 3
MIN_EFFECT = 0.05
# So many rows are scored at once, each some thirty times over.
BATCH_ROWS = 1000

Say = Callable[[Mapping[str, Any]], str | None]


@dataclass(frozen=True)
class Subject:
    """One thing worth naming: the columns put back together, the one that is quoted, and the sentence.

    Of subjects with the same topic only the strongest is named: three ways to say "behind plan" are one.
    """

    columns: tuple[str, ...]
    quoted: str
    say: Say
    topic: str


def hours(value: float) -> str:
    """Return `14 h`, or days from three days on."""
    size = abs(value)
    return f"{size / 24:.1f} days" if size >= 72 else f"{size:.0f} h"


def _moved(column: str, behind: str, ahead: str) -> Subject:
    def say(row: Mapping[str, Any]) -> str | None:
        value = float(row[column])
        if abs(value) < 0.5:
            return None
        return (behind if value > 0 else ahead).format(hours(value))

    return Subject((column,), column, say, "progress")


def _rate(subject: str, name: str, suffix: str = "", span: str = "", also: tuple[str, ...] = ()) -> Subject:
    rate, count = f"{subject}{suffix}_late_rate", f"{subject}{suffix}_n"

    def say(row: Mapping[str, Any]) -> str | None:
        seen = row[count]
        if seen is None or not seen >= 1:
            return None
        shipments = "shipment" if seen == 1 else "shipments"
        return f"{name} was late in {float(row[rate]):.0%} of {int(seen)} {shipments}{span}".replace(
            "%", " %"
        )

    return Subject((rate, count, *also), rate, say, subject)


def _text(columns: tuple[str, ...], template: str) -> Subject:
    column = columns[0]

    def say(row: Mapping[str, Any]) -> str | None:
        value = row[column]
        return template.format(f"{value:,.0f}" if isinstance(value, float) else value)

    return Subject(columns, column, say, column)


def _slack(row: Mapping[str, Any]) -> str | None:
    value = float(row["remaining_slack_hours"])
    if abs(value) < 0.5:
        return None
    side = "later" if value < 0 else "earlier"
    return f"if the rest takes as long as planned it arrives {hours(value)} {side} than promised"


def _overdue(row: Mapping[str, Any]) -> str | None:
    value = float(row["overdue_hours"])
    return f"the next milestone of an open leg is {hours(value)} overdue" if value >= 0.5 else None


def _hold(row: Mapping[str, Any]) -> str | None:
    return "a customs hold is open" if float(row["customs_hold_open"]) >= 1 else None


def _weather(row: Mapping[str, Any]) -> str | None:
    words = {1: "minor", 2: "moderate", 3: "severe"}
    word = words.get(int(float(row["open_weather_severity"])))
    return f"a {word} weather alert is open on the way" if word else None


SUBJECTS: tuple[Subject, ...] = (
    _moved(
        "deviation_hours",
        "the last milestone came {} behind plan",
        "the last milestone came {} ahead of plan",
    ),
    _moved(
        "max_incoming_deviation_hours",
        "the slowest incoming leg is {} behind plan",
        "even the slowest incoming leg is {} ahead of plan",
    ),
    Subject(("remaining_slack_hours",), "remaining_slack_hours", _slack, "progress"),
    Subject(("overdue_hours",), "overdue_hours", _overdue, "progress"),
    Subject(("customs_hold_open",), "customs_hold_open", _hold, "hold"),
    Subject(("open_weather_severity",), "open_weather_severity", _weather, "weather"),
    _rate("lane", "this lane"),
    _rate("carrier", "this carrier or vendor"),
    _rate("destination", "this destination", also=("destination",)),
    _rate("origin", "this origin"),
    _rate("lane", "this lane", "_recent", " in the 90 days before"),
    _rate("carrier", "this carrier or vendor", "_recent", " in the 90 days before"),
    _rate("destination", "this destination", "_recent", " in the 90 days before"),
    _text(("outgoing_delivery_hours",), "the plan leaves {} h for the last delivery step"),
    _text(("incoming_delivery_hours",), "the plan leaves {} h for delivery to the hub"),
    _text(("planned_outgoing_hours",), "the outgoing leg is planned to take {} h"),
    _text(("planned_duration_hours",), "the whole way is planned to take {} h"),
    _text(("planned_remaining_hours",), "{} h of the plan remain"),
    _text(("hop_count",), "the route has {} flights or segments"),
    _text(("leg_count",), "the route has {} legs"),
    _text(("lead_time_days",), "the order was placed {} days before the promise"),
    _text(("order_line_count",), "the order has {} lines"),
    _text(("order_amount",), "the order is worth {} in all"),
    _text(("amount",), "the shipment is worth {}"),
    _text(("quantity",), "{} units are ordered"),
    _text(("mode",), "it travels by {}"),
    _text(("inco_term",), "the Incoterm is {}"),
    _text(("fulfill_via",), "it is fulfilled: {}"),
    _text(("sub_classification",), "the product is of the kind {}"),
)


def reasons(model: Model, frame: pd.DataFrame, probability: np.ndarray) -> list[str]:
    """Return a JSON list per completed row: up to three {text, feature, value, effect}, strongest first.

    Rows scored above the training data's share late name what raised the score, the others what lowered
    it. A model without a reference (base rate) gives its one reason in plain words.
    """
    if model.card.get("kind") == "base_rate" or not model.reference:
        return [json.dumps([_base_reason(model)], ensure_ascii=False) for _ in range(len(frame))]
    base = float(model.card.get("late_rate") or 0.0)
    signs = np.where(probability >= base, 1.0, -1.0)
    told: list[str] = []
    for begin in range(0, len(frame), BATCH_ROWS):
        part = frame.iloc[begin : begin + BATCH_ROWS]
        for row, effects, sign in zip(records(part), _effects(model, part), signs[begin:], strict=False):
            strongest = _strongest(row, list(zip(effects, SUBJECTS, strict=True)), sign)
            told.append(json.dumps(strongest, ensure_ascii=False))
    return told


def _effects(model: Model, frame: pd.DataFrame) -> np.ndarray:
    """Return (rows, subjects): the change in log odds from the reference's value to a row's own; 0 where unknown.

    The rows are scored once, as they are and with each subject put back: a call of the model costs more than its rows.
    """
    known = np.column_stack([frame[subject.quoted].notna().to_numpy() for subject in SUBJECTS])
    subjects, rows = np.nonzero(known.T)  # the variants, a subject after the other
    variants = frame.iloc[np.concatenate([np.arange(len(frame)), rows])].reset_index(drop=True)
    put_back = {name for subject in SUBJECTS for name in subject.columns}
    told = {name: variants[name].to_numpy(copy=True) for name in put_back}
    for number, subject in enumerate(SUBJECTS):
        is_variant = np.concatenate([np.zeros(len(frame), bool), subjects == number])
        for column in subject.columns:
            value = model.reference.get(column)
            told[column][is_variant] = np.nan if value is None and column not in _NAMES else value
    odds = model.log_odds(variants.assign(**told))
    effects = np.zeros(known.shape)
    effects[rows, subjects] = odds[rows] - odds[len(frame) :]
    return effects


_NAMES = {"mode", "destination", "inco_term", "fulfill_via", "sub_classification"}


def _strongest(
    row: Mapping[Any, Any], effects: list[tuple[float, Subject]], sign: float
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    topics: set[str] = set()
    for effect, subject in sorted(effects, key=lambda pair: -sign * pair[0]):
        if sign * effect < MIN_EFFECT or len(found) == MAX_REASONS:
            break
        text = subject.say(row) if row[subject.quoted] is not None and subject.topic not in topics else None
        if text is not None:
            topics.add(subject.topic)
            value = row[subject.quoted]
            shown = round(value, 4) if isinstance(value, float) else value
            found.append(
                {"text": text, "feature": subject.quoted, "value": shown, "effect": round(float(effect), 4)}
            )
    return found


def _base_reason(model: Model) -> dict[str, Any]:
    count = int(model.card.get("shipment_count") or 0)
    rate = float(model.late_probability(pd.DataFrame(index=[0]))[0])
    seen = "no finished shipment" if not count else f"{count} finished shipment{'s' if count > 1 else ''}"
    return {
        "text": f"only {seen} to learn from: everyone gets the same cautious {rate:.0%}".replace("%", " %"),
        "feature": "base_rate",
        "value": rate,
        "effect": 0.0,
    }
