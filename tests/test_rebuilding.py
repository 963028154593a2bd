"""The warehouse filled again from the kept files: the same rows, of the same files, known since the same instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from casework import ledger
from casework.permissions import grants
from casework.store.engine import migrate
from orchestration import loading, rebuilding
from orchestration.assets.raw import check_filled, raw_tables
from orchestration.errors import RebuildDiffers, WarehouseUnfilled
from orchestration.landing import register_landed
from orchestration.loading import load_feed
from orchestration.places import OneFile
from orchestration.rebuilding import Refilled, refill
from orchestration.resources import Platform
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from tests import lakes
from tests.faults.test_loading_crashes import HEADING, line

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
RAW = "select * from raw.network__shipment order by all"


def stated(number: int, status: str = "in_transit") -> str:
    """A shipment that its producer dates later than any clock here: it is known since its file came."""
    return line(number, status).replace("2026-08-20T00:00:00Z", "2026-09-03T00:00:00Z")


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """A home where files came in another order than their names', with known rows, a bad one and its correction."""
    home = tmp_path / "var"
    home.mkdir()
    made = Platform(Settings(home=home, datasets=None, store_url=f"sqlite:///{home / 'operational.db'}"))
    migrate(made.engine)
    made.casework.bootstrap(NOW)
    made.casework.begin_clock("demo", NOW)
    made.warehouse.prepare(raw_tables(made))
    come(made, "shipment_b.csv", [stated(1), stated(2), stated(3)])
    made.casework.set_clock("demo", NOW + timedelta(hours=5))
    come(made, "shipment_a.csv", [stated(3), stated(4), stated(7, "no such status"), stated(4)])
    made.casework.set_clock("demo", NOW + timedelta(hours=9))
    (row,) = made.casework.quarantine(engineer(made), "demo").rows
    made.casework.correct_row(engineer(made), "demo", row.quarantine_id, {"status": "in_transit"})
    come(made, "shipment_c.csv", [stated(5)])
    come(made, "shipment_0.csv", [stated(7)])  # the corrected row once more
    return made


def engineer(platform: Platform) -> Any:
    with platform.casework.desk.reading_across() as connection:
        return grants.current(connection, "person:engineer")


def come(platform: Platform, name: str, lines: list[str]) -> None:
    """Let a file land and be loaded."""
    land(platform, name, lines)
    load(platform)


def land(platform: Platform, name: str, lines: list[str]) -> None:
    folder = platform.settings.landing / "demo" / "shipment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join([HEADING, *lines]) + "\n")
    register_landed(platform, settle_seconds=0)


def load(platform: Platform) -> None:
    contract = platform.contract_of("demo", "shipment")
    assert contract is not None
    with platform.warehouse.lock():
        ledger.release_claims(platform.engine)
        assert not load_feed(platform, contract, "demo", "run").gaps


def rows(platform: Platform) -> list[dict[str, Any]]:
    return list(platform.warehouse.read(RAW).to_pylist())


def again(platform: Platform) -> Refilled:
    with platform.warehouse.lock():
        return refill(platform, raw_tables(platform))


def loaded(platform: Platform) -> list[Any]:
    return ledger.loaded_files(platform.engine, "demo", "shipment")


def test_it_holds_the_same_rows_again_and_the_ledger_is_as_it_was(platform: Platform) -> None:
    before, told = rows(platform), loaded(platform)
    known = {row["shipment_no"]: row["_recorded_at"] for row in before}
    hours = {number: known[f"SH-{number:06}"] - NOW for number in (1, 4, 7)}
    assert len(before) == 6
    assert hours == {1: timedelta(0), 4: timedelta(hours=5), 7: timedelta(hours=9)}
    assert again(platform) == Refilled(files=4, rows=5, corrections=1)
    assert rows(platform) == before
    assert loaded(platform) == told
    check_filled(platform)


def test_what_was_cut_off_builds_nothing_until_it_is_done_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(platform)

    def cut(_point: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rebuilding, "crashpoint", cut)
        again(platform)
    with pytest.raises(WarehouseUnfilled, match="tidewaiter rebuild"):
        check_filled(platform)
    again(platform)
    check_filled(platform)
    assert rows(platform) == before


def test_what_a_killed_loading_left_is_no_duplicate_of_what_was_loaded_before_it_was_tried_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(point: str) -> None:
        if point == "load:after-rows-before-settle":
            raise KeyboardInterrupt

    land(platform, "shipment_y.csv", [stated(20), stated(21)])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loading, "crashpoint", cut)
        load(platform)
    land(platform, "shipment_x.csv", [stated(21)])  # first by name, so first now
    load(platform)
    counts = {row.file_name: (row.loaded_count, row.duplicate_count) for row in loaded(platform)}
    assert counts["shipment_x.csv"] == (1, 0) and counts["shipment_y.csv"] == (1, 1)
    before = rows(platform)
    again(platform)
    assert rows(platform) == before


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_kept_bytes_that_are_gone_or_changed_are_told_before_anything_is_done(
    platform: Platform, harm: str
) -> None:
    before = rows(platform)
    (first, *_others) = loaded(platform)
    kept = platform.originals.path(first.file_sha256)
    kept.chmod(0o600)
    if harm == "gone":
        kept.unlink()
    else:
        kept.write_text("\n".join([HEADING, stated(1), stated(2), stated(8)]) + "\n")
    with pytest.raises(RebuildDiffers, match=r"shipment_b\.csv: .*Nothing was done"):
        again(platform)
    assert rows(platform) == before
    check_filled(platform)


def test_a_contract_that_gives_other_rows_now_is_told_and_nothing_is_built(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = platform.contract_of("demo", "shipment")
    assert contract is not None
    stricter = contract.columns["carrier_scac"].model_copy(update={"enum": ["ELSE"]})
    columns = {**contract.columns, "carrier_scac": stricter}
    changed = contract.model_copy(update={"columns": columns})
    monkeypatch.setitem(platform.contracts, ("network", "shipment"), changed)
    with pytest.raises(RebuildDiffers, match=r"shipment_b\.csv of demo had 3 rows and now has 0"):
        again(platform)
    with pytest.raises(WarehouseUnfilled):
        check_filled(platform)


def test_a_new_place_is_filled_before_anything_is_built_in_it(platform: Platform, tmp_path: Path) -> None:
    before = rows(platform)
    moved = Platform(platform.settings)
    moved.warehouse.place = OneFile(tmp_path / "elsewhere" / "warehouse.duckdb")
    for _run in range(2):
        with pytest.raises(WarehouseUnfilled):
            check_filled(moved)
    again(moved)
    check_filled(moved)
    assert rows(moved) == before


def test_a_lake_is_filled_from_the_kept_files_of_a_home_that_had_one_file(
    platform: Platform, tmp_path: Path
) -> None:
    before = rows(platform)
    moved = Platform(platform.settings)
    moved.warehouse = Warehouse(lakes.lake(lakes.server(tmp_path / "postgres"), str(tmp_path / "data")))
    with pytest.raises(WarehouseUnfilled):
        check_filled(moved)
    again(moved)
    assert rows(moved) == before


def test_a_home_where_nothing_was_loaded_needs_nothing(tmp_path: Path) -> None:
    empty = Platform(Settings(tmp_path, None, f"sqlite:///{tmp_path / 'operational.db'}"))
    migrate(empty.engine)
    check_filled(empty)
