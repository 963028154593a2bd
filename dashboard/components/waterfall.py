"""Where a case's money comes from: four parts that add up to the expected loss."""

from __future__ import annotations

from decimal import Decimal

import plotly.graph_objects as go

from dashboard.components.palette import draw, palette, styled
from dashboard.components.text import money

PARTS = (
    ("sla_penalty_amount", "Late penalty"),
    ("revenue_amount", "Revenue at risk"),
    ("inventory_amount", "Stock-out"),
    ("customer_tier_amount", "Customer tier"),
)


def waterfall(amounts: dict[str, Decimal], total: Decimal, currency_code: str, *, is_lost: bool) -> go.Figure:
    """Build the figure. `is_lost` says that the promise has passed, so the penalty is money already lost."""
    colours = palette()
    shown = [(label, amounts[name], name) for name, label in PARTS if amounts.get(name)]
    labels = [label for label, _, _ in shown] + ["Expected loss"]
    values = [float(amount) for _, amount, _ in shown] + [float(total)]
    starts = [sum(values[:index]) for index in range(len(shown))] + [0.0]
    fills = [
        colours.lost if is_lost and name == "sla_penalty_amount" else colours.accent for _, _, name in shown
    ]
    texts = [money(value, currency_code) for value in values]
    figure = go.Figure(
        go.Bar(
            y=labels,
            x=values,
            base=starts,
            orientation="h",
            text=texts,
            textposition="outside",
            cliponaxis=False,
            marker={"color": [*fills, colours.second]},
            hovertemplate="%{y}: %{text}<extra></extra>",
            width=0.62,
        )
    )
    _connect(figure, values[:-1], colours.border)
    styled(figure, 24 + 29 * len(labels), colours, legend=False)
    figure.update_xaxes(visible=False, range=[0, max(float(total), 1.0) * 1.28])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _connect(figure: go.Figure, values: list[float], colour: str) -> None:
    """Draw the thin steps from one part to where the next begins."""
    reached = 0.0
    for index, value in enumerate(values):
        reached += value
        line = {"color": colour, "width": 1, "dash": "dot"}
        figure.add_shape(
            type="line", x0=reached, x1=reached, y0=index, y1=index + 1, line=line, layer="below"
        )


def draw_waterfall(
    amounts: dict[str, Decimal], total: Decimal, currency_code: str, *, is_lost: bool, key: str
) -> None:
    """Put the waterfall on the page, with the same numbers in words for those who cannot see it."""
    parts = ", ".join(
        f"{label} {money(amounts.get(n), currency_code)}" for n, label in PARTS if amounts.get(n)
    )
    figure = waterfall(amounts, total, currency_code, is_lost=is_lost)
    draw(figure, key, f"Expected loss {money(total, currency_code)}: {parts}")
