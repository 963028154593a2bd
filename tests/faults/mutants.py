"""Seeded bugs: for each invariant, changes to the code under test that its tests must catch.

`make mutants` runs every one (`python -m tests.faults.mutants`), prints what caught it, and fails when one
survives. A mutant is a line of the source as it stands and the line it becomes, so it must be kept in step.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import mechanical

ROOT = Path(__file__).parent.parent.parent
INVARIANTS = "tests/casework/invariants/"
LIVES = INVARIANTS + "test_histories.py"
ATTEMPTS = (LIVES, "sqlite and every_way")
BETWEEN = (LIVES, "sqlite and between_approval")
GATHERING = (LIVES, "sqlite and (every_way_two or one_another)")
DEADLINES = (LIVES, "sqlite and past_every_deadline")
POWER = (LIVES, "sqlite and power_fails_within")
AT_RANDOM = (LIVES, "sqlite and whatever")
RACES = (INVARIANTS + "test_races.py", "sqlite")
RACES_PG = (INVARIANTS + "test_races.py", "postgres")
TAMPERING = (INVARIANTS + "test_tampering.py", "sqlite")
METERING = (INVARIANTS + "test_metering.py", "sqlite")
TENANTS_TEST = "test_a_day_beside_a_tenant_with_the_same_names_is_the_day_it_would_have_been_alone"
TENANTS = (INVARIANTS + "test_tenants.py", "sqlite and day")  # run by `forked`, from one process
PAIRS = (INVARIANTS + "test_tenants.py", "sqlite and differ")
ROWS_PG = (INVARIANTS + "test_tenants.py", "dropping_any_row_policy")
DOORS = (INVARIANTS + "test_doors.py", "sqlite")
POLICY = (INVARIANTS + "test_policies.py", "not postgres")
RUSH_PG = (INVARIANTS + "test_metering.py", "postgres and at_once")
LINKS = ("tests/casework/test_links.py", "sqlite")
ACCESS = ("tests/casework/test_access.py", "sqlite")
SIZE = "0.02"  # of the release figures


@dataclass(frozen=True)
class Mutant:
    """One seeded bug: where, what stands there, what it becomes, and which tests must catch it."""

    invariant: str
    name: str
    path: str
    original: str
    changed: str
    tests: tuple[str, str]

    @property
    def module(self) -> str:
        """The module's import name."""
        return self.path.removesuffix(".py").replace("/", ".")


def _many(invariant: str, tests: tuple[str, str], *rows: tuple[str, str, str, str]) -> list[Mutant]:
    """Mutants of one invariant; what is not caught by the same tests as the others is named in ELSEWHERE."""
    return [
        Mutant(invariant, name, f"casework/{path}", old, new, ELSEWHERE.get(name, tests))
        for name, path, old, new in rows
    ]


ELSEWHERE = {
    "a writer approves their own text": DEADLINES,
    "what was seen is not what is approved": ATTEMPTS,
    "an older version can be approved": ATTEMPTS,
    "the transport gets other bytes than were approved": ATTEMPTS,
    "an action changes a case in silence": DEADLINES,
    "a decision that fails half-way is kept half": POWER,
    "a new version has the key of the old one": AT_RANDOM,
    "a case number says whose it is to anybody": DOORS,
    "what a transaction sees is whatever there is": ROWS_PG,
    "a transaction keeps the role of the login": ROWS_PG,
    "a transaction of no tenant is one of every tenant": ROWS_PG,
    "a role that was taken away still counts": DOORS,
    "an account that was closed still acts": DOORS,
    "what a caller claims to hold counts": DOORS,
    "whoever a key is named for may draw it": ACCESS,
    "whoever manages a part manages everything": ACCESS,
    "somebody gives a role to themselves": ACCESS,
}


