"""Rows whose cells could not be told: a correction counts only where it says those cells itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from data.contract import Contract, Split
from data.formats import read
from orchestration.loading import corrected, refusal
from tests.data.builders import GOOD, NOW, SHA, csv_text, judge, parcel
from tests.data.test_mapping import PARCELS, parcels
from tests.data.workbooks import Xml, sheet, workbook

ALL = {
    "parcel_no": "P-1", "weight_kg": "1", "pieces": "2", "mode": "air", "is_fragile": "no", "due_on": "3-Sep-26",
    "weighed_at": "2026-08-31T10:00:00Z", "remark": "",
}  # fmt: skip
LINE = csv_text([GOOD])


def kept(contract: Contract, content: bytes) -> Any:
    """The one row that was set aside, as the ledger keeps it."""
    [rejection] = judge(contract, content).rejected
    return row_of(contract, rejection)


def row_of(contract: Contract, rejection: Any) -> Any:
    told = refusal(contract, rejection)
    return SimpleNamespace(
        tenant_id="demo", file_sha256=SHA, row_number=1, file_name="a.csv", state="corrected", rule=told.rule,
        message=told.message, column_name=told.column_name, values=told.values,
    )  # fmt: skip


def excel(cells: dict[str, Any], after: str = "") -> bytes:
    rows: dict[int, Any] = {1: list(GOOD), 2: list((GOOD | cells).values())}
    return workbook({"A": sheet(rows, after)})


def fixed(contract: Contract, row: Any, given: dict[str, str]) -> Split:
    row.corrected_values = given
    return corrected(contract, row, NOW)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (LINE.replace(b'"handle, with care"', b"handle, with care"), "cells"),
        (LINE.replace(b',"handle, with care"', b""), "cells"),
        (LINE.replace(b"handle", b"k\xf6ln"), "encoding"),
        (LINE.replace(b'with care"', b"with care"), "csv"),
    ],
)
def test_a_row_that_was_not_split_for_sure_is_loaded_only_with_every_cell_said(
    content: bytes, rule: str
) -> None:
    contract = parcel()
    row = kept(contract, content)
    assert row.rule == rule
    [again] = fixed(contract, row, {"pieces": "2"}).rejected
    assert (again.rule, again.column, again.values) == (rule, None, row.values)
    assert again.message.startswith(
        f"{row.message} A correction of this row must give parcel_no, weight_kg, "
    )
    assert "Give parcel_no, weight_kg, mode, is_fragile, due_on, weighed_at, remark too" in again.message
    # What was lacking is told once, however often it lacks.
    [third] = fixed(contract, row_of(contract, again), {"pieces": "2"}).rejected
    assert third.message == again.message
    [loaded] = fixed(contract, row, ALL).rows.to_pylist()
    assert (loaded["pieces"], loaded["remark"]) == (2, None)


def test_a_row_of_too_few_cells_shows_those_that_it_lacks() -> None:
    row = kept(parcel(), LINE.replace(b',"handle, with care"', b""))
    assert list(row.values) == list(parcel().columns) and row.values["remark"] is None


@pytest.mark.parametrize(
    ("name", "cell", "rule"),
    [("Remark", Xml('<c r="@" t="e"><v>#N/A</v></c>'), "error_cell"), ("Remark", float(10**15), "type")],
)
def test_a_cell_that_reads_as_empty_and_is_not_has_to_be_said(name: str, cell: Any, rule: str) -> None:
    contract = parcel(format="xlsx")
    row = kept(contract, excel({name: cell, "Pieces": "x", "Weight": None}))
    assert row.rule == rule
    [again] = fixed(contract, row, {"pieces": "2"}).rejected
    assert "must give weight_kg, remark, all at once" in again.message
    [loaded] = fixed(contract, row, {"pieces": "2", "remark": "r", "weight_kg": ""}).rows.to_pylist()
    assert (loaded["pieces"], loaded["remark"], loaded["weight_kg"]) == (2, "r", None)


def test_a_row_with_merged_cells_needs_every_cell_said() -> None:
    contract = parcel(format="xlsx")
    merged = "<mergeCells><mergeCell ref='D2:E2'/></mergeCells>"
    row = kept(contract, excel({"Fragile": None}, merged))
    assert row.rule == "merged"
    assert fixed(contract, row, {"is_fragile": "yes"}).rows.num_rows == 0
    assert fixed(contract, row, ALL).rows.num_rows == 1


def test_a_list_in_one_cell_does_not_pass_because_another_was_corrected() -> None:
    contract = parcel(format="jsonl")
    line = b'{"Parcel No":"P-1","Remark":["a"],"Mode":["b"],"Pieces":"x","Weighed":"2026-08-31T10:00:00Z"}'
    row = kept(contract, line)
    assert (row.rule, row.column_name) == ("type", "remark")
    for given in ({"pieces": "2"}, {"pieces": "2", "remark": "a"}):
        assert fixed(contract, row, given).rows.num_rows == 0
    found = fixed(contract, row, ALL)
    assert found.rows.num_rows == 1


def test_of_a_partners_own_table_only_its_own_columns_are_asked_for() -> None:
    columns = {**PARCELS, "mode": {"constant": "air"}}
    contract = parcels(columns)
    row = kept(contract, b"Nr,Gewicht,Frist\nP-1,1,2,3\n")
    assert row.rule == "cells"
    [again] = fixed(contract, row, {"parcel_no": "P-1"}).rejected
    asked = [name for name, column in columns.items() if isinstance(column, dict) and "from" in column]
    assert f"must give {', '.join(asked)}, all at once" in again.message


def test_a_row_that_only_broke_a_promise_needs_the_broken_cell_alone() -> None:
    for content, given in (
        (LINE.replace(b"air", b"ship"), {"mode": "air"}),
        (LINE.replace(b",3,", b",,").replace(b"12.5", b""), {"pieces": "3"}),
    ):
        assert fixed(parcel(), kept(parcel(), content), given).rows.num_rows == 1


def test_what_was_loaded_once_is_loaded_again_whatever_was_asked_since() -> None:
    row = kept(parcel(), LINE.replace(b'"handle, with care"', b"handle, with care"))
    row.state, row.corrected_values = "replayed", {"remark": "handle"}
    assert corrected(parcel(), row, NOW).rows.num_rows == 1


def test_a_misspelt_column_does_not_stay_in_the_row() -> None:
    row = kept(parcel(), LINE.replace(b"air", b"ship"))
    [again] = fixed(parcel(), row, {"modus": "air"}).rejected
    assert again.rule == "extra_columns" and again.values == row.values
    assert fixed(parcel(), row_of(parcel(), again), {"mode": "air"}).rows.num_rows == 1


def test_every_row_a_reader_could_not_read_waits_for_its_cells() -> None:
    content = b"\n".join([b'{"Parcel No":"P-1"', b"[1]", b"7"])
    contract = parcel(format="jsonl")
    assert [record.problem is not None for record in read(contract, content)] == [True] * 3
    for rejection in judge(contract, content).rejected:
        [again] = fixed(contract, row_of(contract, rejection), {"parcel_no": "P-1"}).rejected
        assert again.rule == "json"
