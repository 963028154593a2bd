"""Policies as configuration: which cases, which steps, who is woken; and a dry run that says what then happens."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from casework.config import EscalationRule, load_config
from casework.config.tenant import OnCall
from casework.errors import CaseNotFound, NotPermitted
from casework.escalations import auditor, escalation, policies
from casework.escalations.rehearsal import PlannedStep
from casework.model import Action, EscalationView
from casework.store.engine import writing_across
from casework.store.tables import effects, escalations
from orchestration.cli import app
from tests.casework.office import CARRIER, CUSTOMER, LEAD, START, TENANT, Office, exception

TEAMS = load_config().tenants[TENANT].model_dump()["teams"]
OFF = dict.fromkeys(load_config().escalation.rules)  # every common rule switched off
ROTA = {
    "zone": "America/New_York",
    "anchor": "2026-01-05T08:00:00-05:00",
    "shift_hours": 12,
    "rotation": [
        {"login": "planner", "mail": "planner@demo-desk.example"},
        {"login": "lead", "mail": "lead.phone@demo-desk.example"},
        {"login": "approver", "mail": "approver@demo-desk.example"},
    ],
}
NIGHT = {
    "mail": "planning@demo-desk.example",
    "calendar": "us_office",  # quiet from 20:00 to 07:00 in New York
    "webhook": "https://hooks.demo-desk.example/planning",
    "on_call": ROTA,
}


def fire(office: Office) -> int:
    return escalation.fire_due(office.casework.desk, office.clock())


def only(
    office: Office,
    *steps: dict[str, Any],
    clock: str = "first_response",
    runs_on: str = "24x7",
    **rule: Any,
) -> None:
    """Configure one rule with these steps, and a team that sleeps at night, is on call and has an endpoint."""
    wanted = {"clock": clock, "cancelled_by": "ended", "steps": list(steps)} | rule
    office.configure(
        escalation=OFF | {"only": wanted},
        teams=TEAMS | {"planning": NIGHT},
        calendars={"default": runs_on},
    )


def say(action: str = "notify", **step: Any) -> dict[str, Any]:
    return (
        {"action": action, "note": "Look at it."}
        | ({} if action == "reassign" else {"team": "planning"})
        | step
    )


def plan(office: Office, case_id: str | None = None, **options: Any) -> tuple[PlannedStep, ...]:
    return office.casework.escalation_plan(office.who(LEAD), TENANT, case_id, **options)


def due(office: Office) -> list[float]:
    """When the steps of the one case are due, in minutes after its opening."""
    return [(step.due_at - START) / timedelta(minutes=1) for step in of_the_rule(office)]


def of_the_rule(office: Office) -> list[EscalationView]:
    """The steps of the one rule; what reminds of the case follows them."""
    *steps, last = office.detail().escalations
    assert last.rule == policies.STILL_OPEN
    return [step for step in steps if step.rule == "only"]


# --- which steps -------------------------------------------------------------------------------------------


def test_steps_wait_for_one_another_and_repeat(sqlite_office: Office) -> None:
    only(
        sqlite_office,
        say(left_minutes=20),
        {"action": "wait", "minutes": 5},
        say("webhook"),
        {"action": "repeat", "every_minutes": 30, "times": 3},
        say("reassign", after_minutes=60, role="ops_lead"),
    )
    sqlite_office.sync(exception())
    assert due(sqlite_office) == [40, 45, 75, 105, 120, 135]
    actions = [step.details["action"] for step in of_the_rule(sqlite_office)]
    assert Counter(actions) == {"notify": 1, "webhook": 4, "reassign": 1}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, True),
        ({"customer_tiers": ["gold"], "exception_types": ["predicted_late"]}, True),
        ({"customer_tiers": ["silver"]}, False),
        ({"exception_types": ["late_now"]}, False),
        (
            {"minimum_expected_loss": 1000, "minimum_inventory_amount": 100, "minimum_revenue_amount": 300},
            True,
        ),
        ({"minimum_expected_loss": 1001}, False),
        ({"minimum_inventory_amount": 101}, False),
        ({"minimum_revenue_amount": 301}, False),
        ({"severity_from": "high"}, True),
        ({"severity_from": "critical"}, False),
    ],
)
def test_a_rule_is_for_the_cases_that_meet_all_its_conditions(
    sqlite_office: Office, when: dict[str, Any], expected: bool
) -> None:
    only(sqlite_office, say(share=0.5), when=when)
    sqlite_office.sync(exception())
    assert bool(of_the_rule(sqlite_office)) is expected


def test_a_case_that_comes_to_matter_more_gets_the_steps_for_that(office: Office) -> None:
    office.sync(exception())
    office.sync(exception(inventory_amount=Decimal("50000.00")), publication="pub-2")
    rules = [step.rule for step in office.detail().escalations]
    assert rules.count("stock_at_risk") == rules.count("high_exposure") == 1
    assert rules.count("unanswered") == 3


def test_a_tenant_replaces_a_rule_or_switches_it_off() -> None:
    config = load_config()
    tenant = config.tenants["health"].model_copy(
        update={"escalation": {"unresolved": None, "unanswered": config.escalation.rules["high_exposure"]}}
    )
    changed = config.model_copy(update={"tenants": {**config.tenants, "health": tenant}})
    assert "unresolved" not in changed.policy("health").rules
    assert changed.policy("health").rules["unanswered"] == config.escalation.rules["high_exposure"]
    assert changed.policy("demo").rules == config.escalation.rules


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([say()], "exactly one of share and after_minutes"),
        ([say(share=0.5, after_minutes=5)], "exactly one of share and after_minutes"),
        ([{"action": "wait", "minutes": 5}, say()], "follows a step"),
        ([say(share=1.0), {"action": "wait", "minutes": 5}], "after a wait comes a step"),
        ([say(share=1.0), {"action": "repeat", "every_minutes": 5}], "repeat names every_minutes and times"),
        ([say(share=1.0, team=None)], "name a team"),
        ([say(share=1.0, role="ops_lead")], "name a team"),
        ([say(share=1.0, note="")], "give it a note"),
        ([], "at least 1 item"),
    ],
)
def test_a_mistake_in_a_rule_is_named(steps: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        EscalationRule.model_validate({"clock": "resolution", "cancelled_by": "ended", "steps": steps})


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (say(share=1.0, team="nobody"), "unknown team nobody"),
        (say(share=1.0, team="lead", on_call=True), "has no rotation"),
        (say("webhook", share=1.0, team="lead"), "has none"),
    ],
)
def test_a_rule_that_would_reach_nobody_is_refused(
    sqlite_office: Office, step: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        only(sqlite_office, step)


# --- who is woken ------------------------------------------------------------------------------------------


def test_shifts_change_at_the_same_local_time_in_every_season() -> None:
    rota = OnCall.model_validate(ROTA)

    def login(*at: int) -> str:
        return policies.on_call(rota, datetime(*at, tzinfo=UTC)).login  # type: ignore[misc]

    assert [login(2026, 1, 5, 12, 59), login(2026, 1, 5, 13), login(2026, 1, 6, 1)] == [
        "approver",
        "planner",
        "lead",
    ]
    # in summer the shift of 08:00 begins at 12:00 UTC
    assert login(2026, 7, 6, 11, 59) != login(2026, 7, 6, 12) == login(2026, 7, 6, 23, 59)


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    hours=st.sampled_from([1, 8, 12, 24, 168]),
    at=st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_the_rotation_goes_forward_one_by_one_and_never_back(zone: str, hours: int, at: datetime) -> None:
    people = [{"login": str(number), "mail": f"p{number}@x.example"} for number in range(50)]
    rota = OnCall.model_validate({**ROTA, "zone": zone, "shift_hours": hours, "rotation": people})
    numbers = [int(policies.on_call(rota, at + timedelta(minutes=30) * step).login) for step in range(60)]
    moves = {(later - earlier) % 50 for earlier, later in zip(numbers, numbers[1:], strict=False)}
    # a day that a zone left out holds as many shifts as there are hours in it
    assert moves <= ({0, 1} | {24, 25} if zone == "Pacific/Apia" else {0, 1, 2})


def test_what_can_wait_waits_for_the_morning_and_what_cannot_does_not(office: Office) -> None:
    office.clock.at = datetime(2026, 9, 2, 2, 0, tzinfo=UTC)  # 22:00 in New York
    only(office, say(share=1.0))
    office.sync(exception(1, severity="medium"), exception(2, severity="high"))
    low, high = (office.case_id(f"predicted_late:SH-{number}") for number in (1, 2))
    assert plan(office, high)[0].fires_at == office.clock() + timedelta(hours=1)
    assert plan(office, low)[0].fires_at == datetime(2026, 9, 2, 11, 0, tzinfo=UTC)
    office.clock.forward(hours=8, minutes=59)
    assert fire(office) == 1
    office.clock.forward(minutes=1)
    assert fire(office) == 1


def test_a_wait_that_ends_at_night_still_lets_people_sleep(office: Office) -> None:
    office.clock.at = datetime(2026, 9, 1, 20, 0, tzinfo=UTC)
    only(office, say(share=0.5), clock="resolution")
    office.sync(exception(severity="medium"))
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    assert plan(office)[0].fires_at.hour == 11  # asked for 04:00 in New York
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(hours=2), reason="x")
    office.clock.forward(hours=2)
    fire(office)
    assert plan(office)[0].fires_at == datetime(2026, 9, 2, 11, 0, tzinfo=UTC)  # asked for 06:00 there


# --- the dry run -------------------------------------------------------------------------------------------

ANCHORS = st.one_of(
    st.builds(lambda share: {"share": share}, st.sampled_from([0.1, 0.5, 0.75, 1.0])),
    st.builds(lambda minutes: {"left_minutes": minutes}, st.integers(0, 90)),
    st.builds(lambda minutes: {"after_minutes": minutes}, st.integers(0, 600)),
)
DOES = st.sampled_from(
    [say(), say(on_call=True), say("webhook"), say("reassign", role="ops_lead"), say(team="warehouse")]
)


@st.composite
def steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for anchor, does in draw(st.lists(st.tuples(ANCHORS, DOES), min_size=1, max_size=3)):
        made.append(does | anchor)
        if draw(st.booleans()):
            made.append({"action": "repeat", "every_minutes": draw(st.integers(1, 300)), "times": 2})
        if draw(st.booleans()):
            made += [{"action": "wait", "minutes": draw(st.integers(1, 300))}, draw(DOES)]
    return made


NUMBERS = count(1)


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example costs some 100 ms
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=steps(),
    clock=st.sampled_from(["first_response", "resolution"]),
    calendar_named=st.sampled_from(["24x7", "us_office", "night_shifts"]),
    severity=st.sampled_from(["low", "high"]),
    hours=st.integers(0, 24 * 7),
    waits=st.sampled_from([0, 0, 3, 40]),
)
def test_what_the_dry_run_says_is_what_happens(
    module_office: Office,
    steps: list[dict[str, Any]],
    clock: str,
    calendar_named: str,
    severity: str,
    hours: int,
    waits: int,
) -> None:
    """Each planned step fires at its instant, not a tick before, once, and reaches whom the plan named."""
    office, number = module_office, next(NUMBERS)
    office.clock.at = datetime(2026, 10, 28, 6, tzinfo=UTC) + timedelta(hours=hours)
    only(office, *steps, clock=clock, runs_on=calendar_named)
    office.sync(exception(number, severity=severity))
    case_id = office.case_id(f"predicted_late:SH-{number}")
    with writing_across(office.engine) as connection:  # the cases of earlier examples
        others = (escalations.c.case_id != case_id, escalations.c.state == "due")
        connection.execute(update(escalations).where(*others).values(state="cancelled"))
    if waits:
        office.perform(case_id, Action.TRIAGE)
        office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(hours=waits), reason="x")
    planned = plan(office, case_id)
    before = {step.fires_at for step in planned}
    for at in sorted(before):
        office.clock.at = at - timedelta(microseconds=1)
        assert fire(office) == 0
        office.clock.at = at
        assert fire(office) == sum(step.fires_at == at for step in planned)
    assert happened(office, case_id) == sorted(
        (step.rule, step.step, step.fires_at, step.action, step.channel, step.address or step.whom)
        for step in planned
    )
    office.clock.forward(days=30)
    assert fire(office) == 1  # reminded again


def happened(office: Office, case_id: str) -> list[tuple[Any, ...]]:
    """What fired for a case: rule, step, when, and whom it reached which way, by the outbox and the history."""
    told = {
        row["payload"]["escalation_id"]: row
        for row in office.effects()
        if row["payload"].get("escalation_id")
    }
    owners = [
        h.details.get("owner")
        for h in office.detail(case_id).history
        if h.details.get("action") == "reassign"
    ]
    found = []
    for step in office.detail(case_id).escalations:
        if step.state != "fired":
            continue
        notice = told.get(step.escalation_id)
        reached = (
            notice["recipient"] if notice else owners[0] if step.details["action"] == "reassign" else None
        )
        channel = {"team_mail": "mail", "team_webhook": "webhook"}[notice["target"]] if notice else None
        found.append((step.rule, step.step, step.fired_at, step.details["action"], channel, reached))
    return sorted(found)


def test_a_dry_run_changes_nothing_and_is_for_the_tenants_own_people(office: Office) -> None:
    office.sync(exception(1), exception(2))
    everything = plan(office)
    assert len(everything) == 12 and [s.fires_at for s in everything] == sorted(
        s.fires_at for s in everything
    )
    assert plan(office) == everything and office.effects() == []
    later = plan(office, office.case_id(), at=START + timedelta(hours=1, minutes=30))
    assert [step.is_overdue for step in later] == [True, True, False, False, False, False]
    for outsider in (CUSTOMER, CARRIER, "person:engineer", "person:admin"):
        with pytest.raises(NotPermitted):
            office.casework.escalation_plan(office.who(outsider), TENANT)
        with pytest.raises(NotPermitted):
            office.casework.audit_escalations(office.who(outsider), TENANT)
    with pytest.raises(CaseNotFound):
        plan(office, "D-999999")


def test_the_command_line_prints_the_plan_and_ends_with_one_when_something_was_missed(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = sqlite_office
    office.sync(exception())
    monkeypatch.setenv("TIDEWAITER_HOME", str(office.home))
    monkeypatch.delenv("TIDEWAITER_STORE_URL", raising=False)
    run = CliRunner()
    printed = run.invoke(
        app, ["escalations", "plan", "--tenant", TENANT, "--at", "2026-09-01T08:00:00", "--json"]
    )
    planned = plan(office)
    assert [step["fires_at"] for step in json.loads(printed.stdout)] == [
        s.fires_at.isoformat() for s in planned
    ]
    assert office.case_id() in run.invoke(app, ["escalations", "plan", "--tenant", TENANT]).stdout
    for due_at, code in ((datetime(2199, 1, 1, tzinfo=UTC), 0), (datetime(2000, 1, 1, tzinfo=UTC), 1)):
        with writing_across(office.engine) as connection:
            connection.execute(update(escalations).values(due_at=due_at))
        assert run.invoke(app, ["escalations", "audit", "--tenant", TENANT]).exit_code == code


# --- nothing missed, nothing twice -------------------------------------------------------------------------


def test_after_an_hour_without_a_worker_everything_due_fires_at_once_and_once(office: Office) -> None:
    office.configure(escalation={"unresolved": None})
    number = 30
    office.sync(*(exception(n) for n in range(number)))
    office.clock.forward(minutes=50)  # the worker stops before anything fired, for 70 minutes
    office.clock.forward(minutes=70)
    doors = [office.door() for _ in range(2)]
    done: list[int] = []
    threads = [
        threading.Thread(
            target=lambda d=door: done.append(escalation.fire_due(d.desk, office.clock(), limit=7))
        )
        for door in doors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == number * 3
    notices = [row["payload"]["escalation_id"] for row in office.effects()]
    assert len(notices) == len(set(notices)) == number * 2
    assert fire(office) == 0 and auditor.audit_missed(office.casework.desk, office.clock()) == []


def test_a_step_that_cannot_fire_keeps_no_other_waiting_and_is_reported(office: Office) -> None:
    office.sync(exception(1), exception(2))
    broken = office.case_id("predicted_late:SH-1")
    with writing_across(office.engine) as connection:
        mine = escalations.c.case_id == broken
        connection.execute(update(escalations).where(mine).values(details={"action": "reassign"}))
    office.clock.forward(hours=1)
    assert fire(office) == 2  # those of the other case
    office.clock.forward(minutes=2)
    missed = office.casework.audit_escalations(office.who(LEAD), TENANT)
    assert {(found.case_id, found.rule) for found in missed} == {(broken, "unanswered")}


def test_the_auditor_finds_steps_never_made_waits_without_an_end_and_notices_that_did_not_arrive(
    office: Office,
) -> None:
    office.sync(exception(1), exception(2), exception(3))
    planless, sleeper, untold = (office.case_id(f"predicted_late:SH-{n}") for n in (1, 2, 3))
    office.perform(sleeper, Action.START)
    office.perform(sleeper, Action.WAIT, until=office.clock() + timedelta(days=1), reason="x")
    office.clock.forward(minutes=45)
    fire(office)
    with writing_across(office.engine) as connection:
        connection.execute(delete(escalations).where(escalations.c.case_id == planless))
        connection.execute(
            delete(escalations).where(escalations.c.case_id == sleeper, escalations.c.rule == "wait_over")
        )
        connection.execute(update(effects).where(effects.c.case_id == planless).values(state="applied"))
        connection.execute(update(effects).where(effects.c.case_id == untold).values(state="dead"))
    found = {m.case_id: m.problem for m in auditor.audit_missed(office.casework.desk, office.clock())}
    assert set(found) == {planless, sleeper, untold}
    assert "no step is due" in found[planless] and "nothing would wake it" in found[sleeper]
    assert "planning has not arrived (dead)" in found[untold]


def test_a_wait_that_a_late_worker_ends_takes_no_time_from_anybody(office: Office) -> None:
    office.sync(exception())
    case_id = office.case_id()
    office.perform(case_id, Action.START)
    due_at = office.case()["resolution_due_at"]
    office.perform(case_id, Action.WAIT, until=office.clock() + timedelta(hours=2), reason="x")
    office.clock.forward(hours=9)  # nobody was there when it ended
    fire(office)
    assert office.case()["resolution_due_at"] == due_at + timedelta(hours=2)


def test_fired_steps_are_kept_with_the_zone_they_were_counted_in(office: Office) -> None:
    office.configure(calendars={"default": "europe_office"})
    office.sync(exception())
    with office.casework.desk.reading_across() as connection:
        kept = connection.execute(select(escalations.c.zone, escalations.c.clock).distinct()).all()
    assert {row.zone for row in kept} == {"Europe/Berlin"}
    assert {row.clock for row in kept} == {"first_response", "resolution"}
