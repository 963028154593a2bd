"""Words on the screen: what came from outside stays text, and numbers and times read the same everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dashboard.components import text

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
HOSTILE = [
    "![x](http://evil.test/a.png)",
    "[click](javascript:alert(1))",
    "<img src=http://evil.test/a.png onerror=alert(1)>",
    "https://evil.test www.evil.test me@evil.test",
    "**bold** _it_ `code` # head\n- list\n1. list\n> quote",
    ":red[text] $x^2$ ~~gone~~ | a | b |",
    "&lt;script&gt; &#x3C;script&#x3E;",
    "\\[x](http://evil.test) \\\\![x](http://evil.test/a.png)",
    "[x]: http://evil.test\n\n[x]",
]


def rendered(source: str) -> str:
    """Return the HTML of a full Markdown renderer with links guessed from text, the worst case."""
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(source)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_outside_text_renders_as_itself_whatever_it_holds(hostile: str) -> None:
    html = rendered("x " + text.literal(hostile))

    assert not re.search(r"<(?!/?p>)", html), html


@given(st.text(max_size=80))
def test_no_text_at_all_makes_markup(anything: str) -> None:
    html = rendered("x " + text.literal(anything))

    assert not re.search(r"<(?!/?p>)", html), html


@given(st.text(max_size=60))
def test_no_text_at_all_makes_a_tag_in_a_figure(anything: str) -> None:
    assert "<" not in text.figure_text(anything)


@pytest.mark.parametrize("guessable", ["https://evil.test", "www.evil.test", "me@evil.test", "WWW.evil.test"])
def test_what_a_renderer_would_guess_to_be_a_link_is_broken_up(guessable: str) -> None:
    seen = text.literal(guessable).replace("\\", "")

    assert not re.search(r"://|www\.|[a-z]@[a-z]", seen, re.IGNORECASE)
    assert seen.replace("\u2060", "") == guessable


def test_invisible_and_direction_changing_characters_are_taken_out() -> None:
    assert text.visible("SHP\u202e-1\u200b\u0000") == "SHP-1"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (Decimal("18400.00"), "USD", "$18,400"),
        (Decimal("-3"), "EUR", "−€3"),
        (Decimal("1200.5"), "CHF", "CHF\u00a01,200"),
        (None, "USD", "not known"),
    ],
)
def test_money_names_its_currency(amount: Decimal | None, currency: str, shown: str) -> None:
    assert text.money(amount, currency) == shown


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (timedelta(minutes=70), "1 h 10 m"),
        (timedelta(minutes=59, seconds=59), "59 m"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(days=40), "40 d"),
        (-timedelta(hours=2), "breached 2 h 00 m ago"),
    ],
)
def test_a_clock_reads_as_time_left_or_by_how_much_it_was_missed(ahead: timedelta, shown: str) -> None:
    assert text.countdown(NOW + ahead, NOW) == shown


def test_an_instant_is_shown_in_the_viewers_zone_and_named() -> None:
    assert text.moment(NOW, ZoneInfo("Europe/Berlin")) == "Tue 1 Sep 2026 08:00 CEST"
    assert text.utc_text(NOW) == "2026-09-01 06:00:00 UTC"
