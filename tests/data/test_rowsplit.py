"""The row split: typed rows go on, refused rows stay with a reason a person can act on, none disappears."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from data.contract import arrow_schema, correct
from data.errors import FileRefused
from data.mapping.fits import misfit
from tests.data.builders import GOOD, NOW, PARCEL, SHA, csv_text, judge, judge_cell, parcel


def test_a_good_row_goes_on_typed_and_names_where_it_came_from() -> None:
    found = judge_cell()
    assert found.rejected == []
    assert found.rows.schema == arrow_schema(parcel())
    row = found.rows.to_pylist()[0]
    assert row["weight_kg"] == 12.5
    assert row["pieces"] == 3
    assert row["is_fragile"] is True
    assert row["due_on"] == date(2026, 9, 3)
    assert row["weighed_at"] == datetime(2026, 8, 31, 8, tzinfo=UTC)
    assert row["remark"] == "handle, with care"
    assert (row["_tenant_id"], row["_file_sha256"], row["_row_number"]) == ("demo", SHA, 1)
    assert len(row["_row_sha256"]) == 64


@pytest.mark.parametrize(
    ("cells", "column", "rule", "words"),
    [
        ({"pieces": ""}, "pieces", "required", "Pieces is empty, and every row needs it."),
        ({"pieces": "1.5"}, "pieces", "type", "'1.5', which is not a whole number"),
        ({"pieces": "5.01"}, "pieces", "type", "'5.01', which is not a whole number"),
        ({"pieces": "5."}, "pieces", "type", "'5.', which is not a whole number"),
        ({"pieces": "5e0"}, "pieces", "type", "'5e0', which is not a whole number"),
        ({"pieces": "9" * 19 + ".0"}, "pieces", "type", "not a whole number"),
        ({"pieces": "9" * 19}, "pieces", "type", "not a whole number"),
        ({"pieces": "1_000"}, "pieces", "type", "not a whole number"),
        ({"pieces": " 3"}, "pieces", "type", "not a whole number"),
        ({"pieces": "0"}, "pieces", "minimum", "'0', below the minimum of 1"),
        ({"weight": "1,5"}, "weight_kg", "type", "not a number"),
        ({"weight": "nan"}, "weight_kg", "type", "not a number"),
        ({"weight": "inf"}, "weight_kg", "type", "not a number"),
        ({"weight": "1e999"}, "weight_kg", "type", "not a number"),
        ({"weight": "-0.5"}, "weight_kg", "minimum", "below the minimum of 0"),
        ({"weight": "1000.01"}, "weight_kg", "maximum", "above the maximum of 1000"),
        ({"mode": "ship"}, "mode", "enum", "must be one of: air, truck"),
        ({"fragile": "perhaps"}, "is_fragile", "type", "not true or false"),
        ({"due": "31-Feb-26"}, "due_on", "type", "not a day written like 31-Jan-13 or 01/31/13"),
        ({"due": "2026-09-03"}, "due_on", "type", "not a day written like"),
        ({"due": " 3-Sep-26"}, "due_on", "type", "not a day"),
        ({"due": "3-Sep-6"}, "due_on", "type", "not a day"),
        ({"weighed": "2026-08-31T10:00:00"}, "weighed_at", "type", "with its zone"),
        ({"weighed": "2026-08-31T10:00:00.1234567890Z"}, "weighed_at", "type", "not a moment"),
        ({"weighed": "2026-08-31"}, "weighed_at", "type", "with its zone"),
        ({"weighed": "2026-02-30T10:00:00Z"}, "weighed_at", "type", "not a moment"),
        ({"weighed": "2026-08-31T24:00:00Z"}, "weighed_at", "type", "not a moment"),
        ({"weighed": "0001-01-01T00:00:00Z"}, "weighed_at", "type", "between 1900 and 2199"),
        ({"weighed": "9999-12-31T23:59:59-12:00"}, "weighed_at", "type", "between 1900 and 2199"),
        ({"parcel_no": "P-12; drop table raw"}, "parcel_no", "pattern", "not written as agreed"),
        ({"remark": "x" * 61}, "remark", "max_length", "longer than 60 characters"),
    ],
)
def test_a_row_that_breaks_a_promise_is_kept_with_its_column_rule_and_words(
    cells: dict[str, str], column: str, rule: str, words: str
) -> None:
    found = judge_cell(**cells)
    assert found.rows.num_rows == 0
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.column, rejection.rule) == (1, column, rule)
    assert words in rejection.message
    assert set(cells.values()) <= set((rejection.values or {}).values())


def test_a_day_is_read_by_the_format_that_it_is_written_in() -> None:
    due = {"source_name": "Due", "type": "date", "formats": ["%d.%m.%Y", "%d.%m.%y"]}
    contract = parcel(columns={**PARCEL["columns"], "due_on": due})
    found = judge(contract, csv_text([GOOD | {"Due": day} for day in ("03.09.2026", "3.9.26")]))
    assert [row["due_on"] for row in found.rows.to_pylist()] == [date(2026, 9, 3)] * 2


@pytest.mark.parametrize(
    ("text", "whole"),
    [("5.0", 5), ("+12.00", 12), ("9007199254740993.0", 2**53 + 1), (f"{2**63 - 1}.0", 2**63 - 1)],
)
def test_a_whole_number_from_a_column_of_fractions_is_a_whole_number(text: str, whole: int) -> None:
    assert [row["pieces"] for row in judge_cell(pieces=text).rows.to_pylist()] == [whole]
    assert misfit(parcel().columns["pieces"], text) is None


@pytest.mark.parametrize(
    ("written", "is_day"),
    [
        *((f"2026-09-03{clock}{zone}", True) for clock in (" 00:00:00", "T00:00:00.000", "T00:00")
          for zone in ("", "Z", "+02:00")),
        ("2026-09-03", True), ("2026-09-03 00:00:01", False), ("2026-09-03T00:00:00.001Z", False),
        ("2026-09-03T22:00:00+02:00", False), ("2026-09-03T", False), ("2026-02-30 00:00:00", False),
        ("2026-09-03 00:00:00 ", False), ("1899-09-03 00:00:00", False),
    ],
)  # fmt: skip
def test_a_day_is_also_written_as_the_moment_it_begins(written: str, is_day: bool) -> None:
    due = {"source_name": "Due", "type": "date"}
    contract = parcel(columns={**PARCEL["columns"], "due_on": due})
    rows = judge(contract, csv_text([GOOD | {"Due": written}])).rows.to_pylist()
    assert [row["due_on"] for row in rows] == [date(2026, 9, 3)] * is_day
    assert (misfit(contract.columns["due_on"], written) is None) == is_day


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+0000"])
@pytest.mark.parametrize(
    ("written", "kept"), [("1234567", 123456), ("123456999", 123456), ("999999999", 999999)]
)
def test_a_fraction_finer_than_a_microsecond_is_cut_and_not_rounded(
    written: str, kept: int, zone: str
) -> None:
    text = f"2026-08-31T10:00:00.{written}{zone}"
    [row] = judge_cell(weighed=text).rows.to_pylist()
    assert row["weighed_at"] == datetime(2026, 8, 31, 10, 0, 0, kept, tzinfo=UTC)
    assert misfit(parcel().columns["weighed_at"], text) is None


def test_every_broken_rule_of_a_row_is_said_at_once() -> None:
    [rejection] = judge_cell(pieces="none", mode="ship").rejected
    assert "Pieces" in rejection.message
    assert "Mode" in rejection.message


def test_words_for_unknown_become_unknown_and_only_where_the_contract_says_so() -> None:
    row = judge_cell(mode="N/A", remark="N/A", fragile="").rows.to_pylist()[0]
    assert row["mode"] is None
    assert row["is_fragile"] is None
    assert row["remark"] == "N/A"


def test_text_is_kept_character_by_character() -> None:
    for text in ("  Côte d'Ivoire ", "=1+1", "'); drop table x;--", "{value}", "𝓽𝓲𝓭𝓮", "a\nb", "\u202etxt"):
        assert judge_cell(remark=text).rows.to_pylist()[0]["remark"] == text


def test_the_same_content_is_the_same_row_whatever_file_or_line_it_stands_on() -> None:
    other = GOOD | {"Parcel No": "P-2"}
    first = judge(parcel(), csv_text([GOOD, other])).rows.to_pylist()
    again = judge(parcel(), csv_text([other, GOOD | {"Weighed": "2026-08-31T08:00:00Z", "Weight": "12.50"}]))
    assert again.rows.to_pylist()[1]["_row_sha256"] == first[0]["_row_sha256"]
    assert again.rows.to_pylist()[0]["_row_sha256"] == first[1]["_row_sha256"]
    assert first[0]["_row_sha256"] != first[1]["_row_sha256"]


def test_moving_text_from_one_cell_to_the_next_is_another_row() -> None:
    one = judge_cell(mode="", remark="air").rows.to_pylist()[0]
    two = judge_cell(mode="air", remark="").rows.to_pylist()[0]
    assert one["_row_sha256"] != two["_row_sha256"]


def test_what_a_row_says_of_the_future_was_not_recorded_after_now() -> None:
    late = judge_cell(weighed="2026-12-24T00:00:00Z").rows.to_pylist()[0]
    assert late["_recorded_at"] == NOW
    assert late["weighed_at"] > NOW
    early = judge_cell(weighed="2026-08-01T00:00:00Z").rows.to_pylist()[0]
    assert early["_recorded_at"] == datetime(2026, 8, 1, tzinfo=UTC)


def test_a_feed_recorded_by_its_file_name_takes_the_stamp_but_never_a_later_one_than_now() -> None:
    contract, content = parcel(recorded_at="file_stamp"), csv_text([GOOD])
    stamp = NOW - timedelta(days=3)
    assert judge(contract, content, stamp).rows.to_pylist()[0]["_recorded_at"] == stamp
    assert judge(contract, content, NOW + timedelta(days=3)).rows.to_pylist()[0]["_recorded_at"] == NOW
    assert judge(contract, content).rows.to_pylist()[0]["_recorded_at"] == NOW


def test_times_without_a_zone_are_refused_by_the_split_itself() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge(parcel(), csv_text([GOOD]), datetime(2026, 1, 1))


def test_a_file_over_its_row_limit_is_refused_whole() -> None:
    with pytest.raises(FileRefused, match="limit of 2 rows") as refused:
        judge(parcel(max_rows=2), csv_text([GOOD] * 3))
    assert refused.value.rule == "max_rows"


def test_a_file_over_its_byte_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(FileRefused, match="limit is 100"):
        judge(parcel(max_bytes=100), csv_text([GOOD]))


def test_a_corrected_row_goes_on_under_its_old_file_and_row_number() -> None:
    [rejection] = judge_cell(pieces="three").rejected
    values = dict(rejection.values or {}) | {"pieces": "3"}
    found = correct(parcel(), values, tenant_id="demo", file_sha256=SHA, row_number=7, clock=NOW)
    [row] = found.rows.to_pylist()
    assert (row["_file_sha256"], row["_row_number"], row["pieces"]) == (SHA, 7, 3)
    assert row["_row_sha256"] == judge_cell().rows.to_pylist()[0]["_row_sha256"]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"pieces": "still three"}, "type"),
        ({"no_such_column": "x"}, "extra_columns"),
        ({"remark": "a\0b"}, "encoding"),
        ({"remark": "\ud800"}, "encoding"),
        ({"pieces": None}, "required"),
        ({"pieces": 3}, "type"),
    ],
)
def test_a_correction_that_is_still_wrong_is_refused_with_the_reason(
    values: dict[str, str], rule: str
) -> None:
    [refused] = judge_cell(pieces="three").rejected
    cells = dict(refused.values or {}) | {"pieces": "3"} | values
    found = correct(parcel(), cells, tenant_id="demo", file_sha256=SHA, row_number=7, clock=NOW)
    assert found.rows.num_rows == 0
    assert [(item.row_number, item.rule) for item in found.rejected] == [(7, rule)]


@pytest.mark.parametrize(
    "names", [["n", "stamp", "clock", "broken"], ["t3", "t2", "t1", "t0"], ["r1", "p1", "c1", "cells"]]
)
def test_columns_may_have_any_name(names: list[str]) -> None:
    own = parcel()
    renamed = dict(zip(["parcel_no", "weight_kg", "pieces", "mode"], names, strict=True))
    columns = {renamed.get(name, name): column for name, column in own.columns.items()}
    contract = own.model_copy(update={"columns": columns, "key": [renamed["parcel_no"]]})
    content = csv_text([GOOD, GOOD | {"Pieces": "0"}, GOOD | {"Weight": "x", "Mode": "rail"}])
    expected, found = judge(own, content), judge(contract, content)
    assert [list(row.values()) for row in found.rows.to_pylist()] == [
        list(row.values()) for row in expected.rows.to_pylist()
    ]
    assert [(row.row_number, row.rule) for row in found.rejected] == [
        (row.row_number, row.rule) for row in expected.rejected
    ]
    assert [row.column for row in found.rejected] == [
        renamed.get(row.column or "") for row in expected.rejected
    ]
