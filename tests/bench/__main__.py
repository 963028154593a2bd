"""`make bench`: ratios within one run, and the models on the later part of the public files.

Times are never asserted: machines differ. Each line compares two ways of doing the same thing here and now.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from casework.config import load_config
from casework.model import Action, Grant, Principal, Role
from casework.permissions import policy
from data import catalog
from data.feeds.scms import day
from tests.bench import deciding, hotpath, judging, queue, receiving, short_run, stores, warehouse

REPEATS = 5
NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)


def seconds(work: Callable[[], Any]) -> float:
    """Return the median of several runs."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[REPEATS // 2]


def decision(_folder: Path) -> dict[str, Any]:
    """Ask about every action on a case at once, against one after another; and how long one question takes.

    Each time about a case that was never asked about: answers are kept, and those cost next to nothing.
    """
    person = Principal("person:x", "person", "x", "X", (Grant("demo", Role.OPS_LEAD),))
    row = {
        "tenant_id": "demo", "case_id": "D-1", "exception_type": "late_now", "state": "in_progress", "owner": None,
        "customer_id": "C1", "carrier_id": None, "facility_id": None,
    }  # fmt: skip
    config, numbers, actions = load_config(), count(), [f"case:{action}" for action in Action]

    def another() -> policy.Resource:
        return policy.case(row | {"case_id": f"D-{next(numbers)}"}, config)

    took = []
    for _ in range(500):
        case = another()
        began = time.thread_time()  # what it costs, not what a busy machine makes of it
        assert policy.decide(person, "case:start", case)
        took.append(time.thread_time() - began)

    def together() -> None:
        policy.decide_many(person, actions, another())

    def one_by_one() -> None:
        case = another()
        for action in actions:
            policy.decide(person, action, case)

    return {
        "what": f"{len(actions)} decisions of one person on one case, one by one : together",
        "ratio": seconds(one_by_one) / seconds(together),
        "one_decision_p50_ms_of_processor": round(sorted(took)[250] * 1000, 2),
        "one_decision_p95_ms_of_processor": round(sorted(took)[475] * 1000, 2),
    }


def later_rows(name: str, folder: Path) -> dict[str, Any] | None:
    """Judge a model on the later part of a public file: C2K from row 70 % on, SCMS from 2012-08-01 on."""
    from ml.evaluation import evaluate

    source = catalog.find(name, download=False)
    if isinstance(source, catalog.Missing):
        print(source.sentence, file=sys.stderr)
        return None
    with source.open(encoding="utf-8-sig", newline="") as stream:
        heading, *rows = list(csv.reader(stream))
    cut = int(len(rows) * 0.7)
    is_later = [index >= cut for index in range(len(rows))]
    if name == "scms":
        column = heading.index("Scheduled Delivery Date")
        is_later = [(day(row[column]) or NOW) >= datetime(2012, 8, 1, tzinfo=UTC) for row in rows]
    for part, wanted in (("train", False), ("test", True)):
        with (folder / f"{name}_{part}.csv").open("w", newline="") as stream:
            chosen = [row for row, later in zip(rows, is_later, strict=True) if later is wanted]
            csv.writer(stream).writerows([heading, *chosen])
    return evaluate(name, folder / f"{name}_train.csv", folder / f"{name}_test.csv")  # type: ignore[arg-type]


def main() -> None:
    """Print every comparison as a line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        doors = chain(deciding.measure(folder / "deciding"), receiving.measure(folder / "receiving"))
        for found in chain([decision(folder)], judging.measure(folder / "judging"), doors):
            print(json.dumps({**found, "ratio": round(found["ratio"], 2)}), flush=True)
        for found in queue.measure(folder / "queue", queue.LARGE, queue.OPEN_PERCENTS, stores.KINDS):
            print(json.dumps(found), flush=True)
        for found in warehouse.measure(folder / "warehouse"):
            print(json.dumps({**found, "ratio": round(found["ratio"], 2)}), flush=True)
        for found in short_run.measure(folder / "short_run"):
            print(json.dumps(found), flush=True)
        print(json.dumps(hotpath.measure(folder / "hotpath")), flush=True)
        for dataset in ("c2k", "scms"):
            report = later_rows(dataset, folder)
            if report:
                print(json.dumps({"what": f"{dataset}: later rows", **report["overall"]}, default=str))


if __name__ == "__main__":
    main()
