"""What goes wrong on the way from the systems to the landing folder.

Carriers spell references their own way; rows and whole events are sent twice; some references are
mistyped; and about one row in two hundred breaks its contract. Most broken rows are sent again, right, a
day or two later. Late, out-of-order and missing messages are not made here: they are in `reports`,
because they truly were so sent.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace

from data.simulate.exports import FEED_FORMATS, MASTER_FEEDS, Row, stamp
from data.simulate.movement import World
from data.simulate.network import dice
from data.simulate.world import minute

BAD_SHARE = 0.005
REPEATED_SHARE = 0.01
RESENT_SHARE = 0.01
MISTYPED_SHARE = 0.002
_MENDED_SHARE = 0.7
_MEND_HOURS = (14.0, 44.0)
_CODES = {
    "shipment": "status",
    "milestone": "event_code",
    "document": "document_type",
    "order": "currency_code",
    "carrier": "mode",
    "facility": "facility_type",
    "weather": "alert_type",
    "commitment": "customer_tier",
    "customer": "customer_tier",
}
_KEYS = {
    "shipment": "shipment_no",
    "milestone": "event_id",
    "document": "shipment_no",
    "order": "order_no",
    "carrier": "carrier_scac",
    "facility": "facility_code",
    "weather": "alert_id",
    "inventory": "sku",
    "commitment": "commitment_id",
    "customer": "erp_customer_no",
}
_INSTANTS = {
    "shipment": "planned_arrival_at",
    "milestone": "occurred_at",
    "document": "received_at",
    "order": "promised_delivery_at",
    "carrier": "exported_at",
    "facility": "exported_at",
    "weather": "starts_at",
    "commitment": "promised_at",
    "customer": "exported_at",
}
_AMOUNTS = {"order": "quantity", "inventory": "on_hand_quantity", "commitment": "penalty_per_day"}
_RECORDED = {"milestone": "reported_at", "weather": "issued_at"}


def disturb(world: World, rows: list[Row]) -> list[Row]:
    """The rows as they will arrive: in each system's spelling, some of them twice, mistyped or broken."""
    draws = {feed: dice(world.network.seed, "noise", feed) for feed in FEED_FORMATS}
    spelling = {carrier.scac: carrier.spelling for carrier in world.network.carriers}
    disturbed: list[Row] = []
    for row in rows:
        draw = draws[row.feed]
        if row.feed == "milestone":
            row = _spell(row, spelling[row.values["carrier_scac"]], draw)
        disturbed += _breaks(world, row, draw) if _may_break(row) and draw.random() < BAD_SHARE else [row]
        disturbed += _again(world, row, draw)
    return [row for row in disturbed if row.recorded <= world.clock.span]


def spell(reference: str, habit: str, draw: random.Random) -> str:
    """A reference as a carrier writes it: letters, digits and their order stay, the rest does not."""
    cut = 4 if reference[:4].isalpha() else 3
    if habit == "dashed":
        return f"{reference[:cut]}-{reference[cut:-1]}-{reference[-1]}".replace("--", "-")
    if habit == "spaced":
        return f"{reference[:cut]} {reference[cut:-1]} {reference[-1]}".replace("- ", " ")
    if habit == "lower":
        return draw.choice((reference.lower(), f" {reference.lower()}", reference.lower().replace("-", "")))
    return reference if draw.random() > 0.05 else f"{reference} "


def _spell(row: Row, habit: str, draw: random.Random) -> Row:
    reference = spell(row.values["reference"], habit, draw)
    if draw.random() < MISTYPED_SHARE:
        reference = _mistype(reference, draw)
    return replace(row, values={**row.values, "reference": reference})


def _mistype(reference: str, draw: random.Random) -> str:
    """Change the first digit: such a row keeps its contract, but belongs to no shipment."""
    place = next(index for index, sign in enumerate(reference) if sign.isdigit())
    return (
        reference[:place] + str((int(reference[place]) + draw.randint(0, 7)) % 9 + 1) + reference[place + 1 :]
    )


def _again(world: World, row: Row, draw: random.Random) -> Iterator[Row]:
    """The same row in a later file, or the whole event as a new message."""
    chance = draw.random()
    if chance < REPEATED_SHARE:
        yield replace(row, files_later=draw.choice((1, 1, 2)))
    elif row.feed == "milestone" and chance < REPEATED_SHARE + RESENT_SHARE:
        sent = minute(row.recorded + draw.uniform(0.5, 48))
        values = {**row.values, "event_id": f"{row.values['event_id'][:-4]}R{draw.randrange(1000):03d}"}
        yield replace(row, recorded=sent, values={**values, "reported_at": stamp(world, sent)})


def _may_break(row: Row) -> bool:
    """The first export of master data is whole, or nothing could be read against it."""
    return row.feed not in MASTER_FEEDS or row.recorded > 24


def _breaks(world: World, row: Row, draw: random.Random) -> list[Row]:
    """The row broken, and for the most part the right one again a day or two later."""
    broken = _break(row, draw)
    if row.feed in MASTER_FEEDS or row.feed == "inventory" or draw.random() > _MENDED_SHARE:
        return [broken]
    if row.feed == "document":
        return [broken, replace(row, files_later=1)]
    sent = minute(row.recorded + draw.uniform(*_MEND_HOURS))
    values = {**row.values, _RECORDED.get(row.feed, "exported_at"): stamp(world, sent)}
    return [broken, replace(row, recorded=sent, values=values)]


def _break(row: Row, draw: random.Random) -> Row:
    kinds = ["missing_key"]
    kinds += ["negative_amount"] if row.feed in _AMOUNTS else []
    if row.feed != "inventory":
        kinds += [
            "bad_date",
            "unknown_code",
            "ragged_line" if FEED_FORMATS[row.feed] == "csv" else "cut_line",
        ]
    kind = draw.choice(kinds)
    values = dict(row.values)
    if kind == "missing_key":
        values[_KEYS[row.feed]] = None
    elif kind == "negative_amount":
        values[_AMOUNTS[row.feed]] = -abs(int(float(values[_AMOUNTS[row.feed]]))) - 1
    elif kind == "bad_date":
        values[_INSTANTS[row.feed]] = draw.choice(
            ("2026-13-45T25:61:00Z", "31/02/2026", "yesterday", "0000-00-00")
        )
    elif kind == "unknown_code":
        values[_CODES[row.feed]] = draw.choice(("UNKNOWN", "X9", "n/a?"))
    else:
        return replace(row, fault=kind, text=_torn(row, kind, draw))
    return replace(row, fault=kind, values=values)


def _torn(row: Row, kind: str, draw: random.Random) -> str:
    """A line with fields too few or too many, or JSON that stops in the middle."""
    if kind == "cut_line":
        whole = json.dumps(row.values, ensure_ascii=False)
        return whole[: int(len(whole) * draw.uniform(0.3, 0.9))]
    fields = ["" if value is None else str(value).replace(",", " ") for value in row.values.values()]
    return ",".join(fields[:-2] if draw.random() < 0.5 else [*fields, "?", "?"])
