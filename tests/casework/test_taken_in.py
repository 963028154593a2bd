"""The sums of what was taken in: as if all of it were read, without reading what came long ago."""

from __future__ import annotations

import hashlib
import random

import pytest

from casework import ledger, taken_in
from casework.ledger import FileKey
from casework.store.engine import reading_across
from casework.taken_in import TakenIn
from tests.casework.office import ENGINEER, FEED_TIME, TENANT, Office
from tests.casework.test_intake import refusal

TENANTS, FEEDS = (TENANT, "health"), ("shipment", "milestone")


def sums(office: Office, known: TakenIn) -> tuple[int, ...]:
    with reading_across(office.engine) as connection:
        return known.sums(connection)


def arrives(office: Office, name: str, tenant: str = TENANT, feed: str = "shipment") -> FileKey:
    key = FileKey(tenant, feed, hashlib.sha256(name.encode()).hexdigest())
    told = {"file_name": name, "size_bytes": 9, "recorded_at": FEED_TIME, "now": office.clock()}
    ledger.register(office.engine, key, **told)
    return key


def is_loaded(office: Office, key: FileKey, refused: int = 0) -> None:
    assert ledger.claim(office.engine, key, now=office.clock(), run_id="run-1")
    ledger.settle(
        office.engine, key, row_count=9, loaded=9 - refused, duplicates=0,
        refusals=[refusal(number) for number in range(refused)], loader_version="1", now=office.clock(),
    )  # fmt: skip


def is_refused(office: Office, key: FileKey) -> None:
    assert ledger.claim(office.engine, key, now=office.clock(), run_id="run-1")
    ledger.refuse(office.engine, key, "It is no file of ours.", office.clock())


def ignore_a_row(office: Office) -> None:
    engineer = office.who(ENGINEER)
    for row in office.casework.quarantine(engineer, TENANT, state="quarantined", limit=1).rows:
        office.casework.ignore_row(engineer, TENANT, row.quarantine_id, "It is a test.")


def read_one_again(office: Office, chance: random.Random) -> None:
    engineer = office.who(ENGINEER)
    refused = ledger.refused_since(office.engine, TENANT, FEED_TIME.replace(year=2000))
    if refused:
        one = chance.choice(refused)
        sha = hashlib.sha256(one.file_name.encode()).hexdigest()
        office.casework.read_again(engineer, TENANT, one.feed, sha, "It is mended.")


@pytest.mark.parametrize("seed", range(3))
def test_they_are_what_they_would_be_if_all_were_read(office: Office, seed: int) -> None:
    chance, known, waiting = random.Random(seed), TakenIn(), list[FileKey]()
    seen = {sums(office, known)}
    for number in range(40):
        office.clock.forward(minutes=chance.choice((0, 1, 20, 200)))
        waiting.append(arrives(office, f"{number}.csv", chance.choice(TENANTS), chance.choice(FEEDS)))
        while waiting and chance.random() < 0.6:  # some wait for hours
            key = waiting.pop(chance.randrange(len(waiting)))
            if chance.random() < 0.3:
                is_refused(office, key)
            else:
                is_loaded(office, key, refused=chance.randrange(3))
        if chance.random() < 0.3:
            ignore_a_row(office)
        if chance.random() < 0.3:
            read_one_again(office, chance)
        seen.add(sums(office, known))
        assert sums(office, known) == sums(office, TakenIn())
    assert len(seen) > 20


def test_one_that_counts_no_more_is_not_made_up_for_by_another(office: Office) -> None:
    known, keys = TakenIn(), [arrives(office, name) for name in ("a", "b")]
    is_refused(office, keys[0])
    before = sums(office, known)
    office.casework.read_again(office.who(ENGINEER), TENANT, "shipment", keys[0].file_sha256, "It is mended.")
    is_loaded(office, keys[1])
    assert sums(office, known) != before
    is_loaded(office, keys[0])
    assert sums(office, known) == sums(office, TakenIn())


def test_what_came_long_ago_is_not_read_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        is_loaded(office, arrives(office, f"old-{number}"))
    office.clock.forward(hours=5)
    is_loaded(office, arrives(office, "of late"))
    known, read = TakenIn(), list[str]()
    before = sums(office, known)
    hashed = taken_in._hash
    monkeypatch.setattr(taken_in, "_hash", lambda row: (read.append(row.file_sha256), hashed(row))[1])
    is_loaded(office, arrives(office, "new"))
    assert sums(office, known) != before
    assert sorted(read) == sorted(hashlib.sha256(name).hexdigest() for name in (b"of late", b"new"))
    assert sums(office, known) == sums(office, TakenIn())
