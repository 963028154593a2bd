"""Parquet: the same rules judge typed files; a damaged or swollen one is refused in a sentence."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
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


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", parquet([ROW])[:-20]])
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
