"""What is broken in a posted body is named by its path, costs only itself, and is never guessed."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import load_contract
from data.errors import FileRefused
from data.formats import read
from data.records import Record
from tests.data.builders import judge
from tests.data.webhook_bodies import (
    AFTERSHIP,
    BODIES,
    FEDEX,
    FLEXPORT,
    PROJECT44,
    SHIP24,
    TERMINAL49,
    Path,
    changed,
    problems,
    records,
)

ADVICE = "Ask the provider to send it again, or correct the row by hand."
TRACK: Path = ("output", "completeTrackResults", 0, "trackResults", 0)
FAULTS: list[tuple[str, Any, str, str]] = [
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints", 1, "checkpoint_time")),
        "required",
        "$.msg.checkpoints[1].checkpoint_time is missing, and an event needs its time",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints", 1, "checkpoint_time"), "2026-02-30T10:00:00"),
        "time",
        "$.msg.checkpoints[1].checkpoint_time is '2026-02-30T10:00:00', which is not a time written like "
        "2026-08-01T14:05:00Z, 2026-08-01T14:05:00 or 2026-08-01",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "tracking_number"), " "),
        "required",
        "$.msg.tracking_number is missing, and an event must be of a shipment",
    ),
    ("aftership", {"event": "ping"}, "required", "$.msg is missing, and it holds the tracking"),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints"), {}),
        "type",
        "$.msg.checkpoints holds an object where a list is expected",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints", 0, "city"), ["Köln"]),
        "type",
        "$.msg.checkpoints[0].city holds a list where one value is expected",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints", 0, "city"), "\ud800"),
        "encoding",
        "$.msg.checkpoints[0].city holds a character that is not text (a NUL or half of a surrogate pair)",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("msg", "checkpoints", 0, "message"), "x" * 2001),
        "max_length",
        "$.msg.checkpoints[0].message is longer than 2,000 characters",
    ),
    (
        "aftership",
        changed(AFTERSHIP, ("ts",), "yesterday"),
        "time",
        "$.ts is 'yesterday', which is not a number of seconds since 1970",
    ),
    (
        "fedex",
        changed(FEDEX, (*TRACK, "scanEvents", 0, "eventType")),
        "required",
        "$.output.completeTrackResults[0].trackResults[0].scanEvents[0].eventType is missing, "
        "and an event needs its code",
    ),
    (
        "fedex",
        changed(FEDEX, TRACK, {"trackingNumberInfo": {}, "error": {"code": "TRACKING.NOTFOUND"}}),
        "error",
        "$.output.completeTrackResults[0].trackResults[0].error is FedEx's answer 'TRACKING.NOTFOUND' "
        "instead of a state",
    ),
    (
        "flexport",
        changed(FLEXPORT, ("type",), "/invoice#invoice_shared"),
        "shape",
        "$.type is '/invoice#invoice_shared', which is not about a shipment",
    ),
    (
        "flexport",
        changed(FLEXPORT, ("type",), "/shipment_leg#updated_estimated_out_for_delivery"),
        "shape",
        "$.type is '/shipment_leg#updated_estimated_out_for_delivery', whose estimated time has no documented "
        "place",
    ),
    (
        "flexport",
        changed(changed(FLEXPORT, ("data", "shipment")), ("data", "containers"), []),
        "required",
        "$.data.shipment.id is missing, and an event must be of a shipment",
    ),
    (
        "project44",
        changed(PROJECT44, ("events", 1, "estimateDateTime")),
        "required",
        "$.events[1].dateTime is missing, and an event needs its time",
    ),
    (
        "project44",
        {"shipment": {"id": "1"}},
        "shape",
        "$ has neither events nor status updates",
    ),
    (
        "ship24",
        changed(SHIP24, ("trackings", 0, "events", 1, "statusMilestone"), None),
        "required",
        "$.trackings[0].events[1].statusMilestone is missing, and an event needs its code",
    ),
    (
        "terminal49",
        changed(TERMINAL49, ("included", 3)),
        "required",
        "$.data.relationships.reference_object.data names an object that is not among the included ones",
    ),
    (
        "terminal49",
        changed(TERMINAL49, ("included", 3, "relationships"), {}),
        "required",
        "$.included[3] names no shipment, and an event must be of one",
    ),
    (
        "terminal49",
        changed(TERMINAL49, ("included",), [TERMINAL49["included"][3]] * 2),  # type: ignore[index]
        "shape",
        "$.included[1] has the type and id of another included object",
    ),
]


@pytest.mark.parametrize(("provider", "body", "rule", "words"), FAULTS)
def test_what_is_broken_is_named_by_its_path_and_nothing_is_guessed(
    provider: str, body: Any, rule: str, words: str
) -> None:
    assert (rule, f"{words}. {ADVICE}") in problems(provider, body)


def test_more_events_than_agreed_refuse_the_file() -> None:
    body = changed(AFTERSHIP, ("msg", "checkpoints"), [{}] * 50_001)
    with pytest.raises(FileRefused, match="limit of 50,000 rows"):
        records("aftership", body)


def test_a_broken_event_costs_only_itself() -> None:
    body = changed(AFTERSHIP, ("msg", "checkpoints", 0, "checkpoint_time"), "soon")
    found = judge(load_contract("partner", "webhook_aftership"), json.dumps(body).encode())
    assert (found.rows.num_rows, [item.row_number for item in found.rejected]) == (2, [1])
    assert '"InTransit_007"' in found.rejected[0].raw


def test_a_broken_tracking_costs_only_itself() -> None:
    body = copy.deepcopy(SHIP24)
    body["trackings"].append({"tracker": {}, "events": []})
    found = records("ship24", body)
    assert [record.problem is None for record in found] == [True, True, True, False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"tracking_number,city\n1,Bonn\n", "not valid JSON"),
        (b"[]", "not an object of named values"),
        (b'{"msg": 1, "msg": 2}', "the key 'msg' appears more than once"),
        (b'{"msg": NaN}', "NaN is not a JSON number"),
        (b'{"a":' * 100_000, "nested more than 32 levels deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested more than 32 levels deep"),
        (b'{"msg": "\xff"}', "is not valid UTF-8"),
        (b"x" * 8_388_609, "limit is 8,388,608"),
        (b"{\n" * 50_000, "nested more than 32"),
        (b"\n" * 1_000_000, "it is empty"),
    ],
)
def test_a_file_that_is_no_posted_body_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        list(read(load_contract("partner", "webhook_aftership"), content))


def test_a_file_over_the_feeds_limit_is_refused_unread() -> None:
    contract = load_contract("partner", "webhook_ship24").model_copy(update={"max_bytes": 10})
    with pytest.raises(FileRefused, match="limit is 10"):
        list(read(contract, json.dumps(SHIP24).encode()))


def test_a_body_that_repeats_what_is_shared_stays_small_and_quick() -> None:
    containers = [{"id": number} for number in range(20_000)]
    body = changed(FLEXPORT, ("data", "containers"), containers)
    started = time.monotonic()
    found = records("flexport", changed(body, ("data", "shipment", "name"), "x" * 2000))
    assert len(found) == 20_000
    assert time.monotonic() - started < 20
    assert max(len(record.raw_text) for record in found) < 100
    body = copy.deepcopy(PROJECT44)
    body["shipment"]["identifiers"] = [{"type": "ORDER", "value": f"{number:050}"} for number in range(9_000)]
    [(rule, words)] = problems("project44", body)
    assert (rule, "$.shipment holds more than 20,000 characters of references" in words) == (
        "max_length",
        True,
    )


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path of a body, its own left out."""
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
) | st.sampled_from(["2026-13-01", "2026-08-01T10:00:00", "9999-12-31T23:59:59-23:59", "\ud800", "x" * 5000])


