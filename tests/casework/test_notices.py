"""An escalation reaches the team it names, whatever happens to the worker, and can reach nobody outside."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP

import pytest
from sqlalchemy import select

from casework.canonical import canonical_sha256
from casework.config import Config, TenantConfig
from casework.effects.adapters import standard
from casework.effects.adapters.webhook import WebhookSettings, portal_secret
from casework.escalations import auditor, escalation
from casework.model import Contact
from casework.service import Casework
from casework.store.tables import effects, escalations, heartbeats, messages
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import World, copied, prepared, sandbox
from tests.casework.test_worker_crashes import receivers
from tests.casework.worker_process import start

PLANNING = "planning@demo-desk.example"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("notices"))


@pytest.fixture
def world(base, tmp_path):
    with copied(base, tmp_path / "home") as opened:
        yield opened


def one_due(world: World, action: str = "notify") -> None:
    """Let exactly one step be due: the first notice to planning."""
    world.alter(escalations, due_at=datetime(2099, 1, 1, tzinfo=UTC))
    first = (escalations.c.rule == "unanswered") & (escalations.c.step == 1)
    details = {"action": action, "team": "planning", "note": "Nobody has answered yet."}
    world.alter_where(escalations, first, due_at=datetime(2026, 1, 1, tzinfo=UTC), details=details)


def fired(world: World) -> list[tuple[str, int]]:
    query = select(escalations.c.rule, escalations.c.step).where(escalations.c.state == "fired")
    with world.engine.connect() as connection:
        return [(row.rule, row.step) for row in connection.execute(query)]


def queued(world: World) -> None:
    one_due(world)
    assert escalation.fire_due(world.casework.desk, world.clock()) == 1


def sent(world: World) -> dict[str, int]:
    with sandbox(world) as ports:
        return world.worker(*ports).send()


def test_a_notice_reaches_the_teams_mailbox_once_and_needs_no_approval(world):
    one_due(world)
    with sandbox(world) as ports:
        worker = world.worker(*ports)
        assert worker.tick() == {"escalated": 1, "applied": 1}
        worker.tick()
    (mail,) = world.told()
    message = message_from_bytes(mail.read_bytes(), policy=SMTP)
    assert message["To"] == PLANNING and world.case_id in message["Subject"]
    assert "Nobody has answered yet." in message.get_content()
    (notice,) = world.notices()
    assert (notice["state"], notice["approval_id"], notice["target"]) == ("applied", None, "team_mail")
    assert "notice:delivered" in world.said() and "writeback:delivered" not in world.said()
    assert world.sent_messages() == [] and world.casework.verify_audit(TENANT).ok


def test_a_notice_leaves_also_when_the_facts_change_or_somebody_answers_meanwhile(world):
    queued(world)
    world.sync(late_probability=0.99)
    world.approve()
    assert sent(world)["applied"] >= 1
    assert [row["state"] for row in world.notices()] == ["applied"]


def test_a_notice_never_goes_to_a_partners_address(world):
    world.casework.put_contacts(
        TENANT, [Contact("NWFR", "mail", "carrier", "Northwind", PLANNING.upper(), True)], "service:test"
    )
    queued(world)
    assert sent(world) == {"not_sent": 1} and world.told() == []
    assert world.notices()[0]["last_error"].startswith("Its recipient is a partner's address")
    found = auditor.audit_missed(world.casework.desk, world.clock())
    assert [missed.problem for missed in found] == ["Its notice to planning has not arrived (superseded)."]


@pytest.mark.parametrize("address", ["ops@acme.example", "planning@demo-desk.example.evil.example"])
def test_a_notice_whose_address_was_changed_does_not_leave(world, address):
    """Not even where every hash was made to fit: the configuration of teams is asked again."""
    queued(world)
    (notice,) = world.notices()
    content = notice["payload"] | {"address": address}
    content["payload"] = content["payload"] | {"to": address}
    forged = {"recipient": address, "payload": content, "payload_sha256": canonical_sha256(content)}
    world.alter_where(effects, effects.c.effect_id == notice["effect_id"], **forged)
    assert sent(world) == {"not_sent": 1} and world.told() == world.mails() == []
    assert world.notices()[0]["last_error"] == "Its recipient is no team of this tenant."


def test_a_notice_cannot_be_passed_off_as_a_message_nor_a_message_as_a_notice(world):
    queued(world)
    world.alter(effects, target="mail")
    assert sent(world) == {"not_sent": 1}
    assert world.effect("mail")["last_error"] == "There is no approval for it."
    world.approve()
    world.alter_where(effects, effects.c.approval_id.is_not(None), target="team_mail")
    assert sent(world) == {"not_sent": 2} and world.mails() == []


def test_a_notice_of_a_step_that_has_not_fired_does_not_leave(world):
    queued(world)
    world.alter(escalations, state="due")
    assert sent(world) == {"not_sent": 1} and world.told() == []


CRASH_POINTS = {
    # where the worker dies: notices that arrived in all
    "escalation:after-fired-before-told": 1,
    "escalation:after-told-before-commit": 1,
    "desk:before-commit": 1,
    "desk:after-commit-before-checkpoint": 1,
    "worker:after-lease": 1,
    "worker:before-data": 1,
    "worker:after-send-before-settle": 2,  # told again, under the same Message-ID
    "worker:after-settle": 1,
}


@pytest.mark.faults
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_killed_worker_fires_each_step_once_and_the_team_hears_of_it(world, point):
    one_due(world)
    with receivers(world) as got:
        process = start(world, got.ports, crash_at=point)
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        worker = world.worker(*got.ports)
        for _ in range(3):
            worker.tick()
            world.clock.forward(minutes=4)
    assert fired(world) == [("unanswered", 1)]
    assert world.said().count("case:escalated") == 1
    assert [row["state"] for row in world.notices()] == ["applied"]
    assert len(got.mails) == CRASH_POINTS[point] and len(set(got.mails)) == 1
    with world.engine.connect() as connection:
        notes = connection.execute(select(messages).where(messages.c.direction == "note")).all()
    assert len(notes) == 1 and world.casework.verify_audit(TENANT).ok


@pytest.mark.faults
def test_several_workers_fire_once_and_tell_once(world):
    one_due(world)
    with receivers(world) as got:
        processes = [start(world, got.ports, rounds=10) for _ in range(3)]
        for process in processes:
            process.join(timeout=60)
    assert fired(world) == [("unanswered", 1)] and len(got.mails) == 1


def test_a_mail_server_that_gives_no_answer_is_asked_again_under_the_same_id(world):
    queued(world)
    with receivers(world) as got:
        got.answer = "drop"
        worker = world.worker(*got.ports)
        assert worker.send() == {"pending": 1}
        got.answer = "250 OK"
        world.clock.forward(minutes=10)
        assert worker.send() == {"applied": 1}
    assert len(got.mails) == 2 and len(set(got.mails)) == 1


def test_a_team_without_a_working_mailbox_is_reported_until_the_case_ends(world):
    queued(world)
    with receivers(world) as got:
        got.answer = "550 no such mailbox"
        world.worker(*got.ports).tick()
        assert world.notices()[0]["state"] == "refused"
        world.clock.forward(minutes=2)
        world.worker(*got.ports).tick()
    with world.engine.connect() as connection:
        beat = connection.execute(select(heartbeats)).one()
    assert beat.details["escalations"]["missed"] == 1


def with_endpoint(world: World, url: str) -> None:
    config = world.casework.config
    values = config.tenants[TENANT].model_dump()
    values["teams"]["planning"]["webhook"] = url
    tenants = {**config.tenants, TENANT: TenantConfig.model_validate(values)}
    changed = Config.model_validate({**dict(config), "tenants": tenants})
    world.casework = Casework(
        world.engine, config=changed, keys=world.casework.keys, home=world.home, clock=world.clock
    )


def test_a_team_hears_of_it_at_its_own_endpoint(world):
    with_endpoint(world, "https://hooks.demo-desk.example/planning")
    one_due(world, "webhook")
    with sandbox(world) as ports:
        worker = world.worker(*ports)
        worker.adapters["team_webhook"] = worker.adapters["portal_webhook"]  # the sandbox stands in for both
        assert worker.tick() == {"escalated": 1, "applied": 1}
    assert len(world.updates()) == 1
    (notice,) = world.notices()
    assert (notice["target"], notice["recipient"]) == (
        "team_webhook",
        "https://hooks.demo-desk.example/planning",
    )


def test_a_portal_configured_for_everything_gets_no_notice_of_a_team(tmp_path):
    """What is told inside is signed with a secret of its own and goes to no address of a portal."""
    environment = {
        "TIDEWAITER_PORTAL_URL": "https://portal.acme.example/hooks",
        "TIDEWAITER_SMTP_URL": "smtp://127.0.0.1:1",
    }
    adapters = standard(tmp_path, environment)
    assert adapters["team_webhook"].describe().destination == "each team's endpoint"
    assert adapters["portal_webhook"].describe().destination == "https://portal.acme.example/hooks"
    teams = WebhookSettings.for_teams(environment, tmp_path)
    assert teams.url_override is None and teams.secret != portal_secret(environment, tmp_path)


def test_an_update_to_the_customer_begins_the_promise_of_the_next_and_a_later_one_takes_its_place(world):
    world.approve()
    sent(world)
    with world.engine.connect() as connection:
        query = (
            select(escalations).where(escalations.c.rule == "promised_update").order_by(escalations.c.step)
        )
        steps = connection.execute(query).mappings().all()
    # mail and portal were two deliveries: the second renewed the promise of the first
    assert [row["state"] for row in steps] == ["cancelled", "cancelled", "due", "due"]
    assert steps[-1]["due_at"] - world.clock() <= timedelta(hours=8)
    update_due = next(found for found in world.detail().clocks if found.clock == "next_update")
    assert abs(update_due.due_at - steps[-1]["due_at"]) < timedelta(seconds=5)
