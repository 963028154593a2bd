"""What was approved leaves once, exactly as approved; what may no longer leave does not."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes
from email.policy import SMTP

import pytest
from sqlalchemy import select

from casework.canonical import canonical_sha256
from casework.drafting.content import body_of
from casework.effects import outbox, settlement
from casework.effects.adapter import Leased, LeaseLost, Outcome, Result
from casework.model import DraftKind
from casework.store.tables import approvals, cases, contacts, effects, grants, heartbeats, principals
from tests.casework.effects_fixtures import TENANT, facts
from tests.casework.effects_world import copied, free_port, prepared, sandbox


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("sending"))


@pytest.fixture
def world(base, tmp_path):
    with copied(base, tmp_path / "home") as opened:
        yield opened


def test_an_approved_update_reaches_the_customer_by_mail_and_portal(world):
    seen = world.draft()
    approved = world.approve()
    with sandbox(world) as ports:
        counts = world.worker(*ports).tick()
    assert counts["applied"] == 2 and world.states() == {"mail": "applied", "portal_webhook": "applied"}
    mail = message_from_bytes(world.mails()[0].read_bytes(), policy=SMTP)
    assert mail["To"] == "ops@acme.example" and mail["From"] == "desk@tidewaiter.example"
    assert mail["X-Tidewaiter-Case"] == world.case_id and world.case_id in mail["Subject"]
    assert mail.get_content().replace("\r\n", "\n").strip() == body_of(seen.content)
    assert mail.get_content_type() == "text/plain"
    update = json.loads(world.updates()[0].read_text())
    assert update["payload"]["data"]["shipment_id"] == "SHP-20817"
    assert update["payload"]["data"]["predicted_arrival_at"] == "2026-09-03T06:00:00.000000Z"
    bound = {item["sha256"] for item in approved.recipients}
    assert {canonical_sha256(row["payload"]) for row in world.effects()} == bound
    assert [m["channel"] for m in world.sent_messages()] == ["mail", "webhook"]
    assert world.said().count("writeback:delivered") == 2
    assert world.casework.verify_audit(TENANT).ok


def test_a_second_round_sends_nothing_again(world):
    world.approve()
    with sandbox(world) as ports:
        worker = world.worker(*ports)
        worker.tick()
        world.clock.forward(days=2)
        worker.tick()
    assert len(world.sent_messages()) == 2 and len(world.updates()) == 1
    assert len(world.mails()) == 1 and len(world.told()) == len(world.notices()) > 0


def test_a_receipt_names_what_the_receiver_said(world):
    world.approve()
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    assert world.effect("mail")["receipt"]["message_id"].endswith("@tidewaiter.example>")
    assert world.effect("mail")["receipt"]["code"] == 250
    portal = world.effect("portal_webhook")["receipt"]
    assert json.loads(portal["acknowledgement"]) == {"acknowledged": portal["webhook_id"]}


def nothing_left(world) -> bool:
    return not world.mails() and not world.updates()


def send_after(world, change) -> dict[str, str]:
    world.approve()
    change()
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    return world.states()


BOTH_SUPERSEDED = {"mail": "superseded", "portal_webhook": "superseded"}


def test_when_the_facts_change_first_nothing_leaves(world):
    states = send_after(world, lambda: world.sync(facts=facts(predicted_arrival_at="2026-09-05T09:00:00Z")))
    assert states == BOTH_SUPERSEDED and nothing_left(world)


def test_when_the_facts_change_behind_the_door_nothing_leaves_either(world):
    assert send_after(world, lambda: world.alter(cases, facts_version=2)) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_an_expired_approval_sends_nothing(world):
    assert send_after(world, lambda: world.clock.forward(hours=25)) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_an_approver_who_lost_the_role_meanwhile_sends_nothing(world):
    assert send_after(world, lambda: world.alter(grants, revoked_at=world.clock())) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_an_approver_whose_account_was_closed_sends_nothing(world):
    assert send_after(world, lambda: world.alter(principals, is_active=False)) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_a_contact_no_longer_verified_gets_nothing(world):
    assert send_after(world, lambda: world.alter(contacts, is_verified=False)) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_a_case_that_was_closed_meanwhile_sends_nothing(world):
    assert send_after(world, lambda: world.alter(cases, state="closed")) == BOTH_SUPERSEDED
    assert nothing_left(world)


@pytest.mark.parametrize("field", ["subject", "body", "address", "party_id", "target"])
def test_a_changed_payload_does_not_leave(world, field):
    def tamper() -> None:
        for row in world.effects():
            changed = {**row["payload"], field: "changed"}
            world.alter(effects, payload=changed)

    assert send_after(world, tamper) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_a_changed_payload_with_a_matching_hash_does_not_leave(world):
    def tamper() -> None:
        changed = {**world.effect("mail")["payload"], "body": "Pay eve."}
        world.alter(effects, payload=changed, payload_sha256=canonical_sha256(changed))

    assert send_after(world, tamper) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_a_changed_recipient_does_not_leave(world):
    assert send_after(world, lambda: world.alter(effects, recipient="eve@evil.example")) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_an_effect_without_an_approval_does_not_leave(world):
    assert send_after(world, lambda: world.alter(effects, approval_id=None)) == BOTH_SUPERSEDED
    assert nothing_left(world)


def test_what_did_not_leave_waits_for_a_new_decision_and_says_so(world):
    send_after(world, lambda: world.clock.forward(hours=25))
    state, version = world.draft_state()
    assert (state, version) == ("waiting", 2)
    assert world.said().count("writeback:superseded") == 2
    again = world.approve()
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    assert sorted(row["state"] for row in world.effects()) == ["applied"] * 2 + ["superseded"] * 2
    assert again.draft_version == 2 and len(world.mails()) == 1


def test_a_rejected_draft_sends_nothing(world):
    seen = world.draft()
    world.casework.reject(world.person(), TENANT, seen.draft_id, version=seen.version, reason="too early")
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    assert world.effects() == [] and nothing_left(world)


def test_an_internal_recommendation_leaves_for_nobody(world):
    world.approve(DraftKind.RECOVERY_RECOMMENDATION)
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    assert world.effects() == [] and nothing_left(world)


def test_the_carriers_mail_holds_nothing_of_the_customers(world):
    world.approve(DraftKind.CARRIER_REQUEST)
    with sandbox(world) as ports:
        world.worker(*ports).tick()
    text = message_from_bytes(world.mails()[0].read_bytes(), policy=SMTP).get_content()
    assert "Acme" not in text and "USD" not in text and "gold" not in text
    assert world.effect("mail")["recipient"] == "dispatch@nwfr.example"


def test_nobody_but_the_outbox_can_make_something_to_send():
    with pytest.raises(TypeError, match="outbox"):
        Leased("t", "e", "c", "mail", "r", "k", {}, 1, None, "tok", lambda: None)  # type: ignore[arg-type]


def test_a_leased_effect_is_not_leased_again_until_its_lease_runs_out(world):
    world.approve()
    found = outbox.due(world.engine, world.clock())
    take = {"now": world.clock, "worker": "w1", "is_idempotent": True}
    desk = world.casework.desk
    assert outbox.lease(desk, found[0], **take) is not None
    assert outbox.lease(desk, found[0], **take) is None
    world.clock.forward(minutes=4)
    again = outbox.lease(desk, found[0], **take)
    assert again is not None and again.attempt == 2


def leases(world, *waits: float) -> list[Leased]:
    """Lease the same effect again and again, so many minutes apart."""
    world.approve()
    found = outbox.due(world.engine, world.clock())[0]
    taken = []
    for minutes in waits:
        world.clock.forward(minutes=minutes)
        lease = outbox.lease(
            world.casework.desk, found, now=world.clock, worker="same name", is_idempotent=True
        )
        assert lease is not None
        taken.append(lease)
    return taken


def test_an_overtaken_lease_may_not_send_while_the_new_one_may(world):
    overtaken, current = leases(world, 0, 10)
    with pytest.raises(LeaseLost):
        overtaken.pass_point_of_no_return()
    current.pass_point_of_no_return()


def test_a_lease_that_ran_out_may_not_send_even_when_nobody_took_it(world):
    (lease,) = leases(world, 0)
    world.clock.forward(minutes=10)
    with pytest.raises(LeaseLost):
        lease.pass_point_of_no_return()


def test_an_overtaken_lease_settles_nothing(world):
    overtaken, _current = leases(world, 0, 10)
    said = Outcome(Result.APPLIED, "late news")
    options = {"is_idempotent": True, "actor": "service:worker"}
    assert settlement.settle(world.casework.desk, overtaken, said, world.clock(), **options) is None
    assert "claimed" in world.states().values() and world.sent_messages() == []


def test_a_worker_says_that_it_is_alive(world):
    worker = world.worker(free_port(), free_port())
    for _ in range(2):
        worker.tick()
        world.clock.forward(seconds=90)
    with world.engine.connect() as connection:
        (beat,) = connection.execute(select(heartbeats)).all()
    assert beat.process == "worker:test" and world.clock() - beat.beat_at < timedelta(seconds=95)


def test_a_due_escalation_fires_in_the_same_round(world):
    world.clock.forward(days=3)
    assert world.worker(free_port(), free_port()).tick()["escalated"] > 0


def test_the_decision_and_its_effects_are_one_record(world):
    approved = world.approve()
    with world.engine.connect() as connection:
        stored = connection.execute(select(approvals)).one()
    assert {item["sha256"] for item in stored.recipients} == {r["payload_sha256"] for r in world.effects()}
    assert len(approved.effect_ids) == 2
