"""Cargo 2000 on a calendar: what a forwarder would have sent, when it knew it."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.catalog import find
from data.contract import load_contract, split, stamp_of
from data.errors import FileRefused
from data.feeds import c2k
from data.formats import read
from tests.data.builders import SHA, c2k_file, c2k_process

AS_OF = datetime(2013, 4, 17, tzinfo=UTC)
START = datetime(2013, 1, 7, tzinfo=UTC)


def own_processes() -> list[dict[str, str]]:
    late = c2k_process(7, o_dlv_e=1000)
    early = c2k_process(8, i1_rcs_e=10)
    second = c2k_process(2400, legs=2, i2_legid=24002, i2_hops=1, i2_dep_1_place=815, i2_rcf_1_place=256) | {
        f"i2_{step}_{kind}": str(minutes)
        for step, minutes in (("rcs", 100), ("dep_1", 200), ("rcf_1", 900), ("dlv", 300))
        for kind in "pe"
    }
    others = [c2k_process(nr) for nr in (*range(100, 2400, 100), 2450)]
    return [c2k_process(0), late, early, *others, second]


def sources(tmp_path: Path) -> list[Path]:
    """Our own processes, and the public part where this machine has it."""
    found = find("c2k", download=False)
    return [c2k_file(tmp_path / "own.csv", own_processes()), *([found] if isinstance(found, Path) else [])]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path, feed: str, as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    """Every row of a feed through its contract; none may be refused."""
    contract = load_contract("c2k", feed)
    records = [record for path in sorted((folder / feed).iterdir()) for record in read(contract, path)]
    found = split(contract, records, "airfreight", SHA, as_of)
    assert found.rejected == []
    return found.rows.to_pylist()


class Laid:
    """One source laid out, and all its rows read back through their contracts."""

    def __init__(self, source: Path, home: Path) -> None:
        self.home = home
        self.report = c2k.lay(source, home / "landing", home / "upcoming", AS_OF)
        feeds = ("booking", "leg", "milestone")
        self.landing = {feed: rows_of(home / "landing", feed) for feed in feeds}
        self.upcoming = {feed: rows_of(home / "upcoming", feed) for feed in feeds}


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> list[Laid]:
    folder = tmp_path_factory.mktemp("c2k")
    return [Laid(source, folder / str(number)) for number, source in enumerate(sources(folder))]


def test_every_row_keeps_its_contract_and_stands_on_its_side_of_as_of(laid: list[Laid]) -> None:
    for one in laid:
        for feed, when in (("booking", "booked_at"), ("leg", "booked_at"), ("milestone", "reported_at")):
            landing, upcoming, counted = one.landing[feed], one.upcoming[feed], one.report.feeds[feed]
            assert max(row[when] for row in landing) <= AS_OF < min(row[when] for row in upcoming)
            assert (counted.landing_rows, counted.upcoming_rows) == (len(landing), len(upcoming))
            assert len(list((one.home / "landing" / feed).iterdir())) == counted.landing_files < 150
        assert one.report.left_out == {}


def test_the_same_source_gives_the_same_bytes_and_laying_again_writes_nothing(tmp_path: Path) -> None:
    source = c2k_file(tmp_path / "own.csv", own_processes())
    first = c2k.lay(source, tmp_path / "a" / "l", tmp_path / "a" / "u", AS_OF)
    c2k.lay(source, tmp_path / "b" / "l", tmp_path / "b" / "u", AS_OF)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    again = c2k.lay(source, tmp_path / "a" / "l", tmp_path / "a" / "u", AS_OF)
    assert sum(feed.written_files for feed in first.feeds.values()) > 0
    assert sum(feed.written_files for feed in again.feeds.values()) == 0


def test_a_file_that_was_replayed_into_landing_is_not_laid_as_upcoming_again(tmp_path: Path) -> None:
    source = c2k_file(tmp_path / "own.csv", own_processes())
    c2k.lay(source, tmp_path / "l", tmp_path / "u", AS_OF)
    replayed = min((tmp_path / "u" / "milestone").iterdir())
    replayed.rename(tmp_path / "l" / "milestone" / replayed.name)
    c2k.lay(source, tmp_path / "l", tmp_path / "u", AS_OF)
    assert not replayed.exists()


def test_file_names_order_a_feed_as_it_became_known(tmp_path: Path) -> None:
    c2k.lay(c2k_file(tmp_path / "own.csv", own_processes()), tmp_path / "l", tmp_path / "u", AS_OF)
    newest: list[datetime] = []
    for path in [
        *sorted((tmp_path / "l" / "milestone").iterdir()),
        *sorted((tmp_path / "u" / "milestone").iterdir()),
    ]:
        reported = [json.loads(line)["reported_at"] for line in path.read_text(encoding="utf-8").splitlines()]
        assert reported == sorted(reported)
        stamp = stamp_of(path.name)
        assert stamp is not None
        assert datetime.fromisoformat(reported[-1]) == stamp
        assert not newest or datetime.fromisoformat(reported[0]) > newest[-1]
        newest.append(stamp)


def test_history_comes_weekly_and_the_last_fortnight_daily(tmp_path: Path) -> None:
    c2k.lay(c2k_file(tmp_path / "own.csv", own_processes()), tmp_path / "l", tmp_path / "u", AS_OF)
    stamps = [stamp_of(path.name) for path in sorted((tmp_path / "l" / "milestone").iterdir())]
    old = [stamp for stamp in stamps if stamp and stamp <= AS_OF - timedelta(days=14)]
    weeks = [(stamp - timedelta(seconds=1)).isocalendar()[:2] for stamp in old]
    assert len(weeks) == len(set(weeks))


def test_a_process_starts_nr_hours_into_the_calendar_and_is_booked_a_day_before(tmp_path: Path) -> None:
    c2k.lay(c2k_file(tmp_path / "own.csv", own_processes()), tmp_path / "l", tmp_path / "u", AS_OF)
    booking = next(row for row in rows_of(tmp_path / "l", "booking") if row["process_nr"] == 7)
    assert booking["shipment_ref"] == "C2K-000007"
    assert booking["planned_start_at"] == START + timedelta(hours=7)
    assert booking["booked_at"] == START + timedelta(hours=7 - 24)
    assert booking["planned_delivery_at"] == START + timedelta(hours=7, minutes=1200)
    assert (booking["origin_places"], booking["hub_place"], booking["destination_place"]) == (
        "700",
        "256",
        "411",
    )
    assert booking["hop_count"] == 2


def test_milestones_follow_each_other_by_their_minutes(tmp_path: Path) -> None:
    process = c2k.process_of(
        next(c2k._rows(c2k.read_processes(c2k_file(tmp_path / "p.csv", [own_processes()[1]]))))
    )
    incoming, outgoing = process.legs
    minutes = [
        (step.planned_at - process.started_at).total_seconds() / 60
        for step in incoming.steps
        if step.planned_at
    ]
    assert minutes == [60, 180, 420, 600]
    assert outgoing.planned_start_at == incoming.planned_end_at
    assert outgoing.actual_end_at == incoming.planned_end_at + timedelta(minutes=60 + 120 + 240 + 1000)
    assert [(step.code, step.segment, step.place) for step in outgoing.steps] == [
        ("RCS", 0, "256"),
        ("DEP", 1, "256"),
        ("RCF", 1, "411"),
        ("DLV", 1, "411"),
    ]


def test_the_outgoing_leg_waits_for_the_last_incoming_one(tmp_path: Path) -> None:
    process = c2k.process_of(
        next(c2k._rows(c2k.read_processes(c2k_file(tmp_path / "p.csv", [own_processes()[-1]]))))
    )
    first, second, outgoing = process.legs
    assert first.planned_start_at == second.planned_start_at == process.started_at
    assert second.planned_end_at > first.planned_end_at
    assert outgoing.planned_start_at == second.planned_end_at
    assert [leg.sequence for leg in process.legs] == [1, 2, 3]
    assert [leg.role for leg in process.legs] == ["incoming_1", "incoming_2", "outgoing"]


def test_a_milestone_that_did_not_happen_is_not_told_and_nothing_after_it_can_be_dated(
    tmp_path: Path,
) -> None:
    source = c2k_file(tmp_path / "p.csv", [c2k_process(0, i1_rcf_1_e="?"), c2k_process(2400)])
    c2k.lay(source, tmp_path / "l", tmp_path / "u", AS_OF)
    mine = [row for row in rows_of(tmp_path / "l", "milestone") if row["shipment_ref"] == "C2K-000000"]
    assert len([row for row in mine if row["classifier"] == "planned"]) == 8
    told = [(row["leg_role"], row["milestone_code"]) for row in mine if row["classifier"] == "actual"]
    assert told == [("incoming_1", "RCS"), ("incoming_1", "DEP")]


def test_a_process_whose_plan_is_incomplete_is_left_out_and_counted(tmp_path: Path) -> None:
    broken = [c2k_process(1, o_dlv_p="?"), c2k_process(2, i1_dep_1_place="?"), c2k_process(3, i1_rcs_p="?")]
    report = c2k.lay(
        c2k_file(tmp_path / "p.csv", [c2k_process(0), *broken]), tmp_path / "l", tmp_path / "u", AS_OF
    )
    assert report.left_out == {"the plan of a leg is incomplete": 3}
    assert report.feeds["booking"].landing_rows == 1


def test_plans_are_known_at_booking_and_facts_when_they_happen(laid: list[Laid]) -> None:
    for one in laid:
        booked = {row["shipment_ref"]: row["booked_at"] for row in one.landing["booking"]}
        for row in one.landing["milestone"]:
            expected = row["occurred_at"] if row["classifier"] == "actual" else booked[row["shipment_ref"]]
            assert row["reported_at"] == row["_recorded_at"] == expected


def test_lateness_on_the_calendar_is_lateness_in_the_minutes(tmp_path: Path) -> None:
    for source in sources(tmp_path):
        frame = c2k.read_processes(source)
        processes = [c2k.process_of(row) for row in c2k._rows(frame)]
        total: dict[str, Any] = defaultdict(float)
        for kind in ("p", "e"):
            legs = {
                leg: sum(frame[f"{leg}_{step}_{kind}"].fillna(0) for step, _, _ in c2k.STEPS)
                for leg in c2k.ROLES
            }
            total[kind] = legs["o"] + legs["i1"].combine(legs["i2"], max).combine(legs["i3"], max)
        late = [process.legs[-1].actual_end_at > process.legs[-1].planned_end_at for process in processes]  # type: ignore[operator]
        assert late == list(total["e"] > total["p"])


def test_processes_are_read_wide_with_question_marks_as_unknown(tmp_path: Path) -> None:
    for source in sources(tmp_path):
        frame = c2k.read_processes(source)
        assert frame["nr"].is_unique
        assert str(frame["legs"].dtype) == "int64"
        assert frame["i3_rcs_p"].isna().any()
        assert all(str(kind) in ("int64", "float64") for kind in frame.dtypes)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a,b\n1,2\n", "lacks 'nr'"), (c2k_file, "not a number")],
    ids=["columns", "cells"],
)
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "other.csv"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        c2k_file(path, [c2k_process(0, o_rcs_p="soon")])
    with pytest.raises(FileRefused, match=words):
        c2k.lay(path, tmp_path / "l", tmp_path / "u", AS_OF)
