"""Every mapping of a home folder, as the feeds they make."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from data.contract.model import Contract
from data.errors import ContractBroken
from data.mapping.mapped import Contracts, MappedContract, mapped_contract
from data.mapping.model import read_mapping


@dataclass(frozen=True)
class Mappings:
    """Mapped feeds by (tenant, feed), and what is wrong with the mapping files that cannot be used.

    One user's mistake must not stop the feeds of everyone else, so a broken file is told, not raised.
    """

    feeds: dict[tuple[str, str], MappedContract] = field(default_factory=dict)
    broken: dict[tuple[str, str], ContractBroken] = field(default_factory=dict)
    marks: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def read(cls, folder: Path, contracts: Contracts, tenants: Set[str]) -> Mappings:
        """The mappings under `folder/<tenant>/<name>.yml`, of the tenants there are."""
        found = cls(marks=marks_of(folder))
        for path in sorted(folder.glob("*/*.yml")):
            key = (path.parent.name, path.stem)
            try:
                if key[0] not in tenants:
                    raise ContractBroken(str(path), f"tenant: there is no tenant {key[0]!r}")
                found.feeds[key] = mapped_contract(read_mapping(path), contracts, path)
            except ContractBroken as broken:
                found.broken[key] = broken
        return found

    def is_current(self, folder: Path) -> bool:
        """Whether the folder's files are still those that were read."""
        return self.marks == marks_of(folder)

    def onto(self, table_name: str) -> list[tuple[str, Contract]]:
        """(tenant, contract) of every mapped feed whose rows end in a raw table."""
        return [
            (tenant, contract)
            for (tenant, _), contract in self.feeds.items()
            if contract.table_name == table_name
        ]


def marks_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Each mapping file's path, time of change and size: enough to see that one was edited."""
    found = ((str(path), path.stat()) for path in sorted(folder.glob("*/*.yml")))
    return tuple((path, status.st_mtime_ns, status.st_size) for path, status in found)
