"""The audit chain of a tenant: every entry carries the hash of the one before it.

An entry's own hash covers {previous_hash, entry_sha256}, and `entry_sha256` covers everything else it says,
with the payload by its hash. So a stretch of the chain can be shown without showing what it says. A chain
alone cannot tell that its end was cut off; the signed checkpoints, kept outside the store, can.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, select

from casework.canonical import canonical_sha256
from casework.evidence import fold, fold_access, redaction
from casework.evidence.checkpoints import read_checkpoints
from casework.evidence.keys import Keys
from casework.evidence.redaction import Redactions
from casework.store.engine import reading
from casework.store.tables import audit_entries, audit_heads

GENESIS = "0" * 64


class Wiring(Protocol):
    """What a verification needs behind a door; `casework.desk.Desk` has it."""

    @property
    def engine(self) -> Engine:
        """The store."""
        ...

    @property
    def keys(self) -> Keys:
        """The keys that sign checkpoints."""
        ...

    def checkpoints(self, tenant_id: str) -> Path:
        """The file of a tenant's checkpoints."""
        ...


class Door(Protocol):
    """What a verification needs of `Casework`."""

    @property
    def desk(self) -> Wiring:
        """The wiring behind the door."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found; `position` is the first bad sequence number, `problem` a sentence."""

    ok: bool
    tenant_id: str
    entries: int
    position: int | None = None
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        if self.ok:
            return f"{self.tenant_id}: the log of {self.entries} entries is whole and explains every case."
        where = f" at entry {self.position}" if self.position else ""
        return f"{self.tenant_id}: the log does not verify{where}. {self.problem}"


def entry_sha256(entry: Mapping[str, Any]) -> str:
    """Return the hash of what an entry says, without its place in the chain's past."""
    return canonical_sha256(
        {
            "tenant_id": entry["tenant_id"],
            "sequence": entry["sequence"],
            "occurred_at": entry["occurred_at"],
            "actor": entry["actor"],
            "action": entry["action"],
            "case_id": entry["case_id"],
            "object_id": entry["object_id"],
            "payload_sha256": entry["payload_sha256"],
        }
    )


def link_hash(previous_hash: str, said: str) -> str:
    """Return the hash that ties what an entry says to everything before it."""
    return canonical_sha256({"previous_hash": previous_hash, "entry_sha256": said})


def link(
    tenant_id: str,
    sequence: int,
    previous_hash: str,
    *,
    occurred_at: datetime,
    actor: str,
    action: str,
    payload: Mapping[str, Any],
    case_id: str | None = None,
    object_id: str | None = None,
) -> dict[str, Any]:
    """Return the row of `audit_entries` that comes after `previous_hash`. The payload must be plain JSON."""
    entry: dict[str, Any] = {
        "tenant_id": tenant_id,
        "sequence": sequence,
        "occurred_at": occurred_at,
        "actor": actor,
        "action": action,
        "case_id": case_id,
        "object_id": object_id,
        "payload": payload,
        "payload_sha256": canonical_sha256(payload),
    }
    entry["previous_hash"] = previous_hash
    entry["entry_hash"] = link_hash(previous_hash, entry_sha256(entry))
    return entry


