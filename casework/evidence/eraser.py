"""Taking values out of history: each replacement is signed, all of them are told in the chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select, update

from casework.canonical import canonical_bytes, canonical_sha256, plain
from casework.evidence.keys import Keys
from casework.evidence.redaction import KEYS_OF, PURPOSE, TOLD, digest, row_key
from casework.store.tables import Values, redactions
from casework.store.work import Work, new_id


class Eraser:
    """One erasure in one transaction: replaces values, signs each replacement, and tells the chain of all."""

    def __init__(self, work: Work, keys: Keys) -> None:
        """Begin an erasure."""
        self.work, self.keys, self.erasure_id = work, keys, new_id()
        self.signatures: list[str] = []

    def replace(self, table: Table, row: Values, column: str, value: Any) -> bool:
        """Put another value in a row's column; return False where it stands there already."""
        if canonical_sha256(row[column]) == canonical_sha256(value):
            return False
        key = row_key(table.name, row)
        said = {
            "tenant_id": self.work.tenant_id,
            "redaction_id": new_id(),
            "erasure_id": self.erasure_id,
            "table_name": table.name,
            "row_key": key,
            "column_name": column,
            "original_sha256": self._first_sha256(table.name, key, column) or canonical_sha256(row[column]),
            "replacement_sha256": canonical_sha256(value),
            "redacted_at": self.work.now,
        }
        signature = self.keys.sign(PURPOSE + canonical_bytes(said)).hex()
        stored = {**said, "replacement": plain(value), "signature": signature}
        self.work.connection.execute(redactions.insert(), [stored])
        here = [table.c[name] == row[name] for name in ("tenant_id", *KEYS_OF[table.name])]
        self.work.connection.execute(update(table).where(*here).values({column: value}))
        self.signatures.append(signature)
        return True

    def tell(self, details: Mapping[str, Any]) -> int:
        """Tell the chain what was erased and why; return how many values it was."""
        told = {"redactions": len(self.signatures), "redactions_sha256": digest(self.signatures)}
        self.work.say(TOLD, object_id=self.erasure_id, details={**told, **details})
        return len(self.signatures)

    def _first_sha256(self, table_name: str, key: str, column: str) -> str | None:
        query = (
            select(redactions.c.original_sha256)
            .where(
                redactions.c.tenant_id == self.work.tenant_id,
                redactions.c.table_name == table_name,
                redactions.c.row_key == key,
                redactions.c.column_name == column,
            )
            .limit(1)
        )
        found: str | None = self.work.connection.scalar(query)
        return found
