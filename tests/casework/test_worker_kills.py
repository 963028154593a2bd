"""Workers killed at any moment, many times over: no effect is lost, and none is made twice.

Real worker processes over a real store, and a target that lives on in a process of its own.
"""

from __future__ import annotations

import random
import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.effects.adapters.webhook import portal_secret, webhook_id
from casework.model import CaseView, DraftKind, Publication, QueueFilter
from tests.casework import scripted_target
from tests.casework.conftest import _administer, database
from tests.casework.effects_fixtures import TENANT
from tests.casework.effects_world import APPROVER, World, record
from tests.casework.worker_process import killed_after, killed_at
from tests.faults import figures, sizes

pytestmark = pytest.mark.faults

KINDS = (DraftKind.CUSTOMER_UPDATE, DraftKind.CARRIER_REQUEST)
BATCH = 8  # cases approved at a time: 24 effects
LONGEST_LIFE = 0.3  # seconds; a round of a few effects
UNDECIDED = ("pending", "claimed")
POINTS = (
    "worker:after-lease",
    "worker:before-point-of-no-return",
    "worker:before-data",
    "worker:after-send-before-settle",
    "worker:after-settle",
    "desk:before-commit",
    "desk:after-commit-before-checkpoint",
)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A desk of its own on each store."""
    url = f"sqlite:///{tmp_path}/operational.db"
    if request.param == "postgres":
        server, name = request.getfixturevalue("postgres_url"), f"k_{uuid.uuid4().hex}"
        _administer(server, f"create database {name}")
        url = database(server, name)
    opened = World(tmp_path, url)
    opened.set_up()
    yield opened
    opened.close()


def store_of(world: World) -> str:
    """The store's name in the record."""
    return "sqlite" if world.engine.dialect.name == "sqlite" else "postgres"


def approve_more(world: World, batch: int) -> None:
    """Open some more cases and approve what goes to customers and carriers."""
    numbers = range(BATCH * (batch + 1))
    records = [
        record(exception_key=f"predicted_late:SHP-{n}", subject=f"SHP-{n}", shipment_id=f"SHP-{n}")
        for n in numbers
    ]
    door, approver = world.casework, world.person(APPROVER)
    door.sync(TENANT, Publication(f"pub-{batch}"), records)
    cases = [case for case in all_cases(world) if int(case.subject[4:]) >= BATCH * batch]
    for case in cases:
        for draft in door.get(approver, TENANT, case.case_id).drafts:
            if draft.kind in KINDS and draft.state == "waiting":
                seen = {"version": draft.version, "content_sha256": draft.content_sha256}
                door.approve(approver, TENANT, draft.draft_id, expires_in=timedelta(days=7), **seen)


def all_cases(world: World) -> list[CaseView]:
    found: list[CaseView] = []
    wanted = QueueFilter(limit=100)
    while page := world.casework.search(world.person(), TENANT, wanted):
        found += page.cases
        if page.next is None:
            break
        wanted = replace(wanted, after=page.next)
    return found


def test_workers_killed_at_any_moment_lose_nothing_and_double_nothing(world: World, tmp_path: Path) -> None:
    draw, store, batch = random.Random(sizes.SEED), store_of(world), 0
    with scripted_target.running(tmp_path, sizes.SEED, portal_secret({}, world.home)) as target:
        for _ in range(sizes.figure("kills")):
            if sum(row["state"] == "pending" for row in world.effects()) < BATCH:
                approve_more(world, batch)
                batch += 1
            assert killed_after(world, target.ports, draw.uniform(0, LONGEST_LIFE)) == -signal.SIGKILL
            caught = sum(row["state"] == "claimed" for row in world.effects())
            figures.count("I2 I3 I10", store, "kill -9 of a worker")
            figures.count("I2 I3 I10", store, "of them with an effect in its hands", min(1, caught))
            world.clock.forward(minutes=4)
        target.be_well()
        finish(world, target.ports)
        judge(world, target)
        figures.count("I2 I3 I10", store, "effects under kills", len(world.effects()))


def test_workers_killed_at_every_named_point_lose_nothing_and_double_nothing(
    world: World, tmp_path: Path
) -> None:
    store, batch = store_of(world), 0
    with scripted_target.running(tmp_path, sizes.SEED, portal_secret({}, world.home)) as target:
        target.be_well()  # each point must be come to
        for point in POINTS * sizes.ROUNDS:
            if sum(row["state"] == "pending" for row in world.effects()) < BATCH:
                approve_more(world, batch)
                batch += 1
            assert killed_at(world, target.ports, point) == -signal.SIGKILL, point
            figures.count("I2 I3 I10", store, "kill -9 at a named point of a worker")
            world.clock.forward(minutes=4)
        finish(world, target.ports)
        judge(world, target)


def finish(world: World, ports: tuple[int, int]) -> None:
    """Work until nothing is queued any more."""
    worker = world.worker(*ports, name="worker:last")
    while undecided := [row for row in world.effects() if row["state"] in UNDECIDED]:
        ahead = min(row["claimed_until"] or row["available_at"] for row in undecided)
        world.clock.ahead += max(timedelta(0), ahead - world.clock()) + timedelta(seconds=1)
        worker.tick()


def judge(world: World, target: scripted_target.Running) -> None:
    """What the desk believes is what the target has: each effect once, none forgotten.

    A colleague may be told the same twice, under one Message-ID; that is no message to a partner.
    """
    told = {("mail", str(row["idempotency_key"])) for row in world.notices()}
    taken = Counter({name: times for name, times in target.taken().items() if name not in told})
    assert [key for key, times in taken.items() if times > 1] == []
    known = {(row["target"], key_at_target(row)): row for row in world.effects()}
    assert set(taken) <= set(known)
    for name, row in known.items():
        if row["state"] == "applied":
            assert taken[name] == 1, f"{name} counts as delivered and the target has nothing"
        elif taken[name]:
            assert row["state"] == "needs_human", f"{name} is {row['state']} and the target has it"
    assert len(world.sent_messages()) == sum(row["state"] == "applied" for row in known.values())
    assert world.casework.verify_audit(TENANT).ok


def key_at_target(effect: Any) -> str:
    """The key as the target sees it: in a mail's Message-ID, or the webhook's id."""
    key = str(effect["idempotency_key"])
    return key if effect["target"] == "mail" else webhook_id(key)
