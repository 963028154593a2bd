"""The raw table a contract asks for: its own columns typed, then where each row came from."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pyarrow as pa

from data.contract.model import Contract

SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}
ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}
#: Where a raw row came from; beside the contract's own columns in every raw table.
LINEAGE_COLUMNS = {
    "_tenant_id": "VARCHAR",
    "_file_sha256": "VARCHAR",
    "_row_number": "BIGINT",
    "_row_sha256": "VARCHAR",
    "_recorded_at": "TIMESTAMPTZ",
    "_loader_version": "VARCHAR",
}
STAMP = re.compile(r"_(\d{8}T\d{6}Z)(?=[._-]|$)")


def raw_schema(contract: Contract) -> dict[str, str]:
    """Column name to DuckDB type of the feed's raw table, in order."""
    own = {name: SQL_TYPES[column.type] for name, column in contract.columns.items()}
    return own | LINEAGE_COLUMNS


def arrow_schema(contract: Contract) -> pa.Schema:
    """The same columns as Arrow types; instants are UTC with microseconds."""
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in raw_schema(contract).items()])


def empty_table(contract: Contract) -> pa.Table:
    """A raw table of no rows, so that what comes after never meets a missing source."""
    return arrow_schema(contract).empty_table()


def stamp_of(file_name: str) -> datetime | None:
    """The UTC instant in a name such as `leg_20130107T000000Z.csv`; None where it carries none."""
    found = STAMP.search(file_name)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
