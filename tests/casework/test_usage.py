"""What use costs: every kind on record with case and customer, budgets that stop, and who may read it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from pydantic import ValidationError
from sqlalchemy import select, text
from typer.testing import CliRunner

from casework.config.metering import Metering, Price
from casework.effects.adapter import Description, Leased, Outcome, Result
from casework.effects.worker import Worker
from casework.errors import CaseNotFound, NotPermitted, OverBudget, TransitionRefused
from casework.metering.meter import MODEL_CALL, Meter, Use
from casework.model import Contact, DraftKind
from casework.store.engine import MIGRATIONS, migrate, owning
from casework.store.tables import usage
from orchestration.cli import app
from tests.casework.office import (
    AUDITOR,
    CUSTOMER,
    LEAD,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
    exception,
)

PRICES = {
    "model_call": {"each": "0.001", "per_million_input_tokens": 2, "per_million_output_tokens": 8},
    "mail": {"each": "0.0005"},
    "portal_message": {"each": "0.0001"},
    "team_notice": {"each": "0.0002"},
}


class Post:
    """A post office that takes what it is told to take."""

    def __init__(self, result: Result = Result.APPLIED) -> None:
        self.result, self.taken = result, list[str]()

    def describe(self) -> Description:
        return Description("mail", False, False, "a test")

    def verify(self, change: Leased) -> bool | None:
        return None

    def apply(self, change: Leased, idempotency_key: str) -> Outcome:
        change.pass_point_of_no_return()
        self.taken.append(change.recipient)
        return Outcome(self.result, "said")


def priced(office: Office, **budgets: dict[str, Any]) -> None:
    office.configure(metering={"prices": PRICES, "budgets": budgets, "assumption": "Made up."})
    office.sync(exception())
    contact = Contact(OWN_CUSTOMER, "mail", "customer", "Acme", "ops@acme.example", True)
    office.casework.put_contacts(TENANT, [contact], "service:test")


def worker(office: Office, post: Post) -> Worker:
    return Worker(office.casework, {"mail": post}, clock=office.clock)


def rows(office: Office) -> list[dict[str, Any]]:
    with office.casework.desk.reading_across() as connection:
        found = connection.execute(select(usage).order_by(usage.c.started_at, usage.c.usage_id))
        return [dict(row) for row in found.mappings()]


def only_mail(office: Office) -> None:
    """Approve the update to the customer; its portal has no adapter here and waits."""
    office.approve(office.draft(DraftKind.CUSTOMER_UPDATE))


def test_a_message_is_on_record_with_its_case_customer_and_price(office: Office) -> None:
    priced(office)
    only_mail(office)
    worker(office, Post()).tick()
    (row,) = [row for row in rows(office) if row["kind"] == "mail"]
    assert (row["case_id"], row["customer_id"]) == (office.case_id(), OWN_CUSTOMER)
    assert (row["quantity"], row["unit"], row["cost"]) == (1, "message", Decimal("0.000500"))
    assert (row["outcome"], row["currency_code"], row["settled_at"]) == ("applied", "USD", office.clock())


def test_what_was_certainly_not_taken_costs_nothing_and_what_may_have_been_does(office: Office) -> None:
    priced(office)
    only_mail(office)
    worker(office, Post(Result.RETRY)).tick()
    office.clock.forward(hours=1)
    worker(office, Post(Result.UNKNOWN)).tick()
    told = [(row["outcome"], row["quantity"], row["cost"]) for row in rows(office) if row["kind"] == "mail"]
    assert told == [("retry", 0, Decimal(0)), ("unknown", 1, Decimal("0.0005"))]


def test_a_model_call_costs_its_tokens(office: Office) -> None:
    priced(office)
    meter = Meter(office.engine, office.config, clock=office.clock)
    usage_id = meter.started(TENANT, Use(MODEL_CALL, "customer_update", office.case_id(), OWN_CUSTOMER, "m"))
    (under_way,) = rows(office)
    assert (under_way["settled_at"], under_way["outcome"], under_way["cost"]) == (
        None,
        None,
        Decimal("0.001"),
    )
    meter.settled(TENANT, usage_id, outcome="answered", input_tokens=1_000, output_tokens=250)
    (row,) = rows(office)
    assert (row["cost"], row["unit"], row["model"]) == (Decimal("0.005"), "call", "m")


@pytest.mark.parametrize("budget", [{"quantity": 1}, {"amount": "0.0007"}])
def test_a_message_over_budget_is_held_the_lead_is_told_and_it_leaves_when_there_is_room(
    office: Office, budget: dict[str, Any]
) -> None:
    priced(office, mail=budget)
    office.sync(exception(1), exception(2), publication="pub-2")
    post = Post()
    for key in ("predicted_late:SH-1", "predicted_late:SH-2"):
        office.approve(office.draft(case_id=office.case_id(key)), expires_in=timedelta(days=3))
        worker(office, post).tick()
    worker(office, post).tick()  # what the hold queued
    case_id = office.case_id("predicted_late:SH-2")
    held = next(e for e in office.effects() if e["case_id"] == case_id and e["target"] == "mail")
    assert post.taken == ["ops@acme.example", "lead@demo-desk.example"]
    assert held["state"] == "needs_human" and "was not sent" in held["last_error"]
    assert "budget" in held["last_error"]
    assert office.facts_of(case_id)[-3:] == ["writeback:held", "case:escalated", "notice:delivered"]
    (step,) = [s for s in office.detail(case_id).escalations if s.rule == "over_budget"]
    assert step.state == "fired"

    lead = office.who(LEAD)
    with pytest.raises(TransitionRefused, match="never sent"):
        office.casework.confirm_effect(lead, TENANT, held["effect_id"], "I called them.")
    office.casework.resend_effect(lead, TENANT, held["effect_id"], "Now.")
    for _ in range(2):
        worker(office, post).tick()
    assert post.taken[2:] == ["lead@demo-desk.example"], "still no room: held again, and told again"
    office.clock.forward(hours=24)
    office.casework.resend_effect(lead, TENANT, held["effect_id"], "A day later.")
    worker(office, post).tick()
    assert post.taken.count("ops@acme.example") == 2
    assert {e["state"] for e in office.effects() if e["target"] == "mail"} == {"applied"}


def test_a_program_is_counted_by_its_key_and_refused_over_budget(office: Office) -> None:
    priced(office, api_call={"quantity": 2, "hours": 1})
    for _ in range(2):
        office.casework.count_call(TENANT, "key:erp", "cases:list")
    with pytest.raises(OverBudget, match=r"budget of 2 \(api call\) in 1 hours is used up"):
        office.casework.count_call(TENANT, "key:erp", "cases:list")
    office.clock.forward(hours=1)
    office.casework.count_call(TENANT, "key:erp", "cases:list")
    assert {(row["caller"], row["purpose"], row["outcome"]) for row in rows(office)} == {
        ("key:erp", "cases:list", "admitted")
    }


def test_the_report_adds_up_by_kind_case_and_customer_and_says_how_budgets_stand(office: Office) -> None:
    priced(office, mail={"quantity": 1}, model_call={"amount": 1})
    only_mail(office)
    worker(office, Post()).tick()
    office.casework.count_call(TENANT, "key:erp", "cases:list")
    lead = office.who(LEAD)
    by_kind = office.casework.usage(lead, TENANT)
    assert {line.name: line.quantities for line in by_kind.lines} == {
        "mail": {"mail": 1},
        "api_call": {"api_call": 1},
    }
    assert by_kind.cost == Decimal("0.0005") and by_kind.assumption == "Made up."
    assert [(b.kind, b.is_used_up) for b in by_kind.budgets] == [("mail", True), ("model_call", False)]
    by_customer = office.casework.usage(office.who(AUDITOR), TENANT, "customer")
    assert [(line.name, line.cost) for line in by_customer.lines] == [
        (OWN_CUSTOMER, Decimal("0.0005")),
        (None, Decimal(0)),
    ]
    by_case = office.casework.usage(lead, TENANT, "case", since=office.clock())
    assert {line.name for line in by_case.lines} == {office.case_id(), None}
    office.clock.forward(hours=1)
    assert office.casework.usage(lead, TENANT, since=office.clock()).lines == ()
    assert office.casework.usage(lead, "health").lines == ()


def test_the_cost_of_a_case_is_for_whoever_may_read_it_from_inside(office: Office) -> None:
    priced(office)
    only_mail(office)
    worker(office, Post()).tick()
    found = office.casework.usage_of_case(office.who(PLANNER), TENANT, office.case_id())
    assert found is not None and found.cost == Decimal("0.0005")
    assert office.casework.usage_of_case(office.who(CUSTOMER), TENANT, office.case_id()) is None
    with pytest.raises(CaseNotFound):
        office.casework.usage_of_case(office.who(PLANNER), TENANT, "D-999999")
    with pytest.raises(NotPermitted):
        office.casework.usage(office.who(PLANNER), TENANT)


def test_budgets_that_would_be_wrong_are_refused_when_they_are_read() -> None:
    for wrong in (
        {"budgets": {"mail": {}}},
        {"budgets": {"team_notice": {"quantity": 1}}},
        {"prices": {"mail": {"each": -1}}},
        {"prices": {"pigeon": {"each": 1}}},
    ):
        with pytest.raises(ValidationError):
            Metering.model_validate(wrong)
    assert Price(per_million_input_tokens=Decimal("0.25")).of(3, None) == Decimal("0.000001")


def test_a_lead_that_is_no_team_is_refused(sqlite_office: Office) -> None:
    with pytest.raises(ValidationError, match="unknown team nobody"):
        sqlite_office.configure(metering={"tells": "nobody"})


def test_the_command_prints_what_was_used(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_HOME", str(sqlite_office.home))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    priced(sqlite_office)
    only_mail(sqlite_office)
    worker(sqlite_office, Post()).tick()
    told = CliRunner().invoke(app, ["usage", "--tenant", TENANT, "--by", "customer", "--json"])
    assert told.exit_code == 0, told.output
    (line,) = json.loads(told.stdout)["lines"]
    assert (line["name"], line["quantities"]) == (OWN_CUSTOMER, {"mail": 1})
    assert OWN_CUSTOMER in CliRunner().invoke(app, ["usage", "--tenant", TENANT, "--by", "customer"]).stdout


def test_calls_counted_before_there_were_other_kinds_are_kept_both_ways(office: Office) -> None:
    with owning(office.engine) as connection:
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
        connection.execute(
            text(
                "insert into usage (tenant_id, usage_id, kind, started_at) values ('airfreight', 'u', 'k', :at)"
            ),
            {"at": office.clock()},
        )
    migrate(office.engine)
    (row,) = rows(office)
    assert (row["kind"], row["purpose"], row["quantity"], row["currency_code"]) == (
        "model_call",
        "k",
        1,
        "EUR",
    )
    priced(office)
    only_mail(office)
    worker(office, Post()).tick()
    with owning(office.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
        assert connection.execute(text("select usage_id, kind from usage")).all() == [("u", "k")]
    migrate(office.engine)
