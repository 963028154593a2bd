"""One bad row in a hundred thousand, and producers who change their files: found at once, nothing else is hurt."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from data.contract import Column, Contract, Split, load_contracts
from data.contract.rowsplit import Arrived, split_files
from data.errors import FileRefused
from data.formats import read_in_blocks
from tests.data.builders import NOW
from tests.data.generated import TABULAR, file_of, good_row, good_rows
from tests.faults import figures

FEEDS = {
    f"{source}.{feed}": contract
    for (source, feed), contract in load_contracts().items()
    if contract.format in TABULAR
}
#: Its columns are of every type, and it is small enough to be read a hundred thousand rows at a time.
POISONED, POISONED_ROWS = FEEDS["network.facility"], 100_000
TYPED_DRIFTS = {
    "integer": "twelve",
    "decimal": "12,5 kg",
    "boolean": "perhaps",
    "date": "next Tuesday",
    "timestamp": "31/12/2025 14:30",
}


# --- poison rows ------------------------------------------------------------------------------------------


def poison_for(column: Column) -> tuple[str, str]:
    """A cell that breaks one promise of the column, and that promise's name."""
    if column.required:
        return "", "required"
    if column.type != "string":
        return TYPED_DRIFTS[column.type], "type"
    if column.enum:
        return "unheard of", "enum"
    return ("\t?\t", "pattern") if column.pattern else ("x" * (column.max_length + 1), "max_length")


def test_one_bad_row_in_a_hundred_thousand_is_quarantined_for_each_column_and_no_other() -> None:
    draw = random.Random(20261125)
    base = good_rows(POISONED, 500, seed=3)
    rows = [dict(row) for row in itertools.islice(itertools.cycle(base), POISONED_ROWS)]
    places = draw.sample(range(POISONED_ROWS), len(POISONED.columns))
    expected = {}
    for place, (name, column) in zip(places, POISONED.columns.items(), strict=True):
        rows[place][column.source_name], rule = poison_for(column)
        expected[place + 1] = (name, rule)
    found = judged(POISONED, {"f": file_of(POISONED, rows)})["f"]
    assert isinstance(found, Split)
    assert {row.row_number: (row.column, row.rule) for row in found.rejected} == expected
    assert found.row_count == POISONED_ROWS == found.rows.num_rows + len(expected)
    figures.count("F7", POISONED.format, "bad rows found among 100,000", len(expected))


@pytest.mark.parametrize("name", FEEDS)
def test_a_bad_cell_in_any_column_of_any_feed_costs_its_row_and_names_the_column(name: str) -> None:
    contract = FEEDS[name]
    rows, expected = good_rows(contract, 3 * len(contract.columns), seed=5), {}
    for number, (ours, column) in enumerate(contract.columns.items()):
        poison, rule = poison_for(column)
        rows[3 * number + 1][column.source_name] = poison
        expected[3 * number + 2] = (ours, rule)
    content = file_of(contract, rows, typed=False)
    found = judged(contract, {"f": content})["f"]
    assert isinstance(found, Split)
    assert {row.row_number: (row.column, row.rule) for row in found.rejected} == expected
    figures.count("F7", contract.format, "bad cells found, one for each column", len(expected))


def judged(contract: Contract, contents: dict[str, bytes]) -> dict[str, Split | FileRefused]:
    """Files read and judged together, as they are when they arrive together."""
    arrived = [Arrived(read_in_blocks(contract, content), key, NOW) for key, content in contents.items()]
    return split_files(contract, arrived, "demo")


# --- schema drift -----------------------------------------------------------------------------------------

Rows = list[dict[str, str]]


class Drift(NamedTuple):
    """A changed file of a feed: what was done to it, and which rules may say so (`extra`: it is reported)."""

    what: str
    rows: Rows
    said: frozenset[str]


