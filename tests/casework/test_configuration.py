"""What was in force when is a fact: every version kept, every application told, every case names its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from casework.config import HERE, load_config
from casework.errors import ConfigError, NotFound
from casework.evidence import chain
from casework.evidence.configuration import Change
from casework.service import Casework
from casework.store.tables import config_versions
from tests.casework.office import CONFIG, TENANT, Office, exception


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "config"
    shutil.copytree(HERE, found)
    return found


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), "utf-8")


def told(office: Office, tenant_id: str = TENANT) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        entries = list(chain.entries_of(connection, tenant_id))
    return [e["payload"]["details"] for e in entries if e["action"] == "config:applied"]


def test_a_store_begins_with_the_configuration_it_was_set_up_with(office: Office) -> None:
    assert [(v.version, v.applied_by) for v in office.casework.config_history()] == [(1, "service:bootstrap")]
    assert office.casework.config_diff().changes == ()
    assert [details["version"] for details in told(office)] == [1]


def test_a_change_is_shown_by_path_and_concerns_whom_it_changes(office: Office, folder: Path) -> None:
    edit(folder, "tenants/demo.yml", "{gold: 480}", "{gold: 240} # sooner")
    edit(folder, "exceptions.yml", "# ", "# A comment is no change. ")
    plan = office.casework.config_diff(folder)
    assert [change.path for change in plan.changes] == ["tenants/demo.next_update_minutes.gold"]
    assert plan.tenants == (TENANT,)
    assert len(office.casework.config_history()) == 1, "a diff changes nothing"
    done = office.casework.config_apply(folder, note="quicker")
    assert done.applied == 2
    assert told(office)[-1]["note"] == "quicker"
    assert told(office)[-1]["changes"][0]["path"] == "tenants/demo.next_update_minutes.gold"
    assert [details["version"] for details in told(office, "health")] == [1]
    assert office.casework.config_apply(folder).applied is None, "applying it again changes nothing"
    assert office.casework.verify_audit(TENANT).ok


def test_a_change_of_the_catalogue_concerns_every_tenant(office: Office, folder: Path) -> None:
    before = CONFIG.types["predicted_late"].first_response_minutes
    edit(folder, "exceptions.yml", f"first_response_minutes: {before}", "first_response_minutes: 17")
    plan = office.casework.config_apply(folder)
    assert plan.tenants == tuple(sorted(CONFIG.tenants))
    assert plan.changes[0] == Change(plan.changes[0].path, before, 17)
    assert all(told(office, tenant)[-1]["version"] == 2 for tenant in CONFIG.tenants)


def test_rolling_back_puts_the_older_files_back_to_the_letter(office: Office, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.yml")}
    edit(folder, "escalation.yml", "missed_after_seconds: 60", "missed_after_seconds: 90")
    (folder / "tenants" / "new.yml").write_text(
        (folder / "tenants" / "demo.yml").read_text().replace("tenant_id: demo", "tenant_id: new")
        .replace("case_prefix: D", "case_prefix: N")
    )  # fmt: skip
    office.casework.config_apply(folder)
    plan = office.casework.config_rollback_plan(1)
    assert any(change.path == "escalation.missed_after_seconds" for change in plan.changes)
    done = office.casework.config_rollback(1, folder, note="too late")
    assert {path: path.read_bytes() for path in folder.rglob("*.yml")} == before
    newest = office.casework.config_history()[0]
    assert (done.applied, newest.version, newest.reapplies, newest.note) == (3, 3, 1, "too late")
    assert newest.config_sha256 == CONFIG.sha256
    with pytest.raises(NotFound, match="no version 9"):
        office.casework.config_rollback(9, folder)


def test_files_that_are_wrong_are_never_put_into_force(office: Office, folder: Path) -> None:
    edit(folder, "escalation.yml", "missed_after_seconds: 60", "missed_after: 60")
    for attempt in (office.casework.config_diff, office.casework.config_apply):
        with pytest.raises(ConfigError, match="missed_after"):
            attempt(folder)
    assert len(office.casework.config_history()) == 1


def test_a_case_names_the_configuration_it_was_opened_under(office: Office, folder: Path) -> None:
    office.sync(exception(1))
    edit(folder, "escalation.yml", "missed_after_seconds: 60", "missed_after_seconds: 90")
    office.casework.config_apply(folder)
    office.sync(exception(1), exception(2))
    newer = Casework(
        office.engine,
        config=load_config(folder),
        keys=office.casework.keys,
        home=office.home,
        clock=office.clock,
    )
    office.casework = newer
    office.sync(exception(1), exception(2), exception(3))
    opened = {
        n: office.detail(office.case_id(f"predicted_late:SH-{n}")).history[0].details for n in (1, 2, 3)
    }
    assert {n: details["config_version"] for n, details in opened.items()} == {1: 1, 2: 1, 3: 2}
    assert opened[3]["config_sha256"] == newer.config.sha256 != CONFIG.sha256


def test_versions_cannot_be_rewritten(office: Office) -> None:
    for statement in (config_versions.update().values(note="x"), config_versions.delete()):
        with pytest.raises(Exception, match="append-only"), office.engine.begin() as connection:
            connection.execute(statement)
    with office.engine.connect() as connection:
        files = connection.scalar(select(config_versions.c.files))
    assert files == CONFIG.sources
