"""What is said about reliability is what a run showed; and every seeded bug still fits the code."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.mutation import source_of
from tests.faults.report import PAGE, kept, page


def test_the_page_on_reliability_is_made_from_the_kept_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(kept())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_seeded_bug_fits_the_code_and_is_a_program(mutant: Mutant) -> None:
    changed = source_of(mutant)
    if mutant.path.endswith(".py"):
        compile(changed, mutant.path, "exec")


def test_each_invariant_has_five_seeded_bugs_or_more() -> None:
    per_invariant = Counter(mutant.invariant for mutant in MUTANTS)
    assert set(per_invariant) == {f"I{number}" for number in range(1, 16)} - {"I12"}
    assert min(per_invariant.values()) >= 5
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_no_kept_record_shows_a_failure() -> None:
    records = kept()
    assert {record["kind"] for record in records} == {"faults", "mutants"}
    assert {record["outcome"] for record in records} <= {"held", "stopped"}
    mutants = [row for record in records if record["kind"] == "mutants" for row in record["mutants"]]
    assert mutants and all(row["caught_by"] for row in mutants)
