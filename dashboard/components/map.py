"""A map that needs no network: land outlines shipped with the package, and the stops of one trip on them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, radians
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from dashboard.components.palette import Palette, draw, palette, styled
from dashboard.components.text import figure_text

STATES = {
    "reached": ("circle", "Reached"),
    "planned": ("circle-open", "Still to come"),
    "held": ("square", "Held or silent here"),
}


@dataclass(frozen=True)
class Stop:
    """One place on the way: its position in degrees and whether it was reached."""

    name: str
    latitude: float
    longitude: float
    state: str  # reached | planned | held


@lru_cache(maxsize=1)
def _land() -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Return the outlines of countries as (longitudes, latitudes); Natural Earth 1:110m, public domain."""
    rings = json.loads((Path(__file__).parent / "land.json").read_text(encoding="utf-8"))["rings"]
    return tuple((tuple(v / 100 for v in ring[::2]), tuple(v / 100 for v in ring[1::2])) for ring in rings)


def route_map(stops: list[Stop]) -> go.Figure:
    """Build the figure around the stops; the way still to go is dashed."""
    colours, stops = palette(), _unbroken(stops)
    window = west, east, south, north = _window(stops)
    figure = go.Figure()
    _draw_land(figure, window, colours)
    for before, after in zip(stops, stops[1:], strict=False):
        _draw_way(figure, before, after, colours)
    places = _label_places(stops, east - west)
    for state, (symbol, words) in STATES.items():
        found = [(stop, place) for stop, place in zip(stops, places, strict=True) if stop.state == state]
        _draw_stops(figure, found, symbol, words, colours)
    styled(figure, 300, colours)
    stretch = 1 / max(cos(radians((south + north) / 2)), 0.3)
    figure.update_xaxes(range=[west, east], showgrid=True, dtick=_tick(east - west), showticklabels=False)
    figure.update_yaxes(range=[south, north], dtick=_tick(north - south), showticklabels=False)
    figure.update_yaxes(scaleanchor="x", scaleratio=stretch, constrain="range")
    figure.update_xaxes(constrain="range")
    return figure


def _unbroken(stops: list[Stop]) -> list[Stop]:
    """Return the stops with longitudes that do not jump: a trip over the Pacific is drawn over the Pacific."""
    longitudes = [stop.longitude for stop in stops]
    if max(longitudes) - min(longitudes) <= 180:
        return stops
    return [replace(stop, longitude=stop.longitude % 360) for stop in stops]


def _window(stops: list[Stop]) -> tuple[float, float, float, float]:
    """Return west, east, south, north with room around the stops, wide like the figure."""
    longitudes, latitudes = [s.longitude for s in stops], [s.latitude for s in stops]
    middle = (min(latitudes) + max(latitudes)) / 2
    height = max((max(latitudes) - min(latitudes)) * 1.5, 6.0)
    width = max((max(longitudes) - min(longitudes)) * 1.35, height * 2.0 / max(cos(radians(middle)), 0.3))
    height = max(height, width * max(cos(radians(middle)), 0.3) / 2.2)
    centre = (min(longitudes) + max(longitudes)) / 2
    south, north = max(middle - height / 2, -88), min(middle + height / 2, 88)
    return centre - width / 2, centre + width / 2, south, north


def _tick(width: float) -> float:
    """Return a round spacing for the graticule."""
    return next((step for step in (1, 2, 5, 10, 20, 30) if width / step <= 7), 60)


def _draw_land(figure: go.Figure, window: tuple[float, float, float, float], colours: Palette) -> None:
    """Add the outlines that reach into the window, as one filled trace."""
    west, east, south, north = window
    xs: list[float | None] = []
    ys: list[float | None] = []
    for longitudes, latitudes in _land():
        if max(latitudes) < south or min(latitudes) > north:
            continue
        for turn in (-360, 0, 360):  # the outlines go on beyond the date line
            if max(longitudes) + turn >= west and min(longitudes) + turn <= east:
                xs += [*(longitude + turn for longitude in longitudes), None]
                ys += [*latitudes, None]
    line = {"color": colours.border, "width": 0.8}
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            fill="toself",
            fillcolor=colours.land,
            line=line,
            hoverinfo="skip",
            showlegend=False,
        )
    )


def _draw_way(figure: go.Figure, before: Stop, after: Stop, colours: Palette) -> None:
    """Join two stops: a full line where the freight has been, dashes where it has yet to go."""
    done = after.state == "reached"
    line = {
        "color": colours.accent if done else colours.second,
        "width": 2.5 if done else 1.8,
        "dash": "solid" if done else "dash",
    }
    figure.add_trace(
        go.Scatter(
            x=[before.longitude, after.longitude],
            y=[before.latitude, after.latitude],
            mode="lines",
            line=line,
            hoverinfo="skip",
            showlegend=False,
        )
    )


def _label_places(stops: list[Stop], width: float) -> list[str]:
    """Return where each name stands: of close stops the northern one's above, the southern one's below."""
    places: list[str] = []
    for number, stop in enumerate(stops):
        near = [
            (other.latitude, -index)
            for index, other in enumerate(stops)
            if abs(other.longitude - stop.longitude) < width / 6
            and abs(other.latitude - stop.latitude) < width / 10
        ]
        own = (stop.latitude, -number)
        places.append(
            "top center" if own == max(near) else "bottom center" if own == min(near) else "middle right"
        )
    return places


def _draw_stops(
    figure: go.Figure, found: list[tuple[Stop, str]], symbol: str, words: str, colours: Palette
) -> None:
    """Add the stops of one state with their names."""
    if not found:
        return
    stops = [stop for stop, _ in found]
    colour = colours.accent if words != STATES["held"][1] else colours.warn
    figure.add_trace(
        go.Scatter(
            x=[stop.longitude for stop in stops],
            y=[stop.latitude for stop in stops],
            mode="markers+text",
            text=[figure_text(stop.name, 28) for stop in stops],
            textposition=[place for _, place in found],
            textfont={"color": colours.text, "size": 12},
            name=words,
            marker={"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2, "color": colour}},
            hovertemplate="%{text}<br>" + words + "<extra></extra>",
            cliponaxis=False,
        )
    )


def draw_route_map(stops: list[Stop], key: str) -> None:
    """Put the map on the page; the alternative text names the stops in order."""
    names = ", ".join(f"{stop.name} ({STATES[stop.state][1].lower()})" for stop in stops)
    draw(route_map(stops), key, f"Map of the trip: {names}")
    st.caption("Straight lines between stops, not the way taken. Outlines: Natural Earth.")
