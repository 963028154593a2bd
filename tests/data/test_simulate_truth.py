"""The truth file says what really happened: it agrees with the world, with the exports, and with itself."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.simulate import lay, play, truth
from data.simulate.intervals import Interval
from data.simulate.movement import World
from data.simulate.world import Shipment

AS_OF = datetime(2026, 9, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    """The default world as it really was."""
    return play()


@pytest.fixture(scope="module")
def found(world: World) -> list[Interval]:
    """Its exceptions."""
    return truth.intervals(world)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default world, laid."""
    target = tmp_path_factory.mktemp("world")
    lay(target / "landing", target / "upcoming", target / "truth.jsonl", AS_OF)
    return target


def of_type(found: list[Interval], kind: str) -> list[Interval]:
    """Exceptions of a type; there must be some."""
    kept = [item for item in found if item.exception_type == kind]
    assert kept, kind
    return kept


def by_number(world: World) -> dict[str, Shipment]:
    """Shipments by their number."""
    return {shipment.number: shipment for shipment in world.shipments}


def test_the_truth_file_holds_every_exception_in_order(
    folder: Path, world: World, found: list[Interval]
) -> None:
    rows = truth.read(folder / "truth.jsonl")
    assert len(rows) == len(found)
    assert [row["starts_at"] for row in rows] == sorted(row["starts_at"] for row in rows)
    assert {row["exception_type"] for row in rows} == set(truth.EXCEPTION_TYPES)
    for row in rows:
        starts = datetime.fromisoformat(row["starts_at"])
        assert starts.utcoffset() == timedelta(0)
        assert row["ends_at"] is None or datetime.fromisoformat(row["ends_at"]) > starts
        assert row["cause"]


def test_no_subject_has_two_exceptions_of_a_type_at_once(found: list[Interval]) -> None:
    lanes = defaultdict(list)
    for item in found:
        lanes[item.exception_type, item.subject].append(item)
    for items in lanes.values():
        for earlier, later in zip(items, items[1:], strict=False):
            assert earlier.ends is not None
            assert earlier.ends <= later.starts


def test_predicted_late_ends_where_late_now_begins(world: World, found: list[Interval]) -> None:
    shipments = by_number(world)
    predicted = {item.subject: item for item in of_type(found, "predicted_late")}
    for item in of_type(found, "late_now"):
        assert item.starts == shipments[item.subject].promised
        if item.subject in predicted:
            assert predicted[item.subject].ends == item.starts
    assert all(shipments[name].is_late for name in predicted)
    missing = [s.number for s in world.shipments if s.is_late and s.promised < world.clock.span
               and s.number not in predicted]  # fmt: skip
    assert missing == []


def test_a_silent_carrier_sent_nothing_from_three_days_before(world: World, found: list[Interval]) -> None:
    shipments = by_number(world)
    for item in of_type(found, "tracking_silent"):
        shipment = shipments[item.subject]
        end = item.ends if item.ends is not None else world.clock.span
        assert not [m for m in shipment.messages if item.starts - 71.9 < m.sent < end - 0.01]
        assert shipment.departed is not None
        assert shipment.departed <= item.starts - 72 + 1e-6


def test_a_late_departure_had_not_left(world: World, found: list[Interval]) -> None:
    shipments = by_number(world)
    for item in of_type(found, "late_departure"):
        shipment = shipments[item.subject]
        assert item.starts == shipment.planned_departure + 12
        assert item.ends in (None, shipment.departed, shipment.cancelled)


def test_nothing_leaves_a_closed_port(world: World) -> None:
    closures = [alert for alert in world.episodes.alerts if alert.closes]
    assert closures
    for alert in closures:
        left = [stop.departed for s in world.shipments for stop in s.stops
                if stop.code == alert.location and stop.departed is not None]  # fmt: skip
        assert left
        assert not [hour for hour in left if alert.starts + 0.02 < hour < alert.ends]


