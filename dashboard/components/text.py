"""Words on the screen: untrusted text made inert, money, instants and spans of time.

Text from a feed, a partner or a model is data. It reaches the browser through `plain` (a widget that
parses nothing), or, where Streamlit offers only a Markdown label, through `literal`; inside a Plotly
figure through `figure_text`.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&@^=])")
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_LINKISH = re.compile(r"(://|www\.|@)", re.IGNORECASE)
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_WORD_JOINER = "\u2060"


def visible(text: object) -> str:
    """Return the text without control, zero-width and direction-changing characters."""
    return _INVISIBLE.sub("", "" if text is None else str(text))


def plain(text: object, *, muted: bool = False, help_text: str | None = None) -> None:
    """Show text exactly as it is: no Markdown, no HTML, no links, no images."""
    if muted:
        st.caption(literal(text), help=help_text)
    else:
        st.text(visible(text), help=help_text)


def literal(text: object) -> str:
    """Return Markdown that renders as exactly this text, for labels that are always Markdown.

    Punctuation is escaped; a word joiner is put into whatever a renderer would turn into a link.
    """
    broken = _LINKISH.sub(
        lambda found: found[0][0] + _WORD_JOINER + found[0][1:] + _WORD_JOINER, visible(text)
    )
    return _ACTIVE.sub(r"\\\1", broken).replace("\n", " ")


def figure_text(text: object, limit: int = 60) -> str:
    """Return text for a Plotly label, which would otherwise read HTML tags; cut at `limit` characters."""
    seen = visible(text)
    short = seen if len(seen) <= limit else seen[: limit - 1] + "…"
    return html.escape(short, quote=False)


def count_words(count: int, *, is_exact: bool = True) -> str:
    """Return a count, with a plus where there are more than were counted."""
    return f"{count:,}" if is_exact else f"{count:,}+"


def money(amount: Decimal | float | int | None, currency_code: str, *, cents: bool = False) -> str:
    """Return an amount with its currency, such as `$18,400` or `CHF 1,200.50`."""
    if amount is None:
        return "not known"
    number = f"{abs(amount):,.2f}" if cents else f"{abs(amount):,.0f}"
    sign = _SIGNS.get(currency_code, visible(currency_code) + "\u00a0")
    return f"{'−' if amount < 0 else ''}{sign}{number}"


def viewer_zone() -> tzinfo:
    """Return the viewer's own time zone as the browser states it, else UTC."""
    name = st.context.timezone
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(at: datetime | None, zone: tzinfo | None = None) -> str:
    """Return an instant in the viewer's zone, such as `Tue 2 Apr 2013 09:40 CEST`."""
    if at is None:
        return "not known"
    local = at.astimezone(zone or viewer_zone())
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} {local:%Z}"


def utc_text(at: datetime | None) -> str:
    """Return an instant in UTC, for the hover text beside a local one."""
    return "not known" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units, such as `1 h 10 m` or `3 d 4 h`."""
    minutes = int(abs(length).total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days >= 14:
        return f"{days} d"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes:02d} m" if hours else f"{minutes} m"


def relative(at: datetime | None, now: datetime) -> str:
    """Return how far an instant is from `now`: `in 5 h 00 m` or `3 d ago`."""
    if at is None:
        return ""
    if abs(at - now) < timedelta(minutes=1):
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(at - now)} ago"


def countdown(due_at: datetime | None, now: datetime) -> str:
    """Return the time left of a clock, or by how much it was missed."""
    if due_at is None:
        return "no clock"
    return span(due_at - now) if due_at >= now else f"breached {span(due_at - now)} ago"


def share(probability: float | None) -> str:
    """Return a probability as a whole percentage."""
    return "not known" if probability is None else f"{probability:.0%}"
