"""Other tenants to be kept apart from: twins whose rows have the same keys, and rows changed at random."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Integer, String, Table, Text, delete, select, text, update
from sqlalchemy.exc import IntegrityError

from casework.store.append_only import unprotect
from casework.store.tables import APPEND_ONLY, Instant, Money, metadata
from casework.store.work import insert_new
from tests.casework.office import TENANT, Office

TWIN, OTHER = "airfreight", "health"  # one before and one after the tenant under test, by name
OF_TENANTS = tuple(
    table for table in metadata.sorted_tables if "tenant_id" in table.c and table.name != "tenants"
)
# A worker takes up what is due of every tenant; where it is at work, the twin's rows are due for nobody.
DUE = {"escalations": "state", "effects": "state", "handovers": "state"}
# Bounded: a hash now and then has 26 digits in a row.
ULID = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])")
RANDOM = re.compile(r"\b(?:use_)?[0-9a-f]{24,128}\b")
Row = Mapping[str, Any]


@contextmanager
def behind(office: Office) -> Iterator[Connection]:
    """A connection of whoever owns the database, with no trigger in its way."""
    with office.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("set local session_replication_role = replica"))
        yield connection


def open_to_all(office: Office) -> None:
    """Take the triggers off an SQLite store: its other tenants are made up again and again."""
    if office.engine.dialect.name == "sqlite":
        with office.engine.begin() as connection:
            unprotect(connection, [table.name for table in APPEND_ONLY])


def rows_of(connection: Connection, tenant_id: str) -> dict[str, list[Row]]:
    """Every row of a tenant, by table, in the order of the keys."""
    return {
        table.name: [
            dict(row)
            for row in connection.execute(
                select(table).where(table.c.tenant_id == tenant_id).order_by(*table.primary_key)
            ).mappings()
        ]
        for table in OF_TENANTS
    }


class Twin:
    """A tenant whose rows have the same keys as ours and other contents; made anew where ours changed."""

    def __init__(self, office: Office, ahead: Mapping[str, list[Row]] | None = None) -> None:
        """Make a twin of this desk's tenant; `ahead` are rows it has already that ours will have later."""
        self.office, self.ahead = office, ahead or {}
        self._ours: dict[str, Any] = {}
        self._theirs: dict[str, Any] = {}
        self._is_due = True

    def meet(self, *, is_due: bool) -> None:
        """Look like the tenant as it stands now."""
        with behind(self.office) as connection:
            for table in OF_TENANTS:
                ours = as_stored(connection, table, TENANT)
                is_other_now = table.name in DUE and is_due != self._is_due
                if ours == self._ours.get(table.name, ()) and not is_other_now:
                    continue
                self._ours[table.name] = ours
                mine = connection.execute(select(table).where(table.c.tenant_id == TENANT)).mappings().all()
                connection.execute(delete(table).where(table.c.tenant_id == TWIN))
                rows = [_as_twin(table, row, is_due=is_due) for row in self._with_later_ones(table, mine)]
                if rows:
                    connection.execute(insert_new(connection, table), rows)
                    _put_first(connection, table)
                self._theirs[table.name] = as_stored(connection, table, TWIN)
        self._is_due = is_due

    def _with_later_ones(self, table: Table, mine: Sequence[Row]) -> list[Row]:
        keys = [column.name for column in table.primary_key]
        known = {tuple(row[key] for key in keys) for row in mine}
        later = [row for row in self.ahead.get(table.name, ()) if tuple(row[k] for k in keys) not in known]
        return [*mine, *later]

    def touched(self) -> list[str]:
        """Which of its tables are no longer as they were made."""
        with behind(self.office) as connection:
            return [
                table.name
                for table in OF_TENANTS
                if as_stored(connection, table, TWIN) != self._theirs.get(table.name, [])
            ]


def _put_first(connection: Connection, table: Table) -> None:
    """Let a look that forgets its tenant meet the twin's rows before ours."""
    has_rowid = table.dialect_options["sqlite"]["with_rowid"]
    if connection.dialect.name == "sqlite" and has_rowid:
        connection.execute(text(f"update {table.name} set rowid = -rowid where tenant_id = '{TWIN}'"))


def as_stored(connection: Connection, table: Table, tenant_id: str) -> list[Any]:
    """A tenant's rows as the driver gives them, in the order of the keys."""
    keys = ", ".join(column.name for column in table.primary_key)
    found = connection.execute(
        text(f"select * from {table.name} where tenant_id = :tenant order by {keys}"), {"tenant": tenant_id}
    )
    return [tuple(row) for row in found]


def _as_twin(table: Table, row: Row, *, is_due: bool) -> dict[str, Any]:
    other = {column.name: _other(column, row[column.name]) for column in table.c}
    other |= {"tenant_id": TWIN}
    if table.name == "grants":
        other |= {"grant_id": f"{TWIN}:{row['grant_id']}", "principal_id": row["principal_id"]}
    if table.name == "cases" and not row["is_open"]:  # what has ended with us goes on with them
        other |= {"is_open": True, "state": "in_progress", "closed_at": None}
    if not is_due and table.name in DUE:
        other["state"] = "elsewhere"
    return other


