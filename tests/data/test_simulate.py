"""The simulated world is laid out the same each time, at any size, in files a producer could have sent."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from data.contract import load_contracts, split, stamp_of
from data.formats import read
from data.simulate import ENDS_AT, STARTS_AT, LayReport, SimulationError, lay, play

AS_OF = datetime(2026, 9, 1, 6, tzinfo=UTC)


def lay_in(folder: Path, **options: object) -> LayReport:
    """Lay a world below a folder."""
    arguments = {"as_of": AS_OF, **options}
    return lay(folder / "landing", folder / "upcoming", folder / "truth.jsonl", **arguments)


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LayReport, float]:
    """The default world, laid once, with the processor seconds it took."""
    folder = tmp_path_factory.mktemp("world")
    began = time.process_time()
    report = lay_in(folder)
    return folder, report, time.process_time() - began


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    lay_in(tmp_path / "one", shipments=40)
    lay_in(tmp_path / "two", shipments=40)
    first, second = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert first == second
    assert any(name.endswith(".parquet") for name in first)
    assert "truth.jsonl" in first


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    lay_in(tmp_path / "one", shipments=60)
    lay_in(tmp_path / "two", shipments=60, seed=8)
    assert digests(tmp_path / "one") != digests(tmp_path / "two")


def test_laying_again_leaves_identical_files_untouched(tmp_path: Path) -> None:
    first = lay_in(tmp_path, shipments=60)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = lay_in(tmp_path, shipments=60)
    assert first.written_files == first.landing_files + first.upcoming_files
    assert again.written_files == 0
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shipments", [1, 40, 400])
def test_a_world_has_as_many_shipments_as_were_asked_for(tmp_path: Path, shipments: int) -> None:
    lay_in(tmp_path, shipments=shipments)
    contract = load_contracts()[("network", "shipment")]
    names = {
        record.values["shipment_no"]
        for path in (*(tmp_path / "landing/shipment").glob("*"), *(tmp_path / "upcoming/shipment").glob("*"))
        for record in read(contract, path)
        if not record.problem
    }
    known = {f"SH-{100001 + index:06d}" for index in range(shipments)}
    assert names - {None, ""} <= known
    assert len(names & known) >= 0.98 * shipments


def test_a_bigger_world_has_as_much_more_to_say() -> None:
    small, big = play(shipments=300), play(shipments=1500)
    messages = [sum(len(shipment.messages) for shipment in world.shipments) for world in (small, big)]
    assert 4.0 < messages[1] / messages[0] < 6.0
    assert len(big.network.customers) > len(small.network.customers)
    assert len(big.network.products) > len(small.network.products)
    late = [sum(bool(s.is_late) for s in world.shipments) / len(world.shipments) for world in (small, big)]
    assert all(0.15 < share < 0.35 for share in late)


def test_a_world_of_any_time_has_its_storm(tmp_path: Path) -> None:
    starts = datetime(2027, 1, 1, tzinfo=UTC)
    report = lay_in(tmp_path, shipments=400, starts_at=starts, ends_at=starts + timedelta(days=60),
                    as_of=starts + timedelta(days=46))  # fmt: skip
    assert report.truth_total["disruption"] >= 1
    assert report.open_shipments > 50


def test_the_default_world_takes_less_than_ten_seconds(laid: tuple[Path, LayReport, float]) -> None:
    assert laid[2] < 10


def test_a_file_is_stamped_with_the_newest_recorded_time_in_it(laid: tuple[Path, LayReport, float]) -> None:
    columns = {"shipment": "exported_at", "document": "received_at", "inventory": "exported_at",
               "weather": "issued_at", "milestone": "reported_at", "order": "exported_at"}  # fmt: skip
    for feed, column in columns.items():
        contract = load_contracts()[("network", feed)]
        for path in sorted((laid[0] / "landing" / feed).iterdir())[-6:]:
            newest = max(instants(read(contract, path), column))
            stamp = stamp_of(path.name)
            assert stamp is not None
            # a broken row may be the newest, and then cannot say so
            assert newest <= stamp, path
            assert stamp - newest < timedelta(hours=6), path


def instants(records: object, column: str) -> list[datetime]:
    """The readable instants of a column."""
    found = []
    for record in records:  # type: ignore[attr-defined]
        try:
            found.append(datetime.fromisoformat(record.values[column]))
        except (KeyError, ValueError, TypeError):
            continue
    return found


def test_landing_holds_what_is_recorded_by_then_and_upcoming_the_rest(
    laid: tuple[Path, LayReport, float],
) -> None:
    folder, report, _ = laid
    landed = [stamp_of(path.name) for path in (folder / "landing").rglob("*.*")]
    coming = [stamp_of(path.name) for path in (folder / "upcoming").rglob("*.*")]
    assert len(landed) == report.landing_files
    assert len(coming) == report.upcoming_files
    assert max(stamp for stamp in landed if stamp) <= AS_OF < min(stamp for stamp in coming if stamp)
    assert all(stamp and STARTS_AT <= stamp <= ENDS_AT for stamp in (*landed, *coming))


def test_history_comes_weekly_then_daily_and_the_future_in_quarters_of_a_day(
    laid: tuple[Path, LayReport, float],
) -> None:
    folder = laid[0]
    landed = sorted(
        stamp for path in (folder / "landing/milestone").iterdir() if (stamp := stamp_of(path.name))
    )
    recent = [stamp for stamp in landed if stamp > AS_OF - timedelta(days=14)]
    assert len(recent) == 14
    assert 10 <= len(landed) - len(recent) <= 13
    coming = [stamp for path in (folder / "upcoming/milestone").iterdir() if (stamp := stamp_of(path.name))]
    assert 100 <= len(coming) <= 4 * 29
    days = [
        stamp.date() for path in (folder / "upcoming/document").iterdir() if (stamp := stamp_of(path.name))
    ]
    assert 25 <= len(days) <= 30


def test_every_feed_keeps_its_contract_but_for_the_rows_that_were_broken(
    laid: tuple[Path, LayReport, float],
) -> None:
    folder, report, _ = laid
    contracts = load_contracts()
    for feed, row_count in report.rows.items():
        contract = contracts[("network", feed)]
        files = sorted(folder.glob(f"*/{feed}/*"))
        records = chain.from_iterable(read(contract, path) for path in files)
        judged = split(contract, records, "demo", "0" * 64, ENDS_AT)
        assert (judged.row_count, len(judged.rejected)) == (row_count, report.bad_rows.get(feed, 0)), feed


def test_about_one_row_in_two_hundred_is_broken(laid: tuple[Path, LayReport, float]) -> None:
    report = laid[1]
    assert 0.003 < report.bad_share < 0.008
    assert {"milestone", "shipment", "inventory", "order", "document"} <= report.bad_rows.keys()


def test_the_default_world_is_as_busy_as_a_desk_at_its_clock(laid: tuple[Path, LayReport, float]) -> None:
    report = laid[1]
    bounds = {"customs_hold": (5, 10), "disruption": (1, 1), "facility_dwell": (3, 9), "late_departure": (2, 10),
              "late_now": (3, 12), "pod_missing": (4, 12), "predicted_late": (25, 70),
              "stock_out_before_inbound": (3, 12), "tracking_silent": (5, 12),
              "trade_document_missing": (5, 12)}  # fmt: skip
    assert 120 <= report.open_shipments <= 180
    assert 0.20 <= report.late_share <= 0.30
    assert report.truth_open.keys() == bounds.keys()
    for kind, (least, most) in bounds.items():
        assert least <= report.truth_open[kind] <= most, kind


@pytest.mark.parametrize("options", [
    {"shipments": 0},
    {"as_of": STARTS_AT},
    {"as_of": ENDS_AT + timedelta(days=1)},
    {"as_of": datetime(2026, 9, 1)},
    {"ends_at": STARTS_AT + timedelta(hours=5), "as_of": STARTS_AT + timedelta(hours=2)},
])  # fmt: skip
def test_arguments_that_make_no_world_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(SimulationError):
        lay_in(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
