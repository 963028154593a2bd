"""Colours and the common look of every figure, for the light and the dark theme.

One accent. Red appears only for money already lost or a clock already breached, and never alone:
each figure also differs by shape, dash or word. Hues keep apart under the common colour blindnesses.
"""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

FONT = '"Source Sans", sans-serif'


@dataclass(frozen=True)
class Palette:
    """Colours of one theme, as hex strings."""

    text: str
    muted: str
    grid: str
    surface: str
    land: str
    border: str
    accent: str
    accent_soft: str
    second: str
    warn: str
    lost: str


LIGHT = Palette(
    text="#1b2427",
    muted="#6a787c",
    grid="#e3e8e7",
    surface="#fcfcfb",
    land="#e4e9e7",
    border="#c9d2d0",
    accent="#0b6b78",
    accent_soft="#9cc7cc",
    second="#7a8b8f",
    warn="#b87a0c",
    lost="#b3261e",
)
DARK = Palette(
    text="#e3e9ea",
    muted="#93a3a8",
    grid="#2c383c",
    surface="#11181b",
    land="#222d31",
    border="#3a484d",
    accent="#58b8c4",
    accent_soft="#2b5f67",
    second="#8fa1a6",
    warn="#e0ac4b",
    lost="#f2857b",
)


def palette() -> Palette:
    """Return the colours of the theme the viewer has chosen."""
    theme = getattr(st.context, "theme", None)
    return DARK if getattr(theme, "type", None) == "dark" else LIGHT


def styled(figure: go.Figure, height: int, colours: Palette, *, legend: bool = True) -> go.Figure:
    """Give a figure the common look: no background, quiet grid, no drag; a legend, if any, at the foot."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 58 if legend else 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": colours.text, "family": FONT},
        hoverlabel={"bgcolor": colours.surface, "font": {"color": colours.text}},
        showlegend=legend,
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "font": {"color": colours.muted},
        },
        dragmode=False,
    )
    axis = {"gridcolor": colours.grid, "zeroline": False, "linecolor": colours.border, "automargin": True}
    figure.update_xaxes(**axis, tickfont={"color": colours.muted})
    figure.update_yaxes(**axis, tickfont={"color": colours.text})
    return figure


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Put a figure on the page without a toolbar; `alt` says in words what it shows."""
    st.plotly_chart(figure, width="stretch", theme=None, key=key, config={"displayModeBar": False}, alt=alt)