def texts(value: Any) -> Iterator[str]:
    """Every name and value of a body as the text it was written in."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
    elif value is not None:
        yield json.dumps(value)


#: What a reader says of an event itself: its identity, the lists and the certainty of its codes, its place.
OWN = {"event_id", "code_list", "classifier", "location_code_list", "position", "sent_at", "event_code"}


def assert_held(record: Record, body: Any) -> None:
    """Every cell of a row is in its body, in the body's own writing."""
    held = set(texts(body))
    for name, value in record.values.items():
        if value is None or (
            name in OWN and not (name == "event_code" and record.values.get("classifier") is None)
        ):
            continue
        if name == "shipment_references":
            assert all(kept in {text.strip() for text in held} for _, kept in json.loads(value)), value
        elif name == "occurred_local":
            assert any(text[: len(value)].replace(" ", "T") == value for text in held), value
        else:
            assert value in held, (name, value)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_body_it_is_a_row_a_problem_or_a_refusal(data: st.DataObject) -> None:
    provider, body, _ = data.draw(st.sampled_from(list(BODIES.values())))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(body))))
        body = changed(body, path, data.draw(st.just(...) | JSON))
        if not list(places(body)):
            break
    try:
        found = records(provider, body)
    except FileRefused:
        return
    for record in found:
        if record.problem is None:
            assert record.values["event_id"] and record.values["event_code"]
            assert (record.values.get("occurred_at") is None) != (record.values.get("occurred_local") is None)
            assert_held(record, body)
        else:
            assert record.problem.message


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from(sorted(BODIES)))
def test_whatever_bytes_are_put_into_a_body_nothing_else_is_raised(
    noise: bytes, place: int, name: str
) -> None:
    provider, body, _ = BODIES[name]
    content = json.dumps(body).encode()
    try:
        list(read(load_contract("partner", f"webhook_{provider}"), content[:place] + noise + content[place:]))
    except FileRefused as refused:
        is_packed = place == 0 and refused.rule == "wrapped"  # noise may begin as a packed file does
        assert is_packed or "json" in refused.rule
