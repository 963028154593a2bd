"""The ranked table of the queue: one row a case, money first, and the clock that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from casework.config import Config
from casework.model import CaseView
from casework.ranking.time_to_act import WaitingCost
from dashboard.components.tables import frame_of
from dashboard.components.text import money, visible
from dashboard.components.wording import breach_text, is_breached, state_words, what

BREACHED = "color: #c4453c; font-weight: 600"
COLUMNS = ("At stake", "Wait costs", "Clock", "What", "Where", "Owner", "State")


def queue_frame(
    cases: Sequence[CaseView],
    config: Config,
    *,
    places: dict[str, str],
    now: datetime,
    waiting: Mapping[str, WaitingCost | None],
) -> pd.DataFrame:
    """Return the rows as they are shown; all text is plain."""
    rows = [
        (
            money(case.expected_loss, case.currency_code) if case.expected_loss is not None else "",
            _wait_costs(case, waiting.get(case.case_id)),
            breach_text(case, now),
            visible(what(config, case)),
            visible(places.get(case.shipment_id or "") or case.facility_id or ""),
            visible(case.owner_name) if case.owner else "–",
            state_words(case, now),
        )
        for case in cases
    ]
    return frame_of(rows, COLUMNS)


def _wait_costs(case: CaseView, cost: WaitingCost | None) -> str:
    return money(cost.amount, case.currency_code) if cost is not None and cost.amount else "–"


def styled_frame(frame: pd.DataFrame, cases: Sequence[CaseView], now: datetime) -> Any:
    """Mark breached clocks: red, and by the word `over` beside the number."""
    breached = [is_breached(case, now) for case in cases]
    styles = pd.DataFrame("", index=frame.index, columns=frame.columns)
    styles.loc[breached, "Clock"] = BREACHED
    return frame.style.apply(lambda _: styles, axis=None)


def show_queue_table(
    frame: pd.DataFrame, cases: Sequence[CaseView], now: datetime, *, on_select: Any
) -> None:
    """Put the table on the page; a click on a row selects its case."""
    _show(frame, cases, now, key="queue_table", on_select=on_select, selection_mode="single-row")


def choose_several(frame: pd.DataFrame, cases: Sequence[CaseView], now: datetime) -> list[CaseView]:
    """Put the table on the page with a tick for each row; return the cases that are ticked."""
    event = _show(frame, cases, now, key="queue_several_table", on_select="rerun", selection_mode="multi-row")
    return [cases[row] for row in event["selection"]["rows"] if row < len(cases)]


def _show(frame: pd.DataFrame, cases: Sequence[CaseView], now: datetime, **selecting: Any) -> Any:
    text = st.column_config.TextColumn
    return st.dataframe(
        styled_frame(frame, cases, now),
        hide_index=True,
        height="content" if len(frame) <= 20 else 36 + 31 * 20,
        row_height=31,
        **selecting,
        column_config={
            "At stake": text(width=72, alignment="right", help="Expected loss: the sum of its four parts"),
            "Wait costs": text(
                width=72,
                alignment="right",
                help="At stake if nobody looks again before the next shift begins",
            ),
            "Clock": text(width=78, alignment="right", help="Time left to the desk's next deadline"),
            "What": text(width=210),
            "Where": text(width=142),
            "Owner": text(width=76),
            "State": text(width=66),
        },
    )
