"""CSV as it really comes: any line end, a BOM, quoted newlines; what cannot be read costs its own row only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import FileRefused
from data.formats import Record, csv, plain, read
from data.formats.csv import rows_of
from data.formats.limits import MAX_LINE_BYTES
from data.formats.lines import CHUNK_BYTES, Line, lines_of, open_bytes
from data.records import Block
from tests.data.builders import CORPORA, GOOD, csv_text, judge, parcel

#: csv-spectrum's hardest cases, for a machine without the corpora: file content, expected rows.
OWN = {
    "quotes_and_newlines": (b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n', [["1", 'ha \n"ha" \nha'], ["3", "4"]]),
    "newlines_crlf": (
        b'a,b,c\r\n1,2,3\r\n"Once\r\nupon",5,6\r\n',
        [["1", "2", "3"], ["Once\r\nupon", "5", "6"]],
    ),
    "empty": (b'a,b,c\n1,"",""\n2,3,4\n', [["1", "", ""], ["2", "3", "4"]]),
    "utf8": ("a,b\n1,ʤ\n".encode(), [["1", "ʤ"]]),
}


def spectrum() -> dict[str, tuple[bytes, list[list[str]]]]:
    found = dict(OWN)
    for path in sorted((CORPORA / "csv-spectrum" / "csvs").glob("*.csv")):
        expected = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        found[f"spectrum_{path.stem}"] = (path.read_bytes(), [list(row.values()) for row in expected])
    return found


def cells_of(content: bytes) -> list[list[str]]:
    rows = rows_of(lines_of(open_bytes(content), "utf-8"), ",")
    return [cells for cells, _, problem in rows if problem is None]


def records(content: bytes) -> list[Record]:
    return list(read(parcel(), content))


@pytest.mark.parametrize(("content", "expected"), spectrum().values(), ids=spectrum().keys())
def test_every_shape_of_csv_is_read_as_its_publishers_meant_it(
    content: bytes, expected: list[list[str]]
) -> None:
    found = cells_of(content)[1:]
    assert [[cell.replace("\r\n", "\n") for cell in row] for row in found] == [
        [cell.replace("\r\n", "\n") for cell in row] for row in expected
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_change_nothing(end: str, mark: bytes) -> None:
    rows = [GOOD, GOOD | {"Parcel No": "P-2", "Remark": "two\nlines"}]
    found = judge(parcel(), mark + csv_text(rows, end))
    assert [row["parcel_no"] for row in found.rows.to_pylist()] == ["P-1", "P-2"]
    assert found.rows.to_pylist()[1]["remark"] == "two\nlines"
    assert found.rejected == []


@pytest.mark.parametrize("shift", range(-3, 4))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_on_the_edge_of_a_chunk_is_one_line_end(end: str, shift: int) -> None:
    width = CHUNK_BYTES // 16 + shift
    content = "".join(f"{number:>{width - len(end)}}{end}" for number in range(40)).encode()
    found = list(lines_of(open_bytes(content), "utf-8"))
    assert [int(line.text) for line in found] == list(range(40))
    assert [line.number for line in found] == list(range(1, 41))


def test_rows_are_numbered_from_one_and_know_the_line_they_stand_on() -> None:
    content = (
        csv_text([GOOD | {"Remark": "two\nlines"}, GOOD]) + b"\n\n" + csv_text([GOOD]).split(b"\n", 1)[1]
    )
    assert [(record.row_number, record.line_number) for record in records(content)] == [
        (1, 2),
        (2, 4),
        (3, 7),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "titles", [["Parcels of Acme, Ltd", ""], ["Parcels,,", ",,,,,,,", 'An "odd one', "P-1"]]
)
def test_headings_stand_below_as_many_lines_as_agreed(titles: list[str], mark: bytes, end: str) -> None:
    rows = [GOOD, GOOD | {"Parcel No": "P-2", "Remark": "two\nlines"}, GOOD | {"Parcel No": "P-3"}]
    content = mark + "".join(f"{title}{end}" for title in titles).encode() + csv_text(rows, end)
    contract, first = parcel(header_row=len(titles) + 1), len(titles) + 2
    assert [row["parcel_no"] for row in judge(contract, content).rows.to_pylist()] == ["P-1", "P-2", "P-3"]
    assert [record.line_number for record in read(contract, content)] == [first, first + 1, first + 3]
    assert judge(contract, content.replace(b"P-2", b"P 2")).rejected[0].row_number == 2
    with pytest.raises(FileRefused, match="empty from line 99 on"):
        judge(parcel(header_row=99), content)


def test_headings_of_several_lines_stand_below_titles_too() -> None:
    content = b"A title\nB\n" + csv_text([GOOD] * 3).replace(b"Remark", b'"Re\nmark"')
    contract = parcel(header_row=3)
    remark = contract.columns["remark"].model_copy(update={"source_name": "Re\nmark"})
    contract = contract.model_copy(update={"columns": {**contract.columns, "remark": remark}})
    assert [record.line_number for record in read(contract, content)] == [5, 6, 7]
    assert judge(contract, content).rows.to_pylist()[2]["remark"] == "handle, with care"


def test_raw_text_is_the_row_as_it_stood_in_the_file() -> None:
    content = csv_text([GOOD | {"Remark": 'say "no"\nnever'}])
    assert records(content)[0].raw_text == content.split(b"\n", 1)[1].decode().rstrip("\n")


@pytest.mark.parametrize(
    ("broken", "words"), [(b"P-9,1,2", "too few cells: 3"), (b",".join([b"x"] * 9), "too many")]
)
def test_a_row_with_the_wrong_number_of_cells_costs_only_itself(broken: bytes, words: str) -> None:
    head, row = csv_text([GOOD]).splitlines()
    found = judge(parcel(), b"\n".join([head, row, broken, row]) + b"\n")
    assert found.rows.num_rows == 2
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.rule, rejection.raw) == (2, "cells", broken.decode())
    assert words in rejection.message
    assert "Line 3" in rejection.message


def test_a_quote_that_never_ends_costs_its_line_and_not_the_rest_of_the_file() -> None:
    head, row = csv_text([GOOD | {"Remark": "plain"}]).splitlines()
    stray = row.replace(b"plain", b'"plain')
    found = judge(parcel(), b"\n".join([head, row, stray, *[row] * 5000]) + b"\n")
    assert found.rows.num_rows == 5001
    assert [(item.row_number, item.rule, item.raw) for item in found.rejected] == [(2, "csv", stray.decode())]


def test_text_after_a_closing_quote_costs_its_line() -> None:
    head, row = csv_text([GOOD | {"Remark": "plain"}]).splitlines()
    found = judge(parcel(), b"\n".join([head, row.replace(b"plain", b'"pla"in'), row]) + b"\n")
    assert found.rows.num_rows == 1
    assert found.rejected[0].rule == "csv"


@pytest.mark.parametrize(("bad", "words"), [(b"\xff\xfe", "not valid UTF-8"), (b"a\0b", "NUL")])
def test_bytes_that_are_not_text_cost_their_row_and_are_shown_with_their_place(
    bad: bytes, words: str
) -> None:
    content = csv_text([GOOD | {"Remark": "here"}, GOOD]).replace(b"here", bad)
    found = judge(parcel(), content)
    assert found.rows.num_rows == 1
    [rejection] = found.rejected
    assert rejection.rule == "encoding"
    assert words in rejection.message
    assert "line 2" in rejection.message
    assert "\\x" in rejection.raw


def test_a_quote_that_is_never_closed_is_given_up_within_bounds() -> None:
    content, taken = b'a,b\n1,"open\n' + b"2,3\n" * (MAX_LINE_BYTES // 2), 0

    def counted() -> Iterator[Line]:
        nonlocal taken
        for line in lines_of(open_bytes(content), "utf-8"):
            taken += len(line.text)
            yield line

    rows = rows_of(counted(), ",")
    assert next(rows)[2] is None
    problem = next(rows)[2]
    assert problem is not None and "closing quote is missing" in problem.message
    assert taken < MAX_LINE_BYTES + 100
    assert sum(1 for _cells, _lines, wrong in rows if wrong is None) == MAX_LINE_BYTES // 2


def test_an_endless_line_costs_one_row_and_little_memory() -> None:
    content = csv_text([GOOD | {"Remark": "x" * (MAX_LINE_BYTES * 30)}, GOOD])
    found = judge(parcel(), content)
    assert found.rows.num_rows == 1
    [rejection] = found.rejected
    assert "longer than" in rejection.message
    assert len(rejection.raw) < MAX_LINE_BYTES


def test_the_contract_says_the_delimiter_and_the_encoding() -> None:
    content = csv_text([GOOD | {"Remark": "Côte"}]).replace(b'"', b"").replace(b",", b";").decode()
    contract = parcel(delimiter=";", encoding="latin-1")
    assert judge(contract, content.encode("latin-1")).rows.to_pylist()[0]["remark"] == "Côte"


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (b"", "empty", "without even a line of headings"),
        (b"\n\n", "empty", "without even"),
        (b"<html><body>Login</body></html>\n", "missing_columns", "'Parcel No', 'Pieces', 'Weighed'"),
        (csv_text([GOOD]).replace(b"Mode", b"Weight"), "repeated_columns", "'Weight'"),
        (csv_text([GOOD]).replace(b"Mode", b"Mood"), "extra_columns", "unknown columns: 'Mood'"),
        (csv_text([GOOD]).replace(b"Mode", b"M\xffde"), "encoding", "headings cannot be read"),
    ],
)
def test_a_file_with_the_wrong_headings_is_refused_in_a_sentence(
    content: bytes, rule: str, words: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        records(content)
    assert refused.value.rule == rule
    assert words in str(refused.value)
    assert "Ask" in str(refused.value)


def test_unknown_columns_may_be_ignored_but_are_always_reported() -> None:
    content = csv_text([GOOD | {"Mood": "fine"}], columns=[*GOOD, "Mood"])
    found = judge(parcel(extra_columns="ignore"), content)
    assert found.rows.num_rows == 1
    assert found.extra_columns == ("Mood",)


def test_a_missing_column_that_nobody_needs_is_unknown() -> None:
    few = {name: value for name, value in GOOD.items() if name != "Remark"}
    assert judge(parcel(), csv_text([few], columns=few)).rows.to_pylist()[0]["remark"] is None


def test_a_file_is_read_from_disk_as_from_memory(tmp_path: Path) -> None:
    path = tmp_path / "parcel.csv"
    path.write_bytes(csv_text([GOOD]))
    assert list(read(parcel(), path)) == list(read(parcel(), str(path))) == records(path.read_bytes())


PIECES = st.sampled_from(
    [
        *(
            b"P-1",
            b"2013-01-31",
            b"",
            b" ",
            b"x y",
            "köln".encode(),
            b"\xff",
            b"\xed\xa0\x80",
            b"\0",
            b"\xef\xbb\xbf",
            b"'",
        ),
        *(
            b",",
            b",",
            b",",
            b"\n",
            b"\n",
            b"\r\n",
            b"\r",
            b"\n\n",
            b'"',
            b'""',
            b'"a"',
            b'"a,b"',
            b'"a""b"',
            b'"a\nb"',
        ),
        *(
            b"P-1,2013-01-31,1.5\n",
            b"P-2,2013-02-01,2.5\r\n",
            b'"P-3","2013-02-02",""\n',
            b"\xc2\x85",
            b"\x0c",
        ),
    ]
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=40), at_once=st.sampled_from([8, 30, 100]))
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_what_is_read_by_the_thousand_is_what_is_read_row_by_row(
    monkeypatch: pytest.MonkeyPatch, encoding: str, pieces: list[bytes], at_once: int
) -> None:
    contract = parcel().model_copy(update={"encoding": encoding})
    content = b"Parcel No,Pieces,Weighed\n" + b"".join(pieces)
    if encoding == "utf-16":
        content = content.decode("utf-8", "replace").encode("utf-16")
    with monkeypatch.context() as here:
        here.setattr(csv, "CHUNK_BYTES", at_once)
        found = list(read(contract, content))
    with monkeypatch.context() as here:
        here.setattr(plain, "_is_plain", lambda *_: False)
        assert found == list(read(contract, content))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_plain_file_is_read_by_the_thousand(end: str, quote: str) -> None:
    cells = [[f"P-{n}", "2", "2013-01-31T00:00:00Z", "x"] for n in range(30_000)]
    rows = (f"{','.join(f'{quote}{cell}{quote}' for cell in row)}{end}" for row in cells)
    content = f"Parcel No,Pieces,Weighed,Odd{end}{''.join(rows)}".encode()
    found = list(csv.read_in_blocks(parcel(extra_columns="ignore"), content))
    assert all(isinstance(item, Block) for item in found)
    assert sum(len(item) for item in found if isinstance(item, Block)) == 30_000
    last = found[-1]
    assert isinstance(last, Block)
    [record] = last.records([len(last) - 1])
    assert (record.row_number, record.line_number) == (30_000, 30_001)
    assert record.extras == ("Odd",)
    assert record.raw_text == ",".join(f"{quote}{cell}{quote}" for cell in cells[-1])


def test_columns_without_a_heading_are_none_while_they_are_empty() -> None:
    content = csv_text([GOOD]).replace(b"\n", b",,\n")
    split = judge(parcel(), content)
    assert (split.rows.num_rows, split.rejected, split.extra_columns) == (1, [], ())
    stray = content + content.splitlines()[1].replace(b",,", b",,stray").replace(b"P-1", b"P-2") + b"\n"
    [rejected] = judge(parcel(), stray).rejected
    assert (rejected.row_number, rejected.rule) == (2, "cells")
    assert "Line 3 has a cell without a heading: 'stray'" in rejected.message


def test_a_file_that_says_it_is_utf_8_is_not_read_as_anything_else() -> None:
    contract = parcel().model_copy(update={"encoding": "cp1252"})
    with pytest.raises(
        FileRefused, match="begins with the mark of UTF-8, and the encoding agreed on is cp1252"
    ):
        list(read(contract, b"\xef\xbb\xbf" + csv_text([GOOD])))
