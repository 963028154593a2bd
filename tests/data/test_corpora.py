"""Other people's collections of hard cases: JSON, CSV and text that has broken programs before."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from data.contract import Column, Contract, load_contract, load_contracts
from data.contract.rowsplit import Arrived, split_files
from data.errors import FileRefused
from data.formats import read, read_in_blocks
from data.formats.strict_json import NotStrict, parse, read_document
from tests.data import independent
from tests.data.builders import CORPORA, NOW, SHA, judge, parcel
from tests.data.generated import TABULAR, file_of, good_rows

JSON_CASES = CORPORA / "json-test-suite" / "test_parsing"
CSV_CASES = CORPORA / "csv-spectrum"
NAUGHTY = CORPORA / "naughty-strings" / "blns.json"
#: Valid JSON of which only one value would survive; we ask for it again instead of choosing.
REPEATED_KEYS = {"y_object_duplicated_key", "y_object_duplicated_key_and_value"}
ANYTHING = Contract.model_validate(
    {
        **{key: value for key, value in parcel().model_dump().items() if key != "columns"},
        "format": "jsonl",
        "extra_columns": "ignore",
        "key": ["a"],
        "recorded_at": "file_stamp",
        "columns": {"a": {"type": "string"}},
    }
)


def needs(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"the corpus {path} is not on this machine; TIDEWAITER_CORPORA says where it is")


def json_cases(kind: str) -> list[Any]:
    paths = sorted(JSON_CASES.glob(f"{kind}_*.json"))
    return [pytest.param(path, id=path.stem) for path in paths] or [pytest.param(JSON_CASES, id="absent")]


def one_line(content: bytes) -> bytes:
    """The text on one line and as the value of a key: line ends between values are only blanks to JSON."""
    return b'{"a":' + content.replace(b"\r", b" ").replace(b"\n", b" ") + b"}"


# --- JSON -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", json_cases("y"))
def test_what_json_is_is_read_as_the_standard_library_reads_it(path: Path) -> None:
    needs(path if path.suffix else JSON_CASES / "y_absent")
    content = path.read_bytes()
    if path.stem in REPEATED_KEYS:
        with pytest.raises(NotStrict, match="more than once"):
            parse(content.decode())
        return
    expected = json.loads(content, parse_int=str, parse_float=str)
    assert parse(content.decode()) == expected
    assert read_document(ANYTHING, content) == read_document(ANYTHING, b"\xef\xbb\xbf" + content) == expected


@pytest.mark.parametrize("kind", ["y", "n", "i"])
def test_a_document_of_rows_is_json_and_nothing_else_is(kind: str) -> None:
    needs(JSON_CASES)
    held = ANYTHING.model_copy(update={"format": "json"})
    for path in sorted(JSON_CASES.glob(f"{kind}_*.json")):
        try:
            list(read(held, path.read_bytes()))
        except FileRefused:
            assert kind != "y" or path.stem in REPEATED_KEYS, path.stem
        else:
            assert kind != "n", path.stem


@pytest.mark.parametrize("path", json_cases("y"))
def test_what_json_is_is_a_row_of_json_lines_or_says_which_cell_is_no_single_value(path: Path) -> None:
    needs(path if path.suffix else JSON_CASES / "y_absent")
    [record] = read(ANYTHING, one_line(path.read_bytes()))
    if path.stem in REPEATED_KEYS:
        assert record.problem is not None and record.problem.rule == "json"
        return
    value = json.loads(one_line(path.read_bytes()), parse_int=str, parse_float=str)["a"]
    if isinstance(value, (list, dict)):
        assert record.problem is not None and (record.problem.rule, record.problem.column) == ("type", "a")
    elif isinstance(value, str) and "\0" in value:
        assert record.problem is not None and record.problem.rule == "encoding"
    else:
        assert record.problem is None
        assert record.values["a"] == (str(value).lower() if isinstance(value, bool) else value)


@pytest.mark.parametrize("path", json_cases("n"))
def test_what_json_is_not_is_refused_wherever_it_stands(path: Path) -> None:
    needs(path if path.suffix else JSON_CASES / "n_absent")
    content = path.read_bytes()
    with pytest.raises((NotStrict, UnicodeDecodeError)):
        parse(content.decode("utf-8"))
    with pytest.raises(FileRefused) as refused:
        read_document(ANYTHING, content)
    assert refused.value.rule == "json"
    assert all(
        record.problem
        for record in read(ANYTHING, content)
        if record.raw_text == content.decode("utf-8", "replace")
    )


@pytest.mark.parametrize("path", json_cases("n"))
def test_what_json_is_not_is_no_value_of_a_row_either(path: Path) -> None:
    needs(path if path.suffix else JSON_CASES / "n_absent")
    line = one_line(path.read_bytes())
    problems = [record.problem for record in read(ANYTHING, line)]
    try:  # a few become JSON between a key and a brace, such as one comma or two values
        json.loads(line, parse_constant=pytest.fail)
    except (ValueError, RecursionError, pytest.fail.Exception):
        assert problems and all(problems)


@pytest.mark.parametrize("path", json_cases("i"))
def test_where_json_leaves_it_open_there_is_a_value_or_a_reason(path: Path) -> None:
    needs(path if path.suffix else JSON_CASES / "i_absent")
    content = path.read_bytes()
    for whole in (content, one_line(content)):
        for record in read(ANYTHING, whole):
            assert record.problem is None or record.problem.message.endswith(".")
        try:
            read_document(ANYTHING, whole)
        except FileRefused as refused:
            assert refused.rule == "json"


# --- CSV --------------------------------------------------------------------------------------------------


def csv_cases() -> list[Any]:
    found = [pytest.param(path, id=path.stem) for path in sorted((CSV_CASES / "csvs").glob("*.csv"))]
    return found or [pytest.param(CSV_CASES, id="absent")]


@pytest.mark.parametrize("path", csv_cases())
def test_a_csv_file_is_exactly_what_its_publisher_says_it_is(path: Path) -> None:
    needs(path if path.suffix else CSV_CASES / "absent")
    expected = json.loads((CSV_CASES / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    content = path.read_bytes()
    if path.stem.endswith("_crlf") and b"\r" not in content:
        content = content.replace(
            b"\n", b"\r\n"
        )  # as the file's name and its answer say; git took the CRs away
    assert _rows_under(list(expected[0]), content) == expected


def _rows_under(names: list[str], content: bytes) -> list[dict[str, str | None]]:
    """What the reader and the row split make of a file under a contract of these columns, all of them text."""
    columns = {f"c{number}": {"source_name": name, "type": "string"} for number, name in enumerate(names)}
    contract = parcel(columns=columns, key=["c0"], recorded_at="file_stamp")
    found = judge(contract, content)
    assert found.rejected == []
    return [
        {column.source_name: row[name] or "" for name, column in contract.columns.items()}
        for row in found.rows.to_pylist()
    ]


# --- naughty strings --------------------------------------------------------------------------------------

TEXTS = [
    pytest.param(contract, name, id=f"{contract.source}.{contract.feed}.{name}")
    for contract in load_contracts().values()
    if contract.format in TABULAR
    for name, column in contract.columns.items()
    if column.type == "string"
]


@cache
def naughty() -> tuple[str, ...]:
    """All the strings, and three of ours that the collection cannot hold or does not."""
    needs(NAUGHTY)
    found = json.loads(NAUGHTY.read_text(encoding="utf-8"))
    assert len(found) == 515
    return (*found, "a\0b", "half a pair \ud800", "x" * 5000)


@cache
def rows_of(source: str, feed: str) -> list[dict[str, str]]:
    """One good row for each string."""
    return good_rows(load_contract(source, feed), len(naughty()), seed=7)


def forbidden_by(column: Column, text: str) -> set[str]:
    """The rules of the contract that a text breaks, by Python's own reading of them."""
    if text in ("", *column.null_values):
        return {"required"} if column.required else set()
    if independent.NOT_STORABLE.search(text):
        return {
            "encoding",
            "type",
        }  # by the reader, before any rule; Parquet calls what is no text a wrong type
    broken = {"max_length"} if len(text) > column.max_length else set()
    if column.enum and text not in column.enum:
        broken.add("enum")
    if column.pattern and not independent.matches(column.pattern, text):
        broken.add("pattern")
    return broken