def test_the_storm_holds_many_shipments_and_is_the_disruption(world: World, found: list[Interval]) -> None:
    storm = max((a for a in world.episodes.alerts if a.closes), key=lambda alert: alert.ends - alert.starts)
    item = next(i for i in of_type(found, "disruption") if i.subject == storm.alert_id)
    assert 14 <= len(item.details["held"]) <= 30
    assert set(item.details["held"]) <= set(item.details["shipments"])
    assert 90 < storm.ends - storm.starts < 110
    assert abs((world.clock.at(storm.starts) - datetime(2026, 8, 30, tzinfo=UTC)).total_seconds()) < 12 * 3600


def test_customs_holds_of_the_truth_are_in_the_exports_until_their_release(folder: Path) -> None:
    events = defaultdict(set)
    for row in json_rows(folder / "landing/milestone"):
        if row["classifier"] == "actual" and row["reference_type"] == "PRO":
            events[row["reference"].replace("-", "").replace(" ", "")].add(row["event_code"])
    holds = sum("CUSTOMS_HOLD" in codes for codes in events.values())
    assert holds > 3
    now = [row for row in truth.read(folder / "truth.jsonl") if row["exception_type"] == "customs_hold"
           and holds_at(row, AS_OF)]  # fmt: skip
    assert 5 <= len(now) <= 10


def test_papers_that_are_missing_by_the_truth_are_not_in_the_exports(folder: Path) -> None:
    taken_in = {
        (row["shipment_no"], row["document_type"])
        for row in json_rows(folder / "landing/document")
        if row.get("status") == "received"
    }
    missing = 0
    for row in truth.read(folder / "truth.jsonl"):
        if row["exception_type"] in ("pod_missing", "trade_document_missing") and holds_at(row, AS_OF):
            kind = row["details"].get("document_type", "POD")
            assert (row["shipment_no"], kind) not in taken_in
            missing += 1
    assert missing >= 8


def test_what_the_feeds_say_of_lateness_is_what_happened(folder: Path, world: World) -> None:
    promised: dict[str, datetime] = {}
    for path in sorted((folder / "landing/order").iterdir()):
        for line in path.read_text().splitlines()[1:]:
            cells = line.split(",")
            if len(cells) == 11 and cells[8].startswith("2026-") and cells[0] and len(cells[8]) == 20:
                promised[cells[0]] = instant(cells[8]) or AS_OF
    names = {s.pro_number: s for s in world.shipments}
    agreed = compared = 0
    for row in json_rows(folder / "landing/milestone"):
        shipment = names.get(row["reference"].replace("-", "").replace(" ", ""))
        if row["event_code"] == "DELIVERED" and row["classifier"] == "actual" and shipment:
            due = promised.get(shipment.order_no)
            if due is not None:
                compared += 1
                agreed += (row["at"] > due) == shipment.is_late
    assert compared > 150
    assert agreed / compared > 0.98


def test_stock_runs_dry_before_its_inbound(world: World, found: list[Interval]) -> None:
    shipments = by_number(world)
    for item in of_type(found, "stock_out_before_inbound"):
        shipment = shipments[item.shipment_no or ""]
        dry_at = item.starts + 24 * item.details["on_hand"] / item.details["daily_demand"]
        assert shipment.delivered is not None
        assert dry_at < shipment.delivered
        facility, sku = item.subject.split(":")
        assert shipment.stops[-1].code == facility
        assert sku in {line.sku for line in shipment.lines}


def test_lateness_can_be_learned_from_carrier_lane_and_deviation(world: World) -> None:
    cutoff = world.clock.hours(AS_OF)
    past = [s for s in world.shipments if s.delivered is not None and s.delivered < cutoff]
    coming = [s for s in world.shipments if s.delivered is not None and (s.stops[1].arrived or 0) >= cutoff]
    score = np.array([chance(s, past) for s in coming])
    late = np.array([bool(s.is_late) for s in coming])
    assert 0.75 < area_under_curve(score, late) < 0.95


