"""The trip sheet: each milestone's planned, estimated and actual time, and the predicted arrival.

Shapes carry the meaning (ring: planned, half-open diamond: estimated, full disc: actual), colour only helps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import plotly.graph_objects as go

from dashboard.components.palette import Palette, draw, palette, styled
from dashboard.components.text import figure_text, moment, relative, span, viewer_zone

SHAPES = {
    "planned": ("circle-open", "Planned"),
    "estimated": ("diamond-open", "Estimated by the carrier"),
    "actual": ("circle", "Actual"),
}
MILESTONE_WORDS = {
    "RCS": "Received from shipper",
    "DEP": "Departed",
    "RCF": "Received from flight",
    "DLV": "Delivered",
    "GATE_OUT": "Gate out",
    "DEPA": "Departed",
    "ARRI": "Arrived",
    "CUSTOMS_HOLD": "Customs hold",
    "CUSTOMS_RELEASE": "Customs release",
    "GATE_IN": "Gate in",
    "DELIVERED": "Delivered",
}


@dataclass(frozen=True)
class Prediction:
    """What the model expects of the arrival: an instant and the interval around it."""

    predicted_at: datetime
    low_at: datetime | None
    high_at: datetime | None


def trip_sheet(
    milestones: list[dict[str, Any]],
    *,
    promised_at: datetime | None,
    as_of: datetime,
    prediction: Prediction | None = None,
    zone: tzinfo | None = None,
    compact: bool = False,
    due_word: str = "promise",
) -> go.Figure:
    """Build the figure; rows in the order of the trip, time from left to right in the viewer's zone."""
    colours, zone = palette(), zone or viewer_zone()
    rows = _rows(milestones, 27 if compact else 44)
    figure = go.Figure()
    _deviations(figure, rows, colours, zone)
    for classifier in SHAPES:
        _marks(figure, rows, classifier, colours, zone, as_of)
    labels = list(rows)
    if prediction:
        labels.append("Predicted arrival")
        _prediction(figure, prediction, colours, zone)
    _verticals(figure, promised_at, due_word, as_of, colours, zone)
    height = (70 + 21 * max(len(labels), 3)) if compact else (124 + 27 * max(len(labels), 2))
    styled(figure, height, colours, legend=not compact)
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], showgrid=False)
    figure.update_xaxes(showgrid=True, tickformat="%-d %b\n%H:%M", nticks=4 if compact else 7)
    figure.update_layout(margin={"t": 26})
    return figure


def _rows(milestones: list[dict[str, Any]], width: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Group milestones into rows, leg by leg in time order; of several reports of a kind the last one counts."""
    groups: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for milestone in sorted(milestones, key=lambda m: m["recorded_at"] or m["occurred_at"]):
        if milestone["milestone_code"] != "ETA":
            groups.setdefault(_identity(milestone), {})[str(milestone["classifier"])] = milestone
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for kinds in sorted(groups.values(), key=_place_in_trip):
        label = _label(next(iter(kinds.values())), width)
        rows[label if label not in rows else f"{label} ({len(rows) + 1})"] = kinds
    return rows


def _identity(milestone: dict[str, Any]) -> tuple[Any, ...]:
    """Return what makes two reports speak of the same milestone; within a leg the same may happen twice."""
    leg = milestone.get("leg_id")
    place = milestone.get("facility_id")
    return (leg, milestone["milestone_code"], milestone.get("sequence") if leg else None, place)


def _place_in_trip(kinds: dict[str, dict[str, Any]]) -> tuple[str, datetime, int]:
    """Return what a row is ordered by: its leg, when it is or was due, and the plan's own order."""
    first = kinds.get("planned") or kinds.get("actual") or next(iter(kinds.values()))
    return str(first.get("leg_id") or ""), first["occurred_at"], int(first.get("sequence") or 0)


def _label(milestone: dict[str, Any], width: int) -> str:
    """Name a row: what happens and where, with the leg when there are several."""
    code, place = (
        str(milestone["milestone_code"]),
        milestone.get("facility_name") or milestone.get("facility_id"),
    )
    name = str(milestone.get("milestone_name") or MILESTONE_WORDS.get(code, code)).replace("_", " ")
    parts = [name[:1].upper() + name[1:], str(place) if place else "", _leg(milestone)]
    return figure_text(" · ".join(part for part in parts if part), width)


def _leg(milestone: dict[str, Any]) -> str:
    return f"leg {milestone['leg_id']}" if milestone.get("leg_id") else ""


def _deviations(figure: go.Figure, rows: dict[str, Any], colours: Palette, zone: tzinfo) -> None:
    """Join plan and what came of it; late is drawn thick, early thin."""
    for label, kinds in rows.items():
        seen = kinds.get("actual") or kinds.get("estimated")
        if "planned" not in kinds or not seen:
            continue
        planned, actual = kinds["planned"]["occurred_at"], seen["occurred_at"]
        late = actual > planned
        figure.add_trace(
            go.Scatter(
                x=[planned.astimezone(zone), actual.astimezone(zone)],
                y=[label, label],
                mode="lines",
                line={"color": colours.warn if late else colours.border, "width": 4 if late else 2},
                hoverinfo="skip",
                showlegend=False,
            )
        )


def _marks(
    figure: go.Figure, rows: dict[str, Any], classifier: str, colours: Palette, zone: tzinfo, as_of: datetime
) -> None:
    """Add the marks of one classifier, with source and age in the hover text."""
    symbol, words = SHAPES[classifier]
    found = [
        (label, kinds[classifier], kinds.get("planned"))
        for label, kinds in rows.items()
        if classifier in kinds
    ]
    if not found:
        return
    colour = {"planned": colours.muted, "estimated": colours.text, "actual": colours.accent}[classifier]
    figure.add_trace(
        go.Scatter(
            x=[milestone["occurred_at"].astimezone(zone) for _, milestone, _ in found],
            y=[label for label, _, _ in found],
            mode="markers",
            name=words,
            marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2, "color": colour}},
            customdata=[_hover(milestone, planned, zone, as_of) for _, milestone, planned in found],
            hovertemplate=f"{words}<br>%{{customdata}}<extra></extra>",
        )
    )


