"""Can the score be trusted: reliability curve, lead time before the promise, spread of open risk."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.components.palette import draw, palette, styled

CORNER = {"yref": "paper", "orientation": "v"}


def reliability_curve(
    predicted: Sequence[float], observed: Sequence[float], counts: Sequence[int]
) -> go.Figure:
    """Build the curve of stated against observed late share per bin; the dashed line is a perfect score."""
    colours = palette()
    largest = max(counts, default=1) or 1
    figure = go.Figure()
    perfect = {"color": colours.muted, "dash": "dash", "width": 1.2}
    figure.add_trace(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=perfect, name="Perfect", hoverinfo="skip")
    )
    figure.add_trace(
        go.Scatter(
            x=list(predicted),
            y=list(observed),
            mode="lines+markers",
            name="This model",
            line={"color": colours.accent, "width": 2},
            marker={"size": [7 + 15 * (count / largest) ** 0.5 for count in counts], "color": colours.accent},
            customdata=list(counts),
            hovertemplate="said %{x:.0%}, came true %{y:.0%}, %{customdata} shipments<extra></extra>",
        )
    )
    styled(figure, 300, colours)
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title={"text": "Late, said the model"})
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", title={"text": "Late, in truth"})
    figure.update_layout(margin={"b": 8}, legend=CORNER | {"y": 0.98, "x": 0.02, "yanchor": "top"})
    return figure


def lead_time_figure(
    labels: Sequence[str],
    precision: Sequence[float | None],
    recall: Sequence[float | None],
    counts: Sequence[int],
) -> go.Figure:
    """Build precision and recall by time left; marks and dashes differ, not colour alone."""
    colours = palette()
    lines = (
        ("Precision", precision, colours.accent, "circle", "solid"),
        ("Recall", recall, colours.second, "square", "dot"),
    )
    figure = go.Figure()
    for name, values, colour, symbol, dash in lines:
        figure.add_trace(
            go.Scatter(
                x=list(labels),
                y=list(values),
                mode="lines+markers",
                name=name,
                customdata=list(counts),
                line={"color": colour, "width": 2, "dash": dash},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=name + " %{y:.0%} of %{customdata} rows<extra></extra>",
            )
        )
    styled(figure, 300, colours)
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    figure.update_xaxes(title={"text": "Left to the promise"}, type="category")
    figure.update_layout(margin={"b": 8}, legend=CORNER | {"y": 0.02, "x": 0.98, "xanchor": "right"})
    return figure


def bars(
    labels: Sequence[str], values: Sequence[float], x_title: str, y_title: str, *, height: int = 260
) -> go.Figure:
    """Build a plain bar figure in the accent colour."""
    colours = palette()
    figure = go.Figure(go.Bar(x=list(labels), y=list(values), marker={"color": colours.accent}, width=0.85))
    figure.update_traces(hovertemplate="%{x}: %{y}<extra></extra>")
    styled(figure, height, colours, legend=False)
    figure.update_xaxes(title={"text": x_title}, showgrid=False, type="category")
    figure.update_yaxes(title={"text": y_title})
    return figure


def draw_reliability(
    predicted: Sequence[float], observed: Sequence[float], counts: Sequence[int], key: str
) -> None:
    """Put the reliability curve on the page."""
    pairs = ", ".join(f"said {p:.0%} was {o:.0%}" for p, o in zip(predicted, observed, strict=True))
    draw(reliability_curve(predicted, observed, counts), key, f"Reliability curve: {pairs}")


def draw_lead_time(
    labels: Sequence[str],
    precision: Sequence[float | None],
    recall: Sequence[float | None],
    counts: Sequence[int],
    key: str,
) -> None:
    """Put the lead-time figure on the page."""
    rows = zip(labels, precision, recall, strict=True)
    said = ", ".join(f"{label}: precision {p or 0:.0%}, recall {r or 0:.0%}" for label, p, r in rows)
    draw(
        lead_time_figure(labels, precision, recall, counts), key, f"Precision and recall by time left: {said}"
    )


def draw_bars(labels: Sequence[str], values: Sequence[float], x_title: str, y_title: str, key: str) -> None:
    """Put a bar figure on the page."""
    pairs = ", ".join(f"{label}: {value:g}" for label, value in zip(labels, values, strict=True))
    draw(bars(labels, values, x_title, y_title), key, f"{y_title} by {x_title}: {pairs}")
