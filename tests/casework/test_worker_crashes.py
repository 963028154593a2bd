"""Workers are killed and race each other: nothing is lost, and nothing is sent twice without a person."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from casework.effects import people
from casework.effects.adapters.webhook import portal_secret
from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.store.tables import cases, effects
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import APPROVER, PLANNER, copied, free_port, prepared
from tests.casework.worker_process import start


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("crashes"))


@pytest.fixture
def world(base, tmp_path):
    with copied(base, tmp_path / "home") as opened:
        yield opened


class Receivers:
    """A mail server and a portal that count every delivery, and can be told to misbehave."""

    def __init__(self, secret: str) -> None:
        self.mails: list[str] = []
        self.updates: list[str] = []
        self.answer = "250 OK"
        self.status = 200
        self.secret = secret
        self.smtp_port = free_port()
        outer = self

        class Portal(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                Webhook(outer.secret).verify(body, headers)
                outer.updates.append(headers["webhook-id"])
                self.send_response(outer.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args) -> None:
                pass

        self.portal = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        self.ports = (self.smtp_port, self.portal.server_address[1])

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        head = envelope.original_content.decode().split("Message-ID: ")[1]
        self.mails.append(head.split("\r\n")[0])
        if self.answer == "drop":
            server.transport.abort()
        return self.answer


@contextmanager
def receivers(world):
    made = Receivers(portal_secret({}, world.home))
    mail = Controller(made, hostname="127.0.0.1", port=made.smtp_port)
    mail.start()
    thread = threading.Thread(target=made.portal.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        mail.stop()
        made.portal.shutdown()
        made.portal.server_close()
        thread.join()


def killed(world, got, crash_at) -> bool:
    """Run a worker's process to its crash point; whether it died there."""
    process = start(world, got.ports, crash_at=crash_at)
    process.join(timeout=60)
    return process.exitcode == -signal.SIGKILL


def only(world, target: str) -> None:
    """Keep only one target's effect due, so that a crash point meets that one."""
    for row in world.effects():
        if row["target"] != target:
            world.alter_where(effects, effects.c.effect_id == row["effect_id"], state="superseded")


CRASH_POINTS = {
    # where the worker dies: (mails that left in all, state of the mail, updates posted in all)
    "worker:after-lease": (1, "applied", 1),
    "worker:before-point-of-no-return": (1, "applied", 1),
    "worker:before-data": (0, "needs_human", 1),
    "worker:after-send-before-settle": (1, "needs_human", 2),
    "desk:before-commit": (1, "applied", 1),
    "desk:after-commit-before-checkpoint": (1, "applied", 1),
    "worker:after-settle": (1, "applied", 1),
}


@pytest.mark.faults
@pytest.mark.parametrize("target", ["mail", "portal_webhook"])
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_killed_worker_costs_a_delay_and_never_a_second_mail(world, point, target):
    world.approve()
    only(world, target)
    mails, mail_state, updates = CRASH_POINTS[point]
    with receivers(world) as got:
        assert killed(world, got, point)
        worker = world.worker(*got.ports)
        at_once = worker.send()
        if point not in ("worker:after-settle", "desk:before-commit"):
            assert at_once == {} and world.effect_state(target) == "claimed"
        for _ in range(3):
            world.clock.forward(minutes=4)
            worker.send()
    if target == "mail":
        assert (len(got.mails), world.effect_state("mail")) == (mails, mail_state)
    else:
        assert (len(got.updates), world.effect_state("portal_webhook")) == (updates, "applied")
        assert len(set(got.updates)) == 1
    assert len(world.sent_messages()) == (1 if world.effect_state(target) == "applied" else 0)
    assert world.casework.verify_audit(TENANT).ok


