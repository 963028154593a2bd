"""The page docs/reliability.md, made from the records kept beside it: `python -m tests.faults.report`.

Prints the page; `--write` writes it, `--keep` first takes the newest records of var/reliability.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.faults import mechanical
from tests.faults.recording import RECORDS, ROOT
from tests.faults.sizes import FIGURES, STEPS, TENTH, figure

PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "docs" / "reliability"
TRIED = {
    "histories": f"random lives of a desk, of up to {STEPS} operations each",
    "races": "histories of threads on one case",
    "tamperings": "changes of a log behind its back",
    "metered": "histories of model calls",
    "pairs": "pairs of stores that differ in other tenants",
    "decisions": "decisions compared with a reference, without a store",
    "kills": "`kill -9` of a worker at a random moment",
    "stream_kills": "`kill -9` of receiver or loading in a stream of posts, files and corrections, on SQLite",
    "lake_kills": "`kill -9` of one of three hosts that write a lake, while ten read it",
    "restarts": "cuts of PostgreSQL under load",
    "mutated": "damaged files, over all formats, without a store",
    "permutations": "orders of the same events, some told twice, in one warehouse",
    "touched_builds": "five builds of what was touched alone, of a network that changes, compared with one of all",
}
OUTCOMES = {
    "held": "Everything held.",
    "failed": "Not everything held.",
    "stopped": "It was stopped before its end; everything tried until then held.",
}
INVARIANTS = {
    "I1": "Nothing reaches a receiver without an approval of exactly those bytes, recipients and facts, "
    "by somebody who still may.",
    "I2": "A decision's rows, log entries, events and outgoing effects are all there, or none is.",
    "I3": "A receiver has an effect at most once. Every effect ends, or has a next attempt within 24 hours. "
    "What may have been taken is never sent again by a machine to a receiver that could not tell.",
    "I4": "Of every file that is accepted, rows in = loaded + quarantined + duplicates, whatever is killed meanwhile. "
    "What was acknowledged is never lost, and every row names its file, row and loader.",
    "I5": "No reader sees half a build, whatever is cut off while the next is published. "
    "The same rows make the same bytes.",
    "I6": "Whatever order events reach us in, and however often: the same current view and the same open exceptions.",
    "I7": "A step that is due fires once, never early, and none is left. An open case always has "
    "something ahead.",
    "I8": "What one tenant is shown and does is the same whatever other tenants have, and touches nothing of theirs.",
    "I9": "What is decided is what the rules say: nothing is let that no grant lets, and a right taken away is gone "
    "with the next call.",
    "I10": "Whatever is changed in the log behind its back is found at its place. An untouched log always "
    "verifies.",
    "I11": "What people do at once to one case equals some order of doing it one after another. "
    "No edit is lost, and no version of a draft is decided twice.",
    "I13": "What leaves is read as what it is, and no cell of it as a formula. Reading what comes ends within bounds, "
    "with a result or a reason.",
    "I14": "Every call of a model and every message is on record before it is made, and settled after it. "
    "Over budget the template writes, and a message waits for a person while the lead is told.",
    "I15": "Whoever comes by a link or a key sees and does what was granted, until the instant it ends or is "
    "taken back; every look through a link is on record; and nobody gains by giving.",
}
INTRODUCTION = """# What is proven, and how

What arrives is never lost or changed in silence, and a decision is never lost, doubled, forged or forgotten. Each
promise is an invariant; its tests try to break it, those of decisions on SQLite and on PostgreSQL, and seeded bugs
show that they would notice.

{invariants}
`make test` tries a tenth of a release's figures; `make faults` all of them, `make faults CLAIM=1` those of a
public claim, `make faults SIZE=0.01` a share. `make mutants` runs every seeded bug. Each run
leaves a record in `var/reliability`; `python -m tests.faults.report --keep` takes the newest ones into
`docs/reliability` and makes this page from them. `ONLY=faults` (the kills), `ONLY=whole_path` and
`ONLY="not faults and not whole_path"` are three parts of `make faults`, each with its own record; `ONLY=feeds` runs
of all those the ones of feeds and warehouse. A run that was ended goes on with `GO_ON=1`, at the same commit and
size, where its last test had held.