def written(contract: Contract, rows: list[dict[str, str]]) -> bytes:
    """A file by an independent writer, halves of pairs written as bytes that are not UTF-8."""
    if contract.format == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode("ascii")
    if contract.format == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), delimiter=contract.delimiter, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "surrogatepass")
    whole = [{name: cell.replace("\ud800", "\0") for name, cell in row.items()} for row in rows]
    return file_of(contract, whole, typed=False)


@pytest.mark.parametrize(("contract", "name"), TEXTS)
def test_every_naughty_string_in_every_text_column_comes_back_equal_or_is_quarantined_by_the_rule_that_forbids_it(
    contract: Contract, name: str
) -> None:
    strings, column = naughty(), contract.columns[name]
    rows = [
        row | {column.source_name: text}
        for row, text in zip(rows_of(contract.source, contract.feed), strings, strict=True)
    ]
    found = split_files(
        contract, [Arrived(read_in_blocks(contract, written(contract, rows)), SHA, NOW)], "demo"
    )[SHA]
    assert not isinstance(found, FileRefused)
    kept = {row["_row_number"]: row[name] for row in found.rows.to_pylist()}
    refused = {row.row_number: row for row in found.rejected}
    assert sorted([*kept, *refused]) == list(range(1, len(strings) + 1))
    for number, text in enumerate(strings, start=1):
        forbidden = forbidden_by(column, text)
        if forbidden:
            assert refused[number].rule in forbidden, (text, refused[number])
            assert refused[number].column in (name, None)
        else:
            assert kept[number] == (None if text in ("", *column.null_values) else text)