@pytest.mark.faults
@pytest.mark.parametrize("arrived", [True, False])
def test_what_may_have_arrived_and_may_not_be_sent_again_waits_for_a_person(world, arrived):
    world.approve()
    only(world, "portal_webhook")
    with receivers(world) as got:
        assert killed(world, got, "worker:after-send-before-settle")
        world.alter(cases, facts_version=2)  # meanwhile the shipment moved on
        world.clock.forward(minutes=4)
        world.worker(*got.ports).send()
        assert len(got.updates) == 1
        assert world.effect_state("portal_webhook") == "needs_human"  # not "superseded": the portal has it
        assert "facts" in world.effect("portal_webhook")["last_error"]
        assert world.draft_state()[0] == "approved"
        person, effect_id = world.person(APPROVER), world.effect("portal_webhook")["effect_id"]
        decide = people.confirm if arrived else people.resend
        decide(world.casework.desk, person, TENANT, effect_id, "I looked at the portal.")
        world.worker(*got.ports).send()
    assert len(got.updates) == 1
    assert world.effect_state("portal_webhook") == ("applied" if arrived else "superseded")
    assert len(world.sent_messages()) == (1 if arrived else 0)


@pytest.mark.faults
def test_several_workers_send_everything_once(world):
    world.approve()
    with receivers(world) as got:
        processes = [start(world, got.ports, rounds=15) for _ in range(3)]
        for process in processes:
            process.join(timeout=60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(got.mails) == 1 and len(got.updates) == 1
    assert world.states() == {"mail": "applied", "portal_webhook": "applied"}
    assert Counter(world.said())["writeback:delivered"] == 2


def test_workers_in_threads_share_a_queue_without_a_double(world):
    world.approve()
    with receivers(world) as got:
        workers = [world.worker(*got.ports, f"worker:{n}") for n in range(6)]
        threads = [threading.Thread(target=lambda w=w: [w.tick() for _ in range(5)]) for w in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(got.mails) == 1 and len(got.updates) == 1


def test_a_worker_that_slept_past_its_lease_sends_nothing_any_more(world):
    world.approve()
    only(world, "mail")
    with receivers(world) as got:
        sleeper, other = (world.worker(*got.ports, n) for n in ("a", "b"))
        adapter = sleeper.adapters["mail"]
        original = adapter.apply

        def late(change, key):
            world.clock.forward(minutes=10)
            assert other.send() == {"applied": 1}
            return original(change, key)

        adapter.apply = late
        assert sleeper.send() == {"lease_lost": 1}
    assert len(got.mails) == 1 and world.effect_state("mail") == "applied"


def test_a_mail_server_that_vanishes_after_the_text_leaves_the_decision_to_a_person(world):
    world.approve()
    only(world, "mail")
    with receivers(world) as got:
        got.answer = "drop"
        worker = world.worker(*got.ports)
        assert worker.send() == {"needs_human": 1}
        world.clock.forward(days=1)
        assert worker.send() == {}
    assert len(got.mails) == 1
    effect = world.effect("mail")
    assert effect["receipt"]["result"] == "unknown" and effect["last_error"]
    assert "writeback:outcome:unknown" in world.said() and world.sent_messages() == []


def unknown_mail(world, got):
    world.approve()
    only(world, "mail")
    got.answer = "drop"
    world.worker(*got.ports).send()
    got.answer = "250 OK"
    return world.effect("mail")["effect_id"]


def test_a_person_may_confirm_that_it_arrived(world):
    with receivers(world) as got:
        effect_id = unknown_mail(world, got)
        people.confirm(world.casework.desk, world.person(APPROVER), TENANT, effect_id, "Maria has it.")
        world.worker(*got.ports).send()
    assert len(got.mails) == 1 and world.effect_state("mail") == "applied"
    assert len(world.sent_messages()) == 1 and world.casework.verify_audit(TENANT).ok


def test_a_person_may_send_it_again_and_it_keeps_its_message_id(world):
    with receivers(world) as got:
        effect_id = unknown_mail(world, got)
        people.resend(world.casework.desk, world.person(APPROVER), TENANT, effect_id, "Maria has nothing.")
        assert world.worker(*got.ports).send() == {"applied": 1}
    assert len(got.mails) == 2 and len(set(got.mails)) == 1
    assert "writeback:queued:again" in world.said()


def test_sending_again_needs_the_approval_to_stand(world):
    with receivers(world) as got:
        effect_id = unknown_mail(world, got)
        world.clock.forward(hours=25)
        people.resend(world.casework.desk, world.person(APPROVER), TENANT, effect_id, "Try.")
        assert world.worker(*got.ports).send() == {"not_sent": 1}
    assert len(got.mails) == 1 and world.effect_state("mail") == "superseded"


def test_only_who_may_approve_decides_about_it_and_says_why(world):
    desk = world.casework.desk
    with receivers(world) as got:
        effect_id = unknown_mail(world, got)
    with pytest.raises(NotPermitted):
        people.resend(desk, world.person(PLANNER), TENANT, effect_id, "x")
    for outsider in ("partner:customer", "person:engineer"):
        with pytest.raises(NotFound):
            people.confirm(desk, world.person(outsider), TENANT, effect_id, "x")
    with pytest.raises(NotFound):
        people.confirm(desk, world.person(APPROVER), TENANT, "nothing", "x")
    with pytest.raises(NotFound):
        people.confirm(desk, world.person(APPROVER), "health", effect_id, "x")
    with pytest.raises(DetailsRefused):
        people.confirm(desk, world.person(APPROVER), TENANT, effect_id, " \x00 ")
    people.confirm(desk, world.person(APPROVER), TENANT, effect_id, "seen")
    with pytest.raises(TransitionRefused, match="applied"):
        people.resend(desk, world.person(APPROVER), TENANT, effect_id, "x")


def test_a_portal_that_is_down_is_tried_ten_times_over_three_days_and_then_shown(world):
    world.approve(expires_in=timedelta(days=7))
    only(world, "portal_webhook")
    with receivers(world) as got:
        got.status = 503
        worker = world.worker(*got.ports)
        for _ in range(9):
            assert worker.send() == {"pending": 1}
            before = world.clock()
            effect = world.effect("portal_webhook")
            wait = effect["available_at"] - before
            assert 0 < wait.total_seconds() <= 86_400
            assert worker.send() == {}
            world.clock.ahead += wait + timedelta(seconds=1)
        assert worker.send() == {"dead": 1}
    assert len(got.updates) == 10 and len(set(got.updates)) == 1
    assert world.said().count("writeback:delayed") == 1 and world.said()[-1] == "writeback:abandoned"
    assert len(world.effect("portal_webhook")["receipt"]["history"]) == 10


def test_a_refusal_is_final_and_visible(world):
    world.approve()
    only(world, "portal_webhook")
    with receivers(world) as got:
        got.status = 422
        assert world.worker(*got.ports).send() == {"refused": 1}
    assert world.said()[-1] == "writeback:refused"


def test_an_adapter_that_fails_in_its_own_way_does_not_stop_the_worker(world):
    world.approve()
    with receivers(world) as got:
        worker = world.worker(*got.ports)

        def broken(change, key):
            raise RuntimeError("bug")

        worker.adapters["mail"].apply = broken
        assert worker.send() == {"needs_human": 1, "applied": 1}


def test_it_runs_until_told_to_stop(world):
    world.approve()
    stop = threading.Event()
    with receivers(world) as got:
        worker = world.worker(*got.ports)
        thread = threading.Thread(target=worker.run_forever, args=(stop, 0.05))
        thread.start()
        for _ in range(100):
            if set(world.states().values()) == {"applied"}:
                break
            threading.Event().wait(0.05)
        stop.set()
        thread.join(timeout=10)
    assert not thread.is_alive() and world.states() == {"mail": "applied", "portal_webhook": "applied"}