def drifts(contract: Contract, rows: Rows) -> Iterator[Drift]:
    """Every way in which a producer may change one column, and an added one."""
    extra = {"extra_columns"} if contract.extra_columns == "refuse" else {"extra"}
    yield Drift("added", [row | {"new_column": "1"} for row in rows], frozenset(extra))
    for column in contract.columns.values():
        name = column.source_name
        lost = {"missing_columns", "required"} if column.required else {"lost"}
        yield Drift(f"removed {name}", [_without(row, name) for row in rows], frozenset(lost))
        moved = [{(f"{key}_v2" if key == name else key): cell for key, cell in row.items()} for row in rows]
        yield Drift(f"renamed {name}", moved, frozenset({*lost, *extra} - {"lost"}))
        if column.type != "string":
            retyped = [row | {name: TYPED_DRIFTS[column.type]} for row in rows]
            yield Drift(f"retyped {name}", retyped, frozenset({"type"}))
        if column.enum:
            unheard = [row | {name: f"{column.enum[0]} v2"} for row in rows]
            yield Drift(f"new value of {name}", unheard, frozenset({"enum"}))
        elif column.pattern:
            yield Drift(f"reshaped {name}", [row | {name: "?\t?"} for row in rows], frozenset({"pattern"}))


def _without(row: dict[str, str], name: str) -> dict[str, str]:
    return {key: cell for key, cell in row.items() if key != name}


def observed(contract: Contract, found: Split | FileRefused) -> set[str]:
    """What a person is told of a file: why it was refused, which rules its rows break, which names are new."""
    if isinstance(found, FileRefused):
        return {found.rule}
    said = {row.rule for row in found.rejected}
    said |= {"extra"} if found.extra_columns else set()
    return said


@pytest.mark.parametrize("name", FEEDS)
def test_a_changed_column_is_found_in_every_feed_and_the_unchanged_files_beside_it_are_whole(
    name: str,
) -> None:
    contract = FEEDS[name]
    rows = [full(contract, number) for number in range(6)]
    found_drifts = list(drifts(contract, rows))
    contents = {drift.what: file_of(contract, drift.rows, typed=False) for drift in found_drifts}
    good = file_of(contract, rows, typed=False)
    found = judged(contract, {"before": good} | contents | {"after": good})
    for drift in found_drifts:
        told = observed(contract, found[drift.what])
        if drift.said == {"lost"}:
            check_optional_column_is_unknown(contract, drift, found[drift.what])
        else:
            assert told & drift.said, f"{name}: {drift.what} was taken for {told or 'a good file'}"
        if not drift.said & {"extra", "lost"}:
            kept = found[drift.what]
            assert isinstance(kept, FileRefused) or kept.rows.num_rows == 0, drift.what
    for key in ("before", "after"):
        whole = found[key]
        assert isinstance(whole, Split) and whole.rows.num_rows == len(rows) and not whole.rejected
    figures.count("F6", contract.format, "changed columns found", len(found_drifts))


def full(contract: Contract, number: int) -> dict[str, str]:
    """A good row in which every column is given, so that a lost one makes a difference."""
    draw = random.Random(f"{contract.source} {contract.feed} {number}")
    row = good_row(contract, draw)
    while "" in row.values():
        row = {
            key: cell or other
            for (key, cell), other in zip(row.items(), good_row(contract, draw).values(), strict=True)
        }
    return row


def check_optional_column_is_unknown(contract: Contract, drift: Drift, found: Any) -> None:
    """A column that no row needs may be left out: its cells are unknown, the others are as they were."""
    ours = contract.by_source_name[drift.what.removeprefix("removed ")]
    assert isinstance(found, Split) and found.rejected == []
    assert found.rows.column(ours).null_count == found.rows.num_rows == len(drift.rows)


def test_columns_in_another_order_are_the_same_columns() -> None:
    for contract in FEEDS.values():
        rows = good_rows(contract, 5, seed=1)
        turned = [dict(reversed(row.items())) for row in rows]
        found = judged(contract, {"a": file_of(contract, rows), "b": file_of(contract, turned)})
        one, other = found["a"], found["b"]
        assert isinstance(one, Split) and isinstance(other, Split)
        assert one.rows.drop_columns(["_file_sha256"]).equals(other.rows.drop_columns(["_file_sha256"]))


def test_headings_in_another_spelling_are_other_columns() -> None:
    contract = FEEDS["network.shipment"]
    text = io.StringIO(newline="")
    rows = good_rows(contract, 2, seed=1)
    writer = csv.DictWriter(text, [name.upper() for name in rows[0]])
    writer.writeheader()
    found = judged(contract, {"f": text.getvalue().encode()})["f"]
    assert isinstance(found, FileRefused) and found.rule == "missing_columns"
