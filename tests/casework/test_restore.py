"""A backup is put back while the world went on: nothing is decided on it unseen, and nothing is sent again."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from casework.effects.adapter import Description, Outcome, Result
from casework.effects.worker import Worker
from casework.errors import DetailsRefused, StoreIsOlder
from casework.model import Action, EffectState
from casework.store.backup import backup
from casework.store.engine import open_store
from tests.casework.conftest import _administer, database
from tests.casework.office import APPROVER, LEAD, TENANT, Office, exception


class Receivers:
    """A mail server and a portal that remember what reached them."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def describe(self) -> Description:
        return Description("receiver", True, False, "nowhere")

    def apply(self, leased: Any, idempotency_key: str) -> Outcome:
        leased.pass_point_of_no_return()
        self.reached.append(idempotency_key)
        return Outcome(Result.APPLIED, "taken")


@pytest.fixture
def put_back(
    office: Office, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], Callable[[], None]]:
    """Take a copy of the store now; calling what it returns puts that copy back in its place."""

    def copy() -> Callable[[], None]:
        office.engine.dispose()
        if office.engine.dialect.name == "sqlite":
            target = tmp_path / f"{uuid.uuid4().hex}.db"
            backup(office.engine, target)
            return lambda: _swap(office, target)
        url = request.getfixturevalue("postgres_url")
        name = f"backup_{uuid.uuid4().hex}"
        _administer(url, f"create database {name} template {office.engine.url.database}")
        return lambda: _reopen(office, open_store(database(url, name)))

    return copy


def _swap(office: Office, target: Path) -> None:
    office.engine.dispose()
    for suffix in ("", "-wal", "-shm"):
        (office.home / f"operational.db{suffix}").unlink(missing_ok=True)
    shutil.copy(target, office.home / "operational.db")


def _reopen(office: Office, engine: Engine) -> None:
    office.engine.dispose()
    office.engine = engine
    office.casework = office.door()


def worker(office: Office, receivers: Receivers) -> Worker:
    return Worker(
        office.casework,
        {"mail": receivers, "portal_webhook": receivers},
        clock=office.clock,
        name="worker:test",
    )


def test_what_may_have_been_sent_since_the_backup_is_left_to_a_person(
    office: Office, put_back: Callable[[], Callable[[], None]]
) -> None:
    office.sync(exception(1))
    office.approve(office.draft())
    receivers = Receivers()
    restore = put_back()
    assert worker(office, receivers).tick(office.clock())["applied"] == 2
    office.perform(office.case_id(), Action.START)
    sent = list(receivers.reached)

    restore()
    assert {e["state"] for e in office.effects()} == {EffectState.PENDING}
    for _ in range(3):
        office.clock.forward(minutes=10)
        assert worker(office, receivers).send()["store_is_older"] == 2
    with pytest.raises(StoreIsOlder, match="restore-check"):
        office.perform(office.case_id(), Action.TRIAGE)
    found = office.casework.restore_check(TENANT)
    assert (found.is_older, len(found.effects_in_doubt), found.drafts_waiting) == (True, 2, 2)
    assert found.head < found.checkpoint and str(found.checkpoint) in found.sentence

    office.casework.restore_settle(TENANT)
    assert {e["state"] for e in office.effects()} == {EffectState.NEEDS_HUMAN}
    assert all("older copy" in e["last_error"] for e in office.effects())
    for _ in range(3):
        office.clock.forward(hours=10)
        worker(office, receivers).tick(office.clock())
    assert receivers.reached[: len(sent)] == sent
    assert len(set(receivers.reached)) == len(receivers.reached), "nothing was sent again"
    partners = {effect["idempotency_key"] for effect in office.effects() if effect["approval_id"]}
    assert set(receivers.reached) & partners <= set(sent), "a person decides what partners still get"
    assert office.casework.restore_check(TENANT).is_older is False
    report = office.casework.verify_audit(TENANT)
    assert report.ok, report.sentence