MUTANTS: list[Mutant] = [
    *_many(
        "I1",
        BETWEEN,
        (
            "an expired approval still sends",
            "tiers.py",
            'if now >= one["expires_at"]:',
            "if False:",
        ),
        (
            "facts that changed do not stop a message in hand",
            "approval.py",
            'if not effect["facts_version"] == approval["facts_version"] == case["facts_version"]:',
            "if False:",
        ),
        (
            "an approver who lost the right still sends",
            "approval.py",
            "    if verdict.is_enough(asked):",
            "    if verdict:",
        ),
        (
            "an address no longer verified is still written to",
            "approval.py",
            'return None if connection.scalar(query) else "Its recipient is no longer a verified contact."',
            "return None",
        ),
        (
            "a writer approves their own text",
            "tiers.py",
            "if asked.author not in (person, on_behalf_of):",
            "if True:",
        ),
        (
            "what was seen is not what is approved",
            "decisions.py",
            "if approval.content_sha256(content, sent) != content_sha256:",
            "if False:",
        ),
        (
            "an older version can be approved",
            "approval.py",
            'if draft["current_version"] != asked_version:',
            "if False:",
        ),
        (
            "the transport gets other bytes than were approved",
            "effects/outbox.py",
            'payload=effect["payload"]["payload"],',
            'payload=effect["payload"]["payload"] | {"subject": "Hello"},',
        ),
        (
            "a case that ended and was reopened sends what was in hand",
            "changes.py",
            "drafts.c.draft_id.in_(unsent)",
            "drafts.c.draft_id.in_([])",
        ),
    ),
    *_many(
        "I1",
        GATHERING,
        (
            "one approval is enough whatever the tier asks",
            "tiers.py",
            "max(asked.tier.approvals - self.eyes,",
            "max(1 - self.eyes,",
        ),
        (
            "the role that must be among them need not be",
            "tiers.py",
            "has_role = needed is None or",
            "has_role = True or",
        ),
        (
            "delegate and lender are two pairs of eyes",
            "tiers.py",
            'people = {one["approver"]} | (',
            'people = {one["approver"]} & (',
        ),
        (
            "a delegate approves what the lender wrote",
            "tiers.py",
            "if asked.author not in (person, on_behalf_of):",
            "if asked.author != person:",
        ),
        (
            "a lent right that was taken back still counts",
            "approvers.py",
            "            delegations.c.revoked_at.is_(None),\n",
            "",
        ),
        (
            "a lent right outlasts its time",
            "approvers.py",
            "            delegations.c.ends_at > now,\n",
            "",
        ),
        (
            "a lent right has no value band",
            "approvers.py",
            'lower(right.up_to, lent["up_to"])',
            "right.up_to",
        ),
        (
            "a role's value band is not asked",
            "approvers.py",
            "return self.up_to is None or exposure <= self.up_to",
            "return True",
        ),
        (
            "approvals of other content count",
            "tiers.py",
            "if bound_by(one) != bound:",
            "if False:",
        ),
        (
            "approvals outlive the end of the case",
            "cases.py",
            '        changes.void_unfinished(work, [saved["case_id"]])\n',
            "",
        ),
    ),
    *_many(
        "I2",
        ATTEMPTS,
        (
            "a decision that fails half-way is kept half",
            "store/engine.py",
            "    with _explained(), engine.connect() as connection, sight.over(connection).begin():\n"
            "        yield connection\n",
            "    with _explained(), engine.connect() as connection:\n"
            "        sight.over(connection)\n"
            "        try:\n            yield connection\n"
            "        finally:\n            connection.commit()\n",
        ),
        (
            "an approval is not in the log",
            "decisions.py",
            """work.say(f"draft:{decided['decision']}", case=saved, object_id=draft["draft_id"], details=details)""",
            "del details",
        ),
        (
            "the history of a case is not written",
            "store/work.py",
            "self._numbered(self._facts, self._fact_sequence)",
            "self._numbered([], self._fact_sequence)",
        ),
        (
            "the events are not written",
            "store/work.py",
            '[row | {"event_id": new_id()} for row in self._events]',
            "[]",
        ),
        (
            "the outbox holds another hash than the log",
            "decisions.py",
            '"payload_sha256": message.sha256,\n            "facts_version"',
            '"payload_sha256": decided["content_sha256"],\n            "facts_version"',
        ),
        (
            "an action changes a case in silence",
            "cases.py",
            "work.say(lifecycle.FACTS[action], case=saved, details=decision.details | came_in)",
            "del came_in",
        ),
        (
            "an approval queues only its first message",
            "decisions.py",
            "        for message in sent\n    ]\n    if queued:",
            "        for message in sent[:1]\n    ]\n    if queued:",
        ),
        (
            "a delivery is not in the log",
            "effects/settlement.py",
            "    say(work, effect, fact or FACT[state], detail, receipt)\n    return state",
            "    return state",
        ),
    ),
    *_many(
        "I3",
        ATTEMPTS,
        (
            "a mail that may be out is sent again after a crash",
            "effects/outbox.py",
            'return effect["state"] == EffectState.CLAIMED and receipt.get("stage") == "sending"',
            "return False",
        ),
        (
            "a mail whose answer was lost is sent again",
            "effects/settlement.py",
            "if outcome.result == Result.UNKNOWN and not is_idempotent:",
            "if False:",
        ),
        (
            "what a dead worker held is never taken up",
            "effects/outbox.py",
            "return or_(waiting, dropped)",
            "return waiting",
        ),
        (
            "a worker that slept past its lease still sends",
            "effects/outbox.py",
            "if result.rowcount != 1:",
            "if False:",
        ),
        (
            "a receiver may ask to wait for days",
            "effects/retry.py",
            "LONGEST = timedelta(hours=24)",
            "LONGEST = timedelta(days=4)",
        ),
        (
            "a new version has the key of the old one",
            "approval.py",
            'case["case_id"], kind, version, message.address]',
            'case["case_id"], kind, message.address]',
        ),
        (
            "an attempt to come is put off for a month",
            "effects/settlement.py",
            "last_error=outcome.detail, available_at=at)",
            "last_error=outcome.detail, available_at=at.replace(year=at.year + 1))",
        ),
    ),
    *_many(
        "I7",
        DEADLINES,
        (
            "a step that fired is still due",
            "escalation.py",
            '.values(state="fired", fired_at=now)',
            '.values(state="due", fired_at=now)',
        ),
        (
            "steps fire half an hour early",
            "escalation.py",
            "escalations.c.due_at <= now,",
            "escalations.c.due_at <= now + timedelta(minutes=30),",
        ),
        (
            "a wait never ends by itself",
            "escalation.py",
            "or_(cases.c.state != State.WAITING.value, not_stopped()),",
            "cases.c.state != State.WAITING.value,",
        ),
        (
            "a case that recovered is still escalated",
            "vanishing.py",
            "escalation.cancel_all(work, ended)",
            "pass",
        ),
        (
            "a case that was reopened has no deadlines",
            "cases.py",
            "if action == Action.REOPEN:\n        escalation.restart",
            "if False:\n        escalation.restart",
        ),
        (
            "a new case has no deadlines",
            "sync.py",
            "    escalation.schedule(work, desk.config, opened)\n",
            "",
        ),
        (
            "a worker's round fires one step and leaves the rest",
            "escalation.py",
            "    while round_ := _fire_all(desk, now, actor, limit):\n"
            "        fired += round_  # what fired may have made others due: the end of a wait does\n",
            "    found = []\n    with desk.reading_across() as connection:\n"
            "        found = connection.execute(due(now).limit(1)).all()\n"
            "    fired = sum(_fire_safely(desk, row, now, actor) for row in found)\n",
        ),
        (
            "a wait that ends by hand brings deadlines forward",
            "escalation.py",
            ".values(due_at=at, details=details)",
            ".values(due_at=row['due_at'] - (ended_at - case['waiting_since']), details=details)",
        ),
    ),
    *_many(
        "I10",
        TAMPERING,
        (
            "the payload is not compared with its hash",
            "evidence/chain.py",
            "if not _payload_holds(entry, redacted):",
            "if False:",
        ),
        (
            "the hash leaves out who acted",
            "evidence/chain.py",
            '            "actor": entry["actor"],\n',
            "",
        ),
        (
            "a tail that was cut off is not missed",
            "evidence/chain.py",
            "missing = [sequence for sequence in marks if sequence > position]",
            "missing: list[int] = []",
        ),
        (
            "a checkpoint is not compared with its entry",
            "evidence/chain.py",
            'if expected in marks and marks[expected] != entry["entry_hash"]:',
            "if False:",
        ),
        (
            "a checkpoint's signature is not verified",
            "evidence/checkpoints.py",
            "(public_key and not is_genuine(mark, public_key))",
            "False",
        ),
        (
            "decisions are not seen by a checkpoint",
            "desk.py",
            "        if work.has_spoken:\n            mark",
            "        if False:\n            mark",
        ),
        (
            "the log does not explain who owns a case",
            "evidence/fold.py",
            'if column.name not in (*STATED, "tenant_id",',
            'if column.name not in (*STATED, "owner", "tenant_id",',
        ),
        (
            "the entry after the bad one is named",
            "evidence/chain.py",
            "return Report(False, tenant_id, position, position + 1, problem)",
            "return Report(False, tenant_id, position, position + 2, problem)",
        ),
    ),
    *_many(
        "I11",
        RACES,
        (
            "a decision on an old version holds",
            "cases.py",
            'if expected_version is not None and expected_version != case["version"]:',
            "if False:",
        ),
        (
            "an edit over a version that is no more holds",
            "drafts.py",
            '_check_version(fresh, draft["current_version"])',
            "pass",
        ),
        (
            "a rejection of anything holds",
            "decisions.py",
            'if draft["state"] != DraftState.WAITING or draft["current_version"] != version:',
            "if False:",
        ),
        (
            "a change keeps the version",
            "changes.py",
            'return {**case, **changed, "version": case["version"] + 1, "updated_at": work.now}',
            'return {**case, **changed, "version": case["version"], "updated_at": work.now}',
        ),
        (
            "a transaction reads before it takes the lock",
            "store/engine.py",
            '"BEGIN" if is_reading else "BEGIN IMMEDIATE"',
            '"BEGIN"',
        ),
        (
            "an edit overwrites the version it was made from",
            "drafts.py",
            '    version = draft["current_version"] + 1\n    row = _version_row(',
            '    version = draft["current_version"] + 2\n    row = _version_row(',
        ),
    ),
    *_many(
        "I11",
        RACES_PG,
        (
            "a decision does not take the tenant's lock",
            "store/work.py",
            'bindparam("of_tenant")).with_for_update()',
            'bindparam("of_tenant"))',
        ),
    ),
    *_many(
        "I14",
        METERING,
        (
            "a call is never settled",
            "metering/meter.py",
            ".values(**values, settled_at=self._clock()))",
            ".values(**values))",
        ),
        (
            "one call more than the budget",
            "metering/meter.py",
            "so_far.quantity >= budget.quantity:",
            "so_far.quantity > budget.quantity:",
        ),
        (
            "the client tries again by itself",
            "drafting/model.py",
            "max_retries=0,",
            "max_retries=1,",
        ),
        (
            "over budget nobody writes",
            "drafting/model.py",
            'raise ModelFailed("over budget") from error',
            "raise",
        ),
        (
            "a call is on record only when it is over",
            "metering/meter.py",
            '        "started_at": now,\n    }',
            '        "started_at": now,\n        "settled_at": now,\n    }',
        ),
        (
            "a budget forgets after an hour",
            "metering/meter.py",
            "now - timedelta(hours=budget.hours))\n    words",
            "now - timedelta(hours=1))\n    words",
        ),
        (
            "a message leaves and is not counted",
            "effects/outbox.py",
            "        metering.begin(work, desk.config, effect)\n",
            "",
        ),
        (
            "what was taken leaves the budget again",
            "effects/settlement.py",
            "counts=outcome.result in MAY_BE_TAKEN)",
            "counts=False)",
        ),
        (
            "an attempt of a message is never settled",
            "effects/settlement.py",
            "        metering.end(work, effect, outcome.result.value, counts=outcome.result in MAY_BE_TAKEN)\n",
            "",
        ),
        (
            "what a dead worker sent is not counted",
            "effects/outbox.py",
            'metering.end(work, effect, "worker stopped", counts=_may_be_out_already(effect))',
            'metering.end(work, effect, "worker stopped", counts=False)',
        ),
        (
            "a message over budget leaves",
            "effects/outbox.py",
            "        if want:\n",
            "        if False:\n",
        ),
        (
            "a message over budget waits and nobody is told",
            "effects/settlement.py",
            "    escalation.raise_now(work, desk, case, OVER_BUDGET, details)\n",
            "    del details, case\n",
        ),
    ),
    *_many(
        "I14",
        RUSH_PG,
        (
            "a rush counts itself at once",
            "metering/meter.py",
            "            _one_at_a_time(connection, tenant_id)\n",
            "",
        ),
    ),
    *_many(
        "I8",
        PAIRS,
        (
            "the queue holds the cases of every tenant",
            "search.py",
            "plain = and_(scope.where(), *_conditions(wanted, hidden))",
            "plain = and_(*_conditions(wanted, hidden))",
        ),
        (
            "a case number says whose it is to anybody",
            "search.py",
            "query = select(cases.c.case_id).where(scope.where(), cases.c.case_id == case_id)\n"
            "            if connection.scalar(query):",
            "query = select(cases.c.case_id).where(cases.c.case_id == case_id)\n"
            "            if connection.scalar(query):",
        ),
        (
            "what a transaction sees is whatever there is",
            "desk.py",
            "return store.reading(self.engine, tenant_id, self.clock())",
            "return store.reading_across(self.engine, self.clock())",
        ),
        (
            "a transaction keeps the role of the login",
            "store/row_security.py",
            "    if not sight.is_owner:\n",
            "    if False:\n",
        ),
        (
            "a transaction of no tenant is one of every tenant",
            "store/row_security.py",
            'ACROSS: "yes" if sight.is_across else ""',
            'ACROSS: "yes" if sight.is_across or not sight.tenant_id else ""',
        ),
    ),
    *_many(
        "I9",
        POLICY,
        (
            "the first grant decides alone",
            "permissions/policy.py",
            "tuple(any(allowed[at : at + len(held)]) for",
            "tuple(allowed[at] for",
        ),
        (
            "what cannot be asked is let",
            "permissions/policy.py",
            'it is refused.")\n        return (False,)',
            'it is refused.")\n        return (True,)',
        ),
        (
            "what is not known of a thing does not matter",
            "permissions/policy.py",
            "[*held, *things], _schema())",
            "[*held, *things])",
        ),
        (
            "a grant for some types is one for all",
            "permissions/policy.py",
            'scope["types"] = None if grant.exception_types is None else list(grant.exception_types)',
            'scope["types"] = None',
        ),
        (
            "a partner sees what is not shared with it, in the queue",
            "permissions/scope.py",
            'reach["exception_type"] = reach.get("exception_type", shared) & shared',
            'reach["exception_type"] = reach.get("exception_type", shared)',
        ),
        (
            "a narrow grant is a wide one, in the queue",
            "permissions/scope.py",
            "        if value is not None:\n            reach[column]",
            "        if value is not None and is_partner(grant.role):\n            reach[column]",
        ),
        (
            "a role that was taken away still counts",
            "permissions/grants.py",
            " & grants.c.revoked_at.is_(None)",
            "",
        ),
        (
            "an account that was closed still acts",
            "permissions/grants.py",
            'principals.c.principal_id == bindparam("who"), principals.c.is_active)',
            'principals.c.principal_id == bindparam("who"))',
        ),
        (
            "what a caller claims to hold counts",
            "cases.py",
            "    actor = grants.current(connection, principal.principal_id)\n    scope, case",
            "    actor = principal\n    scope, case",
        ),
    ),
    *(Mutant("I8", *found, TENANTS) for found in mechanical.tenant_predicates()),
    *(Mutant("I9", *found, POLICY) for found in mechanical.policies()),
    *_many(
        "I15",
        LINKS,
        (
            "a link that ended still opens",
            "permissions/visitors.py",
            'return now is not None and row["revoked_at"] is None and now < row["expires_at"]',
            'return now is not None and row["revoked_at"] is None',
        ),
        (
            "a link that was taken back still opens",
            "permissions/visitors.py",
            'return now is not None and row["revoked_at"] is None and now < row["expires_at"]',
            'return now is not None and now < row["expires_at"]',
        ),
        (
            "every link may comment",
            "permissions/visitors.py",
            'permissions = COMMENTING if row["may_comment"] else LOOKING',
            "permissions = COMMENTING",
        ),
        (
            "a link to one case shows all of the party's",
            "permissions/scope.py",
            'reach["case_id"] = frozenset({grant.case_id})',
            "pass",
        ),
        (
            "a link reaches beyond the grant it was made under",
            "access/links.py",
            "if name in reach else None for name in PARTY_COLUMNS}",
            "if False else None for name in PARTY_COLUMNS}",
        ),
        (
            "a look through a link is not on record",
            "evidence/reads.py",
            "seen_by_link(work, reader, kind, subject_id) if is_link(reader) else {}",
            "{}",
        ),
        (
            "a narrowed grant carries all of its role",
            "permissions/policy.py",
            "is_kept = grant.permissions is None or permission in grant.permissions",
            "is_kept = True",
        ),
        (
            "the log does not explain links",
            "evidence/chain.py",
            "or fold_access.disagreement(connection, tenant_id)",
            "or None",
        ),
        (
            "unknown links can be tried for ever",
            "access/opening.py",
            "_guesses(connection, desk, where, now) >=",
            "0 >=",
        ),
        (
            "whoever a key is named for may draw it",
            "access/api_keys.py",
            "    if not _may_all(grants.current(connection, holder), wanted):\n",
            "    if False:\n",
        ),
        (
            "whoever manages a part manages everything",
            "access/administration.py",
            "    if any(getattr(mine, name) not in (None, getattr(grant, name)) for name in PARTY_COLUMNS):\n",
            "    if False:\n",
        ),
        (
            "somebody gives a role to themselves",
            "access/administration.py",
            'if account["principal_id"] == principal.principal_id:',
            "if False:",
        ),
    ),
]


