"""The exports of the simulated world are as untidy as real ones, and still can be read back to the truth."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from data.simulate import lay, play
from data.simulate.booking import check_digit
from data.simulate.exports import event_id, reference
from data.simulate.movement import World
from data.simulate.network import dice
from data.simulate.noise import spell

AS_OF = datetime(2026, 9, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    """The default world as it really was."""
    return play()


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of the default world."""
    folder = tmp_path_factory.mktemp("world")
    lay(folder / "landing", folder / "upcoming", folder / "truth.jsonl", AS_OF)
    return folder / "landing"


@pytest.fixture(scope="module")
def messages(landing: Path) -> list[dict[str, str]]:
    """Readable milestone rows in the order of their files."""
    rows = []
    for path in sorted((landing / "milestone").iterdir()):
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if is_instant(row.get("occurred_at")) and row.get("event_id"):
                rows.append(row)
    return rows


def is_instant(text: str | None) -> bool:
    """Whether a text is an instant with its zone."""
    try:
        return text is not None and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def bare(text: str) -> str:
    """Letters and digits of a reference."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def table(folder: Path) -> list[dict[str, str]]:
    """Readable rows of a CSV feed."""
    rows = []
    for path in sorted(folder.iterdir()):
        rows += [
            row for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))) if None not in row
        ]
    return rows


def test_carriers_write_references_their_own_way(world: World, messages: list[dict[str, str]]) -> None:
    exact = {reference(s, kind) for s in world.shipments for kind in ("PRO", "CONTAINER", "SHIPMENT")}
    plain = {bare(name) for name in exact}
    strange = [row for row in messages if row["reference"] not in exact]
    assert 0.3 < len(strange) / len(messages) < 0.9
    unknown = [row for row in messages if bare(row["reference"]) not in plain]
    assert 0.0005 < len(unknown) / len(messages) < 0.006


def test_a_mistyped_reference_never_names_another_shipment(
    world: World, messages: list[dict[str, str]]
) -> None:
    owners = defaultdict(set)
    for shipment in world.shipments:
        for kind in ("PRO", "CONTAINER", "SHIPMENT"):
            owners[shipment.carrier.scac, bare(reference(shipment, kind))].add(shipment.number)
    sender = {
        event_id(world, shipment, str(number))[:-4]: shipment.number
        for shipment in world.shipments
        for number in range(len(shipment.messages))
    }
    for row in messages:
        named = owners.get((row["carrier_scac"], bare(row["reference"])))
        assert named is None or sender[row["event_id"][:-4]] in named


@pytest.mark.parametrize("habit", ["plain", "dashed", "spaced", "lower"])
@pytest.mark.parametrize("name", ["NPLU1234563", "7812345678", "SH-100234"])
def test_spelling_keeps_letters_and_digits(habit: str, name: str) -> None:
    draw = dice("spelling", habit, name)
    assert {bare(spell(name, habit, draw)) for _ in range(50)} == {bare(name)}


def test_crm_and_erp_know_customers_by_different_names_and_the_cross_reference_joins_them(
    landing: Path,
) -> None:
    crosswalk = {row["customer_id"]: row["erp_customer_no"] for row in table(landing / "customer")}
    erp = {row["order_no"]: row["customer_ref"] for row in table(landing / "order") if row["order_no"]}
    joined = 0
    for row in table(landing / "commitment"):
        assert row["customer_ref"] not in crosswalk.values()
        if row["order_no"] in erp:
            assert crosswalk[row["customer_ref"]] == erp[row["order_no"]]
            joined += 1
    assert joined > 500


def test_messages_come_late_and_out_of_order(messages: list[dict[str, str]]) -> None:
    actual = [row for row in messages if row["classifier"] == "actual"]
    told = [
        (datetime.fromisoformat(row["reported_at"]), datetime.fromisoformat(row["occurred_at"]))
        for row in actual
    ]
    hours = [(reported - occurred).total_seconds() / 3600 for reported, occurred in told]
    assert 0.02 < sum(lag > 12 for lag in hours) / len(hours) < 0.25
    overtaken = 0
    by_shipment: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row, (reported, occurred) in zip(actual, told, strict=True):
        by_shipment[bare(row["reference"])].append((reported, occurred))
    for events in by_shipment.values():
        occurrences = [occurred for _, occurred in sorted(events)]
        overtaken += occurrences != sorted(occurrences)
    assert overtaken > 15


def test_some_rows_come_again_in_a_later_file_and_some_events_as_a_new_message(
    landing: Path, messages: list[dict[str, str]]
) -> None:
    lines = Counter(
        line
        for path in (landing / "milestone").iterdir()
        for line in set(path.read_text(encoding="utf-8").splitlines())
    )
    assert sum(count > 1 for count in lines.values()) > 80
    told = defaultdict(set)
    for row in messages:
        if row["classifier"] == "actual":
            told[row["reference"], row["event_code"], row["location_code"], row["occurred_at"]].add(
                row["event_id"]
            )
    assert sum(len(ids) > 1 for ids in told.values()) > 10


def test_a_copy_never_comes_before_its_row(landing: Path) -> None:
    first: dict[str, str] = {}
    for path in sorted((landing / "document").iterdir()):
        stamp = path.stem.rsplit("_", 1)[1]
        for line in path.read_text(encoding="utf-8").splitlines():
            first.setdefault(line, stamp)
            if '"received_at": "20' in line and line.endswith("}"):
                received = json.loads(line)["received_at"]
                if is_instant(received):
                    assert datetime.fromisoformat(received).strftime("%Y%m%dT%H%M%SZ") <= stamp


def test_some_events_are_never_reported(world: World) -> None:
    arrivals = sum(stop.arrived is not None for s in world.shipments for stop in s.stops[1:])
    reported = sum(
        m.code in ("ARRI", "GATE_IN") and m.classifier == "actual"
        for s in world.shipments
        for m in s.messages
    )
    assert 0.85 < reported / arrivals < 0.98


def test_estimates_get_better_as_the_arrival_comes_near(world: World) -> None:
    errors: dict[str, list[float]] = {"early": [], "last": []}
    for shipment in world.shipments:
        arrived = shipment.stops[-1].arrived
        told = [m for m in shipment.messages if m.code == "ETA" and arrived is not None and m.sent < arrived]
        if arrived is not None and len(told) >= 3:
            errors["early"].append(abs(told[0].occurred - arrived))
            errors["last"].append(abs(told[-1].occurred - arrived))
    assert median(errors["last"]) < 12
    assert median(errors["last"]) < median(errors["early"])


def test_some_carriers_write_local_time(messages: list[dict[str, str]]) -> None:
    zones = {str(datetime.fromisoformat(row["occurred_at"]).utcoffset()) for row in messages}
    assert {"0:00:00", "2:00:00", "8:00:00"} <= zones


def test_a_container_may_travel_twice_but_never_at_the_same_time(world: World) -> None:
    journeys = defaultdict(list)
    for shipment in world.shipments:
        if shipment.container_no:
            assert int(shipment.container_no[-1]) == check_digit(shipment.container_no[:-1])
            journeys[shipment.container_no].append(shipment)
    twice = [pair for pair in journeys.values() if len(pair) > 1]
    assert twice
    for first, second in twice:
        assert first.planned_arrival + 24 * 50 < second.booked


def test_check_digit_is_that_of_the_standard() -> None:
    assert check_digit("CSQU305438") == 3
