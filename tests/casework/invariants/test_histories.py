"""I1, I2, I3, I7, I10 and I11 over random lives of a desk, on both stores."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.desk_machine import DeskHistory
from tests.faults import figures, sizes


def test_whatever_people_feeds_and_workers_do_every_invariant_holds(
    stores: Stores, looks_for_less: bool
) -> None:
    class Here(DeskHistory):
        open_office = staticmethod(stores.fresh)
        close_office = staticmethod(stores.done)
        noted = staticmethod(
            lambda what, times: figures.count("I1 I2 I3 I7 I10 I11", stores.name, what, times)
        )

    phases = [Phase.generate, Phase.shrink] if looks_for_less else [Phase.generate]
    run_state_machine_as_test(
        seed(sizes.SEED)(Here),
        settings=settings(
            max_examples=sizes.figure("histories"),
            stateful_step_count=sizes.figure("steps"),
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=looks_for_less,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