def _other(column: Column[Any], value: Any) -> Any:
    """Something else of the same kind where no decision hangs on it: amounts, versions, hashes, prose."""
    if value is None or column.primary_key:
        return value
    if column.name == "is_verified":
        return True
    if isinstance(column.type, Instant):
        return value + timedelta(seconds=1)
    if isinstance(column.type, Money | Integer):
        return value + 7
    if column.name.endswith(("sha256", "_hash")):
        return value[::-1]
    if isinstance(column.type, Text) and column.name != "body":
        return f"{value} (of the twin)"
    if column.name in ("recipient", "tenant_name", "file_name", "subject"):
        return f"twin-{value}"[: column.type.length]
    return value


def scramble(office: Office, rng: random.Random, kept: frozenset[str]) -> str:
    """Change one thing of another tenant: a row that looks like ours, or one that is changed or goes."""
    table = rng.choice(OF_TENANTS)
    tenant_id = rng.choice([TWIN, OTHER])
    with behind(office) as connection:
        try:
            with connection.begin_nested():
                return _scrambled(connection, table, tenant_id, rng, kept)
        except IntegrityError:  # two rows of theirs cannot be like that
            return "nothing"


def _scrambled(
    connection: Connection, table: Table, tenant_id: str, rng: random.Random, kept: frozenset[str]
) -> str:
    theirs = connection.execute(select(table).where(table.c.tenant_id == tenant_id)).mappings().all()
    if theirs and rng.random() < 0.4:
        mine = _key(table, rng.choice(theirs))
        if rng.random() < 0.3 and table.name not in ("grants", "tenant_clocks"):
            connection.execute(delete(table).where(*mine))
            return f"a row of {table.name} of {tenant_id} goes"
        changed = _changed(table, rng)
        if changed:
            connection.execute(update(table).where(*mine).values(changed))
        return f"a row of {table.name} of {tenant_id} changes"
    ours = connection.execute(select(table).where(table.c.tenant_id == TENANT)).mappings().all()
    if ours:
        copy = dict(rng.choice(ours)) | _changed(table, rng) | {"tenant_id": tenant_id}
        if table.name == "grants":
            copy["grant_id"] = f"{rng.getrandbits(64):x}"
            copy["principal_id"] = copy["principal_id"] if copy["principal_id"] in kept else "person:lead"
        connection.execute(insert_new(connection, table), [copy])
    return f"{tenant_id} has a row of {table.name} like ours"


def _key(table: Table, row: Row) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key]


def _changed(table: Table, rng: random.Random) -> dict[str, Any]:
    """Some columns of a table with values that a tenant could have there."""
    free = [column for column in table.c if not column.primary_key and column.name not in FIXED]
    return {
        column.name: _value(column, rng)
        for column in rng.sample(free, min(len(free), 3))
        if not isinstance(column.type, Boolean) or table.name == "contacts"
    }


# What a row is found by; a value nobody could have written there would be another experiment.
FIXED = frozenset(
    {
        "tenant_id",
        "principal_id",
        "role",
        "exception_key",
        "idempotency_key",
        "exception_types",
        "mode",
        "kind",
    }
    | {"currency_code", "facts", "documents", "lineage", "stated", "content", "payload", "details", "data"}
    | {
        "recipients",
        "replacement",
        "receipt",
        "values",
        "corrected_values",
        "rule",
        "exception_type",
        "state",
    }
)


def _value(column: Column[Any], rng: random.Random) -> Any:
    from tests.casework.office import START

    if isinstance(column.type, Instant):
        return START + timedelta(minutes=rng.randrange(-100_000, 100_000))
    if isinstance(column.type, Money):
        return Decimal(rng.randrange(10**9)) / 100
    if isinstance(column.type, Integer):
        return rng.randrange(1, 1_000)
    if isinstance(column.type, String):
        return rng.choice(["SH-1", "person:planner", "0011ZEPS1BB45W8", "TSWN", "x", "y"])[
            : getattr(column.type, "length", None) or 20
        ]
    return rng.choice([True, False]) if isinstance(column.type, Boolean) else 0.5


def normalised(value: Any) -> str:
    """A value as text in which every id and hash made at random is named by when it first appears."""
    seen: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return seen.setdefault(found[0], f"<{len(seen)}>")

    return RANDOM.sub(named, ULID.sub(named, repr(_in_order(value))))


def _in_order(value: Any) -> Any:
    """A value whose mappings have their keys in order; stores return them in any."""
    if is_dataclass(value) and not isinstance(value, type):
        inside = {field.name: _in_order(getattr(value, field.name)) for field in fields(value)}
        return (type(value).__name__, inside)
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [_in_order(item) for item in value]
    return value