def run(mutant: Mutant) -> tuple[str | None, float]:
    """Run the tests that must catch a mutant; return what caught it, or None, and the seconds it took."""
    with tempfile.TemporaryDirectory() as temporary:
        return _run(mutant, Path(temporary) / "t")


def _run(mutant: Mutant, temporary: Path) -> tuple[str | None, float]:
    path, chosen = mutant.tests
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.mutation", "-p", "no:cacheprovider"]
    command += [path, "-k", chosen, "-x", "-q", "--durations=0", f"--basetemp={temporary}"]
    environment = {
        **os.environ,
        "TIDEWAITER_MUTANT": mutant.name,
        "TIDEWAITER_FAULT_SIZE": SIZE,
    }
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1_800, check=False
    )
    took = time.monotonic() - began
    if done.returncode == 0:
        return None, took
    caught = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or caught is None:
        raise RuntimeError(
            f"{mutant.name}: the tests could not be run.\n{done.stdout[-3000:]}\n{done.stderr}"
        )
    return caught[1], took


def _forked(chosen: list[Mutant], jobs: int) -> dict[str, str | None]:
    """Run the tenant predicates from one process that has set everything up; return what caught each."""
    from tests.faults import forked
    from tests.faults.mutation import source_of

    found = forked.run([(mutant, source_of(mutant)) for mutant in chosen], jobs)
    return {
        mutant.name: TENANTS_TEST if caught else None for mutant, caught in zip(chosen, found, strict=True)
    }


