"""I10: whatever is done to the log behind its back is found at its place; the untouched log always verifies."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from casework.evidence import chain
from casework.evidence.checkpoints import append_checkpoint, checkpoint
from casework.evidence.keys import Keys
from casework.model import Action
from casework.store.tables import audit_entries, audit_heads, cases
from tests.casework.invariants.conftest import Stores
from tests.casework.office import LEAD, PLANNER, TENANT, Office, exception, with_fact
from tests.faults import figures, sizes

log = audit_entries.c
FIELDS = ("tenant_id", "sequence", "occurred_at", "actor", "action", "case_id", "object_id", "payload")
HASHES = ("payload_sha256", "previous_hash", "entry_hash")
FOLDED = {
    "state": "closed",
    "owner": "person:nobody",
    "version": 99,
    "facts_version": 99,
    "facts_sha256": "0" * 64,
}


@pytest.fixture
def lived(stores: Stores) -> Iterator[Office]:
    """A desk with a history: cases worked on, facts that changed, a message approved, a right taken away."""
    office = stores.fresh()
    office.sync(*(exception(number) for number in range(4)))
    for number in range(4):
        case_id = office.case_id(f"predicted_late:SH-{number}")
        office.perform(case_id, Action.START)
        office.perform(case_id, Action.ASSIGN, owner=PLANNER)
        office.perform(case_id, Action.COMMENT, text=f"note {number}")
    office.approve(office.draft())
    office.clock.forward(hours=1)
    office.sync(*(with_fact(exception(number), "late_probability", 0.9) for number in range(3)))
    office.casework.revoke(PLANNER, TENANT, LEAD)
    yield office
    stores.done(office)


@contextmanager
def behind_its_back(office: Office) -> Iterator[Connection]:
    """A connection of somebody who owns the database: no trigger stops it. Everything is taken back."""
    with office.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("set local session_replication_role = replica"))
        else:
            names = connection.execute(
                text("select name from sqlite_master where type = 'trigger'")
            ).scalars()
            for name in list(names):
                connection.execute(text(f"drop trigger {name}"))
        yield connection
        connection.rollback()


def verified(office: Office, connection: Connection) -> chain.Report:
    desk = office.casework.desk
    return chain.verify_within(connection, TENANT, desk.checkpoints(TENANT), desk.keys.public)


def entries(office: Office) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        return list(chain.entries_of(connection, TENANT))


def rewrite(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Put a whole log in the place of the old one, with a head that fits."""
    connection.execute(delete(audit_entries).where(log.tenant_id == TENANT))
    if rows:
        connection.execute(insert(audit_entries), rows)
    last = {"sequence": rows[-1]["sequence"], "entry_hash": rows[-1]["entry_hash"]} if rows else {}
    connection.execute(
        update(audit_heads)
        .where(audit_heads.c.tenant_id == TENANT)
        .values(last or {"sequence": 0, "entry_hash": chain.GENESIS})
    )


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) | {"sequence": number} for number, row in enumerate(rows, start=1)]


