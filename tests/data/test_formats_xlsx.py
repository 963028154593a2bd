"""Workbooks as people send them: one sheet is read as it looks, and what looks otherwise than it reads is told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from data.contract import Contract
from data.errors import FileRefused
from data.formats import Record, read
from data.formats.workbook import MAX_CELLS
from tests.data.builders import GOOD, judge, parcel
from tests.data.workbooks import Xml, sheet, workbook

HEADINGS = list(GOOD)
ROW = ["P-1", 12.5, 3, "air", True, "3-Sep-26", "2026-08-31T10:00:00+02:00", "handle, with care"]
CONTRACT = parcel(format="xlsx")
LOOSE: Contract = parcel(
    format="xlsx",
    columns={"a": {"type": "string"}, "b": {"type": "string"}},
    key=["a"],
    recorded_at="file_stamp",
    extra_columns="ignore",
)


def records(content: bytes, contract: Contract = LOOSE) -> list[Record]:
    return list(read(contract, content))


def cell_of(cell: object, after: str = "") -> Record:
    [record] = records(workbook({"A": sheet({1: ["a", "b"], 2: ["x", cell]}, after)}))  # type: ignore[list-item]
    return record


def test_a_row_is_read_by_its_types_and_judged_like_any_other() -> None:
    found = judge(CONTRACT, workbook({"A": sheet({1: HEADINGS, 2: ROW, 5: [*ROW[:3], "ship", *ROW[4:]]})}))
    [row] = found.rows.to_pylist()
    assert (row["weight_kg"], row["pieces"], row["is_fragile"]) == (12.5, 3, True)
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.rule, rejection.column) == (2, "enum", "mode")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (3, "3"),
        (0.1, "0.1"),
        (False, "false"),
        (datetime(2026, 8, 31, 14, 5), "2026-08-31T14:05:00"),
        (datetime(2026, 8, 31), "2026-08-31"),
        (Xml('<c r="@"><f>1+1</f><v>2</v></c>'), "2"),
        (Xml('<c r="@" t="str"><f>""</f><v></v></c>'), None),
        (None, None),
    ],
)
def test_a_cell_is_the_text_a_person_would_have_typed(cell: object, text: str | None) -> None:
    record = cell_of(cell)
    assert (record.problem, record.values.get("b")) == (None, text)


@pytest.mark.parametrize(
    ("cell", "rule", "words"),
    [
        (Xml('<c r="@" t="e"><v>#REF!</v></c>'), "error_cell", "Row 2: B2 holds the error #REF!."),
        (Xml('<c r="@"><f>1/3</f></c>'), "error_cell", "B2 holds a formula whose value was never computed"),
        (1234567890123456, "type", "b holds a number of more than 15 digits"),
        ("x" * 40_000, "max_length", "more than 32,767 characters"),
    ],
)
def test_what_reads_otherwise_than_it_looks_costs_its_row(cell: object, rule: str, words: str) -> None:
    problem = cell_of(cell).problem
    assert problem is not None
    assert problem.rule == rule
    assert words in problem.message


def test_a_formula_without_a_value_below_everything_else_is_still_a_row() -> None:
    found = records(workbook({"A": sheet({1: ["a", "b"], 9: [Xml('<c r="@"><f>B1</f></c>')]})}))
    assert [(one.line_number, one.problem and one.problem.rule) for one in found] == [(9, "error_cell")]


def test_merged_cells_cost_the_rows_they_cover() -> None:
    merged = '<mergeCells><mergeCell ref="A3:A4"/><mergeCell ref="A1048576:B1048576"/></mergeCells>'
    found = records(workbook({"A": sheet({1: ["a", "b"], 2: ["1", "2"], 3: ["1"], 4: [None, "2"]}, merged)}))
    assert [one.problem.rule if one.problem else None for one in found] == [None, "merged", "merged"]
    with pytest.raises(FileRefused, match="headings cannot be read. Row 1 has merged cells"):
        records(workbook({"A": sheet({1: ["a"], 2: ["x"]}, merged.replace("A3:A4", "A1:B1"))}))


def test_a_cell_without_a_heading_is_not_dropped() -> None:
    [record] = records(workbook({"A": sheet({1: ["a", "b"], 2: ["1", "2", "lost"]})}))
    assert record.problem is not None
    assert "without a heading: 'lost'" in record.problem.message


def test_the_row_of_headings_may_be_named_and_what_stands_above_is_no_row() -> None:
    content = workbook({"A": sheet({1: ["Report of August"], 3: ["a", "b"], 4: ["1", "2"]})})
    [record] = records(content, LOOSE.model_copy(update={"header_row": 3}))
    assert (record.row_number, record.line_number, record.values) == (1, 4, {"a": "1", "b": "2"})
    with pytest.raises(FileRefused, match="row 2 of the sheet, where its headings should be, is empty"):
        records(content, LOOSE.model_copy(update={"header_row": 2}))


def test_the_only_visible_sheet_is_read_and_a_hidden_one_only_by_name() -> None:
    one, other = sheet({1: ["a"], 2: ["seen"]}), sheet({1: ["a"], 2: ["hidden"]})
    content = workbook({"Old": other, "New": one}, hidden=["Old"])
    assert records(content)[0].values["a"] == "seen"
    assert records(content, LOOSE.model_copy(update={"sheet": "Old"}))[0].values["a"] == "hidden"
    with pytest.raises(FileRefused, match=r"2 visible sheets \('Old', 'New'\)"):
        records(workbook({"Old": other, "New": one}))
    with pytest.raises(FileRefused, match="no sheet 'Newer'; its visible sheets are 'New'"):
        records(content, LOOSE.model_copy(update={"sheet": "Newer"}))


def test_a_small_file_that_unpacks_into_a_huge_one_is_refused_before_it_is_opened() -> None:
    bomb = workbook({"A": sheet({1: ["a"], 2: ["x" * 5_000_000]})})
    assert len(bomb) < 20_000
    with pytest.raises(FileRefused, match="limit is 1,000,000"):
        records(bomb, LOOSE.model_copy(update={"max_bytes": 1_000_000}))


def test_an_archive_that_lies_about_its_sizes_is_refused() -> None:
    content = bytearray(workbook({"A": sheet({1: ["a"], 2: ["x" * 100_000]})}))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    place = content.rfind(size.to_bytes(4, "little"))
    content[place : place + 4] = (500).to_bytes(4, "little")
    with pytest.raises(FileRefused, match="not a readable Excel workbook|not valid XML"):
        records(bytes(content))


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1048576"><c r="J1048576"><v>1</v></c></row>',
        '<row r="1"><c r="XFD1"><v>1</v></c></row>',
        '<row r="9999999"><c><v>1</v></c></row>',
    ],
)
def test_one_cell_far_out_does_not_make_a_sheet_of_millions(rows: str) -> None:
    content = workbook({"A": sheet({}).replace("</sheetData>", f"{rows}</sheetData>")})
    with pytest.raises(FileRefused, match=f"{MAX_CELLS:,} cells"):
        records(content)


def test_one_long_text_used_many_times_is_counted_as_often() -> None:
    used = "".join(f'<c r="A{number}" t="s"><v>0</v></c>' for number in range(2, 10_002))
    text = f"<sst><si><t>{'x' * 30_000}</t></si></sst>"
    content = workbook(
        {"A": sheet({}).replace("<sheetData>", f"<sheetData><row>{used}</row>")},
        parts={"xl/sharedStrings.xml": text},
    )
    with pytest.raises(FileRefused, match="texts of one sheet"):
        records(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and then nothing",
        b"a,b\n1,2\n",
        workbook({"A": sheet({1: ["a"]})})[:-40],
        workbook({"A": "<worksheet><sheetData>"}),
        workbook({"A": '<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'}),
        workbook({"A": sheet({1: ["a"]})}, parts={"xl/workbook.xml": "<workbook/>"}),
        workbook({"A": sheet({1: ["a"]})}, parts={"xl/_rels/workbook.xml.rels": "<Relationships/>"}),
    ],
)
def test_what_is_no_workbook_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(FileRefused, match=r"This parcel file was refused: .+\. .+\."):
        records(content)


def test_an_error_where_nobody_looks_costs_nothing() -> None:
    error = Xml('<c r="@" t="e"><v>#N/A</v></c>')
    rows: dict[int, list[Any]] = {1: ["note", "a", "b"], 2: [error, "x", "y"], 3: [error, "x", error]}
    for before in (0, 2):  # a sheet may begin further to the right
        shifted: dict[int, Sequence[Any]] = {
            number: [*[None] * before, *cells] for number, cells in rows.items()
        }
        read_, told = records(workbook({"A": sheet(shifted)}))
        assert (read_.values, read_.problem) == ({"a": "x", "b": "y"}, None)
        place = "CDE"[before]
        assert told.problem and told.problem.message == f"Row 3: {place}3 holds the error #N/A."