def test_after_settling_a_person_decides_and_the_desk_goes_on(
    office: Office, put_back: Callable[[], Callable[[], None]]
) -> None:
    office.sync(exception(1), exception(2))
    office.approve(office.draft())
    receivers = Receivers()
    restore = put_back()
    worker(office, receivers).tick(office.clock())
    restore()
    office.casework.restore_settle(TENANT)
    again = office.casework.restore_settle(TENANT)
    assert again.is_older is False, "settling twice does nothing more"
    for effect in office.effects():
        office.casework.confirm_effect(
            office.who(APPROVER), TENANT, effect["effect_id"], "the customer has it"
        )
    second = office.case_id("predicted_late:SH-2")
    office.perform(second, Action.TRIAGE)
    office.approve(office.draft(case_id=second))
    assert worker(office, receivers).tick(office.clock())["applied"] == 2
    assert len(set(receivers.reached)) == len(receivers.reached) == 4
    assert office.casework.verify_audit(TENANT).ok


def test_the_restore_itself_is_in_the_log_and_its_mark_cannot_be_forged(
    office: Office, put_back: Callable[[], Callable[[], None]]
) -> None:
    office.sync(exception(1))
    restore = put_back()
    office.perform(office.case_id(), Action.TRIAGE)
    restore()
    assert not office.casework.verify_audit(TENANT).ok, "until somebody settles it, it is a log that was cut"
    office.casework.restore_settle(TENANT)
    path = office.casework.desk.checkpoints(TENANT)
    lines = path.read_text().splitlines()
    marks = [json.loads(line) for line in lines]
    assert [mark["abandoned"] for mark in marks if mark.get("restored")] == [marks[-3]["sequence"]]
    assert office.casework.verify_audit(TENANT).ok
    at = next(number for number, mark in enumerate(marks) if mark.get("restored"))
    for forged in ({**marks[at], "sequence": 3}, {k: v for k, v in marks[at].items() if k != "restored"}):
        path.write_text("\n".join([*lines[:at], json.dumps(forged), *lines[at + 1 :]]) + "\n")
        assert not office.casework.verify_audit(TENANT).ok


def test_a_store_that_grew_past_its_lost_checkpoints_is_still_found(
    sqlite_office: Office, tmp_path: Path
) -> None:
    """A process that does not look (an older program) writes on; the newest checkpoint is not its chain's."""
    office = sqlite_office
    office.sync(exception(1))
    backup(office.engine, tmp_path / "old.db")
    office.perform(office.case_id(), Action.TRIAGE)
    path = office.casework.desk.checkpoints(TENANT)
    signed = path.read_bytes()
    _swap(office, tmp_path / "old.db")
    path.write_bytes(signed[: signed.rstrip().rfind(b"\n") + 1])
    office.perform(office.case_id(), Action.COMMENT, text="one")
    office.perform(office.case_id(), Action.COMMENT, text="two")
    path.write_bytes(signed)
    assert office.casework.restore_check(TENANT).is_older
    with pytest.raises(StoreIsOlder):
        office.perform(office.case_id(), Action.COMMENT, text="three")


def test_a_backup_is_whole_while_the_desk_works_and_never_overwrites(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.sync(exception(1))
    target = tmp_path / "copies" / "store.db"
    with office.casework.desk.writing(TENANT, LEAD) as work:
        work.say("case:commented", object_id="x", is_event=False)
        assert office.casework.backup(target) > 0
    copied = open_store(f"sqlite:///{target}")
    with copied.connect() as connection:
        count = "select count(*) from audit_entries where tenant_id = 'demo' and object_id = 'x'"
        assert connection.execute(text(count)).scalar() == 0, "what was not committed is not in it"
    copied.dispose()
    with pytest.raises(DetailsRefused, match="exists already"):
        office.casework.backup(target)
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


def test_on_postgresql_the_servers_own_tools_are_named(postgres_office: Office, tmp_path: Path) -> None:
    with pytest.raises(DetailsRefused, match="pg_dump"):
        postgres_office.casework.backup(tmp_path / "store.db")
