"""The command line over a real store: a case opened by hand, and the hand-overs of a tenant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from casework.model import Action
from casework.teamwork.handover import Given
from orchestration.cli import app
from orchestration.cli.output import explain
from tests.casework.office import LEAD, PLANNER, TENANT, Office, exception


@pytest.fixture
def desk(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A store that commands find where the environment says."""
    monkeypatch.setenv("TIDEWAITER_HOME", str(sqlite_office.home))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    return sqlite_office


def tidewaiter(*words: str, password: str = "") -> Result:
    return CliRunner().invoke(app, list(words), env={"TIDEWAITER_PASSWORD": password})


OPEN = (
    "case",
    "open",
    "Gate 4 is shut",
    "--tenant",
    TENANT,
    "--as",
    "planner",
    "--reason",
    "The driver called.",
)


def test_a_case_is_opened_by_whoever_signs_in_and_shown_by_its_number(desk: Office) -> None:
    password = desk.casework.reset_password("planner")
    made = tidewaiter(*OPEN, "--shipment", "SH-1", "--penalty", "12.50", "--json", password=password)
    assert made.exit_code == 0, made.output
    opened = json.loads(made.stdout)
    assert (opened["exception_type"], opened["expected_loss"]) == ("manual", 12.5)
    (entry,) = desk.detail(opened["case_id"]).history
    assert (entry.fact, entry.actor) == ("case:opened", PLANNER)
    by_number = json.loads(tidewaiter("case", opened["case_id"], "--json").stdout)
    assert by_number["case"]["subject"] == "SH-1"
    shown = json.loads(tidewaiter("case", "show", opened["case_id"], "--json").stdout)
    # all but the clocks, which run on between the two looks
    assert shown | {"clocks": None} == by_number | {"clocks": None}


def test_a_wrong_password_opens_nothing(desk: Office) -> None:
    refused = tidewaiter(*OPEN, password="guess")
    assert refused.exception is not None and explain(refused.exception) == 1  # type: ignore[arg-type]
    assert desk.casework.search(desk.who(LEAD), TENANT).total == 0


def test_the_hand_overs_of_a_tenant_are_listed_with_their_cases(desk: Office) -> None:
    desk.sync(exception())
    desk.perform(desk.case_id(), Action.CLAIM, PLANNER)
    given = [Given(desk.case_id(), "Call them.", datetime.now(UTC) + timedelta(hours=2))]
    packet = desk.casework.hand_over(desk.who(PLANNER), TENANT, LEAD, given)
    (listed,) = json.loads(tidewaiter("handover", "list", "--tenant", TENANT, "--json").stdout)
    assert (listed["handover_id"], listed["to_name"]) == (packet.handover_id, "Operations lead")
    assert [item["case_id"] for item in listed["items"]] == [desk.case_id()]
    assert desk.case_id() in tidewaiter("handover", "list", "--tenant", TENANT).stdout
    desk.casework.accept_hand_over(desk.who(LEAD), TENANT, packet.handover_id)
    assert json.loads(tidewaiter("handover", "list", "--tenant", TENANT, "--json").stdout) == []
    assert (
        len(json.loads(tidewaiter("handover", "list", "--tenant", TENANT, "--ended", "--json").stdout)) == 1
    )


def test_a_right_to_approve_is_lent_listed_and_taken_back(desk: Office) -> None:
    desk.sync(exception())
    password = desk.casework.reset_password("lead")
    words = ("--tenant", TENANT, "--as", "lead", "--reason", "on leave")
    lend = ("approvals", "delegate", *words, "--to", "auditor", "--days", "2", "--up-to", "5000", "--json")
    made = json.loads(tidewaiter(*lend, password=password).stdout)
    assert (made["from_principal"], made["to_principal"], made["up_to"]) == (LEAD, "person:auditor", 5000)
    shown = tidewaiter("approvals", "show", desk.case_id()).output
    assert "It needs one approval, by approver or operations lead" in shown
    listed = ("approvals", "delegations", "--tenant", TENANT, "--json")
    assert [one["delegation_id"] for one in json.loads(tidewaiter(*listed).stdout)] == [made["delegation_id"]]
    ended = tidewaiter("approvals", "end", made["delegation_id"], *words, password=password)
    assert ended.exit_code == 0, ended.output
    assert json.loads(tidewaiter(*listed).stdout) == []
    refused = tidewaiter(*lend[:-1], "--customer", "x", password="guess")
    assert refused.exception is not None and explain(refused.exception) == 1  # type: ignore[arg-type]
