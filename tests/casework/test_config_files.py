"""Configuration as code: schemas that are the models', problems with their line, and a diff in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from typer.testing import CliRunner

from casework.config import HERE, Config, load_config, schema
from casework.config.tenant import TenantConfig
from casework.config.validation import validate
from casework.errors import ConfigError
from casework.evidence import foresight
from casework.model import Grant, Publication, Role
from casework.store.tables import audit_entries, grants
from orchestration.cli import app
from tests.casework.office import ADMIN, APPROVER, AUDITOR, PLANNER, TENANT, Office, exception


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(
        HERE, tmp_path / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__", "schemas")
    )
    return tmp_path / "config"


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Change a file; return the line it was changed in."""
    path = folder / name
    content = path.read_text("utf-8")
    assert content.count(old) >= 1
    path.write_text(content.replace(old, new, 1), "utf-8")
    return content[: content.index(old)].count("\n") + 1


# --- schemas -----------------------------------------------------------------------------------------------


def test_the_published_schemas_are_made_from_the_models() -> None:
    published = {path.name: path.read_text("utf-8") for path in schema.FOLDER.glob("*.json")}
    assert published == {f"{name}.schema.json": schema.text_of(name) for name in schema.MODELS}
    for text in published.values():
        Draft202012Validator.check_schema(json.loads(text))


def test_every_shipped_file_is_as_it_should_be() -> None:
    files = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*.yml")}
    assert {schema.name_of(file) for file in files} == set(schema.MODELS)
    assert validate(HERE) == []


DEMO = "tenants/demo.yml"
BROKEN = [
    # file, what stands there, what stands there now, path, what is said, what to do
    (DEMO, "case_prefix: D", "case_prefx: D", "case_prefx", "no 'case_prefx'", "Did you mean case_prefix?"),
    (DEMO, "tenant_name: Demo network\n", "", "the file", "tenant_name is missing", "Add it"),
    (DEMO, "penalty_per_day: 500", "penalty_per_day: much", "tariff.penalty_per_day", "'much' is not a number",
     "Write a number"),
    (DEMO, "penalty_per_day: 500", "penalty_per_day: -5", "tariff.penalty_per_day", "out of range", "at least 0"),
    (DEMO, "mode: replay", "mode: reply", "mode", "'reply' is not possible", "Did you mean replay?"),
    (DEMO, "currency_code: USD", "currency_code: dollars", "currency_code", "wrong form", "must match ^[A-Z]{3}$"),
    (DEMO, "  customer: {mail:", "  customer: {mial:", "contacts.customer.mial", "no 'mial'", "Did you mean mail?"),
    (DEMO, "roles: [approver, ops_lead], own", "roles: [aprover, ops_lead], own", "approval.tiers[0].roles[0]",
     "'aprover' is not possible", "Did you mean approver?"),
    (DEMO, "own_edit_by: [ops_lead]", "own_edit_by: [auditor]", "approval.tiers[0]", "among the tier's roles",
     "Change it"),
    (DEMO, "approvals: 2", "approvals: 9", "approval.tiers[2].approvals", "out of range", "at most 5"),
    (DEMO, "name: large", "name: routine", "approval", "two tiers have the same name", "Change it"),
    (DEMO, "case_prefix: D\n", "case_prefix: D\ncase_prefix: E\n", "case_prefix", "stands here twice", "Keep one"),
    (DEMO, "tariff:\n", "tariff: [\n", "the file", "not YAML", "Check indentation"),
    (DEMO, "as_of: 2026-09-01T06:00:00Z", "as_of: 2026-09-01T06:00:00", "as_of", "timezone", "Change it"),
    ("calendars.yml", 'mon: ["09:00-17:00"]', 'mon: ["9-17"]', "calendars.us_office.hours.mon[0]", "wrong form",
     "must match"),
    ("calendars.yml", "zone: America/New_York", "zone: America/Boston", "calendars.us_office.zone",
     "no IANA time zone", "Change it"),
    ("escalation.yml", "action: notify, team: planning", "action: notfy, team: planning",
     "rules.unanswered.steps[0].action", "'notfy' is not possible", "Did you mean notify?"),
    ("escalation.yml", "{share: 0.75,", "{share: 75,", "rules.unanswered.steps[0].share", "75", "at most 1"),
    ("escalation.yml", "missed_after_seconds: 60", "missed_after_seconds: 1.5", "missed_after_seconds",
     "1.5 is not a whole number", "Write a whole number"),
    ("exceptions.yml", "severity_floor: medium", "severity_floor: mid", "types.predicted_late.severity_floor",
     "'mid' is not possible", "low, medium, high, critical"),
    ("exceptions.yml", "recovers: true", "recovers: maybe", "types.predicted_late.recovers",
     "'maybe' is not true or false", "Write true or false"),
    ("accounts.yml", "role: ops_lead}", "rolle: ops_lead}", "accounts[0].grants[0].rolle", "no 'rolle'",
     "Did you mean role?"),
    ("accounts.yml", "role: planner}", "role: planer}", "accounts[1].grants[0].role", "'planer'",
     "Did you mean planner?"),
    ("retention.yml", "minimum_days: 275", "minimum_days: 30", "minimum_days", "out of range", "at least 275"),
    ("codes.yml", "resolution_codes:", "resolution_code:", "resolution_code", "no 'resolution_code'",
     "Did you mean resolution_codes?"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "path", "said", "advice"), BROKEN, ids=lambda value: None)
