"""A plain-text table that nothing can be done to but reading; every cell is text or a number."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st


def show_table(
    rows: list[dict[str, Any]], key: str, *, most: int = 8, columns: dict[str, Any] | None = None
) -> None:
    """Put a table on the page; more than `most` rows scroll. The container carries the key for whoever tests."""
    height: int | Literal["content"] = "content" if len(rows) <= most else 36 + 31 * most
    with st.container(key=key):
        st.dataframe(pd.DataFrame(rows), hide_index=True, row_height=31, height=height, column_config=columns)
