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

ROOT = Path(__file__).parent.parent.parent
INVARIANTS = "tests/casework/invariants/"
LIVES = INVARIANTS + "test_histories.py"
ATTEMPTS = (LIVES, "sqlite and every_way")
BETWEEN = (LIVES, "sqlite and between_approval")
DEADLINES = (LIVES, "sqlite and past_every_deadline")
POWER = (LIVES, "sqlite and power_fails_within")
AT_RANDOM = (LIVES, "sqlite and whatever")
RACES = (INVARIANTS + "test_races.py", "sqlite")
RACES_PG = (INVARIANTS + "test_races.py", "postgres")
TAMPERING = (INVARIANTS + "test_tampering.py", "sqlite")
METERING = (INVARIANTS + "test_metering.py", "sqlite")
RUSH_PG = (INVARIANTS + "test_metering.py", "postgres and at_once")
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
}


MUTANTS: list[Mutant] = [
    *_many(
        "I1",
        BETWEEN,
        (
            "an expired approval still sends",
            "approval.py",
            'if now >= approval["expires_at"]:',
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
            'return None if scope.covers(case) else "Its approver may no longer approve this."',
            "return None",
        ),
        (
            "an address no longer verified is still written to",
            "approval.py",
            'return None if connection.scalar(query) else "Its recipient is no longer a verified contact."',
            "return None",
        ),
        (
            "a writer approves their own text",
            "approval.py",
            'if version["author"] == approver.principal_id:',
            "if False:",
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
            "a case that is over still sends what was in hand",
            "approval.py",
            'FINISHED:\n        return f"The case is {case[\'state\']}."\n    if case["merged',
            '()   :\n        return None\n    if case["merged',
        ),
    ),
    *_many(
        "I2",
        ATTEMPTS,
        (
            "a decision that fails half-way is kept half",
            "store/engine.py",
            "        with engine.begin() as connection:\n            yield connection\n",
            "        with engine.connect() as connection:\n"
            "            try:\n                yield connection\n"
            "            finally:\n                connection.commit()\n",
        ),
        (
            "an approval is not in the log",
            "decisions.py",
            """work.say(f"draft:{decided['decision']}", case=saved, object_id=draft["draft_id"], details=details)""",
            "del details",
        ),
        ("the history of a case is not written", "store/work.py", "if self._facts:", "if False:"),
        ("the events are not written", "store/work.py", "if self._events:", "if False:"),
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
            "    found = []\n    with desk.reading() as connection:\n"
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
            "            .with_for_update()\n",
            "",
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
]


def run(mutant: Mutant) -> tuple[str | None, float]:
    """Run the tests that must catch a mutant; return what caught it, or None, and the seconds it took."""
    with tempfile.TemporaryDirectory() as temporary:
        return _run(mutant, Path(temporary) / "t")


def _run(mutant: Mutant, temporary: Path) -> tuple[str | None, float]:
    path, chosen = mutant.tests
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.mutation", "-p", "no:cacheprovider"]
    command += [path, "-k", chosen, "-x", "-q", "--durations=0", f"--basetemp={temporary}"]
    environment = {**os.environ, "TIDEWAITER_MUTANT": mutant.name, "TIDEWAITER_FAULT_SIZE": SIZE}
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
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (caught, took) in zip(chosen, pool.map(run, chosen), strict=True):
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