def entries_of(connection: Connection, tenant_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a tenant's entries in order of sequence."""
    query = (
        select(audit_entries)
        .where(audit_entries.c.tenant_id == tenant_id, audit_entries.c.sequence > after)
        .order_by(audit_entries.c.sequence)
        .execution_options(yield_per=1000)
    )
    with connection.execute(query) as found:  # whoever stops early lets go of the server's cursor
        for row in found.mappings():
            yield dict(row)


def verify(casework: Door, tenant_id: str) -> Report:
    """Verify a tenant's log as it stands behind a door: chain, checkpoints with signatures, and the tables."""
    desk = casework.desk
    return verify_log(desk.engine, tenant_id, desk.checkpoints(tenant_id), desk.keys.public)


def verify_log(
    engine: Engine, tenant_id: str, checkpoints: Path | None = None, public_key: bytes | None = None
) -> Report:
    """Verify a tenant's whole chain, its head, the checkpoints, and that it explains the cases as they stand.

    `checkpoints` is the tenant's .jsonl file; with `public_key` their signatures are verified too. The report
    names the first position that is wrong; a missing tail is reported at the first missing sequence.
    """
    with reading(engine, tenant_id) as connection:
        return verify_within(connection, tenant_id, checkpoints, public_key)


def verify_within(
    connection: Connection,
    tenant_id: str,
    checkpoints: Path | None = None,
    public_key: bytes | None = None,
) -> Report:
    """Verify what a connection sees, in its own transaction."""
    marks, untrusted = read_checkpoints(checkpoints, tenant_id, public_key) if checkpoints else ({}, None)
    report = _verify_entries(connection, tenant_id, marks, public_key)
    if not report.ok:
        return report
    problem = (
        untrusted
        or fold.disagreement(connection, tenant_id, entries_of(connection, tenant_id))
        or fold_access.disagreement(connection, tenant_id)
    )
    if problem:
        return Report(False, tenant_id, report.entries, None, problem)
    return report


def _verify_entries(
    connection: Connection, tenant_id: str, marks: dict[int, str], public_key: bytes | None
) -> Report:
    previous, position = GENESIS, 0
    redacted, told = redaction.of_tenant(connection, tenant_id, public_key), dict[str, str]()
    for entry in _readable(connection, tenant_id):
        problem = _problem(entry, position + 1, previous, marks, redacted)
        if problem:
            return Report(False, tenant_id, position, position + 1, problem)
        previous, position = entry["entry_hash"], position + 1
        told |= redaction.told_by(entry)
    untold = redacted.untold(told)
    if untold:
        return Report(False, tenant_id, position, None, untold)
    missing = [sequence for sequence in marks if sequence > position]
    if missing:
        return Report(
            False,
            tenant_id,
            position,
            position + 1,
            f"The log ends before the signed checkpoint at {max(missing)}.",
        )
    head = connection.execute(
        select(audit_heads.c.sequence, audit_heads.c.entry_hash).where(audit_heads.c.tenant_id == tenant_id)
    ).first()
    if (head.sequence, head.entry_hash) != (position, previous) if head else position:
        return Report(
            False, tenant_id, position, position + 1, "The recorded head is not the log's last entry."
        )
    return Report(True, tenant_id, position)


def _readable(connection: Connection, tenant_id: str) -> Iterator[dict[str, Any]]:
    """Yield entries; where one no longer reads as JSON or time, yield a mark in its place."""
    try:
        yield from entries_of(connection, tenant_id)
    except (json.JSONDecodeError, ValueError, TypeError):
        yield {"sequence": -1}


def _problem(
    entry: dict[str, Any], expected: int, previous: str, marks: dict[int, str], redacted: Redactions
) -> str | None:
    if entry["sequence"] == -1:
        return f"An entry at or after {expected} cannot be read."
    if entry["sequence"] != expected:
        return f"Entry {expected} is missing; the next one is {entry['sequence']}."
    if entry["previous_hash"] != previous:
        return f"Entry {expected} does not follow the entry before it."
    if not _payload_holds(entry, redacted):
        return f"The payload of entry {expected} was changed."
    if link_hash(previous, entry_sha256(entry)) != entry["entry_hash"]:
        return f"Entry {expected} was changed."
    if expected in marks and marks[expected] != entry["entry_hash"]:
        return f"Entry {expected} is not the one that its signed checkpoint saw."
    return None


def _payload_holds(entry: Mapping[str, Any], redacted: Redactions) -> bool:
    """Tell whether a payload is the one its hash names, or one that a signed redaction put in its place."""
    said: str = entry["payload_sha256"]
    return canonical_sha256(entry["payload"]) == said or redacted.explains(
        audit_entries.name, entry, "payload", said
    )
