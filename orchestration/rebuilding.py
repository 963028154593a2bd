"""The warehouse filled again from the kept originals: every file and correction, in the order they came in first.

The ledger is the record of what was loaded and stays as it is; what is filled in is compared with it. While that is
under way the warehouse says so, and nothing is built from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from casework import ledger
from casework.crashpoints import crashpoint
from data.contract import Contract
from data.contract.rowsplit import Split, split_files
from data.errors import OriginalMissing
from orchestration.errors import RebuildDiffers
from orchestration.loading import arrived, batched, corrected
from orchestration.resources import Platform

SHOWN = 5


@dataclass
class Refilled:
    """How much was filled in."""

    files: int = 0
    rows: int = 0
    corrections: int = 0


@dataclass(frozen=True)
class _Step:
    """A file or a corrected row of one feed, and the contract it is held to."""

    contract: Contract
    row: Any

    @property
    def is_file(self) -> bool:
        return not hasattr(self.row, "quarantine_id")

    @property
    def order(self) -> tuple[Any, ...]:
        row = self.row
        if self.is_file:
            return (row.loaded_at, row.file_name, row.file_sha256)
        return (row.replayed_at, row.file_name, row.quarantine_id)


def refill(
    platform: Platform, raw_tables: dict[str, str], tell: Callable[[str], None] = lambda _: None
) -> Refilled:
    """Empty the raw tables and fill them again; called under the warehouse's lock, when nobody else loads.

    Raises `RebuildDiffers` where kept bytes are gone or changed, before anything is done; and at the end, where they
    give other rows by today's contracts than the ledger says. Then, as after a kill, the warehouse stays marked, and
    only the next refill takes the mark off.
    """
    done, warehouse = Refilled(), platform.warehouse
    plan = [
        (contract, tenant_id, list(_steps(platform, contract, tenant_id)))
        for contract in platform.contracts.values()
        for tenant_id in sorted({tenant for tenant, _held in platform.feeds_of(contract)})
    ]
    tell("verify what is kept")
    lost = [sentence for _contract, _tenant, steps in plan for sentence in _lost(platform, steps)]
    _raise_any(lost, "Nothing was done. Restore them from the backups, and do it again.")
    warehouse.mark_unfilled()
    warehouse.empty(raw_tables)
    for contract, tenant_id, steps in plan:
        tell(f"{tenant_id}/{contract.feed}")
        _refill_table(platform, contract.table_name, tenant_id, steps, done)
    differing = [one for contract, tenant, _steps in plan for one in _differences(platform, contract, tenant)]
    _raise_any(
        differing,
        "Nothing is built from it. Bring back the contracts and mappings that these were loaded by, and do it again.",
    )
    warehouse.mark_filled()
    return done


def _raise_any(problems: list[str], what_to_do: str) -> None:
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise RebuildDiffers(f"{'; '.join(problems[:SHOWN])}{more}. {what_to_do}")


def _lost(platform: Platform, steps: list[_Step]) -> Iterator[str]:
    """Yield a sentence for each file whose kept bytes are not those that were acknowledged."""
    for step in steps:
        if step.is_file:
            try:
                platform.originals.verify(step.row.file_sha256)
            except OriginalMissing as problem:
                yield f"{step.row.file_name}: {problem}"


def _steps(platform: Platform, contract: Contract, tenant_id: str) -> Iterator[_Step]:
    """Everything of a tenant that ended in this contract's table, in the order it did."""
    found = []
    for tenant, held in platform.feeds_of(contract):
        if tenant == tenant_id:
            found += [_Step(held, row) for row in ledger.loaded_files(platform.engine, tenant, held.feed)]
            found += [_Step(held, row) for row in ledger.replayed_rows(platform.engine, tenant, held.feed)]
    yield from sorted(found, key=lambda step: step.order)


def _refill_table(platform: Platform, table: str, tenant_id: str, steps: list[_Step], done: Refilled) -> None:
    for (_feed, is_file), group in groupby(steps, key=lambda step: (step.contract.feed, step.is_file)):
        same = list(group)
        contract = same[0].contract
        if is_file:
            for files in batched([step.row for step in same], is_alone=lambda _row: False):
                _refill_files(platform, contract, tenant_id, files, done)
                crashpoint("rebuild:between-batches")
        else:
            for step in same:
                split = corrected(contract, step.row, step.row.known_at)
                if not split.rejected:  # else the counts differ, which is told
                    platform.warehouse.load_row(
                        table, split.rows, tenant_id, step.row.file_sha256, step.row.row_number
                    )
                done.corrections += 1


def _refill_files(
    platform: Platform, contract: Contract, tenant_id: str, files: list[Any], done: Refilled
) -> None:
    judged = split_files(contract, [arrived(platform, contract, row) for row in files], tenant_id)
    tables = {sha256: found.rows for sha256, found in judged.items() if isinstance(found, Split)}
    loaded = platform.warehouse.load_files(contract.table_name, tables, tenant_id) if tables else {}
    done.files += len(tables)
    done.rows += sum(loaded.values())


def _differences(platform: Platform, contract: Contract, tenant_id: str) -> list[str]:
    """Return a sentence for each file that has not the rows in the warehouse that the ledger says it has."""
    counted = _counted(platform, contract, tenant_id)
    return [
        f"{row.file_name} of {tenant_id} had {row.loaded_count} rows and now has {counted.get(row.file_sha256, 0)}"
        for tenant, held in platform.feeds_of(contract)
        if tenant == tenant_id
        for row in ledger.loaded_files(platform.engine, tenant, held.feed)
        if row.loaded_count != counted.get(row.file_sha256, 0)
    ]


def _counted(platform: Platform, contract: Contract, tenant_id: str) -> dict[str, int]:
    rows = platform.warehouse.read(
        f'select _file_sha256, count(*) as n from raw."{contract.table_name}" where _tenant_id = ? group by all',
        [tenant_id],
    )
    return {row["_file_sha256"]: row["n"] for row in rows.to_pylist()}