def _hover(milestone: dict[str, Any], planned: dict[str, Any] | None, zone: tzinfo, as_of: datetime) -> str:
    at = milestone["occurred_at"]
    lines = [moment(at, zone), relative(at, as_of)]
    if planned and milestone["classifier"] != "planned":
        gap = at - planned["occurred_at"]
        lines.append(f"{span(gap)} {'behind' if gap.total_seconds() > 0 else 'ahead of'} plan")
    if milestone.get("recorded_at"):
        lines.append(f"known since {moment(milestone['recorded_at'], zone)}")
    sha, number = milestone.get("source_file_sha256"), milestone.get("source_row_number")
    if sha:
        lines.append(f"file {figure_text(sha, 13)} row {number}")
    return "<br>".join(lines)


def _prediction(figure: go.Figure, prediction: Prediction, colours: Palette, zone: tzinfo) -> None:
    """Add the predicted arrival with its interval as a band."""
    if prediction.low_at and prediction.high_at:
        ends = [prediction.low_at.astimezone(zone), prediction.high_at.astimezone(zone)]
        band = {"color": colours.accent_soft, "width": 12}
        figure.add_trace(
            go.Scatter(
                x=ends,
                y=["Predicted arrival"] * 2,
                mode="lines",
                line=band,
                name="Prediction interval",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[prediction.predicted_at.astimezone(zone)],
            y=["Predicted arrival"],
            mode="markers",
            name="Predicted by the model",
            marker={"symbol": "diamond", "size": 12, "color": colours.accent},
            hovertemplate=f"Predicted<br>{moment(prediction.predicted_at, zone)}<extra></extra>",
        )
    )


def _verticals(
    figure: go.Figure,
    promised_at: datetime | None,
    due_word: str,
    as_of: datetime,
    colours: Palette,
    zone: tzinfo,
) -> None:
    """Mark the feed's now and the promise."""
    marks = [(as_of, "now", "dot", colours.muted, False)]
    if promised_at:
        colour = colours.lost if promised_at < as_of else colours.text
        marks.append((promised_at, due_word, "dash", colour, promised_at >= as_of))
        marks[0] = (*marks[0][:4], promised_at < as_of)
    for at, word, dash, colour, stands_right in marks:
        x = at.astimezone(zone)
        line = {"color": colour, "width": 1.4, "dash": dash}
        figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line=line)
        place = {"xanchor": "left" if stands_right else "right", "yanchor": "bottom", "yref": "paper"}
        figure.add_annotation(x=x, y=1, text=word, showarrow=False, font={"color": colour}, **place)


def draw_trip_sheet(
    milestones: list[dict[str, Any]],
    *,
    promised_at: datetime | None,
    as_of: datetime,
    prediction: Prediction | None,
    key: str,
    compact: bool = False,
    due_word: str = "promise",
) -> None:
    """Put the trip sheet on the page."""
    figure = trip_sheet(
        milestones,
        promised_at=promised_at,
        as_of=as_of,
        prediction=prediction,
        compact=compact,
        due_word=due_word,
    )
    reached = [m for m in milestones if m["classifier"] == "actual"]
    last = (
        f"; last seen: {reached[-1]['milestone_code']} {moment(reached[-1]['occurred_at'])}"
        if reached
        else ""
    )
    draw(figure, key, f"Trip sheet with {len(milestones)} milestones, promise {moment(promised_at)}{last}")
