"""Whatever is changed in the log of decisions is found, at its place; an untouched log always verifies."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from casework.access.links import NewLink
from casework.canonical import canonical_bytes
from casework.evidence import chain
from casework.evidence.checkpoints import last_checkpoint
from casework.model import Action, Role
from casework.store.engine import open_store
from casework.store.tables import APPEND_ONLY, handover_items, priority_weights
from tests.casework.office import LEAD, OWN_CUSTOMER, PLANNER, TENANT, Office, exception, with_fact

TEXT_COLUMNS = ("actor", "action", "case_id", "object_id", "payload_sha256", "previous_hash", "entry_hash")


@pytest.fixture
def told(sqlite_office: Office) -> Office:
    """A short history: two cases, one worked on, one changed by new facts, one approval."""
    office = sqlite_office
    office.sync(exception(1), exception(2))
    case_id = office.case_id()
    office.perform(case_id, Action.TRIAGE)
    office.perform(case_id, Action.ASSIGN, owner=PLANNER)
    office.approve(office.draft())
    office.sync(exception(1), with_fact(exception(2), "late_probability", 0.9), publication="pub-2")
    assert chain.verify(office.casework, TENANT).ok
    return office


class Tampering:
    """A copy of the store without its triggers: an attacker with the file is not stopped by them."""

    def __init__(self, office: Office) -> None:
        self.desk = office.casework.desk
        target = office.home.parent / "tampered.db"
        source = sqlite3.connect(office.home / "operational.db")
        with sqlite3.connect(target) as copy:
            source.backup(copy)
            for (name,) in copy.execute("select name from sqlite_master where type = 'trigger'").fetchall():
                copy.execute(f"drop trigger {name}")
        source.close()
        copy.close()
        self.engine = open_store(f"sqlite:///{target}")

    def after(self, *statements: tuple[str, tuple[Any, ...]]) -> chain.Report:
        """Verify as if these statements had been run, and take them back."""
        with self.engine.connect() as connection:
            for statement, values in statements:
                connection.exec_driver_sql(statement, values)
            found = chain.verify_within(
                connection, TENANT, self.desk.checkpoints(TENANT), self.desk.keys.public
            )
            connection.rollback()
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The log as the file has it."""
        with self.engine.connect() as connection:
            query = "select * from audit_entries where tenant_id = ? order by sequence"
            found = connection.exec_driver_sql(query, (TENANT,)).mappings()
            return [dict(row) for row in found]


SET = "update audit_entries set {} = ? where tenant_id = ? and sequence = ?"


def test_every_change_of_every_field_of_every_entry_is_found_at_its_place(told: Office) -> None:
    attack = Tampering(told)
    assert attack.after().ok
    for row in attack.rows():
        at = row["sequence"]
        for column in TEXT_COLUMNS:
            other = (
                "x" if row[column] is None else row[column][:-1] + ("0" if row[column][-1] != "0" else "1")
            )
            report = attack.after((SET.format(column), (other, TENANT, at)))
            assert (report.ok, report.position) == (False, at), (column, at)
        payload = json.loads(row["payload"]) | {"note": "added"}
        report = attack.after((SET.format("payload"), (json.dumps(payload), TENANT, at)))
        assert (report.ok, report.position) == (False, at)
        later = row["occurred_at"].replace("2026", "2027")
        report = attack.after((SET.format("occurred_at"), (later, TENANT, at)))
        assert (report.ok, report.position) == (False, at)


def test_every_deletion_is_found_at_its_place(told: Office) -> None:
    attack = Tampering(told)
    for row in attack.rows():
        gone = "delete from audit_entries where tenant_id = ? and sequence = ?"
        report = attack.after((gone, (TENANT, row["sequence"])))
        assert (report.ok, report.position) == (False, row["sequence"])


def test_a_deletion_that_renumbers_and_relinks_what_follows_is_found(told: Office) -> None:
    """The attacker knows the scheme and recomputes every hash after the entry that was taken out."""
    attack = Tampering(told)
    rows = attack.rows()
    for victim in range(len(rows)):
        kept = rows[:victim] + rows[victim + 1 :]
        previous, relinked = chain.GENESIS, []
        for sequence, row in enumerate(kept, start=1):
            entry = _linked(row, sequence, previous)
            previous = entry["entry_hash"]
            relinked.append(entry)
        report = attack.after(*_replace_all(relinked))
        assert not report.ok
        assert report.position is not None and report.position >= min(victim + 1, len(kept) + 1)


