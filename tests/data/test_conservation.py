"""Whatever happens to a file on its way, no row disappears, none appears twice and none is changed in silence."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import Split
from data.errors import FileRefused
from tests.data.builders import GOOD, csv_text, judge, parcel

ROWS = [
    GOOD | {"Parcel No": f"P-{number}", "Remark": remark}
    for number, remark in enumerate(["", "a,b", 'c"d', "é\nf"] * 5)
]
CSV = csv_text(ROWS)
JSON_LINES = [json.dumps(row, ensure_ascii=False).encode() for row in ROWS]
WHOLE = {
    row["_row_number"]: row for row in judge(parcel(format="jsonl"), b"\n".join(JSON_LINES)).rows.to_pylist()
}

edits = st.lists(
    st.tuples(
        st.integers(0, len(CSV)),
        st.integers(0, 3),
        st.binary(max_size=4) | st.sampled_from([b'"', b",", b"\n", b"\r"]),
    ),
    max_size=8,
)


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, added in changes:
        content = content[:place] + added + content[place + removed :]
    return content


def row_numbers(found: Split) -> list[int]:
    return sorted(
        [*found.rows.column("_row_number").to_pylist(), *(item.row_number for item in found.rejected)]
    )


@settings(max_examples=80, deadline=None)
@given(edits)
def test_every_row_of_a_damaged_csv_file_is_either_typed_or_kept_with_a_reason(
    changes: list[tuple[int, int, bytes]],
) -> None:
    try:
        found = judge(parcel(), edited(CSV, changes))
    except FileRefused as refused:
        assert "Ask" in str(refused)
        return
    assert found.row_count == found.rows.num_rows + len(found.rejected)
    assert row_numbers(found) == list(range(1, found.row_count + 1))
    assert all(item.message.strip() and item.rule for item in found.rejected)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, len(JSON_LINES) - 1), st.binary(max_size=200).filter(lambda text: not set(text) & {10, 13})
)
def test_damage_to_one_line_leaves_every_other_row_as_it_was(index: int, damage: bytes) -> None:
    lines = [*JSON_LINES]
    lines[index] = b"{" + damage  # never blank, so it stays a row
    found = judge(parcel(format="jsonl"), b"\n".join(lines))
    assert found.row_count == len(JSON_LINES)
    kept = {row["_row_number"]: row for row in found.rows.to_pylist()}
    assert {number: row for number, row in WHOLE.items() if number != index + 1} == {
        number: row for number, row in kept.items() if number != index + 1
    }


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(cell, st.integers(1, 10**15), st.floats(0, 1000))
def test_what_goes_on_is_exactly_what_came(remark: str, pieces: int, weight: float) -> None:
    content = csv_text([GOOD], "\r\n", GOOD).decode()
    quoted = remark.replace('"', '""')
    content = content.replace('"handle, with care"', f'"{quoted}"')
    content = content.replace(",3,", f",{pieces},").replace(",12.5,", f",{weight!r},")
    [row] = judge(parcel(), content.encode()).rows.to_pylist()
    assert (row["remark"] or "", row["pieces"], row["weight_kg"]) == (remark, pieces, weight)