def chance(shipment: Shipment, past: list[Shipment]) -> float:
    """Late share of past shipments of the mode that were about as far behind, its own carrier's first."""
    behind = deviation(shipment)
    alike = sorted(
        (s for s in past if s.lane.mode == shipment.lane.mode),
        key=lambda s: abs(deviation(s) - behind) + (0 if s.carrier == shipment.carrier else 6),
    )[:25]
    return sum(bool(s.is_late) for s in alike) / len(alike)


def deviation(shipment: Shipment) -> float:
    """Hours behind plan at the first stop."""
    return (shipment.stops[1].arrived or 0.0) - shipment.stops[1].planned_arrival


def area_under_curve(score: np.ndarray, late: np.ndarray) -> float:
    """Chance that a late shipment scores above one in time."""
    pairs = score[late][:, None] - score[~late][None, :]
    return float((pairs > 0).mean() + 0.5 * (pairs == 0).mean())


def test_comparing_counts_hits_misses_and_what_is_over() -> None:
    hour = timedelta(hours=1)
    lines = [
        line("late_now", "SH-1", AS_OF - 5 * hour, None),
        line("late_now", "SH-2", AS_OF - 9 * hour, AS_OF - hour),
        line("late_now", "SH-3", AS_OF + hour, None),
        line("late_now", "SH-4", AS_OF - hour, AS_OF + hour),
        line("pod_missing", "SH-9", AS_OF - hour, None),
    ]
    seen = [
        {"exception_type": "late_now", "subject": "SH-1", "detected_at": AS_OF - 2 * hour},
        {"exception_type": "late_now", "subject": "SH-2", "detected_at": AS_OF},
        {"exception_type": "late_now", "subject": "SH-3", "detected_at": AS_OF},
        {"exception_type": "customs_hold", "subject": "SH-7", "detected_at": None},
    ]
    scores = {row["exception_type"]: row for row in truth.compare(seen, lines, AS_OF)}
    late = scores["late_now"]
    assert (late["detected"], late["true"], late["matched"], late["stale"]) == (3, 2, 1, 1)
    assert late["precision"] == pytest.approx(1 / 3)
    assert late["recall"] == pytest.approx(1 / 2)
    assert late["median_delay_hours"] == 3
    assert late["missed"] == ["SH-4"]
    assert (scores["pod_missing"]["precision"], scores["pod_missing"]["recall"]) == (None, 0.0)
    assert (scores["customs_hold"]["precision"], scores["customs_hold"]["recall"]) == (0.0, None)


def test_the_truth_compared_with_itself_is_perfect(folder: Path) -> None:
    lines = truth.read(folder / "truth.jsonl")
    now = [{"exception_type": row["exception_type"], "subject": row["subject"], "detected_at": row["starts_at"]}
           for row in lines if holds_at(row, AS_OF)]  # fmt: skip
    scores = truth.compare(now, lines, AS_OF)
    assert {row["exception_type"] for row in scores} == set(truth.EXCEPTION_TYPES)
    assert all(row["precision"] == row["recall"] == 1 for row in scores)


def line(kind: str, subject: str, starts: datetime, ends: datetime | None) -> dict[str, Any]:
    """A line of a truth file."""
    return {"exception_type": kind, "subject": subject, "starts_at": starts.isoformat(),
            "ends_at": ends.isoformat() if ends else None}  # fmt: skip


def holds_at(row: dict[str, Any], moment: datetime) -> bool:
    """Whether a line of the truth file holds at a moment."""
    ends = row["ends_at"]
    return datetime.fromisoformat(row["starts_at"]) <= moment and (
        ends is None or moment < datetime.fromisoformat(ends)
    )


def instant(text: str | None) -> datetime | None:
    """An instant out of a text, or None."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def json_rows(target: Path) -> list[dict[str, Any]]:
    """Readable rows of a JSON lines feed; `at` is the instant they speak of."""
    rows = []
    for path in sorted(target.iterdir()):
        for text in path.read_text(encoding="utf-8").split("\n"):
            try:
                row = json.loads(text)
            except ValueError:
                continue
            at = instant(row.get("occurred_at") or row.get("received_at"))
            if at is not None:
                rows.append({**row, "at": at})
    return rows