def _linked(row: dict[str, Any], sequence: int, previous: str) -> dict[str, Any]:
    entry = dict(row) | {"sequence": sequence, "previous_hash": previous}
    said = dict(entry) | {"occurred_at": datetime.fromisoformat(row["occurred_at"]).replace(tzinfo=UTC)}
    entry["entry_hash"] = chain.link_hash(previous, chain.entry_sha256(said))
    return entry


def _replace_all(rows: list[dict[str, Any]]) -> list[tuple[str, tuple[Any, ...]]]:
    columns = ", ".join(rows[0]) if rows else ""
    marks = ", ".join("?" for _ in rows[0]) if rows else ""
    head = (rows[-1]["sequence"], rows[-1]["entry_hash"], TENANT)
    return [
        ("delete from audit_entries where tenant_id = ?", (TENANT,)),
        *[(f"insert into audit_entries ({columns}) values ({marks})", tuple(row.values())) for row in rows],
        ("update audit_heads set sequence = ?, entry_hash = ? where tenant_id = ?", head),
    ]


def test_an_entry_rewritten_with_every_hash_after_it_is_found_by_the_checkpoints(told: Office) -> None:
    """The attacker knows the scheme, keeps the length, and sets the head; only the signature is out of reach."""
    attack = Tampering(told)
    rows = attack.rows()
    seen = {
        json.loads(line)["sequence"]
        for line in told.casework.desk.checkpoints(TENANT).read_text().splitlines()
    }
    for victim in range(len(rows)):
        previous, relinked = chain.GENESIS, []
        for sequence, row in enumerate(rows, start=1):
            actor = "person:somebody" if sequence == victim + 1 else row["actor"]
            relinked.append(_linked(row | {"actor": actor}, sequence, previous))
            previous = relinked[-1]["entry_hash"]
        report = attack.after(*_replace_all(relinked))
        first_seen = min(sequence for sequence in seen if sequence > victim)
        assert (report.ok, report.position) == (False, first_seen)


def test_an_untouched_log_relinked_by_the_same_rule_is_the_same_log(told: Office) -> None:
    """The attack above works as it should: without a victim it changes nothing."""
    attack = Tampering(told)
    previous, relinked = chain.GENESIS, []
    for row in attack.rows():
        relinked.append(_linked(row, row["sequence"], previous))
        previous = relinked[-1]["entry_hash"]
    assert relinked == attack.rows()
    assert attack.after(*_replace_all(relinked)).ok


def test_every_insertion_swap_and_duplicate_is_found(told: Office) -> None:
    attack = Tampering(told)
    rows = attack.rows()
    for index in range(len(rows) - 1):
        swapped = [dict(row) for row in rows]
        swapped[index]["sequence"], swapped[index + 1]["sequence"] = index + 2, index + 1
        report = attack.after(*_replace_all(sorted(swapped, key=lambda row: row["sequence"])))
        assert (report.ok, report.position) == (False, index + 1)
        doubled = [dict(row) for row in (*rows[: index + 1], rows[index], *rows[index + 1 :])]
        for sequence, row in enumerate(doubled, start=1):
            row["sequence"] = sequence
        report = attack.after(*_replace_all(doubled))
        assert (report.ok, report.position) == (False, index + 2)


def test_every_cut_of_the_tail_is_found_even_when_the_head_is_set_back(told: Office) -> None:
    attack = Tampering(told)
    rows = attack.rows()
    for kept in range(1, len(rows)):
        report = attack.after(*_replace_all(rows[:kept]))
        assert (report.ok, report.position) == (False, kept + 1)
        assert "checkpoint" in str(report.problem)


def test_putting_back_an_older_copy_of_the_whole_file_is_found(sqlite_office: Office) -> None:
    office = sqlite_office
    office.sync(exception(1))
    office.engine.dispose()
    old = office.home.parent / "old.db"
    shutil.copy(office.home / "operational.db", old)
    entries = chain.verify(office.casework, TENANT).entries
    office.perform(office.case_id(), Action.TRIAGE)
    office.engine.dispose()
    for suffix in ("-wal", "-shm"):
        (office.home / f"operational.db{suffix}").unlink(missing_ok=True)
    shutil.copy(old, office.home / "operational.db")
    report = chain.verify(office.casework, TENANT)
    assert (report.ok, report.position) == (False, entries + 1)