The random tests repeat exactly from seed and commit; threads and kills repeat only in what they do, not in
when.
"""


def kept() -> list[dict[str, Any]]:
    """Return the records that are committed, by kind and part."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(KEPT.glob("*.json"))]


def keep() -> None:
    """Take the newest record of each kind and part from var/reliability into the documents."""
    KEPT.mkdir(exist_ok=True)
    for row in map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines()):
        text = json.dumps(row, indent=1, sort_keys=True) + "\n"
        (KEPT / f"{_name(row)}.json").write_text(text, encoding="utf-8")


def _name(record: dict[str, Any]) -> str:
    return "_".join([record["kind"], *record.get("chosen", "").split()])


def page(records: list[dict[str, Any]]) -> str:
    """Return the whole page."""
    invariants = _table(("", "invariant"), list(INVARIANTS.items()))
    parts = [INTRODUCTION.format(invariants=invariants), _sizes()]
    faults = [_faults(record) for record in records if record["kind"] == "faults"]
    parts += ["## The latest records of `make faults`\n", *faults]
    parts += [_mutants(record) for record in records if record["kind"] == "mutants"]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def _sizes() -> str:
    rows = [
        (TRIED[name], *(f"{figure(name, size):,}" for size in (TENTH, "release", "claim")))
        for name in FIGURES
    ]
    return "## How much is tried, per store\n\n" + _table(("", "make test", "release", "claim"), rows)


def _faults(record: dict[str, Any]) -> str:
    rows = [(row["invariants"], row["store"], row["what"], f"{row['count']:,}") for row in record["figures"]]
    tests = ", ".join(f"{times} {outcome}" for outcome, times in record["tests"].items() if times)
    told = f"{_about(record)} Tests: {tests}; each named crash point {record['rounds']} times."
    table = _table(("invariants", "store", "what was done", "times"), rows)
    return f"### {record['chosen'] or 'All of it'}\n\n{told}\n\n{table}"


def _mutants(record: dict[str, Any]) -> str:
    caught = sum(bool(row["caught_by"]) for row in record["mutants"])
    by_hand = [row for row in record["mutants"] if not mechanical.is_found(row["mutant"])]
    rows = [
        (row["invariant"], row["mutant"], f"`{row['caught_by']}`" if row["caught_by"] else "**survived**")
        for row in by_hand
    ]
    others = [row for row in record["mutants"] if mechanical.is_found(row["mutant"])]
    dropped = sum("forgets the tenant" in row["mutant"] for row in others)
    found = (
        (
            f" Among them {dropped} comparisons with a tenant in `casework/` and {len(others) - dropped} policies, "
            f"each left out in turn ({sum(bool(row['caught_by']) for row in others)} caught); the others are below."
        )
        if others
        else ""
    )
    return (
        f"## The latest record of `make mutants`\n\n{_about(record)} "
        f"{caught} of {len(record['mutants'])} seeded bugs were caught.{found}\n\n"
        + _table(("invariant", "seeded bug", "caught by"), rows)
    )


def _about(record: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {number}" for name, number in sorted(record["versions"].items()))
    changes = " with uncommitted changes" if record["has_uncommitted_changes"] else ""
    return (
        f"{record['at']}, {_size(record['size'])}, seed {record['seed']}, commit `{record['commit'][:12]}`{changes}, "
        f"{record['seconds']:,} s on {record['processors']} processors ({said}). "
        f"{OUTCOMES[record['outcome']]}{record.get('note', '')}"
    )


def _size(size: str) -> str:
    named = {
        "ci": "the figures that `make test` tried then",
        "release": "the figures of a release",
        "claim": "the claim's figures",
    }
    return named.get(size, f"{size} of the release figures")


def main(arguments: list[str]) -> None:
    """Print the page, or write it."""
    if "--keep" in arguments:
        keep()
    text = page(kept())
    if "--keep" in arguments or "--write" in arguments:
        PAGE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
