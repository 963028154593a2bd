"""Damaged files: what is accepted is what an independent reading finds there, everything else has its reason."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import pytest

from data.contract import Contract, Split, load_contracts
from data.contract.rowsplit import Arrived, split_files
from data.errors import FileRefused
from data.formats import READERS, Record, read
from data.records import MAX_RAW_CHARACTERS
from tests.data import independent
from tests.data.builders import NOW
from tests.data.generated import TABULAR, file_of, good_rows
from tests.data.mutating import mutated
from tests.faults import figures, sizes

ROWS, FILES_AT_ONCE = 12, 40
#: No file of a few kilobytes takes longer to read (seconds); a busy machine is allowed for.
LONGEST = 5.0
FEEDS = {
    f"{source}.{feed}": contract
    for (source, feed), contract in load_contracts().items()
    if contract.format in TABULAR and contract.format in READERS
}

pytestmark = pytest.mark.feeds


@dataclass
class Damaged:
    """One damaged file, how it was damaged, and its records as read before they are judged."""

    number: int
    how: str
    content: bytes
    records: list[Record]
    refused: FileRefused | None = None

    @property
    def key(self) -> str:
        """What stands for the file's hash: two damaged files may be the same bytes."""
        return f"{self.number:064d}"


def share(contract: Contract) -> int:
    """How many files of one feed: each format gets the same number, shared among its feeds."""
    formats = {other.format for other in FEEDS.values()}
    of_format = sum(other.format == contract.format for other in FEEDS.values())
    return max(3, round(sizes.figure("mutated") / len(formats) / of_format))


def damaged_files(contract: Contract, name: str, count: int) -> list[Damaged]:
    """Damaged files of a feed, read; anything but a refusal that reading raises is a failure."""
    draw = random.Random(f"{sizes.SEED} {name}")
    found = []
    for number in range(count):
        one, other = (
            file_of(
                contract, good_rows(contract, ROWS, draw.randrange(50)), end=draw.choice(("\n", "\r\n", "\r"))
            )
            for _ in range(2)
        )
        how, content = mutated(one, other, draw)
        found.append(_read(contract, Damaged(number, how, content, [])))
    return found


def _read(contract: Contract, file: Damaged) -> Damaged:
    began = time.monotonic()
    try:
        file.records.extend(read(contract, file.content))
    except FileRefused as refused:
        file.refused = refused
    except BaseException as error:
        raise AssertionError(
            f"file {file.number} ({file.how}): {error!r}\n{file.content[:3000]!r}"
        ) from error
    assert time.monotonic() - began < LONGEST, f"file {file.number} ({file.how}) took too long to read"
    return file


def judged(contract: Contract, files: list[Damaged]) -> dict[str, Split | FileRefused]:
    """What becomes of files that could be read, many judged at once."""
    found: dict[str, Split | FileRefused] = {}
    for start in range(0, len(files), FILES_AT_ONCE):
        arrived = [Arrived(file.records, file.key, NOW) for file in files[start : start + FILES_AT_ONCE]]
        found |= split_files(contract, arrived, "demo")
    return found


@pytest.mark.parametrize("name", FEEDS)
def test_what_is_accepted_of_a_damaged_file_is_what_stands_there_and_the_rest_has_its_reason(
    name: str,
) -> None:
    contract = FEEDS[name]
    files = damaged_files(contract, name, share(contract))
    readable = [file for file in files if file.refused is None]
    splits = judged(contract, readable)
    rows = 0
    for file in readable:
        found = splits[file.key]
        assert isinstance(found, Split)
        check_counts(file, found)
        check_rows(contract, file, found)
        rows += found.rows.num_rows
    for file in files:
        if file.refused is not None:
            check_refusal(contract, file)
    assert rows, "of no damaged file was anything accepted, so nothing was compared"
    figures.count("I13", contract.format, "damaged files compared with an independent reading", len(files))
    figures.count("I13", contract.format, "rows of damaged files accepted as they stand there", rows)


def check_counts(file: Damaged, found: Split) -> None:
    """Nothing is lost and nothing doubled: every row number is accepted or rejected, once, with its reason."""
    accepted = found.rows.column("_row_number").to_pylist()
    rejected = [row.row_number for row in found.rejected]
    assert found.row_count == len(accepted) + len(rejected) == len(file.records), file.how
    assert sorted(accepted + rejected) == list(range(1, found.row_count + 1)), file.how
    assert all(row.rule and row.message and len(row.raw) < MAX_RAW_CHARACTERS + 100 for row in found.rejected)


def check_rows(contract: Contract, file: Damaged, found: Split) -> None:
    """The same rows at the same lines, and the same typed values in those that are good."""
    try:
        expected = independent.rows_of(contract, file.content)
    except independent.Unreadable:
        assert found.rows.num_rows == 0, f"file {file.number} ({file.how}) can be read only by us"
        return
    line_of = {record.row_number: record.line_number for record in file.records}
    ours = {line_of[row["_row_number"]]: _own(contract, row) for row in found.rows.to_pylist()}
    theirs = {row.line: row.values for row in expected if row.values is not None}
    assert ours == theirs, f"file {file.number} ({file.how}): {_differing(ours, theirs)}"
    assert sorted(line_of.values()) == [row.line for row in expected], f"file {file.number} ({file.how})"


def _own(contract: Contract, row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in contract.columns}


def _differing(ours: dict[int, Any], theirs: dict[int, Any]) -> list[Any]:
    lines = sorted(ours.keys() | theirs.keys())
    return [(line, ours.get(line), theirs.get(line)) for line in lines if ours.get(line) != theirs.get(line)][
        :2
    ]


def check_refusal(contract: Contract, file: Damaged) -> None:
    """A file is refused as a whole in a sentence, and a file of lines only where its headings cannot be read."""
    assert file.refused is not None and file.refused.rule
    assert str(file.refused).endswith(".") and "\n" not in str(file.refused)
    if contract.format != "parquet":
        with pytest.raises(independent.Unreadable):
            independent.rows_of(contract, file.content)
