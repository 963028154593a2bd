"""What every type of message gives: its rows, before they meet the contract."""

from __future__ import annotations

from typing import NamedTuple

from data.formats.messages import Cells
from data.records import Problem


class Row(NamedTuple):
    """One row: the number of the segment it begins with, its own segments as sent, its cells or why there are none."""

    number: int
    raw_text: str
    cells: Cells
    problem: Problem | None
