"""JSON lines, strictly: one flat object a line; what is not costs its own line only."""

from __future__ import annotations

import json

import pytest

from data.errors import FileRefused
from data.formats import read
from data.formats.jsonl import parse_object
from data.formats.strict_json import NotStrict
from tests.data.builders import CORPORA, GOOD, judge, parcel

CONTRACT = parcel(format="jsonl")
LINE = json.dumps(GOOD).encode()
#: A few of JSONTestSuite's cases, for a machine without the corpora.
REFUSED = {
    "trailing_comma": b'{"a":1,}',
    "single_quotes": b"{'a':0}",
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "leading_zero": b'{"a":012}',
    "unescaped_tab": b'{"a":"\t"}',
    "two_values": b'{"a":1} {"b":2}',
    "deep": b'{"a":' * 100_000,
    "deep_list": b"[" * 100_000,
}
ACCEPTED = {"escapes": b'{"a":"\\u0060\\n"}', "unicode": '{"a":"ǝ"}'.encode(), "empty_object": b"{}"}


def suite(kind: str) -> dict[str, bytes]:
    folder = CORPORA / "json-test-suite" / "test_parsing"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob(f"{kind}_*.json"))}


def lines(content: bytes) -> list[str | None]:
    """The broken rule of each line, None where it can be read."""
    return [record.problem.rule if record.problem else None for record in read(CONTRACT, content)]


@pytest.mark.parametrize("content", (REFUSED | suite("n")).values(), ids=(REFUSED | suite("n")).keys())
def test_what_is_not_json_is_never_read_as_a_row(content: bytes) -> None:
    if b"\n" not in content and b"\r" not in content:
        assert None not in lines(content)
    with pytest.raises((NotStrict, UnicodeDecodeError)):
        parse_object(content.decode("utf-8"))


@pytest.mark.parametrize("content", (ACCEPTED | suite("y")).values(), ids=(ACCEPTED | suite("y")).keys())
def test_what_is_json_is_understood(content: bytes) -> None:
    text = content.decode("utf-8")
    names = (
        [key for key, _ in json.loads(text, object_pairs_hook=list) or []] if text.lstrip()[:1] == "{" else []
    )
    if len(names) != len(set(names)):
        with pytest.raises(NotStrict, match="more than once"):
            parse_object(text)
    elif text.lstrip()[:1] == "{":
        assert parse_object(text).keys() == json.loads(text).keys()
    else:
        with pytest.raises(NotStrict, match="not an object"):
            parse_object(text)


@pytest.mark.parametrize("content", suite("i").values(), ids=suite("i").keys())
def test_where_json_leaves_it_open_the_line_is_a_record_or_a_reason_but_never_a_crash(content: bytes) -> None:
    assert len(lines(content)) >= 1


def test_a_good_line_goes_on_with_numbers_as_written() -> None:
    line = LINE.replace(b'"12.5"', b"12.5").replace(b'"3"', b"3").replace(b'"yes"', b"true")
    row = judge(CONTRACT, line).rows.to_pylist()[0]
    assert (row["weight_kg"], row["pieces"], row["is_fragile"]) == (12.5, 3, True)


@pytest.mark.parametrize(
    ("line", "rule", "words"),
    [
        (LINE.replace(b'"Pieces"', b'"Weight"'), "json", "the key 'Weight' appears more than once"),
        (LINE.replace(b'"3"', b"NaN"), "json", "NaN is not a JSON number"),
        (LINE.replace(b'"3"', b"3e0"), "type", "'3e0', which is not a whole number"),
        (LINE.replace(b'"3"', b"[3]"), "type", "Pieces holds a list"),
        (LINE.replace(b'"3"', b"9" * 5000), "type", "not a whole number"),
        (LINE.replace(b'"3"', b"null"), "required", "Pieces is empty"),
        (LINE.replace(b'"Pieces"', b'"Peaces"'), "extra_columns", "'Peaces'"),
        (LINE.replace(b'"3"', b"[" * 500 + b"]" * 500), "json", "nested more than 32"),
        (LINE.replace(b"handle", b"\\u0000"), "encoding", "Remark holds a character that is not text"),
        (LINE.replace(b"handle", b"\\ud800"), "encoding", "surrogate"),
        (LINE.replace(b"handle", b"\xff"), "encoding", "not valid UTF-8"),
        (b"[1, 2]", "json", "not an object"),
        (b"{", "json", "not valid JSON at character 2"),
        (b"plain words", "json", "Line 2: it is not valid JSON at character 1"),
    ],
)
def test_a_line_that_breaks_a_promise_costs_only_itself(line: bytes, rule: str, words: str) -> None:
    found = judge(CONTRACT, b"\n".join([LINE, line, LINE, b""]))
    assert found.rows.num_rows == 2
    [rejection] = found.rejected
    assert (rejection.row_number, rejection.rule) == (2, rule)
    assert words in rejection.message


def test_blank_lines_are_not_rows_and_line_ends_do_not_matter() -> None:
    found = list(read(CONTRACT, b"\xef\xbb\xbf" + LINE + b"\r\n\r\n  \n" + LINE))
    assert [(record.row_number, record.line_number, record.problem) for record in found] == [
        (1, 1, None),
        (2, 4, None),
    ]


def test_a_file_of_no_lines_is_a_file_of_no_rows() -> None:
    found = judge(CONTRACT, b"")
    assert (found.row_count, found.rows.num_rows, found.rejected) == (0, 0, [])


def test_unknown_keys_may_be_ignored_but_are_always_reported() -> None:
    found = judge(
        parcel(format="jsonl", extra_columns="ignore"), LINE.replace(b"{", b'{"Mood": {"deep": [1]}, ')
    )
    assert found.rows.num_rows == 1
    assert found.extra_columns == ("Mood.deep",)


def test_more_lines_than_agreed_refuse_the_file() -> None:
    with pytest.raises(FileRefused, match="limit of 2 rows"):
        judge(parcel(format="jsonl", max_rows=2), (LINE + b"\n") * 3)


@pytest.mark.parametrize(
    ("content", "row_count", "is_document"),
    [
        (b'[\n{"no":1},\n{"no":2}\n]', 4, True),
        (b'\n  [{"no":1}]', 1, True),
        (b'{\n "no": 1\n}', 3, True),
        (b'{"no":1,\n"no":2}', 2, False),
        (b'{"no":1}\n[1]', 2, False),
    ],
)
def test_a_file_that_is_one_document_is_told_so_once_and_every_line_is_counted(
    content: bytes, row_count: int, is_document: bool
) -> None:
    found = judge(CONTRACT, content)
    assert found.row_count == row_count == len(found.rejected) + found.rows.num_rows
    told = ["format: json" in rejection.message for rejection in found.rejected]
    assert told == [is_document] + [False] * (len(told) - 1)


def test_an_optional_object_may_be_null() -> None:
    contract = parcel(format="jsonl", columns=nested("at.code"), key=["c0"], recorded_at="file_stamp")
    found = judge(contract, b'{"no":1,"at":{"code":"A"}}\n{"no":2,"at":null}\n{"no":3,"at":{}}\n{"no":4}')
    assert [row["c1"] for row in found.rows.to_pylist()] == ["A", None, None, None]


def nested(name: str) -> dict[str, object]:
    return {"c0": {"type": "string", "source_name": "no"}, "c1": {"type": "string", "source_name": name}}
