"""Whether one text keeps a column's promises: for what a mapping writes itself, and for drafting one.

The row split judges rows, with DuckDB; this is the same promises over a handful of texts.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from data.contract.model import Column
from data.contract.rules import SHAPES, TYPE_WORDS

BOOLEANS = {"true", "yes", "1", "false", "no", "0"}


def misfit(column: Column, text: str) -> str | None:
    """Why the text breaks the column's promises, to go on after "… is 'x', which"; None where it keeps them."""
    if column.type == "boolean":
        return None if text.lower() in BOOLEANS else f"is not {TYPE_WORDS['boolean']}"
    if column.type == "string":
        return _string_misfit(column, text)
    if not re.fullmatch(SHAPES[column.type], text, re.ASCII) or not _exists(column.type, text):
        return f"is not {TYPE_WORDS[column.type]}"
    if column.type in ("integer", "decimal"):
        number = float(text)
        if column.minimum is not None and number < column.minimum:
            return f"is below the minimum of {column.minimum:g}"
        if column.maximum is not None and number > column.maximum:
            return f"is above the maximum of {column.maximum:g}"
    return None


def _string_misfit(column: Column, text: str) -> str | None:
    if column.enum and text not in column.enum:
        return f"is none of: {', '.join(column.enum)}"
    if column.pattern and not re.fullmatch(column.pattern, text):
        return f"is not written as agreed ({column.pattern})"
    if len(text) > column.max_length:
        return f"is longer than {column.max_length} characters"
    return None


def _exists(kind: str, text: str) -> bool:
    try:
        if kind == "date":
            return 1900 <= date.fromisoformat(text[:10]).year <= 2199
        if kind == "timestamp":
            return 1900 <= datetime.fromisoformat(text).year <= 2199
    except ValueError:
        return False
    return True
