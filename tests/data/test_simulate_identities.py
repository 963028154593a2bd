"""The truth about who is who: told for every message, and links held against it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from data.simulate import identities, play


def truth() -> list[dict[str, str]]:
    world = play(7, 30, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    return [json.loads(line) for line in identities.lines(world)]


def test_every_message_and_customer_belongs_to_one_thing() -> None:
    told = truth()
    assert {line["kind"] for line in told} == {"message", "customer"}
    assert len({(line["kind"], line["record"]) for line in told}) == len(told)


def test_a_wrong_link_a_missing_one_and_one_across_customers_are_each_seen() -> None:
    messages = [line for line in truth() if line["kind"] == "message"]
    first = messages[0]
    other = next(line for line in messages if line["customer_id"] != first["customer_id"])
    links = [
        {"kind": "message", "record": line["record"] + "R007", "belongs_to": line["belongs_to"]}
        for line in messages[2:]
    ]
    links += [
        {"kind": "message", "record": first["record"] + "0000", "belongs_to": other["belongs_to"]},
        {"kind": "message", "record": messages[1]["record"] + "0000", "belongs_to": None},
    ]
    (score,) = identities.compare(links, truth())
    assert score["records"] == len(messages)
    assert (score["linked"], score["right"]) == (len(messages) - 1, len(messages) - 2)
    assert score["precision"] == (len(messages) - 2) / (len(messages) - 1)
    assert score["recall"] == (len(messages) - 2) / len(messages)
    assert score["across_customers"] == 1


def test_a_link_of_a_record_without_a_true_owner_is_left_out() -> None:
    assert identities.compare([{"kind": "customer", "record": "C0", "belongs_to": "x"}], truth()) == []