def test_a_broken_file_is_refused_with_its_line_its_path_and_what_to_do(
    folder: Path, file: str, old: str, new: str, path: str, said: str, advice: str
) -> None:
    line = edit(folder, file, old, new)
    found = validate(folder)
    mine = [problem for problem in found if (problem.path or "the file") == path]
    assert mine, found
    assert (mine[0].file, said in mine[0].message, advice in mine[0].advice) == (file, True, True), mine[0]
    if path != "the file" and "twice" not in said:
        last = path.split(".")[-1].split("[")[0]
        assert mine[0].line == line or last in (folder / file).read_text().splitlines()[mine[0].line - 1]
    with pytest.raises(ConfigError):
        if "twice" in said:
            raise ConfigError("YAML keeps the last; validation says so")
        load_config(folder)


def test_files_that_contradict_one_another_and_files_nobody_reads_are_named(folder: Path) -> None:
    edit(folder, "tenants/demo.yml", "account: {mail: account@demo-desk.example, calendar: us_office}",
         "account: {mail: account@demo-desk.example, calendar: eu_office}")  # fmt: skip
    assert "unknown calendars: eu_office" in validate(folder)[0].message
    (folder / "teannts.yml").write_text("{}")
    (folder / "codes.yml").unlink()
    assert {(p.file, p.message) for p in validate(folder)} == {
        ("codes.yml", "This file is missing."), ("teannts.yml", "No file of this name is read.")}  # fmt: skip


def test_the_command_prints_every_problem_and_fails(folder: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["config", "validate", "--folder", str(folder)]).exit_code == 0
    line = edit(folder, "tenants/demo.yml", "mode: replay", "mode: reply")
    edit(folder, "codes.yml", "resolution_codes:", "resolution_code:")
    done = runner.invoke(app, ["config", "validate", "--folder", str(folder)])
    assert done.exit_code == 1
    assert f"tenants/demo.yml:{line}: mode: 'reply' is not possible here." in done.output
    assert "codes.yml:" in done.output


# --- what it would mean ------------------------------------------------------------------------------------