def test_a_case_changed_behind_the_logs_back_is_found_and_named(told: Office) -> None:
    attack = Tampering(told)
    for change in (
        "state = 'closed'",
        "owner = 'person:lead'",
        "version = version + 1",
        "facts_sha256 = 'x'",
    ):
        report = attack.after((f"update cases set {change} where case_id = ?", (told.case_id(),)))
        assert not report.ok
        assert told.case_id() in str(report.problem)
    gone = attack.after(("delete from cases where case_id = ?", (told.case_id(),)))
    assert "no longer in the table" in str(gone.problem)


def test_a_checkpoint_that_was_changed_forged_or_moved_to_another_tenant_is_not_trusted(told: Office) -> None:
    path = told.casework.desk.checkpoints(TENANT)
    lines = path.read_text().splitlines()
    for number in (0, len(lines) - 1):
        mark = json.loads(lines[number])
        for key, value in (("sequence", mark["sequence"] + 1), ("entry_hash", "f" * 64), ("at", "x")):
            changed = [*lines]
            changed[number] = json.dumps(mark | {key: value})
            path.write_text("\n".join(changed) + "\n")
            assert not chain.verify(told.casework, TENANT).ok, key
    path.write_text("\n".join(lines) + "\n")
    assert chain.verify(told.casework, TENANT).ok
    other = told.casework.desk.checkpoints("health").read_text()
    path.write_text("\n".join(lines) + "\n" + other)
    assert not chain.verify(told.casework, TENANT).ok


def test_a_checkpoint_torn_by_a_crash_is_cut_off_and_the_next_one_is_whole(told: Office) -> None:
    path = told.casework.desk.checkpoints(TENANT)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at":"2026-09')
    assert chain.verify(told.casework, TENANT).ok
    told.perform(told.case_id("predicted_late:SH-2"), Action.TRIAGE)
    assert chain.verify(told.casework, TENANT).ok
    assert path.read_bytes().startswith(whole + b'{"at":"2026-09-01')
    assert path.read_bytes().count(b"\n") == whole.count(b"\n") + 1


def test_the_last_checkpoint_is_the_files_whoever_wrote_it(told: Office) -> None:
    path = told.casework.desk.checkpoints(TENANT)
    own = last_checkpoint(path)
    assert own is not None
    with path.open("ab") as stream:  # another process
        stream.write(canonical_bytes(own | {"sequence": own["sequence"] + 1}) + b"\n")
    beyond = last_checkpoint(path)
    assert beyond is not None
    assert beyond["sequence"] == own["sequence"] + 1
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")  # cut back to its first
    first = last_checkpoint(path)
    assert first is not None
    assert first["sequence"] < own["sequence"]
    path.unlink()
    assert last_checkpoint(path) is None


def test_the_database_itself_refuses_to_rewrite_history(office: Office) -> None:
    office.sync(exception())
    office.approve(office.draft())
    item = {"tenant_id": TENANT, "handover_id": "1", "case_id": office.case_id(), "is_left": False}
    with office.engine.begin() as connection:
        connection.execute(handover_items.insert(), [item])
        weights = {
            "tenant_id": TENANT,
            "version": 9,
            "weights": {},
            "applied_by": LEAD,
            "applied_at": office.clock(),
        }
        connection.execute(priority_weights.insert(), [weights])
    ends = office.clock.at + timedelta(days=1)
    asked = NewLink(Role.CARRIER, "They asked.", ends, case_id=office.case_id())
    office.casework.open_link(office.casework.make_link(office.who(LEAD), TENANT, asked)[1])
    office.perform(office.case_id(), Action.DISMISS, reason="arrived")
    office.casework.erase_party(office.who(LEAD), TENANT, OWN_CUSTOMER, "request 1")
    for table in APPEND_ONLY:
        with office.casework.desk.reading_across() as connection:
            assert connection.execute(select(table)).first(), f"{table.name} must hold something to refuse"
        column = next(column for column in table.c if column.type.python_type is str)
        for statement in (table.update().values({column: "x"}), table.delete()):
            with pytest.raises(Exception, match="append-only"), office.engine.begin() as connection:
                connection.execute(statement)


def test_an_audited_secret_is_never_in_the_log(office: Office) -> None:
    password = office.casework.reset_password("lead")
    token, _ = office.casework.sign_in("lead", password)
    with office.casework.desk.reading_across() as connection:
        text = repr([entry["payload"] for entry in chain.entries_of(connection, TENANT)])
    assert password not in text and token not in text


def test_a_reader_that_stops_at_the_first_entry_leaves_no_cursor_open(
    office: Office, recwarn: pytest.WarningsRecorder
) -> None:
    with office.casework.desk.reading_across() as connection:
        for _ in chain.entries_of(connection, TENANT):
            break
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]
