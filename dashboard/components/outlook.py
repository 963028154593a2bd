"""How expectations moved: each estimate of the arrival against the promise, and stock against its inbound."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.components.palette import Palette, draw, palette, styled
from dashboard.components.tables import show_table
from dashboard.components.text import figure_text, literal, moment, money, viewer_zone, visible


def eta_points(
    milestones: list[dict[str, Any]], scores: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return every estimate of the arrival by who made it, in the order it became known."""
    told = [m for m in milestones if m["classifier"] == "estimated" and m["recorded_at"]]
    arrival = max((m["sequence"] or 0 for m in told), default=0)
    carrier = [
        {"known_at": m["recorded_at"], "arrives_at": m["occurred_at"], "low_at": None, "high_at": None}
        for m in told
        if m["milestone_code"] == "ETA" or (m["sequence"] or 0) == arrival
    ]
    model = [
        {
            "known_at": s["cutoff_at"],
            "arrives_at": s["predicted_arrival_at"],
            "low_at": s["interval_low_at"],
            "high_at": s["interval_high_at"],
        }
        for s in scores
        if s["predicted_arrival_at"] and s["cutoff_at"]
    ]
    return {"carrier": sorted(carrier, key=_known), "model": sorted(model, key=_known)}


def _known(point: dict[str, Any]) -> Any:
    return point["known_at"]


def draw_eta_history(
    points: dict[str, list[dict[str, Any]]], promised_at: datetime | None, due_word: str, key: str
) -> None:
    """Put the history of estimates on the page: when it was known across, when it would arrive upward."""
    colours, zone = palette(), viewer_zone()
    figure = go.Figure()
    styles = {
        "carrier": ("Carrier's estimate", colours.second, "diamond-open", "dot"),
        "model": ("Model, with its interval", colours.accent, "diamond", "solid"),
    }
    for who, (name, colour, symbol, dash) in styles.items():
        if points[who]:
            figure.add_trace(_line(points[who], name, colour, symbol, dash))
    if promised_at:
        line = {"color": colours.text, "width": 1.4, "dash": "dash"}
        at = promised_at.astimezone(zone)
        figure.add_shape(type="line", x0=0, x1=1, xref="paper", y0=at, y1=at, line=line)
        figure.add_annotation(
            x=0, xref="paper", y=at, text=due_word, showarrow=False, xanchor="left", yanchor="bottom"
        )
    styled(figure, 270, colours)
    figure.update_xaxes(title={"text": "known at"}, tickformat="%-d %b %H:%M", nticks=5)
    figure.update_yaxes(title={"text": "arrives"}, tickformat="%-d %b", nticks=6)
    said = "; ".join(f"{who}: {moment(found[-1]['arrives_at'])}" for who, found in points.items() if found)
    draw(figure, key, f"History of arrival estimates, the latest: {said}; {due_word} {moment(promised_at)}")


def _line(points: list[dict[str, Any]], name: str, colour: str, symbol: str, dash: str) -> go.Scatter:
    """Return one line of estimates, with intervals where they are known."""
    zone = viewer_zone()
    above = [_gap_ms(p["arrives_at"], p["high_at"]) for p in points]
    below = [_gap_ms(p["low_at"], p["arrives_at"]) for p in points]
    return go.Scatter(
        x=[p["known_at"].astimezone(zone) for p in points],
        y=[p["arrives_at"].astimezone(zone) for p in points],
        mode="lines+markers" if len(points) <= 12 else "lines",
        name=name,
        line={"color": colour, "dash": dash, "width": 2},
        marker={"symbol": symbol, "size": 10, "color": colour},
        error_y={
            "type": "data",
            "array": above,
            "arrayminus": below,
            "visible": any(above),
            "thickness": 1.5,
        },
        hovertemplate="known %{x|%-d %b %H:%M}<br>arrives %{y|%-d %b %H:%M}<extra></extra>",
    )


def _gap_ms(start: datetime | None, end: datetime | None) -> float:
    """Return the time between two instants in milliseconds, which is how a date axis measures errors."""
    return 0.0 if start is None or end is None else max((end - start).total_seconds(), 0.0) * 1000


def draw_projection(rows: list[dict[str, Any]], key: str) -> None:
    """Put the projected stock on the page: days across, with and without the inbound, and the safety stock."""
    colours = palette()
    days = [row["projected_on"] for row in rows]
    figure = go.Figure()
    _stock(
        figure,
        days,
        [row["projected_quantity"] for row in rows],
        "Without the inbound",
        colours.accent,
        "solid",
    )
    _stock(
        figure,
        days,
        [row["projected_with_inbound_quantity"] for row in rows],
        "With it",
        colours.second,
        "dot",
    )
    safety = rows[0]["safety_stock_quantity"]
    if safety:
        line = {"color": colours.muted, "width": 1, "dash": "dash"}
        figure.add_shape(type="line", x0=0, x1=1, xref="paper", y0=safety, y1=safety, line=line)
        place = {"x": 1, "xref": "paper", "xanchor": "right", "yanchor": "bottom"}
        figure.add_annotation(y=safety, text="safety stock", showarrow=False, **place)
    _runs_out(figure, rows[0]["stock_out_on"], colours)
    styled(figure, 250, colours)
    figure.update_yaxes(title={"text": "quantity"}, rangemode="tozero")
    inbound = figure_text(rows[0]["inbound_shipment_id"] or "none")
    draw(figure, key, f"Projected stock: runs out on {rows[0]['stock_out_on']}, inbound {inbound}")


def _stock(figure: go.Figure, days: list[Any], values: list[Any], name: str, colour: str, dash: str) -> None:
    line = {"color": colour, "dash": dash, "width": 2, "shape": "hv"}
    figure.add_trace(go.Scatter(x=days, y=values, mode="lines", name=name, line=line))


def _runs_out(figure: go.Figure, day: Any, colours: Palette) -> None:
    """Mark the day on which the stock is gone."""
    if day is None:
        return
    line = {"color": colours.text, "width": 1.4, "dash": "dot"}
    figure.add_shape(type="line", x0=day, x1=day, y0=0, y1=1, yref="paper", line=line)
    figure.add_annotation(x=day, y=1, yref="paper", text="runs out", showarrow=False, xanchor="left")


def show_starved(rows: list[dict[str, Any]]) -> None:
    """Put the orders on the page that go short before the inbound is there, the first to leave first."""
    if not rows:
        return
    by_lateness = sum(row["is_by_lateness"] is True for row in rows)
    inbound, expected = visible(rows[0]["inbound_shipment_id"]), moment(rows[0]["inbound_expected_at"])
    st.caption(
        literal(
            f"Order lines that go short before {inbound} is there ({expected}): {len(rows)}. "
            f"Had it come as planned, {by_lateness} of them would not."
        )
    )
    show_table([_starved(row) for row in rows], "case_starved")


def _starved(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "Order": visible(row["order_id"]),
        "Customer": visible(row["customer_id"]),
        "Short": f"{row['short_quantity']:,.0f} of {row['quantity']:,.0f}",
        "Worth": money(row["short_amount"], row["currency_code"]),
        "Leaves": moment(row["needed_at"]),
        "With": visible(row["shipment_id"]),
        "Promised": moment(row["promised_at"]),
        "By lateness": "yes" if row["is_by_lateness"] else "no",
    }
