"""Great Expectations reads the same promises a second time, on this machine alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pandas as pd
import pytest

from data.contract import CheckResult, empty_table, expectation_suite, load_contracts, validate
from tests.data.builders import GOOD, PARCEL, csv_text, judge, parcel


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [GOOD | {"Parcel No": f"P-{number}"} for number in range(1, 6)]
    return judge(parcel(), csv_text(rows)).rows.to_pandas()


def broken(results: list[CheckResult]) -> dict[tuple[str, str | None], CheckResult]:
    return {(item.name, item.column): item for item in results if not item.success}


def test_what_the_row_split_lets_pass_passes_the_suite(frame: pd.DataFrame) -> None:
    results = validate(parcel(), frame)
    assert len(results) > len(parcel().columns)
    assert broken(results) == {}
    assert all(item.description for item in results)


def test_a_file_without_rows_breaks_no_promise() -> None:
    assert broken(validate(parcel(), empty_table(parcel()).to_pandas())) == {}


@pytest.mark.parametrize(
    ("column", "value", "check", "words"),
    [
        (
            "parcel_no",
            None,
            "expect_column_values_to_not_be_null",
            "Every row gives Parcel No. 1 row does not",
        ),
        ("parcel_no", "P-1\n", "expect_column_values_to_match_regex", "written as agreed"),
        ("mode", "ship", "expect_column_values_to_be_in_set", "one of: air, truck"),
        ("weight_kg", -1.0, "expect_column_values_to_be_between", "at or above 0 and at or below 1000"),
        ("remark", "x" * 61, "expect_column_value_lengths_to_be_between", "at most 60 characters"),
        ("weighed_at", pd.Timestamp("2300-01-01", tz="UTC"), "expect_column_values_to_be_between", "1900"),
    ],
)
def test_a_broken_promise_fails_its_own_check_and_says_how_often(
    frame: pd.DataFrame, column: str, value: object, check: str, words: str
) -> None:
    frame.loc[2, column] = value
    [(key, result)] = broken(validate(parcel(), frame)).items()
    assert key == (check, column)
    assert (result.is_error, result.unexpected_count) == (False, 1)
    assert words in result.description


def test_a_check_that_cannot_be_made_is_an_error_and_not_a_failure(frame: pd.DataFrame) -> None:
    found = broken(validate(parcel(), frame.drop(columns="remark")))
    assert found["expect_table_columns_to_match_set", None].is_error is False
    error = found["expect_column_value_lengths_to_be_between", "remark"]
    assert error.is_error is True
    assert error.description.startswith("Could not be checked")


def test_every_packaged_contract_makes_a_suite() -> None:
    for contract in load_contracts().values():
        suite = expectation_suite(contract)
        assert suite.name == contract.table_name
        assert len(suite.expectations) > len(contract.required_columns)


def test_checking_a_file_speaks_to_nobody_outside(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: called.append(address))
    validate(parcel(), frame)
    assert called == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_reading_contracts_and_files_waits_for_no_checking_library() -> None:
    script = (
        "import sys, data.contract as c, data.formats; c.load_contracts(); "
        "assert not {'great_expectations', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_sign_passes_the_row_split_and_stops_the_feed() -> None:
    columns = PARCEL["columns"] | {
        "remark": {"source_name": "Remark", "type": "string", "pattern": r"[^@\s]+@[^@\s]\S*\d?"}
    }
    contract = parcel(columns=columns)
    odd = [chr(code) for code in (*range(1, 33), 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x3000, 0x661, 0xFEFF)]
    rows = [
        GOOD | {"Parcel No": f"P-{number}", "Remark": f"a{sign}b@c{sign}"} for number, sign in enumerate(odd)
    ]
    found = judge(contract, csv_text(rows))
    assert found.rejected
    assert broken(validate(contract, found.rows.to_pandas())) == {}
