"""Parquet: the same rules judge typed files; a damaged or swollen one is refused in a sentence."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import FileRefused
from tests.data.builders import judge, parcel

CONTRACT = parcel(format="parquet")
ROW: dict[str, Any] = {
    "Parcel No": "P-1",
    "Weight": 12.5,
    "Pieces": 3,
    "Mode": "air",
    "Fragile": True,
    "Due": "3-Sep-26",
    "Weighed": datetime(2026, 8, 31, 8, tzinfo=UTC),
    "Remark": None,
}


def parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def test_typed_cells_arrive_as_they_were() -> None:
    found = judge(CONTRACT, parquet([ROW, ROW | {"Parcel No": "P-2"}]))
    assert found.rejected == []
    row = found.rows.to_pylist()[1]
    assert (row["parcel_no"], row["weight_kg"], row["pieces"], row["is_fragile"]) == ("P-2", 12.5, 3, True)
    assert row["weighed_at"] == datetime(2026, 8, 31, 8, tzinfo=UTC)
    assert row["due_on"] == date(2026, 9, 3)


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"Weight": float("nan")}, "type"),
        ({"Weight": float("inf")}, "type"),
        ({"Pieces": 0}, "minimum"),
        ({"Pieces": None}, "required"),
        ({"Pieces": [3]}, "type"),
        ({"Weighed": datetime(2026, 8, 31, 8)}, "type"),
        ({"Remark": b"bytes"}, "type"),
        ({"Remark": "a\0b"}, "type"),
    ],
)
def test_a_row_that_breaks_a_promise_is_kept_with_its_reason(cells: dict[str, Any], rule: str) -> None:
    found = judge(CONTRACT, parquet([ROW | cells]))
    assert found.rows.num_rows == 0
    assert [(item.row_number, item.rule) for item in found.rejected] == [(1, rule)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1" + b"\0" * 100 + b"PAR1",
        parquet([ROW])[:-20],
        parquet([ROW]).replace(b"Weight", b"W\xffight"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(FileRefused, match="not a readable Parquet file"):
        judge(CONTRACT, content)


def test_a_file_with_other_columns_is_refused() -> None:
    with pytest.raises(FileRefused, match="missing: 'Pieces'"):
        judge(CONTRACT, parquet([{name: value for name, value in ROW.items() if name != "Pieces"}]))


def test_a_small_file_that_unpacks_into_a_huge_one_is_refused() -> None:
    content = parquet([ROW | {"Remark": "x" * 50} for _ in range(50_000)])
    limit = len(content) + 1000
    with pytest.raises(FileRefused, match="the feed's limit is"):
        judge(parcel(format="parquet", max_bytes=limit), content)


def unpacking_into(column: pa.Array) -> bytes:
    """A small file of as many rows as the column has, with the column as its remark."""
    cells = {name: [value] * len(column) for name, value in ROW.items() if name != "Remark"}
    buffer = io.BytesIO()
    pq.write_table(pa.table(cells).append_column("Remark", column), buffer, compression="zstd")
    return buffer.getvalue()


LONG = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 100_000]))
BOMBS = {
    "one text for every row": LONG,
    "inside a list": pa.ListArray.from_arrays(pa.array(range(3001), pa.int32()), LONG),
    "inside a struct": pa.StructArray.from_arrays([LONG], ["a"]),
    "of one fixed length": pa.array([b"x" * 100_000] * 3000, pa.binary(100_000)),
}


@pytest.mark.parametrize("column", BOMBS.values(), ids=BOMBS.keys())
def test_a_value_that_is_stored_once_counts_for_every_row_it_unpacks_into(column: pa.Array) -> None:
    content = unpacking_into(column)
    assert len(content) < 200_000
    with pytest.raises(FileRefused, match="the feed's limit is 10,000,000"):
        judge(parcel(format="parquet", max_bytes=10_000_000), content)


NOT_UTF8 = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xffA")]
)


@pytest.mark.parametrize(
    ("name", "column", "good"),
    [
        ("Remark", NOT_UTF8, 1),
        ("Weighed", pa.array([2**62, 1_700_000_000_000_000]).cast(pa.timestamp("us", tz="UTC")), 1),
        ("Weighed", pa.array([0, 1]).cast(pa.timestamp("us", tz="Mars/Olympus")), 0),
        ("Due", pa.array([2**30] * 2, pa.int32()).cast(pa.date32()), 0),
    ],
)
def test_a_value_that_python_cannot_hold_costs_its_own_row_only(
    name: str, column: pa.Array, good: int
) -> None:
    cells = {key: pa.array([value] * 2) for key, value in ROW.items()} | {name: column}
    buffer = io.BytesIO()
    pq.write_table(pa.table(cells), buffer)
    found = judge(CONTRACT, buffer.getvalue())
    assert (found.rows.num_rows, len(found.rejected)) == (good, 2 - good)
    assert found.rejected[0].rule == "type"
    assert f"Row 1: {name} holds a value that cannot be read (" in found.rejected[0].message
    assert "unreadable" in found.rejected[0].raw


@pytest.mark.parametrize(
    ("value", "text"),
    [(40012345.0, "40012345"), (0.00001, "0.00001"), (1.5, "1.5"), (Decimal("5E+2"), "500")],
)
def test_a_number_is_the_text_that_a_person_would_have_typed(value: Any, text: str) -> None:
    found = judge(CONTRACT, parquet([ROW | {"Remark": value, "Pieces": 3.0}]))
    assert [(row["remark"], row["pieces"]) for row in found.rows.to_pylist()] == [(text, 3)]


def test_a_number_that_was_rounded_names_nothing() -> None:
    [rejected] = judge(CONTRACT, parquet([ROW | {"Remark": 123456789012345678.0}])).rejected
    assert (rejected.rule, rejected.column) == ("type", "remark")
    assert "more than 15 digits" in rejected.message


def test_a_map_that_nobody_asked_for_is_no_reason_to_refuse_the_file() -> None:
    table = pa.Table.from_pylist([ROW]).append_column(
        "Tags", pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    found = judge(CONTRACT.model_copy(update={"extra_columns": "ignore"}), buffer.getvalue())
    assert (found.rows.num_rows, found.extra_columns) == (1, ("Tags",))
