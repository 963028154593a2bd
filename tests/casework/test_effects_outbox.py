"""The outbox on both stores, when it tries again, and what model calls cost."""

from __future__ import annotations

import shutil
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from casework.effects import outbox
from casework.effects.retry import LONGEST, MAX_ATTEMPTS, SCHEDULE, next_attempt
from casework.effects.worker import build_worker
from casework.store.engine import open_store
from casework.store.tables import cases
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import World, copied, prepared, sandbox
from tests.casework.worker_process import start

NOW = datetime(2026, 9, 1, tzinfo=UTC)
KEYS = st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("outbox"))


@pytest.fixture
def world(base, tmp_path):
    with copied(base, tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def postgres_world(postgres_url, tmp_path):
    """The same desk on PostgreSQL."""
    name = f"effects_{uuid.uuid4().hex}"
    engine = open_store(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine.dispose()
    home = tmp_path / "home"
    home.mkdir()
    opened = World(home, postgres_url.replace("/postgres?", f"/{name}?"))
    opened.set_up()
    yield opened
    opened.close()
    shutil.rmtree(home)


def test_on_postgresql_workers_share_the_queue_without_a_double(postgres_world):
    world = postgres_world
    world.approve()
    with sandbox(world) as ports:
        workers = [world.worker(*ports, name=f"worker:{n}") for n in range(6)]
        threads = [threading.Thread(target=lambda w=w: [w.tick() for _ in range(4)]) for w in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert world.states() == {"mail": "applied", "portal_webhook": "applied"}
    assert [row["attempts"] for row in world.effects()] == [1, 1]
    assert world.said().count("writeback:delivered") == 2
    assert world.casework.verify_audit(TENANT).ok


@pytest.mark.faults
@pytest.mark.parametrize("point", ["worker:after-lease", "worker:after-send-before-settle"])
def test_on_postgresql_a_killed_workers_lease_runs_out(postgres_world, point):
    world = postgres_world
    world.approve()
    with sandbox(world) as ports:
        process = start(world, ports, crash_at=point)
        process.join(timeout=60)
        assert process.exitcode == -9
        world.clock.forward(minutes=4)
        world.worker(*ports).send()
    left_to_a_person = point == "worker:after-send-before-settle"
    assert world.states() == {
        "mail": "needs_human" if left_to_a_person else "applied",
        "portal_webhook": "applied",
    }
    assert len(world.mails()) == 1 and len(world.updates()) == 1


def test_on_postgresql_changed_facts_stop_what_was_approved(postgres_world):
    world = postgres_world
    world.approve()
    world.alter(cases, facts_version=2)
    with sandbox(world) as ports:
        world.worker(*ports).send()
    assert set(world.states().values()) == {"superseded"} and not world.mails()


def test_only_what_is_due_is_taken_up(world):
    world.approve()
    assert len(outbox.due(world.engine, world.clock())) == 2
    assert outbox.due(world.engine, world.clock() - timedelta(hours=1)) == []
    assert len(outbox.due(world.engine, world.clock(), limit=1)) == 1


@given(
    attempt=st.integers(1, MAX_ATTEMPTS - 1),
    key=KEYS,
    wait=st.none() | st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_the_next_attempt_is_later_within_a_day_and_the_same_each_time(attempt, key, wait):
    at = next_attempt(attempt, key, NOW, wait)
    assert at == next_attempt(attempt, key, NOW, wait)
    assert NOW < at <= NOW + LONGEST
    assert at - NOW >= min(wait or timedelta(0), LONGEST)
    assert at - NOW >= SCHEDULE[attempt - 1] * 0.9


def test_ten_attempts_over_three_days_and_no_more():
    assert next_attempt(MAX_ATTEMPTS, "k", NOW) is None
    assert MAX_ATTEMPTS == 10
    assert timedelta(hours=70) < sum(SCHEDULE, timedelta(0)) < timedelta(hours=80)


def test_the_waits_of_many_effects_spread_out():
    assert len({next_attempt(3, f"k{n}", NOW) for n in range(100)}) == 100


def test_a_worker_is_built_from_the_environment(world, monkeypatch):
    for name in ("TIDEWAITER_SMTP_URL", "TIDEWAITER_PORTAL_URL", "TIDEWAITER_PORTAL_SECRET"):
        monkeypatch.delenv(name, raising=False)
    worker = build_worker(world.casework, home=world.home)
    assert {name: adapter.describe().target for name, adapter in worker.adapters.items()} == {
        "mail": "mail",
        "portal_webhook": "portal_webhook",
        "team_webhook": "team_webhook",
    }
    assert all("sandbox" in adapter.describe().destination for adapter in worker.adapters.values())
