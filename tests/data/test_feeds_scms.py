"""SCMS line items as delta exports: what the programme office knew, and when it could have said it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.catalog import find
from data.contract import load_contract, split, stamp_of
from data.errors import FileRefused
from data.feeds import scms
from data.formats import read
from tests.data.builders import SHA, scms_file, scms_line

AS_OF = datetime(2013, 4, 1, tzinfo=UTC)


def line(number: int, sent: str, recorded: str, **cells: str) -> dict[str, str]:
    return scms_line(
        id=str(number),
        po_sent_to_vendor_date=sent,
        delivered_to_client_date=recorded,
        delivery_recorded_date=recorded,
        **cells,
    )


def own_lines() -> list[dict[str, str]]:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun")
    return [
        line(1, "12/1/09", "5-Jun-10"),
        line(2, "1/3/13", "20-Jan-13"),  # sent and recorded in one month
        line(3, "2/3/13", "20-May-13"),  # open at as_of
        line(4, "3/25/13", ""),  # never recorded
        line(5, "4/10/13", "21-Jun-13"),  # not even sent at as_of
        line(6, "Date Not Captured", "31-Mar-13", pq_first_sent_to_client_date="Pre-PQ Process"),
        line(7, "N/A - From RDC", "2-May-13", pq_first_sent_to_client_date="11/6/12"),
        line(8, "3/9/13", "3-Mar-13"),  # sent after it was recorded
        *(line(20 + number, f"{number + 1}/15/12", f"15-{month}-13") for number, month in enumerate(months)),
    ]


def sources(tmp_path: Path) -> list[Path]:
    """Our own lines in both editions, and the public part where this machine has it."""
    found = find("scms", download=False)
    return [
        scms_file(tmp_path / "own.csv", own_lines()),
        scms_file(tmp_path / "original.csv", own_lines(), like_the_original=True),
        *([found] if isinstance(found, Path) else []),
    ]


def exports(folder: Path) -> list[dict[str, Any]]:
    """Every row of every export, with `exported_at` from the name of its file; none may be refused."""
    contract = load_contract("scms", "line_item")
    records, stamps = [], []
    for path in sorted((folder / "line_item").iterdir()):
        found = list(read(contract, path))
        records.extend(found)
        stamps.extend([stamp_of(path.name)] * len(found))
    judged = split(contract, records, "health", SHA, datetime(2014, 1, 1, tzinfo=UTC))
    assert judged.rejected == []
    rows = judged.rows.to_pylist()
    return [row | {"exported_at": stamp} for row, stamp in zip(rows, stamps, strict=True)]


class Laid:
    """One source laid out, and all its exports read back through their contract."""

    def __init__(self, source: Path, home: Path) -> None:
        self.home = home
        self.report = scms.lay(source, home / "landing", home / "upcoming", AS_OF)
        self.known, self.later = exports(home / "landing"), exports(home / "upcoming")


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> list[Laid]:
    folder = tmp_path_factory.mktemp("scms")
    own, _, *public = sources(folder)
    return [Laid(source, folder / str(number)) for number, source in enumerate([own, *public])]


Rows = dict[int, list[dict[str, Any]]]


def by_line(rows: list[dict[str, Any]]) -> Rows:
    found: Rows = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


@pytest.fixture
def known(laid: list[Laid]) -> Rows:
    """What is known at as_of of each of our own lines."""
    return by_line(laid[0].known)


@pytest.fixture
def later(laid: list[Laid]) -> Rows:
    """What becomes known of them after as_of."""
    return by_line(laid[0].later)


def test_a_line_is_told_when_sent_without_its_delivery_and_again_when_recorded(known: Rows) -> None:
    sent, recorded = known[1]
    assert (sent["delivered_to_client_date"], sent["delivery_recorded_date"]) == (None, None)
    assert str(recorded["delivery_recorded_date"]) == "2010-06-05"
    assert sent["exported_at"] < recorded["exported_at"]
    told_again = {
        "delivered_to_client_date",
        "delivery_recorded_date",
        "_row_number",
        "_row_sha256",
        "exported_at",
    }
    assert all(sent[name] == recorded[name] for name in sent if name not in told_again)


def test_nothing_of_the_future_is_in_what_is_known(laid: list[Laid]) -> None:
    for one in laid:
        for row in one.known:
            assert row["exported_at"] <= AS_OF
            for name in ("delivery_recorded_date", "delivered_to_client_date"):
                assert row[name] is None or row[name] < AS_OF.date()
        assert all(row["exported_at"] > AS_OF for row in one.later)


def test_an_open_line_is_known_as_open_and_its_delivery_comes_later(known: Rows, later: Rows) -> None:
    assert [row["delivery_recorded_date"] for row in known[3]] == [None]
    assert [str(row["delivery_recorded_date"]) for row in later[3]] == ["2013-05-20"]
    assert [str(row["delivery_recorded_date"]) for row in later[7]] == ["2013-05-02"]
    assert len(known[7]) == 1
    assert 5 not in known
    assert len(later[5]) == 2


def test_a_line_that_was_never_recorded_stays_open(known: Rows, later: Rows) -> None:
    assert [row["delivery_recorded_date"] for row in known[4]] == [None]
    assert 4 not in later


def test_a_file_tells_only_the_last_state_of_a_line(known: Rows) -> None:
    assert [str(row["delivery_recorded_date"]) for row in known[2]] == ["2013-01-20"]


def test_a_line_without_a_usable_sending_day_is_told_once(known: Rows) -> None:
    assert len(known[6]) == 1
    assert len(known[8]) == 1
    assert known[6][0]["po_sent_to_vendor_date"] == "Date Not Captured"


def test_a_day_is_known_at_the_midnight_after_it(known: Rows) -> None:
    assert known[6][0]["exported_at"] == datetime(2013, 4, 1, tzinfo=UTC)


def test_history_comes_monthly_and_the_last_fortnight_daily(laid: list[Laid]) -> None:
    for one in laid:
        files = sorted((one.home / "landing" / "line_item").iterdir())
        assert len(files) == one.report.landing_files < 150
        stamps = [stamp_of(path.name) for path in files]
        months = [
            (stamp - timedelta(seconds=1)).strftime("%Y-%m")
            for stamp in stamps
            if stamp and stamp <= AS_OF - timedelta(days=14)
        ]
        assert len(months) == len(set(months))
        assert one.report.left_out == {}


def test_both_editions_of_the_source_give_the_same_bytes_and_laying_again_writes_nothing(
    tmp_path: Path,
) -> None:
    one, original, *_ = sources(tmp_path)
    for source in (one, original):
        scms.lay(source, tmp_path / source.stem / "l", tmp_path / source.stem / "u", AS_OF)
    files = sorted((tmp_path / "own").rglob("*.csv"))
    assert files
    for path in files:
        assert (tmp_path / "original" / path.relative_to(tmp_path / "own")).read_bytes() == path.read_bytes()
    again = scms.lay(one, tmp_path / "own" / "l", tmp_path / "own" / "u", AS_OF)
    assert again.feeds["line_item"].written_files == 0


def test_the_data_set_itself_keeps_the_contract_row_by_row(tmp_path: Path) -> None:
    contract = load_contract("scms", "line_item")
    for source in sources(tmp_path):
        found = split(contract, read(contract, source), "health", SHA, AS_OF)
        assert found.rejected == []
        assert found.row_count == found.rows.num_rows > 0


def test_a_line_nobody_can_place_in_time_is_left_out_and_counted(tmp_path: Path) -> None:
    lost = line(9, "Date Not Captured", "", pq_first_sent_to_client_date="Pre-PQ Process")
    report = scms.lay(scms_file(tmp_path / "s.csv", [lost]), tmp_path / "l", tmp_path / "u", AS_OF)
    assert report.left_out == {"neither sent nor recorded on a known day": 1}
    assert report.landing_files == report.upcoming_files == 0


def test_line_items_are_read_typed_from_either_edition(tmp_path: Path) -> None:
    one, original, *public = sources(tmp_path)
    pd.testing.assert_frame_equal(scms.read_line_items(one), scms.read_line_items(original))
    for source in (one, *public):
        frame = scms.read_line_items(source)
        assert frame["id"].is_unique
        assert str(frame["scheduled_delivery_date"].dt.tz) == "UTC"
        assert frame["scheduled_delivery_date"].notna().all()
        assert frame["po_sent_to_vendor_date"].isna().any()
        assert frame["freight_usd"].isna().any()
        assert frame["country"].str.contains("Côte").any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2-Jun-06", "2006-06-02"),
        ("11/13/06", "2006-11-13"),
        ("13/11/06", None),
        ("Pre-PQ Process", None),
        ("", None),
    ],
)
def test_a_day_is_read_in_both_spellings_and_a_status_is_no_day(text: str, expected: str | None) -> None:
    found = scms.day(text)
    assert (found.date().isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "missing: 'ID'"),
        (b"a,b\n1,2\n", "missing: 'ID'"),
        (b'"a', "not valid CSV"),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(FileRefused, match=words):
        scms.lay(path, tmp_path / "l", tmp_path / "u", AS_OF)


def test_a_source_with_a_torn_row_is_refused_with_its_number(tmp_path: Path) -> None:
    path = scms_file(tmp_path / "s.csv", own_lines())
    path.write_bytes(path.read_bytes() + b"99,torn\n")
    with pytest.raises(FileRefused, match=f"row {len(own_lines()) + 1} does not have 33 cells"):
        scms.lay(path, tmp_path / "l", tmp_path / "u", AS_OF)