def relinked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same entries with every hash worked out anew: what an attacker who knows the scheme does."""
    previous, made = chain.GENESIS, []
    for row in numbered(rows):
        entry = chain.link(
            TENANT,
            row["sequence"],
            previous,
            **{
                name: row[name]
                for name in ("occurred_at", "actor", "action", "payload", "case_id", "object_id")
            },
        )
        previous = entry["entry_hash"]
        made.append(entry)
    return made


def other(row: Mapping[str, Any], field: str, draw: random.Random) -> Any:
    """Another value for a field of an entry."""
    value = row[field]
    if field == "sequence":
        return 1_000_000
    if field == "occurred_at":
        return value + timedelta(microseconds=draw.choice((-1, 1, 10**9)))
    if field == "payload":
        return value | {"details": value["details"] | {"note": draw.random()}}
    if field in HASHES:
        return f"{(int(value, 16) + 1) % 2**256:064x}"
    return "x" if value is None else f"{value}'"


# Each does something to the log and returns the first position that is wrong then.
Attack = Callable[[Connection, list[dict[str, Any]], random.Random], int]


def changes_a_field(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    row = draw.choice(rows)
    field = draw.choice(FIELDS + HASHES)
    where = (log.tenant_id == TENANT, log.sequence == row["sequence"])
    connection.execute(update(audit_entries).where(*where).values({field: other(row, field, draw)}))
    return int(row["sequence"])


def changes_what_is_said_and_its_hash(
    connection: Connection, rows: list[dict[str, Any]], draw: random.Random
) -> int:
    row = draw.choice(rows)
    payload = other(row, "payload", draw)
    forged = chain.link(
        TENANT,
        row["sequence"],
        row["previous_hash"],
        **{name: row[name] for name in ("occurred_at", "actor", "action", "case_id", "object_id")},
        payload=payload,
    )
    where = (log.tenant_id == TENANT, log.sequence == row["sequence"])
    hashes = {"payload": payload, "payload_sha256": forged["payload_sha256"]}
    if draw.random() < 0.5 or row["sequence"] == len(rows):
        connection.execute(update(audit_entries).where(*where).values(hashes))
        return int(row["sequence"])
    connection.execute(
        update(audit_entries).where(*where).values(hashes | {"entry_hash": forged["entry_hash"]})
    )
    # Where a signed checkpoint saw this very entry it is found there, otherwise by the next one.
    return -int(row["sequence"])


def takes_one_out(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    at = draw.randrange(len(rows))
    where = (log.tenant_id == TENANT, log.sequence == at + 1)
    connection.execute(delete(audit_entries).where(*where))
    return at + 1


def puts_one_in(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    at = draw.randrange(len(rows))
    forged = dict(draw.choice(rows)) | {"actor": "person:forger"}
    rewrite(connection, numbered([*rows[:at], forged, *rows[at:]]))
    return at + 1


def swaps_two(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    first, second = sorted(draw.sample(range(len(rows)), 2))
    swapped = list(rows)
    swapped[first], swapped[second] = rows[second], rows[first]
    rewrite(connection, numbered(swapped))
    return first + 1


def doubles_one(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    at = draw.randrange(len(rows))
    rewrite(connection, numbered([*rows[: at + 1], *rows[at:]]))
    return at + 2


def cuts_the_tail(connection: Connection, rows: list[dict[str, Any]], draw: random.Random) -> int:
    kept = draw.randrange(len(rows))
    rewrite(connection, rows[:kept])
    return kept + 1


ATTACKS: tuple[Attack, ...] = (
    changes_a_field,
    changes_a_field,
    changes_what_is_said_and_its_hash,
    takes_one_out,
    puts_one_in,
    swaps_two,
    doubles_one,
    cuts_the_tail,
)


def test_whatever_is_done_to_the_log_is_found_at_its_place(stores: Stores, lived: Office) -> None:
    rows, draw = entries(lived), random.Random(sizes.SEED)
    assert len(rows) > 40
    for _ in range(sizes.figure("tamperings")):
        attack = draw.choice(ATTACKS)
        with behind_its_back(lived) as connection:
            position = attack(connection, rows, draw)
            report = verified(lived, connection)
        places = (position,) if position > 0 else (-position, -position + 1)
        assert not report.ok, (attack.__name__, position)
        assert report.position in places, (attack.__name__, position, report.sentence)
        figures.count("I10", stores.name, "changes of the log found")
    assert chain.verify(lived.casework, TENANT).ok


def test_a_log_rewritten_from_any_entry_on_is_found_by_the_signed_checkpoints(
    stores: Stores, lived: Office
) -> None:
    """Every hash fits, and the head; only the signatures are out of reach."""
    rows, draw = entries(lived), random.Random(sizes.SEED)
    marks = [json.loads(line)["sequence"] for line in checkpoint_lines(lived)]
    for _ in range(max(10, sizes.figure("tamperings") // 10)):
        victim = draw.randrange(len(rows))
        forged = [dict(row) for row in rows]
        forged[victim]["actor"] = "person:forger"
        with behind_its_back(lived) as connection:
            rewrite(connection, relinked(forged))
            report = verified(lived, connection)
        assert (report.ok, report.position) == (False, min(mark for mark in marks if mark > victim))
        figures.count("I10", stores.name, "rewritten logs found")
    with behind_its_back(lived) as connection:
        rewrite(connection, relinked(rows))
        assert verified(lived, connection).ok  # without a victim it is the same log


def checkpoint_lines(office: Office) -> list[str]:
    return office.casework.desk.checkpoints(TENANT).read_text().splitlines()


def test_every_decision_is_seen_by_a_checkpoint_at_once(lived: Office) -> None:
    marks = [json.loads(line)["sequence"] for line in checkpoint_lines(lived)]
    lived.perform(lived.case_id("predicted_late:SH-3"), Action.COMMENT, text="one more")
    last = json.loads(checkpoint_lines(lived)[-1])["sequence"]
    assert last == len(entries(lived)) == marks[-1] + 1


def test_a_case_changed_behind_the_logs_back_is_found(lived: Office) -> None:
    mine = cases.c.case_id == lived.case_id()
    for column, value in FOLDED.items():
        with behind_its_back(lived) as connection:
            connection.execute(update(cases).where(mine).values({column: value}))
            report = verified(lived, connection)
        assert not report.ok and lived.case_id() in str(report.problem), column


def test_a_cut_log_with_checkpoints_of_the_attackers_own_is_not_trusted(lived: Office) -> None:
    """The file beside the store is cut as well, and signed anew with another key."""
    path, rows = lived.casework.desk.checkpoints(TENANT), entries(lived)
    whole = path.read_bytes()
    kept = rows[: len(rows) // 2]
    forger = Keys(lived.home / "forged")
    path.unlink()
    append_checkpoint(
        path, checkpoint(forger, TENANT, len(kept), kept[-1]["entry_hash"], kept[-1]["occurred_at"])
    )
    with behind_its_back(lived) as connection:
        connection.execute(delete(cases).where(cases.c.tenant_id == TENANT))
        rewrite(connection, kept)
        report = verified(lived, connection)
    path.write_bytes(whole)
    assert not report.ok and "signature" in str(report.problem)
    assert chain.verify(lived.casework, TENANT).ok
