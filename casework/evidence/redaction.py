"""The one way content leaves history: a signed record of what stands there now, told in the audit chain.

An entry of the chain covers its payload by hash, so the chain goes on verifying when a payload is replaced;
what shows that it was not tampered with is the redaction: where, the hash of what stood there, the hash of
what stands there, signed by this installation. The digest of all redactions of one erasure is in the chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from casework.canonical import canonical_bytes, canonical_sha256
from casework.evidence.keys import is_signed
from casework.store.append_only import ERASABLE
from casework.store.tables import (
    Values,
    effects,
    messages,
    partner_links,
    quarantined_rows,
    redactions,
    reference_decisions,
)

PURPOSE = b"tidewaiter redaction 1\n"
MARK = "[erased]"
TOLD = "record:erased"
SHORTEST = 4  # a shorter name is too likely to be part of something else
TEXTS = frozenset(("text", "body", "subject", "note"))  # fields and columns that hold what somebody wrote
SIGNED = (
    *("tenant_id", "redaction_id", "erasure_id", "table_name", "row_key", "column_name"),
    *("original_sha256", "replacement_sha256", "redacted_at"),
)
KEYS_OF = {name: keys for name, (keys, _erasable, _fixed) in ERASABLE.items()} | {
    effects.name: ("effect_id",),
    messages.name: ("message_id",),
    quarantined_rows.name: ("quarantine_id",),
    partner_links.name: ("link_id",),
    reference_decisions.name: ("decision_id",),
}


def row_key(table_name: str, row: Values) -> str:
    """Return what names a row within its tenant and table."""
    return "|".join(str(row[column]) for column in KEYS_OF[table_name])


def digest(signatures: Iterable[str]) -> str:
    """Return one hash over the redactions of an erasure, whatever their order."""
    return canonical_sha256(sorted(signatures))


def is_genuine(redaction: Values, public_key: bytes | None) -> bool:
    """Tell whether a redaction carries the key's signature over everything it says."""
    if canonical_sha256(redaction["replacement"]) != redaction["replacement_sha256"]:
        return False
    if public_key is None:
        return True
    try:
        signature = bytes.fromhex(redaction["signature"])
    except ValueError:
        return False
    said = {name: redaction[name] for name in SIGNED}
    return is_signed(public_key, signature, PURPOSE + canonical_bytes(said))


class Redactions:
    """The redactions of a store or a pack, to ask whether a value stands where another one stood."""

    def __init__(self, found: Iterable[Values], public_key: bytes | None) -> None:
        """Keep the newest redaction of each place; ids sort by time."""
        self.public_key = public_key
        self.all = sorted(found, key=lambda row: str(row["redaction_id"]))
        self.newest = {(r["table_name"], r["row_key"], r["column_name"]): r for r in self.all}

    def explains(self, table_name: str, row: Values, column: str, original_sha256: str) -> bool:
        """Tell whether a signed redaction says that this value stands where that hash's value stood."""
        found = self.newest.get((table_name, row_key(table_name, row), column))
        return (
            found is not None
            and found["original_sha256"] == original_sha256
            and found["replacement_sha256"] == canonical_sha256(row[column])
            and is_genuine(found, self.public_key)
        )

    def untold(self, told: Mapping[str, str]) -> str | None:
        """Return a sentence where the redactions are not those that the chain tells of, by erasure."""
        signatures: dict[str, list[str]] = {}
        for row in self.all:
            signatures.setdefault(row["erasure_id"], []).append(row["signature"])
        for erasure_id in sorted({*signatures, *told}):
            if told.get(erasure_id) != digest(signatures.get(erasure_id, [])):
                return f"The redactions of erasure {erasure_id} are not those that the log tells of."
        forged = next((row for row in self.all if not is_genuine(row, self.public_key)), None)
        return f"Redaction {forged['redaction_id']} is not this installation's." if forged else None


def told_by(entry: Values) -> dict[str, str]:
    """Return erasure -> digest where an entry of the chain tells of an erasure."""
    if entry["action"] != TOLD:
        return {}
    return {entry["object_id"]: entry["payload"]["details"].get("redactions_sha256", "")}


def of_tenant(connection: Connection, tenant_id: str, public_key: bytes | None) -> Redactions:
    """Return a tenant's redactions."""
    query = select(redactions).where(redactions.c.tenant_id == tenant_id)
    return Redactions(connection.execute(query).mappings().all(), public_key)


# --- what stands there instead ---------------------------------------------------------------------------


def without(value: Any, names: Iterable[str], words: frozenset[str] = frozenset(), under: str = "") -> Any:
    """Return a value in which the names stand nowhere, and the words nowhere that texts are kept.

    A name is taken out wherever it stands as a word of its own, a short one only where it is the whole value;
    what somebody wrote is taken out only whole and only where a text is, so that a comment that says `late`
    does not take that word out of history.
    """
    ordered = sorted(names, key=len, reverse=True)
    if isinstance(value, str):
        if value in ordered or (under in TEXTS and value in words):
            return MARK
        for name in ordered:
            if len(name) >= SHORTEST and name in value:
                value = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", MARK, value)
        return value
    if isinstance(value, Mapping):
        return {key: without(item, ordered, words, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without(item, ordered, words, under) for item in value]
    return value


def blank(value: Any, keep: frozenset[str]) -> Any:
    """Return a value of the same shape that says nothing, but for the fields to keep."""
    if isinstance(value, Mapping):
        return {key: item if key in keep else blank(item, keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [blank(item, keep) for item in value]
    return MARK if isinstance(value, str) else value if isinstance(value, bool) else None
