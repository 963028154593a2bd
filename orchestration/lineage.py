"""The source rows behind a case's facts, read back from the original bytes for an evidence pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from casework.store.engine import reading
from casework.store.tables import ingested_files
from data.formats import read
from orchestration.resources import Platform

SourceRows = Callable[[str, list[int]], list[Mapping[str, Any]]]


def source_rows(platform: Platform, tenant_id: str) -> SourceRows:
    """Return a function that gives rows of an original file as they came, by row number."""

    def rows_of(file_sha256: str, row_numbers: list[int]) -> list[Mapping[str, Any]]:
        feed = feed_of(platform, tenant_id, file_sha256)
        contract = platform.contract_of(tenant_id, feed) if feed else None
        if contract is None:
            return []
        wanted, content = set(row_numbers), platform.originals.path(file_sha256)
        return [
            {"row_number": record.row_number, "raw": record.raw_text}
            for record in read(contract, content)
            if record.row_number in wanted
        ]

    return rows_of


def feed_of(platform: Platform, tenant_id: str, file_sha256: str) -> str | None:
    """Return which feed a file was loaded for."""
    with reading(platform.engine, tenant_id) as connection:
        return connection.execute(
            sa.select(ingested_files.c.feed).where(
                ingested_files.c.tenant_id == tenant_id, ingested_files.c.file_sha256 == file_sha256
            )
        ).scalar()
