"""What every subject of casework works with: store, configuration, keys, clock and drafter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from casework.config import Config, ExceptionType
from casework.crashpoints import crashpoint
from casework.errors import SyncRefused
from casework.evidence.checkpoints import append_checkpoint, checkpoint
from casework.evidence.keys import Keys
from casework.model import Drafting
from casework.store import engine as store
from casework.store.work import Work

Reaction = Callable[[Config, Work, Sequence[Mapping[str, Any]]], int]


@dataclass(frozen=True)
class Desk:
    """The wiring of one open door; passed to the functions behind it."""

    engine: Engine
    config: Config
    keys: Keys
    home: Path
    clock: Callable[[], datetime]
    drafter: Drafting | None = None
    # What follows, in the same transaction, from what is said about cases; each returns how many it moved.
    reactions: tuple[Reaction, ...] = ()

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees one snapshot."""
        return store.reading(self.engine)

    @contextmanager
    def writing(self, tenant_id: str, actor: str, now: datetime | None = None) -> Iterator[Work]:
        """Open a decision's transaction; after its commit, sign the new head of the chain."""
        with self.writing_all([tenant_id], actor, now) as works:
            yield works[tenant_id]

    @contextmanager
    def writing_all(
        self, tenant_ids: Iterable[str], actor: str, now: datetime | None = None
    ) -> Iterator[dict[str, Work]]:
        """Open one transaction over several tenants, locked in name order."""
        at = now or self.clock()
        with store.writing(self.engine) as connection:
            works = {name: Work(connection, name, actor, at) for name in sorted(set(tenant_ids))}
            yield works
            for work in works.values():
                self.react(work)
                work.finish()
            crashpoint("desk:before-commit")
        crashpoint("desk:after-commit-before-checkpoint")
        for name, work in works.items():
            if work.has_spoken:
                mark = checkpoint(self.keys, name, work.sequence, work.entry_hash, at)
                append_checkpoint(self.checkpoints(name), mark)

    def react(self, work: Work) -> int:
        """Let follow what follows from the facts said so far; return how many cases it moved."""
        said = work.unheard()
        return sum(reaction(self.config, work, said) for reaction in self.reactions) if said else 0

    def checkpoints(self, tenant_id: str) -> Path:
        """The file of a tenant's signed checkpoints, outside the store."""
        return self.home / "checkpoints" / f"{tenant_id}.jsonl"

    def catalogue(self, exception_type: str) -> ExceptionType:
        """Return what the catalogue says of a type."""
        try:
            return self.config.types[exception_type]
        except KeyError:
            raise SyncRefused(
                f"The exception type {exception_type!r} is not in the catalogue; "
                "add it to casework/config/exceptions.yml.",
                exception_type=exception_type,
            ) from None
