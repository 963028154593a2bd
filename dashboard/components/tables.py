"""Tables that nothing can be done to but reading, and what leaves the page through them.

Streamlit lets everybody copy a table's cells and save them as CSV, exactly as they were given to it, and a
spreadsheet takes some texts for formulas. So every table is made by `frame_of`, here and on the pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

# What makes a spreadsheet calculate or call a program (OWASP, CSV injection), with the wide forms that Japanese
# and Chinese versions take for the same: at the beginning of a cell, and of what another country's spreadsheet,
# which parts cells at semicolons, makes a cell of.
_FORMULA = re.compile(r"(?:^|(?<=[;\t\n]))(?='*\s*[=+@\x00\t\r\n\uff1d\uff0b\uff0d\uff20-])")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def sheet_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet takes for what it says: text stays text, a number stays a number.

    A text that would be a formula gets an apostrophe before it, and so does one that begins like a text that
    got one, so the text as it was can be told. A carriage return becomes a line feed: Streamlit quotes only that.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _FORMULA.sub("'", value.replace("\r\n", "\n").replace("\r", "\n"))


def frame_of(rows: Sequence[Any], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return rows as a table whose cells and headings may leave the page."""
    frame = pd.DataFrame(rows, columns=None if columns is None else list(columns))
    return frame.map(sheet_cell).rename(columns=sheet_cell)


def show_table(
    rows: list[dict[str, Any]], key: str, *, most: int = 8, columns: dict[str, Any] | None = None
) -> None:
    """Put a table on the page; more than `most` rows scroll. The container carries the key for whoever tests."""
    height: int | Literal["content"] = "content" if len(rows) <= most else 36 + 31 * most
    with st.container(key=key):
        st.dataframe(frame_of(rows), hide_index=True, row_height=31, height=height, column_config=columns)
