"""The commands that keep and forget: shown first, done with --yes, and readable by programs."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casework.config import HERE
from casework.model import Action, Contact
from orchestration.cli import app
from orchestration.cli.output import explain
from tests.casework.office import OWN_CUSTOMER, TENANT, Office, exception


@pytest.fixture
def office(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A desk whose home the commands are pointed at."""
    monkeypatch.setenv("TIDEWAITER_HOME", str(sqlite_office.home))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    mine = Contact(OWN_CUSTOMER, "mail", "customer", "Erika Muster", "erika@acme.example", True)
    sqlite_office.casework.put_contacts(TENANT, [mine], "service:orchestration")
    sqlite_office.sync(exception())
    return sqlite_office


def run(*words: str, code: int = 0) -> Any:
    """Run a command and return what it printed, as JSON where it was asked for that."""
    done = CliRunner().invoke(app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        assert explain(done.exception) == code, repr(done.exception)
        return str(done.exception)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.output


def test_a_case_is_shown_as_it_was_known_at_an_instant(office: Office) -> None:
    case_id, opened = office.case_id(), office.clock.at
    office.clock.forward(hours=1)
    office.perform(case_id, Action.START)
    then = run("case", "show", case_id, "--at", f"{opened:%Y-%m-%dT%H:%M:%S}Z", "--json")
    assert (then["case"]["state"], then["queue_row"]["owner"]) == ("new", None)
    assert run("case", "show", case_id, "--json")["case"]["state"] == "in_progress"
    assert run("case", case_id, "--json")["case"]["state"] == "in_progress"
    assert "as it was known at" in run("case", "show", case_id, "--at", f"{opened:%Y-%m-%dT%H:%M:%S}")
    before = f"{opened - timedelta(days=1):%Y-%m-%dT%H:%M:%S}Z"
    assert "was not open yet" in run("case", "show", case_id, "--at", before, code=4)


def test_retention_is_shown_held_and_applied(office: Office) -> None:
    plan = run("retention", "plan", "--tenant", TENANT, "--json")
    assert {row["record_class"] for row in plan} >= {"case_messages", "case_history"}
    assert "Nothing was changed" in run("retention", "apply", "--tenant", TENANT)
    held = run(
        "retention", "hold", "--tenant", TENANT, "--party", OWN_CUSTOMER, "--reason", "claim 4", "--json"
    )
    erase = ("retention", "erase", "--tenant", TENANT, "--party", OWN_CUSTOMER, "--reason", "request 1")
    assert "under legal hold" in run(*erase, "--yes", code=1)
    run("retention", "release", held["hold_id"], "--tenant", TENANT, "--reason", "settled")
    assert run("retention", "holds", "--tenant", TENANT, "--json")[0]["release_reason"] == "settled"
    assert "erika@acme.example" in run(*erase, "--json")["addresses"]
    assert run(*erase, "--yes", "--json")["values"] > 0
    assert office.casework.verify_audit(TENANT).ok
    assert {row["emptied"] for row in run("retention", "apply", "--yes", "--json")} == {0}


def test_configuration_is_shown_applied_and_put_back(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(HERE, folder)
    path = folder / "escalation.yml"
    path.write_text(path.read_text().replace("missed_after_seconds: 60", "missed_after_seconds: 61"))
    there = ("--folder", str(folder))
    shown = run("config", "diff", *there, "--json")
    assert [change["path"] for change in shown["changes"]] == ["escalation.missed_after_seconds"]
    assert "Nothing was changed" in run("config", "apply", *there)
    assert "Nothing was changed" in run("config", "apply", *there, "--yes", "--dry-run")
    assert run("config", "apply", *there, "--yes", "--json")["applied"] == 2
    assert run("config", "rollback", "1", *there, "--json")["changes"][0]["will_be"] == 60
    assert "Restart what is running" in run("config", "rollback", "1", *there, "--yes")
    assert "missed_after_seconds: 60" in path.read_text()
    assert [row["version"] for row in run("config", "history", "--json")] == [3, 2, 1]
    assert office.casework.verify_audit(TENANT).ok


def test_events_are_printed_after_a_number_and_for_a_consumer(office: Office) -> None:
    every = run("events", "--tenant", TENANT, "--json")
    newest = every[-1]["sequence"]
    assert [
        e["sequence"] for e in run("events", "--tenant", TENANT, "--after", str(newest - 1), "--json")
    ] == [newest]
    mine = ("events", "--tenant", TENANT, "--consumer", "erp", "--json")
    assert run(*mine) == run(*mine) == every
    assert run(*mine, "--advance", str(newest)) == []
    assert run(*mine, "--replay-from", str(newest - 1)) == every[-1:]


def test_a_store_is_backed_up_and_checked_after_a_restore(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "store.db"
    run("store", "backup", str(copy))
    assert "as new as its signed checkpoints" in run("store", "restore-check")
    office.perform(office.case_id(), Action.START)
    machine = tmp_path / "another machine"
    for kept in ("keys", "checkpoints"):
        shutil.copytree(office.home / kept, machine / kept)
    shutil.copy(copy, machine / "operational.db")
    monkeypatch.setenv("TIDEWAITER_HOME", str(machine))
    assert "older copy was put back" in run("store", "restore-check", code=1)
    assert [
        row["tenant_id"] for row in run("store", "restore-check", "--yes", "--json") if row["is_older"]
    ] == [TENANT]
    run("store", "restore-check")
    assert "whole" in run("audit", "verify", "--tenant", TENANT)
