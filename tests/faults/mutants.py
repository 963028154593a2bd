"""Seeded bugs: for each invariant, changes to the code under test that its tests must catch.

`make mutants` runs every one (`python -m tests.faults.mutants`), prints what caught it, and fails when one
survives. Those chosen by hand are in `mutants.yml`: a line of the source as it stands and the line it becomes,
so they must be kept in step. The others a machine finds (`mechanical`).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tests.faults import mechanical

ROOT = Path(__file__).parent.parent.parent
BY_HAND = Path(__file__).with_name("mutants.yml")
INVARIANTS = "tests/casework/invariants/"
LIVES = INVARIANTS + "test_histories.py"
TENANTS_TEST = "test_a_day_beside_a_tenant_with_the_same_names_is_the_day_it_would_have_been_alone"
TENANTS = (INVARIANTS + "test_tenants.py", "sqlite and day")  # run by `forked`, from one process
# What a day beside a twin does not come by must be caught by the desk's own tests: in each of them every
# statement of one tenant's transaction has to name it. Where to look first, by folder.
FIRST = {
    "access": "access links configuration config_files access_commands",
    "approvals": "tiers approvals",
    "drafting": "approvals sync",
    "escalations": "escalation escalation_policies notices",
    "evidence": "pack reconstruction retention restore events config_files configuration",
    "gauges.py": "telemetry relay",
    "identity": "identity",
    "ledger.py": "posts intake",
    "incidents": "merging sync",
    "permissions": "permissions access",
    "queue": "queue_at_scale desk_commands",
    "ranking": "weights",
    "teamwork": "handover ownership",
}
REST = "approvals merging sync access links usage intake"
POLICY = (INVARIANTS + "test_policies.py", "not postgres")
# Which tests must catch a bug: the file, and what of it.
TESTS = {
    "attempts": (LIVES, "sqlite and every_way"),
    "between": (LIVES, "sqlite and between_approval"),
    "send_again": (LIVES, "sqlite and send_again"),
    "gathering": (LIVES, "sqlite and (every_way_two or one_another)"),
    "deadlines": (LIVES, "sqlite and past_every_deadline"),
    "power": (LIVES, "sqlite and power_fails_within"),
    "at_random": (LIVES, "sqlite and whatever"),
    "races": (INVARIANTS + "test_races.py", "sqlite"),
    "races_pg": (INVARIANTS + "test_races.py", "postgres"),
    "tampering": (INVARIANTS + "test_tampering.py", "sqlite"),
    "metering": (INVARIANTS + "test_metering.py", "sqlite"),
    "rush_pg": (INVARIANTS + "test_metering.py", "postgres and at_once"),
    "pairs": (INVARIANTS + "test_tenants.py", "sqlite and differ"),
    "rows_pg": (INVARIANTS + "test_tenants.py", "dropping_any_row_policy"),
    "doors": (INVARIANTS + "test_doors.py", "sqlite"),
    "policy": POLICY,
    "escalation": ("tests/casework/test_escalation.py", "sqlite"),
    "identity": ("tests/casework/test_identity.py", "sqlite"),
    "links": ("tests/casework/test_links.py", "sqlite"),
    "access": ("tests/casework/test_access.py", "sqlite"),
    "conservation": ("tests/data/test_conservation.py tests/data/test_rowsplit.py", "test"),
    "mutated": ("tests/data/test_mutated_files.py", "test"),
    "intake": ("tests/casework/test_intake.py", "sqlite"),
    "loading": ("tests/test_cli_feeds.py tests/test_acknowledging.py", "test and not kill"),
    "bucket": ("tests/test_bucket.py", "test"),
    "publishing": ("tests/test_publishing.py", "test"),
    "taking_up": ("tests/test_taking_up.py", "test"),
    "order_free": ("tests/warehouse/test_order_free.py", "test"),
    "touched": ("tests/warehouse/test_touched.py", "test"),
    "changes": ("tests/test_touched.py", "test"),
    "scoring": ("tests/test_scoring.py", "test"),
    "names": ("tests/warehouse/test_names.py", "test"),
    "one_and_another": ("tests/warehouse/test_one_and_another.py", "test"),
    "units": ("tests/warehouse/test_warehouse.py", "every_node"),
    "exports": ("tests/test_exports.py", "test"),
    "json": ("tests/data/test_formats_jsonl.py tests/data/test_corpora.py", "test"),
    "csv": ("tests/data/test_formats_csv.py", "test"),
    "xlsx": ("tests/data/test_formats_xlsx.py", "test"),
    "mail_door": ("tests/system/test_mail_door.py", "not killed"),
    "permissions": ("tests/casework/test_permissions.py", "not postgres"),
}
OTHER_ROOMS = ("data/", "dbt_project/", "orchestration/", "dashboard/")
SIZE = "0.02"  # of the release figures
LONGEST = 600.0  # seconds


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


def _by_hand() -> Iterator[Mutant]:
    for invariant, bugs in yaml.safe_load(BY_HAND.read_text(encoding="utf-8")).items():
        for bug in bugs:
            place, tests = bug["path"], TESTS[bug["caught_by"]]
            place = place if place.startswith(OTHER_ROOMS) else f"casework/{place}"
            yield Mutant(invariant, bug["name"], place, bug["stands"], bug["becomes"], tests)


MUTANTS: list[Mutant] = [
    *_by_hand(),
    *(Mutant("I8", *found, TENANTS) for found in mechanical.tenant_predicates()),
    *(Mutant("I9", *found, POLICY) for found in mechanical.policies()),
]


def _own_tests(mutant: Mutant) -> tuple[str, str]:
    named = f"{FIRST.get(mutant.path.split('/')[1], '')} {REST}".split()
    files = [f"tests/casework/test_{name}.py" for name in dict.fromkeys(named)]
    return " ".join([*files, f"{INVARIANTS}test_doors.py"]), "sqlite"


def run(mutant: Mutant) -> tuple[str | None, float]:
    """Run the tests that must catch a mutant; return what caught it, or None, and the seconds it took."""
    with tempfile.TemporaryDirectory() as temporary:
        return _run(mutant, Path(temporary) / "t")


def _run(mutant: Mutant, temporary: Path) -> tuple[str | None, float]:
    path, chosen = mutant.tests
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.mutation", "-p", "no:cacheprovider"]
    command += [*path.split(), "-k", chosen, "-x", "-q", "--durations=0", f"--basetemp={temporary}"]
    environment = {
        **os.environ,
        "TIDEWAITER_MUTANT": mutant.name,
        "TIDEWAITER_FAULT_SIZE": SIZE,
    }
    began = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:  # whoever waits for ever has found out nothing
        return None, LONGEST
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
    beside = [mutant for mutant in chosen if mutant.tests == TENANTS]
    together = _forked(beside, options.jobs)
    for name, caught in together.items():
        if caught:
            found.append({"invariant": "I8", "mutant": name, "caught_by": caught})
    alone = [replace(mutant, tests=_own_tests(mutant)) for mutant in beside if not together[mutant.name]]
    alone += [mutant for mutant in chosen if mutant.tests != TENANTS]
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
