"""Plain text, made safe: no control, invisible or direction-changing characters, no markup, bounded length.

Used on every text that may leave or be shown: a feed's names, a model's prose and a person's edits.
"""

from __future__ import annotations

import re
import unicodedata

MAX_PARAGRAPH = 2_000
MAX_PARAGRAPHS = 30
MAX_SUBJECT = 160
MAX_FACT_TEXT = 160
LINK_REMOVED = "[link removed]"
ADDRESS_REMOVED = "[address removed]"

_KEPT_CONTROLS = {"\n"}
_DROPPED_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
_TAG = re.compile(r"<[!/?]?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\s*(?:\([^()]*\)|\[[^\[\]]*\])")
URL = re.compile(
    r"(?:\b(?:https?|ftp|file|data|javascript|vbscript|mailto|tel)\s*:\s*\S+)|(?:\bwww\.\S+)"
    r"|(?:\b(?:[a-z0-9-]{1,63}\.){1,6}(?:com|net|org|io|co|app|dev|xyz|info|biz|ru|cn|link|site|online|top|example|test)\b(?:/\S*)?)",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{0,200}[A-Za-z0-9]")


def drop_invisible(text: str) -> str:
    """Normalise to NFC and drop control, zero-width, bidirectional and unassigned characters."""
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    normal = normal.replace("\u2028", "\n").replace("\u2029", "\n").replace("\t", " ")
    kept = (c for c in normal if c in _KEPT_CONTROLS or unicodedata.category(c) not in _DROPPED_CATEGORIES)
    return "".join(kept)


def drop_markup(text: str) -> str:
    """Replace HTML tags and Markdown links and images by their words, until none is left."""
    while True:
        plain = _MARKDOWN_LINK.sub(r"\1", _TAG.sub("", text))
        if plain == text:
            return text
        text = plain


def line(text: str, limit: int) -> str:
    """Return the text as one safe line of at most `limit` characters."""
    flat = " ".join(drop_markup(drop_invisible(text)).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def fact_text(text: str) -> str:
    """Return a feed's text as one safe line in which no link or address works.

    A carrier's or customer's words are data: they may be quoted, but they may not lead anyone anywhere.
    """
    flat = line(text, MAX_FACT_TEXT * 2)
    flat = URL.sub(LINK_REMOVED, EMAIL.sub(ADDRESS_REMOVED, flat))
    return line(flat, MAX_FACT_TEXT)


def subject(text: str, limit: int = MAX_SUBJECT) -> str:
    """Return a subject that is one line, whatever it was made from and whatever decodes it.

    Mail software decodes `=?charset?q?...?=` in headers, line breaks included; such words are broken up.
    """
    return line(line(text, 10 * limit).replace("=?", "= ?"), limit)


def paragraph(text: str) -> str:
    """Return one paragraph's text: safe, trimmed, at most two newlines in a row, bounded."""
    plain = drop_markup(drop_invisible(text))
    lines = [" ".join(part.split()) for part in plain.split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return joined if len(joined) <= MAX_PARAGRAPH else joined[: MAX_PARAGRAPH - 1].rstrip() + "…"
