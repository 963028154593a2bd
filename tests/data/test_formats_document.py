"""JSON documents as tables: where the rows are, what each is called by, and that nothing cut off passes for whole."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.contract import Contract
from data.errors import FileRefused
from data.formats import document, read
from data.records import Record
from tests.data.builders import judge, parcel
from tests.data.test_mapping import PARCELS, parcels

DOCUMENT = b"""{
  "page": {"number": 1, "note": "a } in [ words \\" here"},
  "data": {
    "events": [
      {"no": "E1", "event": {"code": "AF", "at": 1.50}, "places": ["A"]},
      {"no": "E2", "event": {}},
      7
    ],
    "more": []
  }
}
"""


def table(rows_at: str | None = None, *names: str, **said: Any) -> Contract:
    columns = {f"c{number}": {"type": "string", "source_name": name} for number, name in enumerate(names)}
    given = {
        **{key: value for key, value in parcel().model_dump().items() if key != "columns"},
        "format": "json", "rows_at": rows_at, "extra_columns": "ignore", "recorded_at": "file_stamp",
        "columns": columns or {"c0": {"type": "string", "source_name": "no"}}, "key": ["c0"],
    }  # fmt: skip
    return Contract.model_validate({**given, **said})


def rows(content: bytes, rows_at: str | None = None, *names: str, **said: Any) -> list[Record]:
    return list(read(table(rows_at, *names, **said), content))


def test_the_rows_are_those_of_the_list_that_was_agreed() -> None:
    first, second, third = rows(DOCUMENT, "data.events", "no", "event.code", "event.at", "page.number")
    assert (first.row_number, first.line_number, first.problem) == (1, 5, None)
    assert first.values == {"c0": "E1", "c1": "AF", "c2": "1.50", "c3": "1"}
    assert first.raw_text == '{"no": "E1", "event": {"code": "AF", "at": 1.50}, "places": ["A"]}'
    assert first.extras == ("places", "page.note", "data.more")
    assert (second.values, second.line_number) == ({"c0": "E2", "c1": None, "c2": None, "c3": "1"}, 6)
    assert second.extras == ("page.note", "data.more")
    assert third.problem is not None and third.problem.message == "Row 3 is no object of named values."


def test_a_list_alone_and_an_object_alone_are_documents_too() -> None:
    assert [row.values for row in rows(b'\xef\xbb\xbf [{"no": 1}, {"no": null}]\n')] == [
        {"c0": "1"},
        {"c0": None},
    ]
    assert [row.values for row in rows(b'{"no":\n"x"}')] == [{"c0": "x"}]
    assert rows(b"[]") == []


@pytest.mark.parametrize(
    ("content", "rows_at", "words"),
    [
        (b"", None, "expecting value"),
        (b'[{"no": 1}] []', None, "something follows its end"),
        (b'[{"no": 1} {"no": 2}]', None, "a comma or \\] is expected"),
        (b'[{"no": 1},]', None, "line 1, character 12: expecting value"),
        (b'[{"no": 1, "no": 2}]', None, "'no' appears more than once"),
        (b'{"data": [], "data": [{"no": 1}]}', "data", "'data' appears more than once"),
        (b'{"date": []}', "data", "there is no 'data' at its top"),
        (b'{"data": {"rows": []}}', "data.events", "there is no 'events' in data"),
        (b'{"data": [1]}', "data.events", "there is no object data in which 'events' could be"),
        (b'[{"no": NaN}]', None, "NaN is not a JSON number"),
        (b'[\n{"no": 1},\n{"no": 1, "no": 2}]', None, "on line 3, the key 'no' appears more than once"),
        (b'{"x":\n{"y": NaN}, "data": []}', "data", "in what begins on line 2, NaN is not a JSON number"),
        (b"[" * 50, None, "more than 32 levels"),
        (b'[{"no": "\xff"}]', None, "byte 10 is not valid UTF-8"),
        (b"{no: 1}", "data", "a name in quotes is expected"),
        (b'{"data" 1}', "data", "a colon is expected"),
    ],
)
def test_what_is_no_document_of_rows_is_refused_with_its_place(
    content: bytes, rows_at: str | None, words: str
) -> None:
    with pytest.raises(FileRefused, match=words):
        rows(content, rows_at)


@pytest.mark.parametrize("rows_at", [None, "data.events"])
def test_a_document_that_was_cut_off_anywhere_is_refused(rows_at: str | None) -> None:
    whole = DOCUMENT.rstrip() if rows_at else b'[{"no": "E1"}, {"no": "E2"}]'
    assert len(rows(whole, rows_at)) > 1
    for length in range(len(whole)):
        with pytest.raises(FileRefused):
            rows(whole[:length], rows_at)


def test_two_values_under_one_name_set_their_row_aside() -> None:
    [row, other] = rows(b'[{"a.b": 1, "a": {"b": 2}}, {"a": {"b": 2}}]', None, "a.b")
    assert row.problem is not None and "'a.b' appears more than once" in row.problem.message
    assert other.values == {"c0": "2"}


def test_what_stands_around_the_list_is_told_of_every_row_wherever_it_stands() -> None:
    content = b'{"box": {"rows": [{"no": 1}, {"no": 2}], "at": "09:00"}, "owner": {"scac": "MSCU"}}'
    found = rows(content, "box.rows", "no", "box.at", "owner.scac")
    assert [tuple(row.values.values()) for row in found] == [("1", "09:00", "MSCU"), ("2", "09:00", "MSCU")]


def test_where_a_row_has_a_name_itself_what_stands_around_is_not_meant() -> None:
    [row] = rows(b'{"no": 7, "x": 1, "rows": [{"no": 1, "x": 2}]}', "rows")
    assert (row.values, row.problem) == ({"c0": "1"}, None)
    content = b'{"at": {"code": "A"}, "rows": [{"at": {"name": "n"}}, {"at": {"code": "B"}}, {"at": null}]}'
    assert [row.values["c0"] for row in rows(content, "rows", "at.code")] == ["A", "B", None]
    [row] = rows(b'{"a.b": 1, "a": {"b": 2}, "rows": [{"no": 1}]}', "rows")
    assert row.problem is not None and "'a.b' appears more than once" in row.problem.message


def test_what_stands_around_many_rows_is_looked_through_once() -> None:
    count = 3000
    around = {"k" * 290: {f"k{number}": number for number in range(count)}}
    content = json.dumps(
        {**around, "rows": [{"no": str(number), "y": 1} for number in range(count)]}
    ).encode()
    tracemalloc.start()
    first, *others = rows(content, "rows")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(first.extras), len(others), {len(row.extras) for row in others}) == (
        count + 1,
        count - 1,
        {9},
    )
    assert peak < 40_000_000


def test_names_around_the_rows_that_nobody_decided_on_cost_every_row_and_ignored_ones_none() -> None:
    around = {"meta": {f"k{number}": number for number in range(20)}}
    content = json.dumps({**around, "rows": [{"no": "P-1"}, {"no": "P-2"}], "more": 1}).encode()
    columns = {**PARCELS, "parcel_no": {"from": "no"}}
    del columns["weight_kg"], columns["due_on"]
    for ignored, good in ((["meta"], 0), (["meta", "more"], 2), (["more"], 0)):
        contract = parcels(columns, format="json", rows_at="rows", ignored=ignored)
        assert judge(contract, content).rows.num_rows == good


def test_an_object_that_is_null_or_empty_gives_none_of_its_values() -> None:
    found = rows(
        b'[{"no": 1, "at": null}, {"no": 2, "at": {}}, {"no": 3, "at": {"x": {}}}]', None, "no", "at.x.y"
    )
    assert [(row.values, row.extras) for row in found] == [
        ({"c0": number, "c1": None}, ()) for number in ("1", "2", "3")
    ]
    [row] = rows(b'[{"no": 1, "at": "HAM"}]', None, "no", "at.x")
    assert row.extras == ("at",)


def test_a_long_name_takes_no_room_for_each_value_under_it() -> None:
    content = json.dumps([{"no": "1", "k" * 20_000: {f"k{number}": 0 for number in range(3000)}}]).encode()
    [row] = rows(content)
    assert row.extras == ("k" * 20_000,)


def test_an_object_where_a_value_was_agreed_is_no_value() -> None:
    [row] = rows(b'[{"no": {"x": 1}}]')
    assert row.problem is not None and (row.problem.rule, row.problem.column) == ("type", "c0")


def test_a_document_is_bounded_in_bytes_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileRefused, match="limit is 8"):
        rows(b'[{"no": 1}]', max_bytes=8)
    with pytest.raises(FileRefused, match="1 row"):
        rows(b'[{"no": 1}, {"no": 2}]', max_rows=1)
    monkeypatch.setattr(document, "MAX_DOCUMENT_BYTES", 8)
    with pytest.raises(FileRefused, match="JSON lines"):
        rows(b'[{"no": 1}]')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"no": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))}
        )
    ),
    st.dictionaries(st.text().filter(lambda name: name != "no"), VALUES),
    st.booleans(),
)
def test_whatever_stands_around_the_rows_they_are_what_json_says(
    wanted: list[dict[str, str]], around: dict[str, Any], is_spread: bool
) -> None:
    content = json.dumps({**around, "the rows": wanted}, indent=2 if is_spread else None).encode()
    assert [row.values["c0"] for row in rows(content, "the rows")] == [row["no"] for row in wanted]
