"""Lives of a desk for the proofs: random ones, and one told step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.desk_machine import DeskHistory
from tests.casework.office import Office
from tests.faults import figures

PROVEN = "I1 I2 I3 I7 I10 I11 I14 I15"


def lives_of(stores: Stores, budgets: Mapping[str, int] | None = None) -> type[DeskHistory]:
    """Lives on desks of this store, where so many messages of some kinds may leave in a day."""

    class Here(DeskHistory):
        close_office = staticmethod(stores.done)
        noted = staticmethod(lambda what, times: figures.count(PROVEN, stores.name, what, times))
        most = dict(budgets or {})

        @staticmethod
        def open_office() -> Office:
            office = stores.fresh()
            if budgets:
                told: dict[str, Any] = {kind: {"quantity": most} for kind, most in budgets.items()}
                office.configure(metering={"budgets": told, "prices": {"mail": {"each": "0.0005"}}})
            return office

    return Here


@contextmanager
def life(stores: Stores, budgets: Mapping[str, int] | None = None) -> Iterator[Callable[..., None]]:
    """One life, told step by step; every invariant is asked after each."""
    lived = lives_of(stores, budgets)()
    lived.begin()

    def step(name: str, *told: object) -> None:
        lived.everything_holds()
        getattr(lived, name)(*told)
        lived.everything_holds()

    try:
        yield step
    finally:
        lived.teardown()
