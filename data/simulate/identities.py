"""Who is who in the simulated network, whatever its systems call them: the truth that identity is held against.

A line names a record of a feed and what it truly belongs to: a carrier's message its shipment, an ERP customer
number its CRM account. A message that a carrier sends again under a new id keeps all but the last four signs of
the id, so messages are told by what is before those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from data.simulate.exports import event_id
from data.simulate.movement import World

#: Signs at the end of a message's id that differ when it is sent again.
AGAIN = 4


def lines(world: World) -> Iterator[str]:
    """The truth as JSON lines: `kind` (message or customer), `record` and what it `belongs_to`."""
    for shipment in world.shipments:
        for number, _ in enumerate(shipment.messages):
            record = event_id(world, shipment, str(number))[:-AGAIN]
            yield _line("message", record, shipment.number, shipment.customer.account_id)
    for customer in world.network.customers:
        yield _line("customer", customer.erp_no, customer.account_id, customer.account_id)


def compare(linked: Iterable[Mapping[str, Any]], truth: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Score links of records (`kind`, `record`, `belongs_to` or None where none was made) against truth lines.

    One row per kind: `records` (with a true owner), `linked`, `right`, `precision` and `recall` (0-1; None where
    there is nothing to divide by), and `across_customers`, the links to something of another customer.
    """
    true = {(line["kind"], line["record"]): line for line in truth}
    customer_of = {line["belongs_to"]: line["customer_id"] for line in true.values()}
    found: dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for link in linked:
        record = link["record"][:-AGAIN] if link["kind"] == "message" else link["record"]
        if line := true.get((link["kind"], record)):
            found.setdefault(link["kind"], []).append((link, line))
    return [_score(kind, pairs, customer_of) for kind, pairs in sorted(found.items())]


def _score(
    kind: str, pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]], customer_of: Mapping[str, str]
) -> dict[str, Any]:
    linked = [(link["belongs_to"], line) for link, line in pairs if link["belongs_to"] is not None]
    right = sum(belongs_to == line["belongs_to"] for belongs_to, line in linked)
    return {
        "kind": kind,
        "records": len(pairs),
        "linked": len(linked),
        "right": right,
        "precision": right / len(linked) if linked else None,
        "recall": right / len(pairs) if pairs else None,
        "across_customers": sum(
            customer_of.get(belongs_to) != line["customer_id"] for belongs_to, line in linked
        ),
    }


def _line(kind: str, record: str, belongs_to: str, customer_id: str) -> str:
    said = {"kind": kind, "record": record, "belongs_to": belongs_to, "customer_id": customer_id}
    return json.dumps(said)
