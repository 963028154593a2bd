"""What every subject of casework works with: store, configuration, keys, clock and drafter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select

from casework.config import Config, ExceptionType
from casework.crashpoints import crashpoint
from casework.errors import StoreIsOlder, SyncRefused
from casework.evidence.checkpoints import append_checkpoint, checkpoint, last_checkpoint, restored
from casework.evidence.keys import Keys
from casework.model import Drafting
from casework.queue import tally
from casework.store import engine as store
from casework.store.tables import audit_entries
from casework.store.work import Work

SEEN = select(audit_entries.c.entry_hash).where(
    audit_entries.c.tenant_id == bindparam("of_tenant"), audit_entries.c.sequence == bindparam("at")
)
Reaction = Callable[[Config, Work, Sequence[Mapping[str, Any]]], int]


@lru_cache(maxsize=1024)
def _checkpoints(home: Path, tenant_id: str) -> Path:
    return home / "checkpoints" / f"{tenant_id}.jsonl"


def is_on_chain(
    connection: Connection, tenant_id: str, head: tuple[int, str], mark: Mapping[str, Any]
) -> bool:
    """Tell whether a checkpoint saw an entry of the chain that ends at this head."""
    if mark["sequence"] == head[0]:
        return bool(mark["entry_hash"] == head[1]) or head[0] == 0
    named = {"of_tenant": tenant_id, "at": mark["sequence"]}
    return mark["sequence"] == 0 or connection.scalar(SEEN, named) == mark["entry_hash"]


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

    def reading(self, tenant_id: str | None) -> AbstractContextManager[Connection]:
        """Open a transaction that sees one snapshot of one tenant's rows; of no tenant's for None."""
        return store.reading(self.engine, tenant_id, self.clock())

    def reading_across(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees one snapshot of every tenant; for what looks over all of them."""
        return store.reading_across(self.engine, self.clock())

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
        at, names = now or self.clock(), sorted(set(tenant_ids))
        one = store.writing(self.engine, names[0]) if len(names) == 1 else store.writing_across(self.engine)
        with one as connection:
            store.date(connection, at)
            works = {name: Work(connection, name, actor, at) for name in names}
            for work in works.values():
                self._refuse_older(work)
            yield works
            for work in works.values():
                self.react(work)
                tally.settle(work)
                work.finish()
            crashpoint("desk:before-commit")
        crashpoint("desk:after-commit-before-checkpoint")
        for work in works.values():
            self._sign(work)

    @contextmanager
    def writing_after_restore(self, tenant_id: str, actor: str) -> Iterator[Work]:
        """Open the one transaction that an older store allows: the one that settles what was lost."""
        with store.writing(self.engine, tenant_id) as connection:
            work = Work(connection, tenant_id, actor, self.clock())
            from_here = (work.sequence, work.entry_hash)
            yield work
            work.finish()
        crashpoint("desk:after-restore-before-checkpoint")
        lost = last_checkpoint(self.checkpoints(tenant_id))
        abandoned = int(lost["sequence"]) if lost else 0
        mark = restored(self.keys, tenant_id, *from_here, abandoned, work.now)
        append_checkpoint(self.checkpoints(tenant_id), mark)
        self._sign(work)

    def _sign(self, work: Work) -> None:
        if work.has_spoken:
            mark = checkpoint(self.keys, work.tenant_id, work.sequence, work.entry_hash, work.now)
            append_checkpoint(self.checkpoints(work.tenant_id), mark)

    def _refuse_older(self, work: Work) -> None:
        """Refuse to decide anything on a store that its own signed checkpoints have moved past."""
        mark = last_checkpoint(self.checkpoints(work.tenant_id))
        head = (work.sequence, work.entry_hash)
        if mark is None or is_on_chain(work.connection, work.tenant_id, head, mark):
            return
        raise StoreIsOlder(
            f"The store of {work.tenant_id} is older than its signed checkpoints: a backup was put back, or the "
            "store was begun anew beside them. Nothing was changed. Run `tidewaiter store restore-check`; "
            "for a new store, move the old checkpoints folder away.",
            tenant_id=work.tenant_id,
            head=work.sequence,
            checkpoint=mark["sequence"],
        )

    def react(self, work: Work) -> int:
        """Let follow what follows from the facts said so far; return how many cases it moved."""
        said = work.unheard()
        return sum(reaction(self.config, work, said) for reaction in self.reactions) if said else 0

    def checkpoints(self, tenant_id: str) -> Path:
        """The file of a tenant's signed checkpoints, outside the store."""
        return _checkpoints(self.home, tenant_id)

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