def main(arguments: list[str] | None = None) -> int:
    """Run every mutant, or those of some invariants, and say what caught each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("invariants", nargs="*", help="only these, for example I1 I3")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--name", help="only mutants whose name contains this")
    options = parser.parse_args(arguments)
    chosen = [
        mutant
        for mutant in MUTANTS
        if (not options.invariants or mutant.invariant in options.invariants)
        and (not options.name or options.name in mutant.name)
    ]
    found: list[dict[str, Any]] = []
    print(f"{'':4} {'mutant':58} caught by")
    began = time.monotonic()
    together = _forked([mutant for mutant in chosen if mutant.tests == TENANTS], options.jobs)
    for name, caught in together.items():
        found.append({"invariant": "I8", "mutant": name, "caught_by": caught})
    alone = [mutant for mutant in chosen if mutant.tests != TENANTS]
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (caught, took) in zip(alone, pool.map(run, alone), strict=True):
            print(f"{mutant.invariant:4} {mutant.name:58} {caught or 'SURVIVED'} ({took:.0f} s)", flush=True)
            found.append({"invariant": mutant.invariant, "mutant": mutant.name, "caught_by": caught})
    survivors = [row["mutant"] for row in found if row["caught_by"] is None]
    print(f"{len(found) - len(survivors)} of {len(found)} caught")
    if len(chosen) == len(MUTANTS):
        from tests.faults.recording import record

        record(
            "mutants",
            {"mutants": found, "size": SIZE},
            time.monotonic() - began,
            "failed" if survivors else "held",
        )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