def test_a_diff_says_in_words_what_would_change_for_open_cases(office: Office, folder: Path) -> None:
    office.sync(exception(1), exception(2))
    edit(folder, "tenants/demo.yml", "planning: {mail: planning@demo-desk.example}",
         "planning: {mail: early@demo-desk.example}")  # fmt: skip
    edit(folder, "escalation.yml", "{share: 0.75,", "{share: 0.5,")
    edit(folder, "tenants/demo.yml", "routine, roles: [approver, ops_lead], own_edit_by: [ops_lead]",
         "routine, roles: [ops_lead]")  # fmt: skip
    before = office.case()
    said = [
        sentence for sentence in office.casework.config_diff(folder).words if sentence.startswith("demo:")
    ]
    text = "\n".join(said)
    assert "steps of unanswered that stand would reach planning at early@demo-desk.example" in text
    assert "would have a step of unanswered after 0:30:00 instead of 0:45:00" in text
    assert "the steps that stand stay as they are" in text
    assert "a waiting customer update of 2 cases: " in text and "by operations lead" in text
    assert office.case() == before
    assert office.casework.config_diff().words == ()


def held(office: Office) -> set[tuple[str, str]]:
    with office.casework.desk.reading_across() as connection:
        query = select(grants.c.principal_id, grants.c.role).where(
            grants.c.tenant_id == TENANT, grants.c.revoked_at.is_(None)
        )
        return {(row.principal_id, row.role) for row in connection.execute(query)}


def test_roles_in_the_files_are_given_and_none_is_taken_away_unasked(office: Office, folder: Path) -> None:
    office.casework.give(AUDITOR, Grant(TENANT, Role.APPROVER), ADMIN)
    office.casework.revoke(APPROVER, TENANT, ADMIN, Role.APPROVER)
    plan = office.casework.config_diff(folder)
    assert plan.changes == ()
    assert [w for w in plan.words if "again: it was taken away at" in w and APPROVER in w]
    assert [w for w in plan.words if AUDITOR in w and "keeps it; --prune takes it away" in w]
    office.casework.config_apply(folder)
    assert {(AUDITOR, "approver"), (APPROVER, "approver")} <= held(office)
    assert office.casework.config_diff(folder, prune=True).words == (
        f"demo: {AUDITOR} holds the role approver, which is not in the files, and would lose it.",)  # fmt: skip
    office.casework.config_apply(folder, prune=True)
    assert (AUDITOR, "approver") not in held(office)
    with office.casework.desk.reading_across() as connection:
        before = len(connection.execute(select(audit_entries)).all())
    office.casework.config_apply(folder, prune=True)
    with office.casework.desk.reading_across() as connection:
        assert len(connection.execute(select(audit_entries)).all()) == before, "again changes nothing"
    assert office.casework.config_diff(folder, prune=True).words == ()
    assert office.casework.verify_audit(TENANT).ok


def test_a_value_band_in_the_files_is_another_grant(office: Office, folder: Path) -> None:
    edit(folder, "accounts.yml", "role: planner}", "role: planner, approve_up_to: 5000}")
    words = office.casework.config_diff(folder).words
    assert f"demo: {PLANNER} would get the role planner (up to 5,000.00)." in words
    assert any(PLANNER in w and "keeps it" in w for w in words)
    office.casework.config_apply(folder, prune=True)
    assert {grant.approve_up_to for grant in office.who(PLANNER).grants} == {5000}


def test_what_a_change_means_is_said_of_each_tenants_own_cases(sqlite_office: Office) -> None:
    office = sqlite_office
    office.sync(exception(1), exception(2))
    tenants = {}
    for name in (TENANT, "health"):
        values = office.config.tenants[name].model_dump()
        teams = {team: told | {"mail": f"new-{told['mail']}"} for team, told in values["teams"].items()}
        own = ({"name": "one", "roles": ["approver"]},)
        changes = {"teams": teams, "escalation": {"unresolved": None}, "approval": {"tiers": own}}
        tenants[name] = TenantConfig.model_validate(values | changes)
    will_be = Config.model_validate({**dict(office.config), "tenants": {**office.config.tenants, **tenants}})

    def said() -> list[str]:
        words = foresight.words(office.casework.desk, office.config, will_be, {})
        return [sentence for sentence in words if sentence.startswith(f"{TENANT}: ")]

    before = said()
    assert len(before) >= 3
    office.casework.sync("health", Publication("pub-1"), [exception(9, tenant_id="health")])
    assert said() == before
